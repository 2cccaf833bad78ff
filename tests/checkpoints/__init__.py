"""Tests of `t2t_lottery/checkpoints/`."""
