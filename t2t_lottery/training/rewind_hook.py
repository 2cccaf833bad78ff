"""Saves the checkpoints that later levels rewind to."""

from __future__ import annotations

import os
from collections.abc import Iterable

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import paths


class RewindCheckpointHook(tf.estimator.SessionRunHook):
  """Saves the checkpoints that later levels rewind to in a folder that t2t's rotation does not touch.

  t2t keeps the newest `--keep_checkpoint_max` checkpoints in the run's folder only.

  Args:
    model_dir: the run's folder.
    steps: the steps to save; 0 for theta_0. If several masters share the step counter and this one skips a step, the
      next one it sees is saved instead.
  """

  def __init__(self, model_dir: str, steps: Iterable[int]):
    self._prefixes = {step: paths.kept(model_dir, step) for step in sorted(steps)}

  def begin(self) -> None:
    """Finds the step counter."""
    self._global_step = tf.train.get_global_step()

  def after_create_session(self, session, coord) -> None:
    """Saves theta_0 of a new run, and theta_t of a run that was interrupted between reaching t and saving it."""
    del coord
    step = int(session.run(self._global_step))
    # Weights of steps before the restored one are no longer available.
    self._seen = step - 1
    self._save(session, step)

  def before_run(self, run_context):
    """Fetches the step."""
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Saves theta_t if reached."""
    # The fetched step may be that before or after the update, so the exact one is read if a checkpoint may be due.
    if any(self._seen < step <= run_values.results + 1 for step in self._prefixes):
      self._save(run_context.session, int(run_context.session.run(self._global_step)))

  def _save(self, session, now: int) -> None:
    due = [step for step in self._prefixes if self._seen < step <= now]
    self._seen = now
    for prefix in (self._prefixes[step] for step in due):
      if not tf.io.gfile.exists(prefix + ".index"):
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        # Without the state file, the saver does not count this checkpoint, nor delete another one in exchange.
        tf.io.gfile.makedirs(os.path.dirname(prefix))
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
