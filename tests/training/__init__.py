"""Tests of `t2t_lottery/training/`."""
