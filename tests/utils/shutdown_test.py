"""Processes that do not stop on a signal."""

from __future__ import annotations

import os
import signal
import sys
import threading

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.training import safety_hooks
from t2t_lottery.utils import atomic_files, shutdown, t2t_process
from t2t_lottery.utils.errors import Interrupted, UserError
from tests.support import fresh

# Ignores SIGTERM, like a trainer within a step.
IGNORES_SIGTERM = (
  "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)


class SendSignals(tf.estimator.SessionRunHook):
  """Sends SIGTERM to this process a number of times from the second step on."""

  def __init__(self, times):
    self._times = times
    self._steps = 0

  def before_run(self, run_context):
    self._steps += 1
    if self._steps != 2:
      return

    def send():
      for _ in range(self._times):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(0.01)

    threading.Thread(target=send, daemon=True).start()


def stuck(duplicate, grace, times):
  """Runs one step, then a step that never ends."""
  shutdown.DUPLICATE_SECONDS, shutdown.GRACE_SECONDS = duplicate, grace
  with tf.Graph().as_default():
    step = tf.train.get_or_create_global_step()
    nothing = tf.queue.FIFOQueue(1, tf.float32).dequeue()
    with tf.train.MonitoredSession(hooks=[safety_hooks.StopHook(), SendSignals(times)]) as session:
      session.run(step)
      session.run(nothing)


class ShutdownTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.named_parameters(("on_a_second_signal", -1.0, 600.0, 10**9), ("after_the_grace_period", 600.0, 0.0, 1))
  def test_a_step_that_does_not_end_is_killed(self, duplicate, grace, times):
    self.assertIn("the process ended with -9", fresh.outcome(stuck, duplicate, grace, times))

  @parameterized.named_parameters(("on_a_second_signal", -1.0, 600.0, 2), ("after_the_grace_period", 600.0, 0.0, 1))
  def test_a_command_that_does_not_end_is_killed(self, duplicate, grace, times):
    def send(line):
      if line == "ready\n":
        for _ in range(times):
          os.kill(os.getpid(), signal.SIGTERM)

    log = os.path.join(self.create_tempdir().full_path, "log")
    with tf.test.mock.patch.multiple(shutdown, DUPLICATE_SECONDS=duplicate, GRACE_SECONDS=grace):
      with self.assertRaisesRegex(
        Interrupted, "^ended by SIGTERM and killed, because it did not exit in time"
      ) as caught:
        t2t_process.run([sys.executable, "-c", IGNORES_SIGTERM], log, send)
    self.assertTrue(caught.exception.was_killed)

  def test_duplicates_of_one_signal_kill_nothing(self):
    killed = []
    grace = shutdown.GracePeriod(lambda: killed.append(True))
    self.assertEqual([grace.on_signal() for _ in range(3)], [True, False, False])
    grace.end()
    self.assertEmpty(killed)

  def test_a_signal_after_the_end_kills_nothing(self):
    with tf.test.mock.patch.multiple(shutdown, DUPLICATE_SECONDS=-1.0, GRACE_SECONDS=0.0):
      killed = []
      grace = shutdown.GracePeriod(lambda: killed.append(True))
      grace.end()
      self.assertEqual([grace.on_signal() for _ in range(3)], [False] * 3)
      self.assertEmpty(grace._timers)
    self.assertEmpty(killed)

  @parameterized.parameters(
    (-9, "t2t-trainer was killed by SIGKILL, possibly out of memory (full log: LOG)"),
    (-11, "t2t-trainer was killed by SIGSEGV (full log: LOG)"),
    (-40, "t2t-trainer was killed by signal 40 (full log: LOG)"),
    (3, "t2t-trainer ended with status 3: no output (full log: LOG)"),
  )
  def test_error_of_a_failed_command(self, status, expected):
    log = os.path.join(self.create_tempdir().full_path, "log")
    atomic_files.write_text(log, "$ before\nsomething\n$ python -m t2t_lottery.compat t2t_trainer --flag\n")
    error = t2t_process.failed("t2t-trainer", status, log)
    self.assertEqual(str(error), expected.replace("LOG", log))
    self.assertIsInstance(error, Interrupted if status < 0 else UserError)

  def test_a_log_that_is_missing_or_not_utf8(self):
    log = os.path.join(self.create_tempdir().full_path, "log")
    self.assertEqual(t2t_process.last_line(log), "its log cannot be read: No such file or directory")
    atomic_files.write_bytes(log, [b"$ command\ncaf\xe9 is closed\n"])
    self.assertEqual(t2t_process.last_line(log), "caf\ufffd is closed")


if __name__ == "__main__":
  tf.test.main()
