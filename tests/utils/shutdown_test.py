"""What is told to end and does not."""

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

# Deaf to SIGTERM, as a trainer is within a step.
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


class Tells(tf.estimator.SessionRunHook):
  """Sends signals from the second step on, for as long as there is somebody to send them to."""

  def __init__(self, times):
    self._times = times
    self._steps = 0

  def before_run(self, run_context):
    self._steps += 1
    if self._steps != 2:
      return

    def tell():
      for _ in range(self._times):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(0.01)

    threading.Thread(target=tell, daemon=True).start()


def stuck(same, grace, times):
  """Trains a step, and by one that waits for what never comes."""
  shutdown.SAME_SECONDS, shutdown.GRACE_SECONDS = same, grace
  with tf.Graph().as_default():
    step = tf.train.get_or_create_global_step()
    nothing = tf.queue.FIFOQueue(1, tf.float32).dequeue()
    with tf.train.MonitoredSession(hooks=[safety_hooks.StopHook(), Tells(times)]) as session:
      session.run(step)
      session.run(nothing)


class EndingTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.named_parameters(("told_again", -1.0, 600.0, 10**9), ("after_a_time", 600.0, 0.0, 1))
  def test_a_step_that_does_not_end_is_cut_off(self, same, grace, times):
    self.assertIn("the process ended with -9", fresh.outcome(stuck, same, grace, times))

  @parameterized.named_parameters(("told_again", -1.0, 600.0, 2), ("after_a_time", 600.0, 0.0, 1))
  def test_a_command_that_does_not_end_is_cut_off(self, same, grace, times):
    def tell(line):
      if line == "deaf\n":
        for _ in range(times):
          os.kill(os.getpid(), signal.SIGTERM)

    log = os.path.join(self.create_tempdir().full_path, "log")
    with tf.test.mock.patch.multiple(shutdown, SAME_SECONDS=same, GRACE_SECONDS=grace):
      with self.assertRaisesRegex(
        Interrupted, "^ended by SIGTERM, and cut off, for it did not end by itself"
      ) as caught:
        t2t_process.run([sys.executable, "-c", DEAF], log, tell)
    self.assertTrue(caught.exception.is_cut_off)

  def test_one_signal_that_comes_by_two_ways_cuts_nothing_off(self):
    killed = []
    patience = shutdown.Patience(lambda: killed.append(True))
    self.assertEqual([patience.told() for _ in range(3)], [True, False, False])
    patience.over()
    self.assertEmpty(killed)

  def test_a_signal_noted_after_the_end_kills_nothing(self):
    with tf.test.mock.patch.multiple(shutdown, SAME_SECONDS=-1.0, GRACE_SECONDS=0.0):
      killed = []
      patience = shutdown.Patience(lambda: killed.append(True))
      patience.over()
      self.assertEqual([patience.told() for _ in range(3)], [False] * 3)
      self.assertEmpty(patience._timers)
    self.assertEmpty(killed)

  @parameterized.parameters(
    (-9, "t2t-trainer was killed by SIGKILL, perhaps for want of memory (full log: LOG)"),
    (-11, "t2t-trainer was killed by SIGSEGV (full log: LOG)"),
    (-40, "t2t-trainer was killed by signal 40 (full log: LOG)"),
    (3, "t2t-trainer ended with status 3: it said nothing (full log: LOG)"),
  )
  def test_how_a_command_failed_is_told(self, status, told):
    log = os.path.join(self.create_tempdir().full_path, "log")
    atomic_files.write_text(log, "$ before\nsomething\n$ python -m t2t_lottery.compat t2t_trainer --flag\n")
    error = t2t_process.failed("t2t-trainer", status, log)
    self.assertEqual(str(error), told.replace("LOG", log))
    self.assertIsInstance(error, Interrupted if status < 0 else UserError)

  def test_a_log_that_is_gone_or_odd(self):
    log = os.path.join(self.create_tempdir().full_path, "log")
    self.assertEqual(t2t_process.last_line(log), "its log cannot be read: No such file or directory")
    atomic_files.write_bytes(log, [b"$ command\ncaf\xe9 is closed\n"])
    self.assertEqual(t2t_process.last_line(log), "caf\ufffd is closed")


if __name__ == "__main__":
  tf.test.main()
