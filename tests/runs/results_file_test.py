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
  INT8 = {"test": {"bleu": 19.5, "ter": 61}, "signature": "x", "megabytes": 0.254, "float32_megabytes": 0.978}

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
        ["50%", "1.00", "5.0", "90.0", "6.0", "slt-50-90,", "seed", "1", "only"],
      ],
    )
    self.assertEqual(rows[1].index("21.0"), rows[2].index("11.5"))

  def test_a_run_of_structures_is_at_the_share_of_its_weights(self):
    """That of its units was asked for, at which runs of single weights would be comparable only in name."""
    more = {"sparsity": 0.2, "removed": {"kind": "units", "share": 0.5}}
    missed = {"sparsity": 0.2, "on_target": False, "removed": {"kind": "units", "share": 0.48}}
    lines = [line("units-50", 20, 60, **more), line("units-50", 10, 70, 2, **missed)]
    self.assertEqual(
      [row.split(maxsplit=4) for row in results_file.table(lines, ["units-50"]).splitlines()[1:]],
      [
        ["20%", "1.00", "20.0", "60.0", "units-50, 50% of the feed-forward units, seed 1 only"],
        ["20%", "1.00", "10.0", "70.0", "units-50, seed 2: reached 48% of the feed-forward units, requested 50%"],
      ],
    )

  def test_int8_has_a_column_beside_float32(self):
    lines = [
      line("dense", 20, 60, int8=self.INT8),
      line("slt-50", 10, 90),
    ]
    rows = [row.split() for row in results_file.table(lines, ["dense", "slt-50"]).splitlines()]
    self.assertEqual(rows[0], ["sparsity", "MB", "BLEU", "TER", "int8", "int8-MB", "float32-MB", "run"])
    self.assertEqual([row[4:] for row in rows[1:]], [["19.5", "0.25", "0.98", "dense"], ["-", "-", "-", "slt-50"]])

  def test_runs_of_other_lengths_or_tokenizers_are_not_averaged(self):
    by = {tok: {"bleu": f"nrefs:1|tok:{tok}|smooth:exp"} for tok in ("13a", "char")}
    lines = [
      line("slt-50", 20, 60, train_steps=1000, rewind_to="dense@5", signatures=by["13a"]),
      line("slt-50", 30, 60, 2, train_steps=1000, rewind_to="dense@10", signatures=by["13a"]),
      line("slt-50", 40, 60, 3, train_steps=1000, rewind_to="dense@5", signatures=by["char"]),
      line("slt-50", 22, 60, 4, train_steps=1000, rewind_to="dense@5", signatures=by["13a"]),
    ]
    rows = [row.split(maxsplit=4)[2:] for row in results_file.table(lines, ["slt-50"]).splitlines()[1:]]
    early, late = "1,000 steps from step 5", "1,000 steps from step 10"
    self.assertEqual(
      rows,
      [
        ["21.0", "60.0", f"slt-50, {early}, BLEU by 13a, seeds 1, 4 only"],
        ["30.0", "60.0", f"slt-50, {late}, BLEU by 13a, seed 2 only"],
        ["40.0", "60.0", f"slt-50, {early}, BLEU by char, seed 3 only"],
      ],
    )

  def test_a_mean_of_another_number_of_checkpoints_is_another_score(self):
    averages = [{"checkpoints": n, "test_bleu": bleu} for n, bleu in ((2, 21.0), (2, 23.0), (3, 30.0))]
    for ours, expected in (((0, 1), "22.0"), ((0, 2), "-")):
      lines = [line("dense", 20, 60, seed, average=averages[n]) for seed, n in enumerate(ours, 1)]
      self.assertEqual(results_file.table(lines, ["dense"]).splitlines()[1].split()[4], expected)

  def test_means_are_over_the_same_seeds_or_say_over_which(self):
    lines = [
      line("dense", 20, 60, int8=self.INT8),
      *(line("dense", bleu, 60, seed) for bleu, seed in ((30, 2), (31, 3))),
      *(line("slt-50", 10, 90, seed) for seed in (1, 3)),
      line("slt-50-90", 5, 95, 2),
    ]
    rows = results_file.table(lines, ["dense", "slt-50", "slt-50-90"]).splitlines()[1:]
    self.assertEqual(rows[0].split()[2:], ["27.0", "60.0", "-", "-", "-", "dense"])
    self.assertEndsWith(rows[1], " slt-50, seeds 1, 3 only")
    self.assertEndsWith(rows[2], " slt-50-90, seed 2 only")

  def test_comet_has_a_column_if_a_run_has_it(self):
    lines = [line("dense", 20, 60, other_test_sets={"news2": {"bleu": 1.0, "ter": 2.0}}), line("mp-50", 10, 90)]
    lines[0]["test"]["comet"] = 81.23
    rows = [row.split() for row in results_file.table(lines, ["dense", "mp-50"]).splitlines()]
    self.assertEqual(rows[0], ["sparsity", "MB", "BLEU", "TER", "COMET", "run"])
    self.assertEqual([row[-4:-1] for row in rows[1:4:2]], [["20.0", "60.0", "81.2"], ["10.0", "90.0", "-"]])
    self.assertEqual(rows[2][:3], ["1.0", "2.0", "-"])

  def test_hparams_are_part_of_the_name_so_that_two_models_are_never_averaged(self):
    lines = [
      line("dense", 20, 60, hparams="hidden_size=384"),
      line("dense", 30, 50, 2, hparams="hidden_size=384"),
      line("dense", 10, 90, 3),
      line("dense", 5, 95, 4, hparams="hidden_size=96", on_target=False),
    ]
    rows = [row.split(maxsplit=4)[2:] for row in results_file.table(lines, ["dense"]).splitlines()[1:]]
    self.assertEqual(
      rows[:2], [["25.0", "55.0", "dense, hidden_size=384, seeds 1, 2 only"], ["10.0", "90.0", "dense, seed 3 only"]]
    )
    self.assertRegex(rows[2][2], "^dense, hidden_size=96, seed 4: reached")
    for hparams, name in (("batch_size=512", "dense"), ("batch_size=512,hidden_size=96", "dense, hidden_size=96")):
      (row,) = results_file.table([line("dense", 20, 60, hparams=hparams)], ["dense"]).splitlines()[1:]
      self.assertEndsWith(row, f"60.0  {name}")


if __name__ == "__main__":
  tf.test.main()
