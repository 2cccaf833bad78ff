"""Linear connectivity in the report."""

import os
import re
import shutil

import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.data import manifest
from t2t_lottery.evaluation import connectivity
from t2t_lottery.report import archive, builder, connections
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import made_up_runs

TWIN = "slt-50+data_seed_2"


def read(path):
  with open(path, encoding="utf-8") as file:
    return file.read()


class ConnectionsTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(os.path.join(self.create_tempdir().full_path, "runs"))
    self.made.evaluated("dense", "dense", 0, 30, 50)
    for run in ("slt-50", TWIN):
      self.made.evaluated(run, "slt", 50, 29, 51, mask_from="dense")
    self.path = paths.connectivity(self.made.path("slt-50"), 1, TWIN)
    loss, bleu = [2.0, 3.5, 2.2], [29.0, 11.0, 28.0]
    self.line = {
      "runs": ["slt-50", TWIN],
      "seeds": [1, 1],
      "problem": made_up_runs.PROBLEM,
      "sparsity_asked": 0.5,
      "same_start": True,
      "same_masks": True,
      "alpha": [0, 0.5, 1],
      "dev_loss": loss,
      "dev_bleu": bleu,
      "loss_barrier": connectivity.barrier(loss),
      "bleu_barrier": connectivity.barrier(bleu, higher_is_better=True),
      "signature": "",
    }

  def report(self, runs_dir):
    out = self.create_tempdir().full_path
    missing = builder.report(studies.read(runs_dir), out, None, 20, False)
    return out, missing

  @pytest.mark.slow
  def test_pairs_have_a_table_and_a_plot_also_from_an_archive(self):
    out, _ = self.report(self.made.folder)
    self.assertNotIn("Linear connectivity", read(os.path.join(out, "index.html")))
    atomic_files.write_json(self.path, self.line)
    kept = os.path.join(self.create_tempdir().full_path, "archive")
    archive.copy(studies.read(self.made.folder), kept)
    for runs_dir in (self.made.folder, kept):
      out, _ = self.report(runs_dir)
      rows = [
        line.split("|")[1:-1] for line in read(os.path.join(out, "connectivity.md")).splitlines() if "slt" in line
      ]
      self.assertEqual(
        [[cell.strip() for cell in row] for row in rows],
        [
          [
            *("50%", "slt-50 (seed 1)", "slt-50+data\\_seed\\_2 (seed 1)", "same weights"),
            *("2.000", "2.200", "1.400", "29.0", "28.0", "17.5"),
          ]
        ],
      )
      self.assertIn("Linear connectivity", read(os.path.join(out, "index.html")))
      self.assertTrue(os.path.exists(os.path.join(out, "plots", "connectivity.svg")))

  def test_a_pair_that_was_not_measured_is_named(self):
    _, missing = connections.read(studies.read(self.made.folder))
    command = "run t2t_lottery.connectivity with both folders"
    self.assertEqual(missing, [f"{TWIN}, seed 1: its line to slt-50 is not measured: {command}"])
    atomic_files.write_json(self.path, self.line)
    self.assertEqual(connections.read(studies.read(self.made.folder)), ([self.line], []))
    other_way = {name: value[::-1] if isinstance(value, list) else value for name, value in self.line.items()}
    atomic_files.write_json(paths.connectivity(self.made.path(TWIN), 1, "slt-50"), other_way)
    lines, missing = connections.read(studies.read(self.made.folder))
    self.assertEqual(missing, [])
    self.assertLen(lines, 1)

  def test_a_line_of_a_run_that_is_gone_is_left_out(self):
    atomic_files.write_json(self.path, self.line)
    shutil.rmtree(self.made.path(TWIN))
    self.assertEqual(
      connections.read(studies.read(self.made.folder)),
      ([], [f"the line from slt-50 (seed 1) to {TWIN} (seed 1) is left out: there is no {TWIN} (seed 1)"]),
    )

  def test_a_line_of_a_run_that_was_trained_again_is_left_out(self):
    indices = []
    for run in ("slt-50", TWIN):
      atomic_files.write_json(paths.hparams(self.made.path(run)), {})
      prefix = paths.checkpoint(self.made.path(run), 2000)
      indices.append(f"{prefix}.index")
      for file in (indices[-1], f"{prefix}.data-00000-of-00001"):
        atomic_files.write_text(file, run)
    checksums = [manifest.file_info(index).sha256 for index in indices]
    atomic_files.write_json(self.path, {**self.line, "checksums": checksums})
    (line,), missing = connections.read(studies.read(self.made.folder))
    self.assertEqual((line["checksums"], missing), (checksums, []))
    atomic_files.write_text(indices[1], "other weights")
    lines, missing = connections.read(studies.read(self.made.folder))
    self.assertEmpty(lines)
    self.assertRegex(missing[0], rf"left out: {re.escape(TWIN)} .seed 1. was trained again: run t2t_lottery.connect")
    self.assertLen(missing, 1)

  def test_damaged_result_is_named(self):
    atomic_files.write_json(self.path, {**self.line, "dev_loss": "2"})
    out, missing = self.report(self.made.folder)
    self.assertIn(self.path, "".join(missing))
    self.assertFalse(os.path.exists(os.path.join(out, "connectivity.md")))


if __name__ == "__main__":
  tf.test.main()
