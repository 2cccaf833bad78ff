"""The table that a driver ends with."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import results_file


def line(run, bleu, ter, seed=1, **more):
  return {
    **dict(run=run, seed=seed, sparsity_asked=0.5, sparsity=0.5, on_target=True),
    **dict(test={"bleu": bleu, "ter": ter}, megabytes={"paper": 1.0}),
    **more,
  }


class TableTest(tf.test.TestCase):
  def test_each_test_set_has_a_row_averaged_over_seeds(self):
    lines = [
      line("slt-50", 20, 60, test_set="news1", other_test_sets={"news2": {"bleu": 10.0, "ter": 70.0}}),
      line("slt-50", 22, 50, 2, test_set="news1", other_test_sets={"news2": {"bleu": 13.0, "ter": 71.0}}),
      line("slt-50-90", 5, 90, average={"checkpoints": 2, "test_bleu": 6.0}),
    ]
    rows = results_file.table(lines, ["slt-50", "slt-50-90"]).splitlines()
    self.assertEqual(
      [row.split() for row in rows],
      [
        ["sparsity", "MB", "BLEU", "TER", "averaged", "run"],
        ["50%", "1.00", "21.0", "55.0", "-", "slt-50,", "news1"],
        ["11.5", "70.5", "slt-50,", "news2"],
        ["50%", "1.00", "5.0", "90.0", "6.0", "slt-50-90"],
      ],
    )
    self.assertEqual(rows[1].index("21.0"), rows[2].index("11.5"))


if __name__ == "__main__":
  tf.test.main()
