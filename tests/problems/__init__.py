"""Tests of `problems/`."""
