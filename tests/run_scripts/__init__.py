"""Tests of the shell drivers and of set-up."""
