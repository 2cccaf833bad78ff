"""Runs of t2t-trainer that fail or receive a signal, through the command that the drivers call."""

import contextlib
import os
import signal
import subprocess
import sys

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import trained


class FailingRunsTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    runs_dir = self.create_tempdir().full_path
    made = trained.trained("dense")
    self.runs = made.runs._replace(runs_dir=runs_dir)
    self.folder = self.runs.folder("dense")
    given = [
      flag for flag in made.flags if not flag.startswith(("--runs_dir", "--hparams", "--steps", "--checkpoints"))
    ]
    self.flags = ["--run=dense", *given, f"--runs_dir={runs_dir}", "--steps=60"]

  def log_has(self, text):
    """Whether t2t-trainer has logged a text."""
    path = paths.train_log(self.folder)
    if not os.path.exists(path):
      return False
    with open(path, encoding="utf-8") as log:
      return text in log.read()

  def test_a_diverged_run_is_marked_and_not_trained_again(self):
    # Not by t2t's weight noise, which races with the optimizer that overwrites it.
    flags = [*self.flags, f"--hparams={trained.MODEL},learning_rate_constant=1e38"]
    first = trained.command("train", *flags)
    self.assertEqual(first.returncode, 1)
    line = first.stderr.splitlines()[-1]
    self.assertRegex(line, r"^t2t-lottery: dense: failed at step \d+: the loss is not finite \((nan|inf)\); delete ")
    self.assertEqual(atomic_files.read_json(paths.failed(self.folder))["reason"], "the loss is not finite")
    log = os.path.getsize(paths.train_log(self.folder))
    second = trained.command("train", *flags)
    self.assertEqual((second.returncode, second.stdout, second.stderr), (1, "", line + "\n"))
    self.assertEqual(os.path.getsize(paths.train_log(self.folder)), log)

  def test_sigterm_saves_a_run_that_can_be_resumed(self):
    flags = [*self.flags, f"--hparams={trained.HPARAMS}"]
    with subprocess.Popen(
      [sys.executable, "-m", "t2t_lottery.train", *flags],
      cwd=trained.ROOT,
      text=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
    ) as process:
      # At the first step, for which t2t logs the loss; before it, there is nothing to save.
      while process.poll() is None and not self.log_has("INFO:tensorflow:loss = "):
        with contextlib.suppress(subprocess.TimeoutExpired):
          process.wait(0.1)
      process.terminate()
      _, stderr = process.communicate()
    self.assertEqual(process.returncode, 128 + signal.SIGTERM, stderr)
    saved = paths.checkpoint_steps(self.folder)[-1]
    self.assertBetween(saved, 1, 59)
    self.assertEndsWith(
      stderr, f"t2t-lottery: dense: ended by SIGTERM, saved at step {saved}: run the same command to resume\n"
    )
    done = trained.command("train", *flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertTrue(self.log_has(f"Restoring parameters from {paths.checkpoint(self.folder, saved)}"))
    self.assertEqual(paths.checkpoint_steps(self.folder), list(range(3, 61, 3)))


if __name__ == "__main__":
  tf.test.main()
