"""Training pairs outside of a run's length limits are reported; if none is left, the run is rejected."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from unittest import mock

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import data_reader, registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.data import manifest as data_manifest
from t2t_lottery.runs import training_log
from t2t_lottery.training import hparams_check
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support.trained import ROOT

PROBLEM = "translate_ende_multi30k"
# A run whose input is infinite but has no valid example: its first step never ends.
SPINNING = """
import sys
import tensorflow.compat.v1 as tf
from t2t_lottery.training import safety_hooks
tf.disable_v2_behavior()

class ReportFirstStep(tf.estimator.SessionRunHook):
  def before_run(self, run_context):
    print("in its first step", flush=True)

step = tf.train.get_or_create_global_step()
numbers = tf.data.Dataset.range(9).repeat().filter(lambda number: number > 10)
number = tf.data.make_one_shot_iterator(numbers).get_next()
with tf.train.MonitoredTrainingSession(hooks=[ReportFirstStep(), safety_hooks.StopHook()]) as session:
  session.run(number)
"""


class LengthsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    cls.data_dir = os.path.join(folder, "data")
    for stem, count in (("train", 30), ("val", 3), ("test_2016_flickr", 3)):
      for language in ("en", "de"):
        atomic_files.write_lines(
          os.path.join(folder, f"{stem}.{language}"), [f"{language} word " * (10 + i) for i in range(count)]
        )
    cls.problem = registry.problem(PROBLEM)
    cls.problem.generate_data(cls.data_dir, folder)
    cls.counts = data_manifest.train_lengths(PROBLEM, cls.data_dir)

  def check(self, overrides):
    hparams = trainer_lib.create_hparams(
      "transformer_dense_tiny", overrides, data_dir=self.data_dir, problem_name=PROBLEM
    )
    with self.assertLogs("tensorflow", logging.INFO) as logs:
      tf.logging.info("assertLogs needs at least one record.")
      hparams_check.check_lengths(hparams)
    return [record.getMessage() for record in logs.records if "training pairs" in record.getMessage()]

  def kept_by_t2t(self, shortest, longest):
    """The number of training pairs that pass t2t's own filter."""
    with tf.Graph().as_default(), tf.Session() as session:
      dataset = self.problem.dataset("train", self.data_dir, shuffle_files=False)
      dataset = dataset.filter(lambda example: data_reader.example_valid_size(example, shortest, longest))
      return session.run(dataset.reduce(0, lambda count, _: count + 1))

  def test_the_dropped_fraction_is_reported(self):
    self.assertEqual(sum(self.counts.values()), 30)
    longest = sorted(self.counts)[len(self.counts) // 2]
    for bounds in ((0, longest), (longest, 1000), (longest, longest)):
      kept = self.kept_by_t2t(*bounds)
      self.assertBetween(kept, 1, 29)
      (message,) = self.check("min_length={},max_length={}".format(*bounds))
      self.assertRegex(
        message, rf"^{30 - kept} of 30 training pairs \(\d+%\) are not used: .* max_length={bounds[1]} subwords"
      )
      with mock.patch.object(training_log, "finish") as finish:
        training_log.Progress("dense", 40).read(f"INFO:tensorflow:{message}\n")
      finish.assert_called_once_with(f"dense: {message}")
    self.assertEmpty(self.check("max_length=1000"))

  @parameterized.parameters(
    "max_length=1", "max_length=8", "max_length=0,batch_size=8", "min_length=500,max_length=600"
  )
  def test_no_training_pair_left_is_an_error(self, overrides):
    message = rf"no training pair of {PROBLEM} .* they have {min(self.counts)} to {max(self.counts)}: set another"
    with self.assertRaisesRegex(UserError, message):
      self.check(overrides)

  def test_data_of_earlier_versions_is_read(self):
    path = data_manifest.manifest_path(PROBLEM, self.data_dir)
    manifest = atomic_files.read_json(path)
    self.addCleanup(atomic_files.write_text, path, json.dumps(manifest))
    atomic_files.write_json(path, {name: value for name, value in manifest.items() if name != "train_lengths"})
    self.assertEmpty(self.check(f"max_length={min(self.counts)}"))
    with self.assertRaisesRegex(UserError, f"no training pair of {PROBLEM} has"):
      self.check(f"max_length={min(self.counts) - 1}")

  @pytest.mark.slow
  def test_a_signal_stops_a_run_before_its_first_step(self):
    numbers = (signal.SIGTERM, signal.SIGINT)
    command = [sys.executable, "-c", SPINNING]
    runs = [
      subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in numbers
    ]
    for run, number in zip(runs, numbers):
      self.addCleanup(run.communicate)
      self.addCleanup(run.kill)
      self.assertEqual(run.stdout.readline(), "in its first step\n")
      run.send_signal(number)
      self.assertEqual(run.wait(), 128 + number)

  def test_no_loss_is_shown_before_the_first(self):
    progress = training_log.Progress("dense", 40)
    self.assertNotIn("loss", progress.text())
    progress.read("INFO:tensorflow:loss = nan, step = 3\n")
    self.assertIn("step 3/40, loss nan", progress.text())


if __name__ == "__main__":
  tf.test.main()
