"""Utilities independent of pruning: files, locks, processes, errors."""
