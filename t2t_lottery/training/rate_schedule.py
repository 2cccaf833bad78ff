"""The learning rate of runs that do not start t2t's schedule at its step 0 (hparam `schedule_from`)."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import learning_rate

from t2t_lottery.pruning import methods

# t2t's: the step for which it computes the learning rate, whatever the schedule.
_stock_step = learning_rate._global_step


def install() -> None:
  """Makes t2t compute the learning rate for `step`.

  For all models at once and for good: replicas build their graphs in several threads, which must not undo each other's
  change. Hparams without `schedule_from` keep t2t's own graph, op for op.
  """
  learning_rate._global_step = step


def step(hparams) -> tf.Tensor:
  """The step of the learning-rate schedule, as float32 scalar.

  A run with `schedule_from` n begins at step n, as Frankle et al. (2019) do with the step that they rewind to. In a run of
  fine-tuning it stays at the last step of a run of n steps, n - 1: the learning rate of its last update (Renda et al. 2020).

  Args:
    hparams: t2t's.
  """
  start = hparams.get("schedule_from", 0)
  if not start:
    return _stock_step(hparams)
  # As in t2t, several steps may be one update.
  per_update = float(hparams.get("optimizer_multistep_accumulate_steps") or 1)
  if methods.METHODS[hparams.pruning_method].constant_rate:
    return tf.constant((start - 1) / per_update)
  return _stock_step(hparams) + start / per_update
