"""Selection of competing checkpoints, and checks of the requested sparsity."""

import os
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.evaluation import checkpoint_average, checkpoint_selection
from t2t_lottery.pruning import layers, masks
from t2t_lottery.report import builder
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import made_up_runs

FFN = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
EMBEDDING = "transformer/symbol_modality_300_40/shared/weights_0"
SHAPES = {FFN: (40, 160), EMBEDDING: (300, 40)}


def pruned(sparsity, dense=(), is_global=False):
  """Weights and masks of two layers of different magnitude, pruned layer by layer or globally."""
  rng = np.random.RandomState(1)
  weights = {name: (rng.randn(*shape) * len(name)).astype(np.float32) for name, shape in SHAPES.items()}
  ones = {name: np.ones(shape, bool) for name, shape in SHAPES.items()}
  if is_global:
    kept = masks.global_mask(weights, sparsity, ones)
  else:
    kept = {n: ones[n] if n in dense else masks.magnitude_mask(w, sparsity) for n, w in weights.items()}
  return {
    **{name: weights[name] * kept[name] for name in SHAPES},
    **{layers.mask_name(name): kept[name] for name in SHAPES},
  }


class CompetingTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def run_of(self, method, sparsity=0.8, steps=(), **hparams):
    own = {"prune_until": 32, "prune_embedding": True, "ticket_scope": "layer", **hparams}
    atomic_files.write_json(paths.hparams(self.folder), own)
    for step in steps:
      atomic_files.write_text(f"{paths.checkpoint(self.folder, step)}.index", "")
    return {"run": f"{method}-80", "method": method, "train_steps": 40, "sparsity_asked": sparsity}

  @parameterized.parameters(
    ("slt", 32, [10, 20, 30, 32, 33, 40]),
    ("mp", 32, [33, 40]),
    ("mp", 39, [40]),
    ("mp", 9, [10, 20, 30, 32, 33, 40]),
    ("slt_mp", 30, [32, 33, 40]),
  )
  def test_checkpoints_after_the_last_pruning_compete(self, method, prune_until, expected):
    about = self.run_of(method, steps=(0, 10, 20, 30, 32, 33, 40), prune_until=prune_until)
    self.assertEqual(checkpoint_selection.steps(self.folder, about), expected)

  def test_a_run_without_such_checkpoints_is_an_error(self):
    about = self.run_of("mp", steps=(10, 20, 40), prune_until=40)
    with self.assertRaisesRegex(UserError, "mp-80 is pruned until step 40 and has no later checkpoint"):
      checkpoint_selection.steps(self.folder, about)
    with self.assertRaisesRegex(UserError, "no checkpoint of step 50"):
      checkpoint_selection.steps(self.folder, {**about, "train_steps": 50})
    atomic_files.write_json(paths.hparams(self.folder), {})
    with self.assertRaisesRegex(UserError, "hparams.json has no hparam prune_until"):
      checkpoint_selection.steps(self.folder, about)

  @parameterized.parameters(
    (pruned(0.8), {}, True),
    (pruned(0.7876), {}, False),
    (pruned(0.8 - 1 / 12_000), {}, True),
    (pruned(0.8 - 2 / 12_000), {}, False),
    (pruned(0.8, dense=[EMBEDDING]), {}, False),
    (pruned(0.8, dense=[EMBEDDING]), {"prune_embedding": False}, True),
    (pruned(0.8, is_global=True), {}, False),
    (pruned(0.8, is_global=True), {"ticket_scope": "global"}, True),
    (pruned(0.79, is_global=True), {"ticket_scope": "global"}, False),
  )
  def test_on_target_means_within_one_weight_per_pruned_layer(self, variables, hparams, expected):
    self.assertEqual(checkpoint_selection.is_on_target(self.folder, self.run_of("slt", **hparams), variables), expected)

  @parameterized.parameters((0.8, True), (0.78, False))
  def test_on_target_of_units_means_the_share_of_each_block(self, sparsity, expected):
    scope, kept = "transformer/body/encoder/layer_0/ffn", np.arange(50) < round(50 * (1 - sparsity))
    variables = {
      f"{scope}/conv1/kernel": np.ones((4, 50)) * kept,
      f"{scope}/conv2/kernel": np.ones((50, 4)) * kept[:, None],
    }
    about = self.run_of("slt", ticket_structure="units")
    self.assertEqual(checkpoint_selection.is_on_target(self.folder, about, variables), expected)

  def test_a_dense_run_is_always_on_target(self):
    self.assertTrue(checkpoint_selection.is_on_target(self.folder, self.run_of("dense", 0.0), pruned(0.5)))

  def test_averaging_checkpoints_with_different_masks_is_an_error(self):
    for step, sparsity in ((1, 0.7), (2, 0.8), (3, 0.8)):
      made = os.path.join(self.folder, str(step), "model.ckpt")
      tf_checkpoint.write(made, pruned(sparsity))
      for end in (".index", ".data-00000-of-00001"):
        os.replace(made + end, paths.checkpoint(self.folder, step) + end)
    with self.assertRaisesRegex(UserError, "ckpt-1 and the checkpoint of step 3 have different masks"):
      checkpoint_average.average(self.folder, [1, 2, 3])
    mean = tf_checkpoint.Checkpoint(checkpoint_average.average(self.folder, [2, 3]))
    for name, value in pruned(0.8).items():
      self.assertAllEqual(mean.read(name), value)


class MissedTest(parameterized.TestCase, tf.test.TestCase):
  """A result that missed its requested sparsity, among others that reached theirs."""

  @parameterized.parameters(
    ({"sparsity": 0.8}, None),
    ({"sparsity": 0.80001}, None),
    ({"sparsity": 0.7876}, "reached 78.76%, requested 80%"),
    ({"sparsity": 0.799}, "reached 79.9%, requested 80%"),
    ({"sparsity": 0.6, "controls": ["dense_embedding"]}, None),
    ({"sparsity": 0.8, "on_target": True}, None),
    ({"sparsity": 0.79999, "on_target": False}, "reached 79.999%, requested 80%"),
    ({"sparsity": 0.6, "on_target": True}, None),
  )
  def test_message_has_both_sparsities(self, result, expected):
    self.assertEqual(run_spec.sparsity_miss({"sparsity_asked": 0.8, **result}), expected)

  def test_is_named_in_a_report_but_in_no_table_or_plot(self):
    made = made_up_runs.study(self.create_tempdir().full_path)
    for run, seed in (("mp-80", 1), ("mp-80", 2), ("slt-50-60-mp-80", 2)):
      path = paths.result(made.path(run, seed))
      atomic_files.write_json(path, {**atomic_files.read_json(path), "sparsity": 0.7876, "on_target": False})
    study = studies.read(made.folder)
    lines = studies.unfinished(study)
    why = "reached 78.76%, requested 80%, so in no table or plot"
    self.assertContainsSubset([f"mp-80, seeds 1, 2: {why}", f"slt-50-60-mp-80, seed 2: {why}"], lines)
    out = self.create_tempdir().full_path
    entries = builder.write_tables(study, out, samples=20).entries
    seeds = {entry.place.run: [run.seed for run in entry.runs] for entry in entries}
    self.assertNotIn("mp-80", seeds)
    self.assertEqual(seeds["slt-50-60-mp-80"], [1])
    self.assertEqual(seeds["slt-50-80"], [1, 2])
    with open(os.path.join(out, "table.csv"), encoding="utf-8") as file:
      self.assertNotIn(",mp-80,", file.read())

  def test_has_its_own_row_in_the_results_table(self):
    made = made_up_runs.Runs(self.create_tempdir().full_path)
    for seed, bleu in ((1, 20), (2, 30)):
      made.evaluated("mp-80", "mp", 80, bleu, 66, seed=seed)
    path = paths.result(made.path("mp-80", 2))
    atomic_files.write_json(path, {**atomic_files.read_json(path), "sparsity": 0.7876, "on_target": False})
    flags = [f"--problem={made.problem}", "--size=tiny", f"--runs_dir={made.folder}"]
    printed = subprocess.run(
      [sys.executable, "-m", "t2t_lottery.results", *flags],
      check=True,
      capture_output=True,
      text=True,
      cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    ).stdout
    rows = [" ".join(line.split()) for line in printed.splitlines() if "mp-80" in line]
    self.assertEqual(
      rows,
      ["80% 20.00 20.0 66.0 mp-80, seed 1 only", "78.76% 20.00 30.0 66.0 mp-80, seed 2: reached 78.76%, requested 80%"],
    )


if __name__ == "__main__":
  tf.test.main()
