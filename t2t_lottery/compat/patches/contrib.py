"""Patches of t2t's uses of `tf.contrib`, which TF 2 lacks."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
import tf_slim
from tensor2tensor.utils import contrib, hparam, optimize
from tensorflow.python.training import checkpoint_utils
from tf_slim.layers import optimizers as slim_optimizers

from t2t_lottery.compat.patches import contrib_optimizers, validation_monitor
from t2t_lottery.utils import errors


class _V1Contrib:
  """`tensor2tensor.utils.contrib` that reports TF 1."""

  is_tf2 = False

  def __getattr__(self, name):
    return getattr(contrib, name)


def use_v1_optimizers() -> None:
  """Symptom: `'AdafactorOptimizer' object has no attribute 'get_gradients'`.

  On TF 2, `ConditionalOptimizer` takes t2t's v1 optimizers for Keras optimizers.
  """
  optimize.contrib = _V1Contrib()


def restore_adams() -> None:
  """Symptom: `Unexpected keyword argument passed to optimizer: beta1` for `adam`, no `AdamWOptimizer` for `adam_w`."""
  module = contrib.DummyModule(
    LazyAdamOptimizer=contrib_optimizers.LazyAdamOptimizer, AdamWOptimizer=contrib_optimizers.AdamWOptimizer
  )
  contrib.opt = lambda: module


def register_base_optimizers() -> None:
  """Symptom: `sgd never registered with registry optimizers`; likewise `adagrad`, `ftrl` and `rms_prop`."""
  for name, optimizer in slim_optimizers.OPTIMIZER_CLS_NAMES.items():
    optimize._register_base_optimizer(name, optimizer)


def restore_validation_monitor() -> None:
  """Symptom: `'DummyModule' object has no attribute 'ValidationMonitor'` for `--schedule=train_and_evaluate`."""
  learn = contrib.learn()
  learn.monitors = contrib.DummyModule(
    ValidationMonitor=validation_monitor.ValidationMonitor,
    replace_monitors_with_hooks=validation_monitor.replace_monitors_with_hooks,
  )
  contrib.learn = lambda: learn


def restore_training() -> None:
  """Symptom: `contrib.is unavailable in tf2` for `t2t_eval` and every schedule that waits for checkpoints."""
  module = contrib.DummyModule(HParams=hparam.HParams, wait_for_new_checkpoint=checkpoint_utils.wait_for_new_checkpoint)
  contrib.training = lambda: module


def restore_metrics() -> None:
  """Symptom: `contrib is unavailable in tf2` for a problem with the metric `pearson`."""
  contrib.metrics = lambda: tf_slim.metrics


def restore_framework() -> None:
  """Symptom: `'DummyModule' object has no attribute 'load_checkpoint'` for `--warm_start_from`."""
  framework = contrib.framework()
  framework.load_checkpoint = tf.train.load_checkpoint
  framework.get_trainable_variables = tf_slim.get_trainable_variables
  contrib.framework = lambda msg="err": framework


def _without_profiler():
  with errors.one_line():
    raise errors.UserError(
      "--profile needs the profiler of TensorFlow 1: use --dbgprofile, which writes a timeline of every tenth step to the output folder"
    )


def refuse_profiler() -> None:
  """Symptom: `module 'tensor2tensor.utils.contrib' has no attribute 'tfprof'` for `--profile`; no TF 2 has what it needs."""
  contrib.tfprof = _without_profiler
