"""Runs that fail and runs stopped by a signal, with a graph of one weight."""

import os
import signal

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.runs import failure_marker, paths
from t2t_lottery.training import safety_hooks
from t2t_lottery.utils import atomic_files


class AtStep(tf.estimator.SessionRunHook):
  """Calls an action after a step."""

  def __init__(self, step, action):
    self._step = step
    self._action = action

  def begin(self):
    self._global_step = tf.train.get_global_step()

  def after_run(self, run_context, run_values):
    if run_context.session.run(self._global_step) == self._step:
      self._action()


class SafetyHooksTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.steps = []

  def train(self, until, every=10, rate=1.0, keep=20, hooks=()):
    """Trains like t2t-trainer: resumes, saves, stops at a step. The loss is the weight, multiplied by the rate each step."""
    with tf.Graph().as_default():
      global_step = tf.train.get_or_create_global_step()
      weight = tf.get_variable("weight", [], initializer=tf.ones_initializer())
      loss = weight + 0.0
      tf.add_to_collection(tf.GraphKeys.LOSSES, loss)
      with tf.control_dependencies([loss]):
        train_op = tf.group(tf.assign(weight, loss * rate), tf.assign_add(global_step, 1))
      stop = safety_hooks.StopHook()
      self.addCleanup(stop.release)
      safety = [safety_hooks.FiniteLossHook(self.folder), safety_hooks.SaveHook(self.folder, every), *hooks, stop]
      saver = tf.train.Saver(max_to_keep=keep, save_relative_paths=True)
      tf.add_to_collection(tf.GraphKeys.SAVERS, saver)
      with tf.train.MonitoredTrainingSession(
        checkpoint_dir=self.folder,
        scaffold=tf.train.Scaffold(saver=saver),
        hooks=[*safety, tf.estimator.StopAtStepHook(last_step=until)],
        save_checkpoint_steps=None,
        save_checkpoint_secs=None,
        save_summaries_steps=None,
        save_summaries_secs=None,
        log_step_count_steps=None,
      ) as session:
        while not session.should_stop():
          session.run(train_op)

  def interrupt(self, step, number=signal.SIGTERM, **arguments):
    with self.assertRaises(SystemExit) as ended:
      self.train(hooks=[AtStep(step, lambda: os.kill(os.getpid(), number))], **arguments)
    self.assertEqual(ended.exception.code, 128 + number)

  def checkpoints(self):
    return paths.checkpoint_steps(self.folder)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
  def test_signal_makes_a_run_save_and_stop(self, number):
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # As with nohup.
      self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL))
    handler = signal.getsignal(number)
    self.interrupt(13, number, until=50)
    self.assertEqual(self.checkpoints(), [0, 10, 13])
    self.assertEqual(tf.train.latest_checkpoint(self.folder), paths.checkpoint(self.folder, 13))
    self.assertEqual(signal.getsignal(number), handler)

  def test_an_interrupted_run_has_the_checkpoints_of_an_uninterrupted_one(self):
    for step in (13, 14, 27, 30, 31, 45):
      self.interrupt(step, until=50, keep=5)
    self.train(until=50, keep=5)
    self.assertEqual(self.checkpoints(), [10, 20, 30, 40, 50])
    listed = tf.train.get_checkpoint_state(self.folder)
    self.assertEqual(
      list(listed.all_model_checkpoint_paths), [paths.checkpoint(self.folder, s) for s in self.checkpoints()]
    )

  def test_the_last_step_is_always_saved(self):
    self.train(until=25)
    self.assertEqual(self.checkpoints(), [0, 10, 20, 25])

  @parameterized.parameters((np.inf, "inf"), (np.nan, "nan"))
  def test_a_non_finite_loss_stops_and_marks_the_run(self, rate, loss):
    with self.assertRaisesRegex(SystemExit, f"^t2t-lottery: the loss is {loss} at step 2$"):
      self.train(until=50, every=2, rate=rate)
    # The weights of step 2 are not finite either: they are not saved.
    self.assertEqual(self.checkpoints(), [0])
    self.assertEqual(
      atomic_files.read_json(paths.failed(self.folder)), {"step": 2, "loss": loss, "reason": "the loss is not finite"}
    )
    self.assertEqual(
      failure_marker.describe(self.folder),
      f"failed at step 2: the loss is not finite ({loss}); delete {paths.failed(self.folder)} to resume from its last "
      "checkpoint, or train with other --hparams in another --runs_dir",
    )

  def test_a_finite_loss_leaves_no_mark(self):
    self.train(until=5)
    self.assertIsNone(failure_marker.describe(self.folder))


if __name__ == "__main__":
  tf.test.main()
