"""Mends of how t2t builds its graph."""

import sys

import tensorflow.compat.v1 as tf
from tensor2tensor.layers import common_layers
from tensorflow.python.framework import ops


def use_v1_behavior() -> None:
  """Symptom: t2t's sessions, placeholders and variable scopes meet eager mode and end in errors."""
  tf.disable_v2_behavior()


def use_v1_layers() -> None:
  """Symptom: variables are named `transformer/parallel_0_5/...`, so that no decoder reads a trainer's checkpoint.

  At import, TF 2 behavior still on, t2t has picked Keras layers for good.
  """
  picked, common_layers._cached_layers = common_layers._cached_layers, tf.layers
  if picked is None:
    return
  for name, module in list(sys.modules.items()):
    if name.startswith("tensor2tensor.") and getattr(module, "tfl", None) is picked:
      module.tfl = tf.layers


def restore_ops_names() -> None:
  """Symptom: `module 'tensorflow.python.framework.ops' has no attribute 'Tensor'` in tf_slim's `optimize_loss`."""
  ops.Tensor = tf.Tensor
  ops.IndexedSlices = tf.IndexedSlices
