"""Hooks that guard a training run: it stops when its loss is not a number, ends within a step on a signal, and saves at the
same steps however often it was interrupted.
"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.runs import failure_marker, paths
from t2t_lottery.utils import errors, shutdown

# How long a run that got a signal may still take to its first step.
_SECONDS_TO_FIRST_STEP = 3


class FiniteHook(tf.estimator.SessionRunHook):
  """Ends a run within a step when its loss is NaN or infinite, and marks it as failed.

  That ends it before anything more is saved. t2t's own hook looks for NaN alone, and leaves no mark.

  Args:
    model_dir: the run's folder.
    is_chief: whether to mark the run.
  """

  def __init__(self, model_dir: str, is_chief: bool = True):
    self._model_dir = model_dir
    self._is_chief = is_chief

  def begin(self) -> None:
    """Finds the loss."""
    # The estimator's; of a replicated model the sum over all replicas, so that all hosts see the same.
    self._loss = tf.get_collection(tf.GraphKeys.LOSSES)[-1]
    self._global_step = tf.train.get_global_step()

  def before_run(self, run_context):
    """Asks for the loss, which is computed anyway."""
    del run_context
    return tf.estimator.SessionRunArgs(self._loss)

  def after_run(self, run_context, run_values) -> None:
    """Looks at it."""
    loss = run_values.results
    if np.isfinite(loss):
      return
    step = int(run_context.session.run(self._global_step))
    with errors.one_line():
      if self._is_chief:
        failure_marker.mark(self._model_dir, step, "the loss is not finite", float(loss))
      raise errors.UserError(f"the loss is {float(loss)} at step {step}")


class StopHook(tf.estimator.SessionRunHook):
  """Ends a run after the step at hand when the process gets SIGTERM, SIGINT or SIGHUP, with exit status 128 + signal; one
  that has taken no step yet, and takes none within some seconds, as it is: there is nothing to save.

  The hook that saves, which must come before this one, saves when the session ends. A step that does not end by itself is
  cut off by another signal, or after a time (`shutdown`).
  """

  def begin(self) -> None:
    """Takes the signals from now on; before, there is nothing to save."""
    self._signal: int | None = None
    self._before = {}
    self._has_stepped = threading.Event()
    if threading.current_thread() is threading.main_thread():
      self._before = {number: signal.signal(number, self._note) for number in shutdown.signals()}
      self._watch()

  def _watch(self) -> None:
    """Looks for signals while a step keeps Python from calling `_note`."""
    read, self._wakeup = os.pipe()
    os.set_blocking(self._wakeup, False)
    self._wakeup_before = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
    self._grace = shutdown.GracePeriod(lambda: os.kill(os.getpid(), signal.SIGKILL))
    shutdown.watch(read, self._grace, self._end_without_a_step)

  def _end_without_a_step(self, number: int) -> None:
    if not self._has_stepped.wait(_SECONDS_TO_FIRST_STEP):
      os._exit(128 + number)

  def after_run(self, run_context, run_values) -> None:
    """Ends the run if a signal came."""
    del run_values
    self._has_stepped.set()
    if self._signal is not None:
      tf.logging.info("Stopping on %s", signal.Signals(self._signal).name)
      run_context.request_stop()

  def end(self, session) -> None:
    """Gives the signals back; ends the process if one came, for a schedule of t2t's would train on."""
    del session
    self.release()
    if self._signal is not None:
      raise SystemExit(128 + self._signal)

  def release(self) -> None:
    """Gives the signals back, once; for a process that continues after an error ended a session without `end`."""
    for number, handler in self._before.items():
      signal.signal(number, handler)
    if self._before:
      signal.set_wakeup_fd(self._wakeup_before)
      os.close(self._wakeup)
      self._grace.end()
    self._before = {}

  def _note(self, number, frame) -> None:
    del frame
    self._signal = number


class SaveHook(tf.train.CheckpointSaverHook):
  """Saves a checkpoint at every multiple of a number of steps, and at the end.

  TensorFlow's own counts from where a run was resumed: an interrupted run would have other checkpoints. What an
  interruption saved between two of these steps is removed when the next checkpoint is there. Nor is the graph saved with
  each checkpoint (`.meta`): it is in `graph.pbtxt`, and t2t builds its own.

  Args:
    model_dir: the run's folder.
    every: the number of steps.
    counts_alone: whether nobody else counts steps, so that this process sees each multiple; otherwise it saves at the first
      step after one, and removes nothing.
  """

  def __init__(self, model_dir: str, every: int, counts_alone: bool = True):
    super().__init__(model_dir, save_steps=every)
    self._model_dir = model_dir
    self._every = every
    self._counts_alone = counts_alone
    self._timer = _Multiples(every)
    self._set_steps_per_run(1)

  def begin(self) -> None:
    """Starts a session's graph, whose saver is another one than that of a session before."""
    self._saver = None
    super().begin()

  def _save(self, session, step):
    # By now, `graph.pbtxt` is written, which this is for as well.
    self._save_graph_def = False
    saver = self._get_saver()
    # What is not listed neither counts among the checkpoints to keep, nor pushes another out.
    regular = [path for path in saver.last_checkpoints if self._is_regular(int(path.rpartition("-")[2]))]
    there = [path for path in regular if paths.checkpoint_exists(path)]
    saver.set_last_checkpoints_with_time([(path, os.path.getmtime(f"{path}.index")) for path in there])
    should_stop = super()._save(session, step)
    for earlier in paths.checkpoint_steps(self._model_dir):
      if earlier < step and not self._is_regular(earlier):
        tf.train.remove_checkpoint(paths.checkpoint(self._model_dir, earlier))
    return should_stop

  def _is_regular(self, step: int) -> bool:
    return not self._counts_alone or step % self._every == 0


class _Multiples(tf.train.SecondOrStepTimer):
  """Triggers at the multiples of a number of steps, or at the first step after one."""

  def __init__(self, every: int):
    super().__init__(every_steps=every)
    self._every = every

  def should_trigger_for_step(self, step) -> bool:
    """See `SecondOrStepTimer`."""
    last = self.last_triggered_step()
    return last is None or step // self._every > last // self._every
