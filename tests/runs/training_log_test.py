"""Progress of long work without a terminal."""

from __future__ import annotations

import contextlib
import io
from unittest import mock

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import training_log


class ProgressTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.seconds = 0.0
    self.printed = io.StringIO()
    for context in (
      mock.patch.object(training_log.time, "monotonic", lambda: self.seconds),
      contextlib.redirect_stdout(self.printed),
    ):
      context.__enter__()
      self.addCleanup(context.__exit__, None, None, None)

  def lines(self):
    return self.printed.getvalue().splitlines()

  def train(self, steps, seconds_a_step):
    progress = training_log.Progress("dense", steps)
    for step in range(0, steps + 1, 100):
      self.seconds = step * seconds_a_step
      progress.read(f"INFO:tensorflow:global_step/sec: {1 / seconds_a_step:g}")
      progress.read(f"INFO:tensorflow:loss = 5.25, step = {step} (1 sec)")
    progress.close()
    return self.lines()

  def test_a_long_run_reports_each_5_percent_and_the_time_left(self):
    lines = self.train(10_000, 2.0)
    self.assertEqual(lines[0], "dense: starting 10000 steps")
    self.assertEqual(lines[1], "dense: step 500/10000, 0.5 steps/s, loss 5.25, 5:16:40 left")
    # The last one stands for 100%.
    self.assertLen(lines, 1 + 19 + 1)
    self.assertEqual([line for line in lines if "step 10000/" in line], lines[-1:])

  def test_a_short_run_reports_at_most_once_a_minute(self):
    self.assertLen(self.train(10_000, 0.03), 1 + 300 // 60 + 1)
    self.printed.truncate(0)
    self.assertLen(self.train(10_000, 0.001), 2)

  def test_datagen_reports_its_parts_and_progress(self):
    progress = training_log.DataProgress("translate_ende_wmt14")
    for line in (
      "INFO:tensorflow:Downloading URL to PATH\n",
      "a warning\n",
      "INFO:tensorflow:Building the vocabulary\n",
    ):
      progress.read(line)
    for megabytes in range(100):
      self.seconds = 10.0 * megabytes
      progress.read(f"INFO:tensorflow:Downloaded {megabytes} of 100 MB of URL\n")
    lines = self.lines()
    self.assertEqual(
      lines[:3],
      [
        "translate_ende_wmt14: Downloading URL to PATH",
        "translate_ende_wmt14: Building the vocabulary",
        "translate_ende_wmt14: Downloaded 6 of 100 MB of URL",
      ],
    )
    self.assertLen(lines, 2 + 990 // 60)


if __name__ == "__main__":
  tf.test.main()
