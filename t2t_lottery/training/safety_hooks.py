"""Hooks for fault tolerance: a run stops on a non-finite loss or a signal, and saves at the same steps if interrupted."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.runs import failure_marker, paths
from t2t_lottery.utils import errors, shutdown

# After a signal, a run has this long to finish its first step.
_SECONDS_TO_FIRST_STEP = 3


class FiniteLossHook(tf.estimator.SessionRunHook):
  """Stops a run at the first step whose loss is NaN or infinite, and marks it as failed.

  Nothing is saved after that step. t2t's own hook detects NaN only, and does not mark the run.

  Args:
    model_dir: the run's folder.
    is_chief: whether to mark the run.
  """

  def __init__(self, model_dir: str, is_chief: bool = True):
    self._model_dir = model_dir
    self._is_chief = is_chief

  def begin(self) -> None:
    """Finds the loss and the step counter."""
    # The estimator's loss; for a replicated model the sum over all replicas, so all hosts see the same value.
    self._loss = tf.get_collection(tf.GraphKeys.LOSSES)[-1]
    self._global_step = tf.train.get_global_step()

  def before_run(self, run_context):
    """Fetches the loss, which is computed anyway."""
    del run_context
    return tf.estimator.SessionRunArgs(self._loss)

  def after_run(self, run_context, run_values) -> None:
    """Checks the loss.

    Raises:
      SystemExit: with one line, if it is not finite.
    """
    loss = run_values.results
    if np.isfinite(loss):
      return
    step = int(run_context.session.run(self._global_step))
    with errors.one_line():
      if self._is_chief:
        failure_marker.mark(self._model_dir, step, "the loss is not finite", float(loss))
      raise errors.UserError(f"the loss is {float(loss)} at step {step}")


class StopHook(tf.estimator.SessionRunHook):
  """Stops a run after its current step on SIGTERM, SIGINT or SIGHUP, with exit status 128 + signal.

  A run that does not finish its first step within `_SECONDS_TO_FIRST_STEP` exits immediately: there is nothing to save.
  The hook that saves must come before this one; it saves when the session ends. A step that does not end is killed by
  a second signal or after a grace period (`shutdown`).
  """

  def begin(self) -> None:
    """Installs the signal handlers; before, there is nothing to save."""
    self._signal: int | None = None
    self._before = {}
    self._has_stepped = threading.Event()
    if threading.current_thread() is threading.main_thread():
      self._before = {number: signal.signal(number, self._on_signal) for number in shutdown.signals()}
      self._watch()

  def _watch(self) -> None:
    """Watches for signals in a thread: Python calls `_on_signal` only between steps."""
    read, self._wakeup = os.pipe()
    os.set_blocking(self._wakeup, False)
    self._wakeup_before = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
    self._grace = shutdown.GracePeriod(lambda: os.kill(os.getpid(), signal.SIGKILL))
    shutdown.watch(read, self._grace, self._exit_without_a_step)

  def _exit_without_a_step(self, number: int) -> None:
    if not self._has_stepped.wait(_SECONDS_TO_FIRST_STEP):
      os._exit(128 + number)

  def after_run(self, run_context, run_values) -> None:
    """Stops the run if a signal was received."""
    del run_values
    self._has_stepped.set()
    if self._signal is not None:
      tf.logging.info("Received %s, stopping", signal.Signals(self._signal).name)
      run_context.request_stop()

  def end(self, session) -> None:
    """Restores the handlers; exits if a signal was received, because t2t's schedules would continue to train."""
    del session
    self.release()
    if self._signal is not None:
      raise SystemExit(128 + self._signal)

  def release(self) -> None:
    """Restores the handlers, once; for a process that continues after an error ended its session without `end`."""
    for number, handler in self._before.items():
      signal.signal(number, handler)
    if self._before:
      signal.set_wakeup_fd(self._wakeup_before)
      os.close(self._wakeup)
      self._grace.end()
    self._before = {}

  def _on_signal(self, number, frame) -> None:
    del frame
    self._signal = number


class SaveHook(tf.train.CheckpointSaverHook):
  """Saves a checkpoint at every multiple of a number of steps, and at the end.

  TensorFlow's own hook counts from the step at which a run resumes, so an interrupted run would have other checkpoints.
  A checkpoint saved by an interruption, between two multiples, is deleted after the next one is saved. The graph is not
  saved with each checkpoint (`.meta`): it is in `graph.pbtxt`, and t2t builds its own.

  Args:
    model_dir: the run's folder.
    every: the number of steps.
    is_only_master: whether this process alone increments the step, so that it sees each multiple; otherwise it saves at
      the first step after one, and deletes nothing.
  """

  def __init__(self, model_dir: str, every: int, is_only_master: bool = True):
    super().__init__(model_dir, save_steps=every)
    self._model_dir = model_dir
    self._every = every
    self._is_only_master = is_only_master
    self._timer = _Multiples(every)
    self._set_steps_per_run(1)

  def begin(self) -> None:
    """Resets the saver: each session has a new graph with its own."""
    self._saver = None
    super().begin()

  def _save(self, session, step):
    # The flag also controls `graph.pbtxt`, which is written by now.
    self._save_graph_def = False
    saver = self._get_saver()
    # Checkpoints that are not listed do not count towards the number to keep.
    regular = [path for path in saver.last_checkpoints if self._is_regular(int(path.rpartition("-")[2]))]
    existing = [path for path in regular if paths.checkpoint_exists(path)]
    saver.set_last_checkpoints_with_time([(path, os.path.getmtime(f"{path}.index")) for path in existing])
    should_stop = super()._save(session, step)
    for earlier in paths.checkpoint_steps(self._model_dir):
      if earlier < step and not self._is_regular(earlier):
        tf.train.remove_checkpoint(paths.checkpoint(self._model_dir, earlier))
    return should_stop

  def _is_regular(self, step: int) -> bool:
    return not self._is_only_master or step % self._every == 0


class _Multiples(tf.train.SecondOrStepTimer):
  """Triggers at each multiple of a number of steps, or at the first step after it."""

  def __init__(self, every: int):
    super().__init__(every_steps=every)
    self._every = every

  def should_trigger_for_step(self, step) -> bool:
    """See `SecondOrStepTimer`."""
    last = self.last_triggered_step()
    return last is None or step // self._every > last // self._every
