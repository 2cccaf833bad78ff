"""The table of the paper's claims, of made-up runs."""

import os

import tensorflow.compat.v1 as tf

from t2t_lottery.evaluation import significance
from t2t_lottery.report import builder, study
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import made_up_runs


class ClaimsTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(os.path.join(self.create_tempdir().full_path, "runs"))

  def rows(self):
    """(metric, difference) -> its other cells; empty without the table."""
    out = self.create_tempdir().full_path
    builder.write_tables(study.read(self.made.folder), out, samples=500)
    if not made_up_runs.exists(out, "claims.md"):
      return {}
    lines = [line for line in made_up_runs.lines_of(os.path.join(out, "claims.md")) if line.startswith("|")]
    self.heads, _, *rows = ([cell.strip() for cell in line.strip("|").split(" |")] for line in lines)
    return {tuple(row[:2]): row[2:] for row in rows}

  def test_differences_of_the_methods_at_each_level(self):
    made_up_runs.study(self.made.folder)
    rows = self.rows()
    self.assertEqual(self.heads, ["metric", "difference", "claim", "80%"])
    # Up to the switch SLT-MP is SLT, and there is no MP at 50 and 60%.
    names = ("SLT less MP", "SLT-MP less MP", "SLT-MP less SLT")
    self.assertEqual([*rows], [(metric, name) for metric in ("BLEU", "TER") for name in names])
    worse, better = rows["BLEU", "SLT less MP"], rows["BLEU", "SLT-MP less SLT"]
    self.assertEqual(worse[0], "on par to 85%, worse above")
    segments = {name: [made_up_runs.statistics(*of)["bleu"]] * 2 for name, of in (("slt", (12, 80)), ("mp", (24, 66)))}
    expected = significance.compare("bleu", segments["slt"], segments["mp"], shuffles=500)
    self.assertEqual(worse[1], f"**{expected.difference:+.1f}**")
    self.assertLess(expected.p, 0.05)
    # The same statistics but for the order of runs.
    self.assertEqual(better[1], worse[1].replace("-", "+"))
    self.assertEqual(rows["BLEU", "SLT-MP less MP"][1], "+0.0")
    self.assertEqual(rows["TER", "SLT less MP"][1], "**+14.0**")

  def test_equal_training_has_rows_of_its_own(self):
    self.made.evaluated("dense", "dense", 0, 30, 50)
    self.made.evaluated("slt-50", "slt", 50, 26, 65, "dense")
    self.made.evaluated("mp-50", "mp", 50, 20, 70)
    self.made.evaluated("mp+steps_4000-50", "mp", 50, 28, 60)
    folder = self.made.path("mp+steps_4000-50")
    for file in (paths.description(folder), paths.result(folder)):
      atomic_files.write_json(file, {**atomic_files.read_json(file), "train_steps": 4000})
    rows = self.rows()
    self.assertEqual(rows["TER", "SLT less MP"][1], "**-5.0**")
    self.assertEqual(rows["TER", "SLT less MP (equal training)"][1], "**+5.0**")

  def test_without_two_methods_there_is_no_table(self):
    self.made.evaluated("dense", "dense", 0, 30, 50)
    self.made.evaluated("slt-50", "slt", 50, 26, 65, "dense")
    self.assertEmpty(self.rows())


if __name__ == "__main__":
  tf.test.main()
