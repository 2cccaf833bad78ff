"""Holds asynchronous masters until the first one has saved the start of the run."""

from __future__ import annotations

import time

import tensorflow.compat.v1 as tf


class AsyncStartHook(tf.estimator.SessionRunHook):
  """Lets no other master with parameter servers take a step before the first has saved theta_0.

  TensorFlow lets the others train as soon as the variables have values, while the first is still at its hooks: their steps
  would be part of its `model.ckpt-0`, and no later level could start from theta_0. Must be the last hook.

  Args:
    is_first: whether this is the first master.
  """

  _SECONDS_BETWEEN_LOOKS = 0.5

  def __init__(self, is_first: bool):
    self._is_first = is_first

  def begin(self) -> None:
    """Creates a variable on a server whose only meaning is that it has a value; no checkpoint contains it."""
    with tf.device("/job:ps/task:0"):
      self._started = tf.get_variable(
        "t2t_lottery_started", (), tf.bool, tf.zeros_initializer(), trainable=False, collections=[], use_resource=True
      )
      self._is_started = self._started.is_initialized()

  def after_create_session(self, session, coord) -> None:
    """Starts the others, or waits for the first."""
    del coord
    if self._is_first:
      session.run(self._started.initializer)
    while not session.run(self._is_started):
      time.sleep(self._SECONDS_BETWEEN_LOOKS)
