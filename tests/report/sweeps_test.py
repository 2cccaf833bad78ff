"""The sweeps over t and over the switch in the report."""

import csv
import os

import tensorflow.compat.v1 as tf

from t2t_lottery.report import builder, sweeps
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import made_up_runs


class SweepsTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(os.path.join(self.create_tempdir().full_path, "runs"))
    self.made.evaluated("dense", "dense", 0, 30, 50)

  def at_t(self, step, percents, bleus):
    """SLT's chain at a t."""
    name, parent = f"slt+t_{step}" if step != 100 else "slt", "dense"
    for percent, bleu in zip(percents, bleus):
      name = f"{name}-{percent}"
      self.made.evaluated(name, "slt", percent, bleu, 50, mask_from=parent)
      path = paths.description(self.made.path(name))
      atomic_files.write_json(path, {**atomic_files.read_json(path), "rewind_step": step})
      parent = name

  def report(self):
    out = self.create_tempdir().full_path
    builder.report(studies.read(self.made.folder), out, None, 500, False)
    return out

  def rows(self, path):
    with open(path, encoding="utf-8") as file:
      return {(row["method"], float(row["sparsity"])): row for row in csv.DictReader(file)}

  def test_a_bert_has_a_column_for_each_step_it_rewinds_to(self):
    def run(method, level, **more):
      return {"method": method, "sparsity_asked": level, "train_steps": 200, "pretrained": "ab", **more}

    about = {
      "dense": run("dense", 0),
      "imp-50": run("lt", 0.5, mask_from="dense@200"),
      "imp+t_10-50": run("slt", 0.5, mask_from="dense@200", rewind_step=10),
      "imp+t_10+heads-50": run("slt", 0.5, mask_from="dense@200", rewind_step=10, controls=["heads"]),
    }
    (sweep,) = sweeps.find(about)
    self.assertEqual(sweep.heading, "IMP at each t")
    columns = {title: [place.run for place in places] for title, places in sweep.columns.items()}
    self.assertEqual(columns, {"t = 0": ["imp-50"], "t = 10": ["imp+t_10-50"]})

  def test_each_t_has_a_column_lt_is_0_and_learning_rate_rewinding_the_end(self):
    self.at_t(40, (50, 80), (27, 20))
    self.at_t(100, (50, 80), (24, 26))
    self.made.evaluated("lt-50", "lt", 50, 23, 50, mask_from="dense")
    self.made.evaluated("lrr-50", "lrr", 50, 22, 50, mask_from="dense")
    self.made.evaluated("slt-50+random_mask", "slt", 50, 40, 50, mask_from="dense", controls=["random_mask"])
    out = self.report()
    rows = self.rows(os.path.join(out, "rewind_steps.csv"))
    self.assertEqual([title for title, level in rows if level == 0.5], ["t = 0", "t = 40", "t = 100", "t = 2000"])
    self.assertEqual([title for title, level in rows if level == 0.8], ["t = 40", "t = 100"])
    # The best of each sparsity, and the significance of the distance to it.
    self.assertEqual({key for key, row in rows.items() if row["bleu_best"] == "1"}, {("t = 40", 0.5), ("t = 100", 0.8)})
    self.assertLess(float(rows["t = 40", 0.8]["bleu_p"]), 0.05)
    self.assertEqual(rows["t = 40", 0.5]["bleu_p"], "")
    # Of 2,000 steps each: dense, one and two levels.
    self.assertEqual([rows["t = 40", level]["steps_in_all"] for level in (0.5, 0.8)], ["4000", "6000"])
    with open(os.path.join(out, "rewind_steps.md"), encoding="utf-8") as file:
      self.assertIn("**27.0**", file.read())
    with open(os.path.join(out, "index.html"), encoding="utf-8") as file:
      page = file.read()
    self.assertIn("SLT at each t", page)
    self.assertNotIn("at each switch", page)
    self.assertTrue(os.path.exists(os.path.join(out, "plots", "rewind_steps.svg")))

  def test_each_switch_has_a_column(self):
    self.at_t(100, (50, 60), (28, 27))
    for switch, bleu in (("slt-50", 20), ("slt-50-60", 25)):
      self.made.evaluated(f"{switch}-mp-80", "slt_mp", 80, bleu, 50, mask_from=switch)
    for percent in (50, 60):
      self.made.evaluated(f"mp-{percent}", "mp", percent, 26, 50)
    self.made.evaluated("mp-50-slt-80", "mp_slt", 80, 22, 50, mask_from="mp-50")
    about = {name: ones[0].about for name, ones in studies.read(self.made.folder).runs.items()}
    # A single switch is no sweep.
    (sweep,) = sweeps.find(about)
    self.assertEqual(
      {title: [place.run for place in places] for title, places in sweep.columns.items()},
      {"s_i = 50%": ["slt-50-mp-80"], "s_i = 60%": ["slt-50-60-mp-80"]},
    )
    rows = self.rows(os.path.join(self.report(), "switches_slt_mp.csv"))
    self.assertEqual([rows[f"s_i = {level}%", 0.8]["bleu_best"] for level in (50, 60)], ["0", "1"])

  def test_chains_that_differ_as_a_whole_are_a_sweep_of_their_own(self):
    def run(method, level, parent="dense", **more):
      return {"method": method, "sparsity_asked": level, "train_steps": 200, "mask_from": f"{parent}@200", **more}

    about = {
      "dense": {"method": "dense", "sparsity_asked": 0, "train_steps": 200},
      "lt+rewind_dense-50": run("lt", 0.5),
      "slt+rewind_dense-50": run("slt", 0.5, rewind_step=20),
      "slt+t_40+rewind_dense-50": run("slt", 0.5, rewind_step=40),
      "slt+t_40+rewind_dense-50-80": run("slt", 0.8, "slt+t_40+rewind_dense-50", rewind_step=40),
      "slt+t_40+rewind_dense-50+random_signs": run("slt", 0.5, rewind_step=40, controls=["random_signs"]),
      "slt+t_40+rewind_dense-50+data_seed_2": run("slt", 0.5, rewind_step=40),
      "slt+global_magnitude-50": run("slt", 0.5, rewind_step=20, controls=["global_magnitude"]),
      "slt+t_40+global_magnitude-50": run("slt", 0.5, rewind_step=40, controls=["global_magnitude"]),
      # Not of a sweep.
      "slt-50": run("slt", 0.5, rewind_step=20),
      "slt-50-60": run("slt", 0.6, "slt-50", rewind_step=20),
      "lt-50": run("lt", 0.5),
      "slt+rewind_dense-50-mp-80": run("slt_mp", 0.8, "slt+rewind_dense-50"),
      "slt+rewind_dense-50-60": run("slt", 0.6, "slt+rewind_dense-50", rewind_step=20),
      "slt+rewind_dense-50-60-mp-80": run("slt_mp", 0.8, "slt+rewind_dense-50-60"),
      "slt-50-60-mp-80": run("slt_mp", 0.8, "slt-50-60"),
    }
    found = {
      sweep.name: (sweep.heading, {title: [place.run for place in ones] for title, ones in sweep.columns.items()})
      for sweep in sweeps.find(about)
    }
    expected = {
      "rewind_steps_global_magnitude": (
        "SLT at each t (global magnitude)",
        {"t = 20": ["slt+global_magnitude-50"], "t = 40": ["slt+t_40+global_magnitude-50"]},
      ),
      "rewind_steps_rewind_dense": (
        "SLT at each t (rewind dense)",
        {
          "t = 0": ["lt+rewind_dense-50"],
          "t = 20": ["slt+rewind_dense-50", "slt+rewind_dense-50-60"],
          "t = 40": ["slt+t_40+rewind_dense-50", "slt+t_40+rewind_dense-50-80"],
        },
      ),
      "switches_slt_mp_rewind_dense": (
        "SLT-MP at each switch (rewind dense)",
        {"s_i = 50%": ["slt+rewind_dense-50-mp-80"], "s_i = 60%": ["slt+rewind_dense-50-60-mp-80"]},
      ),
    }
    self.assertEqual(found, expected)

  def test_switches_at_equal_training_have_the_steps_of_slt(self):
    def run(method, level, parent, steps=200):
      return {"method": method, "sparsity_asked": level, "train_steps": steps, "mask_from": f"{parent}@200"}

    about = {"dense": {"method": "dense", "sparsity_asked": 0, "train_steps": 200}}
    about["slt-50"] = run("slt", 0.5, "dense")
    about["slt-50-60"] = run("slt", 0.6, "slt-50")
    about["slt-50-60-80"] = run("slt", 0.8, "slt-50-60")
    about["slt-50-mp-80"] = run("slt_mp", 0.8, "slt-50")
    about["slt-50-mp+steps_400-80"] = run("slt_mp", 0.8, "slt-50", 400)
    about["slt-50-60-mp-80"] = run("slt_mp", 0.8, "slt-50-60")
    usual, equal = sweeps.find(about)
    self.assertEqual((usual.name, equal.name), ("switches_slt_mp", "switches_slt_mp_equal_training"))
    # SLT's line has had 800 steps at 80%.
    for sweep, at_50 in ((usual, "slt-50-mp-80"), (equal, "slt-50-mp+steps_400-80")):
      runs = {title: [place.run for place in places] for title, places in sweep.columns.items()}
      self.assertEqual(runs, {"s_i = 50%": [at_50], "s_i = 60%": ["slt-50-60-mp-80"]})

  def test_lt_slt_and_learning_rate_rewinding_alone_are_in_the_main_table_only(self):
    self.at_t(100, (50,), (28,))
    self.made.evaluated("lt-50", "lt", 50, 23, 50, mask_from="dense")
    self.assertFalse(os.path.exists(os.path.join(self.report(), "rewind_steps.csv")))


if __name__ == "__main__":
  tf.test.main()
