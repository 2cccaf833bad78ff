"""Tests of `t2t_lottery/inference/sparse/`."""
