"""The table of signs and magnitudes, of made-up runs."""

import os

import tensorflow.compat.v1 as tf

from t2t_lottery.report import builder, study
from tests.support import made_up_runs


class CrossedTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(os.path.join(self.create_tempdir().full_path, "runs"))
    self.made.evaluated("dense", "dense", 0, 30, 50)

  def ticket(self, method, scores, level=50, **more):
    """A ticket and its controls, such as random_signs+redrawn_values; "" is the ticket."""
    for controls, bleu in scores.items():
      name = "+".join([f"{method}-{level}", *filter(None, [controls])])
      controls = controls.split("+") if controls else None
      self.made.evaluated(name, method, level, bleu, 60, mask_from="dense", controls=controls, **more)

  def rows(self):
    """(metric, method, sparsity) -> its scores; empty without the table."""
    out = self.create_tempdir().full_path
    builder.write_tables(study.read(self.made.folder), out, samples=20)
    if not made_up_runs.exists(out, "crossed.md"):
      return {}
    self.heads, rows = made_up_runs.table_of(os.path.join(out, "crossed.md"))
    return {tuple(row[:3]): row[3:] for row in rows}

  def test_signs_are_crossed_with_magnitudes(self):
    self.ticket("slt", {"": 26, "random_signs": 16, "constant_values": 27, "random_signs+redrawn_values": 11})
    # CLT's own magnitudes are constant.
    self.ticket("clt", {"": 28, "random_signs": 18, "redrawn_values": 23})
    rows = self.rows()
    self.assertEqual(
      self.heads[3:], [f"{s} {m}" for s in ("signs kept", "random signs") for m in ("kept", "constant", "redrawn")]
    )
    self.assertEqual(rows["BLEU", "SLT", "50%"], ["26.0", "27.0", "–", "16.0", "–", "11.0"])
    self.assertEqual(rows["BLEU", "CLT", "50%"], ["–", "28.0", "23.0", "–", "18.0", "–"])

  def test_other_controls_chains_and_orders_of_batches_are_left_out(self):
    scores = {"": 26, "random_signs": 16, "random_mask": 11, "permuted_values": 12, "random_signs+random_mask": 10}
    self.ticket("slt", {**scores, "constant_values": 27})
    self.ticket("slt", {"": 26, "random_signs": 16, "random_mask": 11}, level=80)
    rows = self.rows()
    self.assertEqual(rows["BLEU", "SLT", "50%"], ["26.0", "27.0", "–", "16.0", "–", "–"])
    # A ticket with random signs alone is among the controls.
    self.assertNotIn(("BLEU", "SLT", "80%"), rows)

  def test_without_controls_there_is_no_table(self):
    self.ticket("slt", {"": 26})
    self.assertEmpty(self.rows())


if __name__ == "__main__":
  tf.test.main()
