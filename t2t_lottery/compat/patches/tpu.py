"""Patches of training with TPUEstimator."""

from __future__ import annotations

import functools
import sys

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import contrib, trainer_lib
from tensorflow_estimator.python.estimator.tpu import tpu_config, tpu_estimator


def restore_tpu_estimator() -> None:
  """Symptom: `contrib is unavailable in tf2.` and `No module named 'tensorflow.contrib'` for `--use_tpu` and
  `--use_tpu_estimator`.
  """
  module = contrib.DummyModule(**{**vars(tf.tpu), **vars(tf.estimator.tpu)})
  contrib.tpu = lambda: module
  contrib.cluster_resolver = lambda: tf.distribute.cluster_resolver
  problem.tpu_config = tpu_config
  # t2t imports this module by its old name.
  sys.modules["tensorflow.contrib.tpu.python.tpu"] = contrib.DummyModule(tpu_estimator=tpu_estimator)


def skip_tpu_lookup() -> None:
  """Symptom: `--use_tpu_estimator` without `--use_tpu` queries Google Cloud for a TPU named after the user."""
  stock = trainer_lib.create_run_config

  @functools.wraps(stock)
  def create_run_config(model_name, **options):
    if not options.get("use_tpu"):
      options["cloud_tpu_name"] = ""
    return stock(model_name, **options)

  trainer_lib.create_run_config = create_run_config
