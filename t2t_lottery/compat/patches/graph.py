"""Patches of how t2t builds its graph."""

import sys

import tensorflow.compat.v1 as tf
from tensor2tensor.layers import common_layers
from tensorflow.python.framework import ops


def use_v1_behavior() -> None:
  """Symptom: t2t's sessions, placeholders and variable scopes fail in eager mode."""
  tf.disable_v2_behavior()


def use_v1_layers() -> None:
  """Symptom: variables are named `transformer/parallel_0_5/...`, so no decoder can read a trainer's checkpoint.

  t2t picks Keras layers at import, while TF 2 behavior is still on.
  """
  common_layers._cached_layers = tf.layers
  common_video = sys.modules.get("tensor2tensor.layers.common_video")
  if common_video:
    common_video.tfl = tf.layers


def restore_ops_names() -> None:
  """Symptom: `module 'tensorflow.python.framework.ops' has no attribute 'Tensor'` in tf_slim's `optimize_loss`."""
  ops.Tensor = tf.Tensor
  ops.IndexedSlices = tf.IndexedSlices
