"""Validation during training, as `tf.contrib.learn.monitors.ValidationMonitor` of TF 1.15 did it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow.compat.v1 as tf


class ValidationMonitor(tf.estimator.SessionRunHook):
  """Evaluates the newest checkpoint every N steps and at the end; may end training early.

  Args:
    input_fn: the estimator's input function for evaluation.
    eval_steps: number of batches to evaluate.
    every_n_steps: how often to look for a new checkpoint.
    early_stopping_rounds: training ends after this many steps without a better value; None: never.
    early_stopping_metric: name of the value, as evaluation returns it.
    early_stopping_metric_minimize: whether lower is better.
    hooks: hooks for evaluation.
  """

  def __init__(
    self,
    input_fn: Callable,
    eval_steps: int | None,
    every_n_steps: int,
    early_stopping_rounds: int | None = None,
    early_stopping_metric: str = "loss",
    early_stopping_metric_minimize: bool = True,
    hooks: Sequence[tf.estimator.SessionRunHook] = (),
  ):
    self._input_fn = input_fn
    self._eval_steps = eval_steps
    self._every_n_steps = every_n_steps
    self._early_stopping_rounds = early_stopping_rounds
    self._metric = early_stopping_metric
    self._sign = 1 if early_stopping_metric_minimize else -1
    self._hooks = list(hooks)
    self._estimator: tf.estimator.Estimator | None = None
    self._last_step = 0
    self._last_checkpoint = None
    self._best: tuple[float, int] | None = None

  def set_estimator(self, estimator: tf.estimator.Estimator) -> None:
    """Sets the estimator to evaluate; t2t creates the monitor without it."""
    self._estimator = estimator

  def begin(self) -> None:
    """Finds the step counter."""
    self._global_step = tf.train.get_global_step()

  def after_create_session(self, session, coord) -> None:
    """Starts counting where training starts; the run that wrote that checkpoint evaluated it, or it is of step 0."""
    del coord
    self._last_step = session.run(self._global_step)
    self._last_checkpoint = tf.train.latest_checkpoint(self._estimator.model_dir)

  def before_run(self, run_context):
    """Requests the step."""
    del run_context
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Evaluates if due."""
    step = run_values.results
    if step - self._last_step >= self._every_n_steps:
      self._last_step = step
      if self._evaluate(step):
        run_context.request_stop()

  def end(self, session) -> None:
    """Evaluates the last checkpoint."""
    self._evaluate(session.run(self._global_step))

  def _evaluate(self, step: int) -> bool:
    """Evaluates the newest checkpoint once; returns whether training should end."""
    checkpoint = tf.train.latest_checkpoint(self._estimator.model_dir)
    if checkpoint == self._last_checkpoint:
      return False
    self._last_checkpoint = checkpoint
    values = self._estimator.evaluate(self._input_fn, steps=self._eval_steps, hooks=self._hooks)
    tf.logging.info("Validation (step %d): %s", step, ", ".join(f"{name} = {value}" for name, value in values.items()))
    if self._early_stopping_rounds is None:
      return False
    if self._metric not in values:
      raise ValueError(f"--eval_early_stopping_metric={self._metric} is not among {', '.join(sorted(values))}.")
    value = self._sign * values[self._metric]
    if self._best is None or value < self._best[0]:
      self._best = value, step
    stop = step - self._best[1] >= self._early_stopping_rounds
    if stop:
      tf.logging.info("Stopping. Best step: %d with %s = %s.", self._best[1], self._metric, self._sign * self._best[0])
    return stop


def replace_monitors_with_hooks(hooks: list | None, estimator: tf.estimator.Estimator) -> list:
  """As in `tf.contrib.learn.monitors`: gives each `ValidationMonitor` its estimator."""
  for hook in hooks or []:
    if isinstance(hook, ValidationMonitor):
      hook.set_estimator(estimator)
  return hooks or []
