"""Tests of `hparams/`."""
