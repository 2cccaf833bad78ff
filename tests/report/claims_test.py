"""The table of the paper's claims, of made-up runs."""

import csv
import os

import numpy as np
import tensorflow.compat.v1 as tf
from scipy import stats

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
    self.csv = os.path.join(out, "claims.csv")
    if not made_up_runs.exists(out, "claims.md"):
      return {}
    self.heads, rows = made_up_runs.table_of(os.path.join(out, "claims.md"))
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

  def test_equal_training_leaves_out_runs_with_fewer_steps(self):
    self.made.evaluated("dense", "dense", 0, 30, 50)
    for name, parent in (("slt-50", "dense"), ("slt-50-80", "slt-50")):
      self.made.evaluated(name, "slt", int(name[-2:]), 26, 65, parent)
    self.made.evaluated("mp-50", "mp", 50, 20, 70)
    self.made.evaluated("mp-50-slt-80", "mp_slt", 80, 22, 60, "mp-50")
    for name in ("mp-80", "mp+steps_6000-80"):
      self.made.evaluated(name, "mp", 80, 28, 60)
    folder = self.made.path("mp+steps_6000-80")
    for file in (paths.description(folder), paths.result(folder)):
      atomic_files.write_json(file, {**atomic_files.read_json(file), "train_steps": 6000})
    names = [name for metric, name in self.rows() if metric == "BLEU"]
    # MP-SLT has had 4,000 steps, SLT and the longer run of MP 6,000.
    self.assertIn("SLT less MP (equal training)", names)
    self.assertIn("MP-SLT less MP", names)
    self.assertNotIn("MP-SLT less MP (equal training)", names)

  def test_only_seeds_that_both_have_are_compared(self):
    # MP is better by 5 with each seed, but has no run of the seed that is better in all.
    for seed, ter in ((1, 80), (2, 70), (3, 40)):
      self.made.evaluated("lt-50", "lt", 50, 20, ter, "dense", seed=seed)
      if seed < 3:
        self.made.evaluated("mp-50", "mp", 50, 20, ter - 5, seed=seed)
      self.made.evaluated("lrr-50", "lrr", 50, 20, ter + 5, "dense", seed=seed)
    rows = self.rows()
    self.assertEqual(rows["TER", "LT less MP"][1], "**+5.0**(\\*)")
    self.assertEqual(rows["TER", "LRR less LT"][1], "**+5.0**")
    with open(self.csv, encoding="utf-8") as file:
      (found,) = [row for row in csv.DictReader(file) if (row["metric"], row["difference"]) == ("ter", "LT less MP")]
    self.assertEqual((found["seeds"], found["by_seed"], found["p_seeds"]), ("1 2", "5.0 5.0", ""))

  def test_a_seed_without_the_metric_is_no_common_one(self):
    for seed in (1, 2, 3):
      self.made.evaluated("slt-50", "slt", 50, 30, 60, "dense", seed=seed)
      if seed < 3:
        self.made.evaluated("mp-50", "mp", 50, 30, 65, seed=seed)
    path = paths.result(self.made.path("slt-50", seed=3))
    result = atomic_files.read_json(path)
    del result["test"]["ter"]
    atomic_files.write_json(path, result)
    self.assertEqual(self.rows()["TER", "SLT less MP"][1], "**-5.0**")

  def test_a_difference_with_another_sign_in_a_seed_is_not_bold(self):
    differences = {1: 20, 2: -4, 3: 14}
    for seed, difference in differences.items():
      self.made.evaluated("slt-50", "slt", 50, 30 + difference, 60, "dense", seed=seed)
      self.made.evaluated("mp-50", "mp", 50, 30, 60, seed=seed)
    rows = self.rows()
    with open(self.csv, encoding="utf-8") as file:
      found = next(csv.DictReader(file))
    self.assertLess(float(found["p"]), 0.05)
    self.assertRegex(rows["BLEU", "SLT less MP"][1], r"^\+\d+\.\d±$")
    by_seed = [float(value) for value in found["by_seed"].split()]
    self.assertEqual(by_seed, [20, -4, 14])
    # Of Student's t, with its definition.
    t = np.mean(by_seed) / (np.std(by_seed, ddof=1) / np.sqrt(3))
    self.assertAllClose(float(found["p_seeds"]), 2 * stats.t.sf(t, 2))

  def test_without_two_methods_there_is_no_table(self):
    self.made.evaluated("dense", "dense", 0, 30, 50)
    self.made.evaluated("slt-50", "slt", 50, 26, 65, "dense")
    self.assertEmpty(self.rows())


if __name__ == "__main__":
  tf.test.main()
