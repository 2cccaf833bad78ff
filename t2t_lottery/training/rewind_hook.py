"""Saves the checkpoints that later levels rewind to."""

from __future__ import annotations

import os
from collections.abc import Iterable

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import paths


class KeepHook(tf.estimator.SessionRunHook):
  """Saves the checkpoints that later levels rewind to where t2t's rotation (`--keep_checkpoint_max`) does not reach.

  Args:
    model_dir: the run's folder.
    steps: the steps to keep, 0 for theta_0. Where several masters count steps together, one that this master does not
      see is kept at the next that it sees.
  """

  def __init__(self, model_dir: str, steps: Iterable[int]):
    self._prefixes = {step: paths.kept(model_dir, step) for step in sorted(steps)}

  def begin(self) -> None:
    """Finds the step counter."""
    self._global_step = tf.train.get_global_step()

  def after_create_session(self, session, coord) -> None:
    """Keeps theta_0 of a new run, and theta_t of one interrupted between reaching t and saving it."""
    del coord
    step = int(session.run(self._global_step))
    # What this run has gone past before cannot be had from its weights any more.
    self._seen = step - 1
    self._keep(session, step)

  def before_run(self, run_context):
    """Asks for the step."""
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Keeps theta_t."""
    # The fetched step may be the one before or after the update; the session's own is sure, and read only when near.
    if any(self._seen < step <= run_values.results + 1 for step in self._prefixes):
      self._keep(run_context.session, int(run_context.session.run(self._global_step)))

  def _keep(self, session, now: int) -> None:
    due = [step for step in self._prefixes if self._seen < step <= now]
    self._seen = now
    for prefix in (self._prefixes[step] for step in due):
      if not tf.io.gfile.exists(prefix + ".index"):
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        # Without the state file, the saver neither counts this checkpoint nor deletes another for it.
        tf.io.gfile.makedirs(os.path.dirname(prefix))
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
