"""Tickets that are transferred between tasks: who is compared with whom, and what the report has of it."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.report import builder, transfers
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files

SIZE = "bert_tiny"
# Task -> seed -> score of the dense run, of its own ticket, and of the other task's ticket.
SCORES = {
  "glue_cola": {1: (40.0, 38.0, 30.0), 2: (44.0, 39.0, 32.0)},
  "glue_rte": {1: (60.0, 61.0, 59.0), 2: (66.0, 62.0, 58.0)},
}
OTHER = {"glue_cola": "glue_rte", "glue_rte": "glue_cola"}


class TransfersTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.runs_dir = self.create_tempdir().full_path
    for task, seeds in SCORES.items():
      for seed, (dense, own, other) in seeds.items():
        self.write(task, seed, "dense", 0.0, dense)
        self.write(task, seed, "imp-40", 0.4, own, "dense@20")
        source = OTHER[task]
        self.write(task, seed, f"imp+ticket_from_{source}-40", 0.4, other, f"{source}/imp-40@20")
    # A control, another size: neither is in the table.
    self.write("glue_rte", 1, "imp-40+shuffled_mask", 0.4, 1.0, "dense@20", controls=["shuffled_mask"])
    self.write("glue_rte", 1, "imp+ticket_from_glue_cola-40", 0.4, 1.0, "glue_cola/imp-40@20", size="bert_base")

  def write(self, task, seed, run, level, score, mask_from=None, controls=None, size=SIZE):
    folder = paths.Runs(self.runs_dir, task, size, seed).folder(run)
    os.makedirs(folder)
    about = {"run": run, "problem": task, "size": size, "seed": seed, "sparsity_asked": level, "train_steps": 20}
    about.update(method="lt" if mask_from else "dense", data=task, hparams_set=size)
    about.update({"mask_from": mask_from, "rewind_to": "dense@0"} if mask_from else {})
    about.update({"controls": controls} if controls else {})
    # The first metric of CoLA is not the one that is compared.
    test = (
      {"accuracy": 7.0, "f1": 8.0, "mcc": score} if task == "glue_cola" else {"accuracy": score, "f1": 9.0, "mcc": 9.0}
    )
    more = {"test": test, "test_set": "dev", "best_step": 20, "sparsity": level, "on_target": True, "dev_loss": 1.0}
    more.update(signatures={"predictions": "x"}, megabytes={"paper": 1.0, "csc": 1.0, "bitmap": 1.0}, versions={})
    atomic_files.write_json(paths.description(folder), about)
    atomic_files.write_json(paths.result(folder), {**about, **more})

  def study(self, task="glue_rte"):
    return studies.read(self.runs_dir, task, SIZE)

  def test_a_square_of_tasks_with_differences_from_the_dense_models(self):
    (square,) = transfers.read(self.study())
    self.assertEqual((square.name, square.level, square.tasks), ("imp-40", 0.4, ("glue_cola", "glue_rte")))
    self.assertEqual(square.titles, ("MCC", "accuracy"))
    # Rows: whose mask; columns: trained on.
    self.assertAllClose(square.scores, [[38.5, 58.5], [31.0, 61.5]])
    self.assertAllClose(square.differences, [[38.5 - 42, 58.5 - 63], [31 - 42, 61.5 - 63]])
    # Standard deviations of the dense models: 2.83 and 4.24.
    self.assertAllEqual(square.matching, [[False, False], [False, True]])
    (again,) = transfers.read(self.study("glue_cola"))
    self.assertAllEqual(again.scores, square.scores)

  def test_a_cell_without_runs_is_empty(self):
    for seed in (1, 2):
      os.remove(paths.result(paths.Runs(self.runs_dir, "glue_cola", SIZE, seed).folder("imp+ticket_from_glue_rte-40")))
    (square,) = transfers.read(self.study())
    self.assertAllEqual(np.isnan(square.scores), [[False, False], [True, False]])
    cells = transfers.table("x", [square]).groups[0]
    self.assertEqual([cell.text for cell in cells[1]], ["40%", "glue_rte", "–", "61.5 (-1.5)"])
    transfers.plot([square])

  def test_the_report_has_a_table_and_a_heat_map(self):
    out = self.create_tempdir().full_path
    builder.report(self.study(), out, None, 20, learning_curves=False)
    with open(os.path.join(out, "transfer.md"), encoding="utf-8") as file:
      table = file.read()
    self.assertRegex(table, r"40% \| glue\\_rte +\| +31.0 \(-11.0\) \| +61.5 \(-1.5\)m")
    self.assertIn("m matching", table)
    self.assertTrue(os.path.exists(os.path.join(out, "plots", "transfer.svg")))
    with open(os.path.join(out, "index.html"), encoding="utf-8") as file:
      self.assertIn("Transfer between tasks", file.read())

  def test_without_transfers_the_report_has_none(self):
    for task, source in OTHER.items():
      for seed in (1, 2):
        os.remove(paths.result(paths.Runs(self.runs_dir, task, SIZE, seed).folder(f"imp+ticket_from_{source}-40")))
    self.assertEmpty(transfers.read(self.study()))


if __name__ == "__main__":
  tf.test.main()
