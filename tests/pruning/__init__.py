"""Tests of `t2t_lottery/pruning/`."""
