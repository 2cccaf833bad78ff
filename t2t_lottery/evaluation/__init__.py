"""Translates, scores and measures trained runs."""
