"""Tickets end to end: checkpoints of trained runs against the paper's rules."""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.pruning import layers
from t2t_lottery.runs import paths
from tests.support import trained

CHAINS = [
  ("lt", "dense", "lt-50", 0.5),
  ("lt", "lt-50", "lt-90", 0.9),
  ("slt", "dense", "slt-50", 0.5),
  ("slt", "slt-50", "slt-90", 0.9),
]


def trainable(checkpoint):
  """Names of the model's variables, without masks."""
  return [n for n in checkpoint.shapes if n.startswith("transformer/") and not layers.is_mask(n)]


class TicketTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("lt-90", "slt-90")

  @parameterized.parameters(*CHAINS)
  def test_initial_weights_equal_mask_times_rewound_weights(self, method, before, run, sparsity):
    del sparsity
    initial = Checkpoint(self.runs.initial(run))
    rewound = Checkpoint(self.runs.initial(before) if method == "lt" else self.runs.early(before))
    self.assertCountEqual(trainable(initial), trainable(rewound))
    for name in trainable(initial):
      expected = rewound.read(name)
      if layers.is_prunable(name):
        expected = expected * initial.mask(name)
      self.assertAllEqual(initial.read(name), expected)

  @parameterized.parameters(*CHAINS)
  def test_masks_keep_the_largest_final_weights_of_the_previous_level(self, method, before, run, sparsity):
    del method
    initial, final = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.last(before))
    for layer in initial.layers:
      mask, magnitude = initial.mask(layer), np.abs(final.read(layer))
      self.assertLessEqual(abs(np.count_nonzero(~mask) - sparsity * mask.size), 1, layer)
      self.assertGreaterEqual(magnitude[mask].min(), magnitude[~mask].max(), layer)
      if final.is_pruned:
        self.assertFalse(np.any(mask & ~final.mask(layer)), f"{layer}: a pruned weight was restored")

  @parameterized.parameters("lt-50", "lt-90", "slt-50", "slt-90")
  def test_training_updates_kept_weights_and_pruned_ones_stay_zero(self, run):
    initial = Checkpoint(self.runs.initial(run))
    for step in paths.checkpoint_steps(self.runs.runs.folder(run)):
      checkpoint = Checkpoint(paths.checkpoint(self.runs.runs.folder(run), step))
      for layer in checkpoint.layers:
        mask, weights = checkpoint.mask(layer), checkpoint.read(layer)
        self.assertAllEqual(mask, initial.mask(layer))
        # Bit for bit: not even negative zero.
        self.assertFalse(np.any(weights.view(np.uint32)[~mask]), f"{layer} at step {step}")
    last = Checkpoint(self.runs.last(run))
    for layer in last.layers:
      mask = last.mask(layer)
      moved = last.read(layer)[mask] != initial.read(layer)[mask]
      self.assertGreater(moved.mean(), 0.9 if "symbol_modality" not in layer else 0.5, layer)

  @parameterized.parameters("slt-50", "slt-90", "lt-90")
  def test_step_and_optimizer_slots_are_fresh(self, run):
    initial, rewound = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.early("dense"))
    self.assertEqual(initial.read("global_step"), 0)
    slots = [name for name in initial.shapes if "Adafactor" in name]
    self.assertNotEmpty(slots)
    for slot in slots:
      self.assertFalse(np.any(initial.read(slot)), slot)
    self.assertTrue(any(np.any(rewound.read(slot)) for slot in slots), "the comparison must be able to fail")

  def test_dense_run_has_no_masks(self):
    self.assertFalse(Checkpoint(self.runs.last("dense")).is_pruned)

  def test_same_seed_gives_the_same_initial_weights(self):
    again = os.path.join(self.runs.folder, "again")
    flags = [f for f in self.runs.flags if not f.startswith(("--runs_dir", "--steps"))]
    done = trained.command("train", *flags, f"--runs_dir={again}", "--steps=20", "--run=dense")
    self.assertEqual(done.returncode, 0, done.stderr)
    theirs = Checkpoint(self.runs.initial("dense"))
    mine = Checkpoint(paths.kept(self.runs.runs._replace(runs_dir=again).folder("dense"), 0))
    for name in trainable(theirs):
      self.assertAllEqual(mine.read(name), theirs.read(name))

  def test_rewinding_to_the_dense_run(self):
    self.runs.step(
      "train",
      "--run=frankle-90",
      "--method=slt",
      "--level=90",
      "--mask_from=slt-50",
      "--rewind_from=dense",
    )
    initial, dense = (
      Checkpoint(self.runs.initial("frankle-90")),
      Checkpoint(self.runs.early("dense")),
    )
    theirs = Checkpoint(self.runs.initial("slt-90"))
    for name in trainable(initial):
      expected = dense.read(name)
      if layers.is_prunable(name):
        self.assertAllEqual(initial.mask(name), theirs.mask(name))
        expected = expected * initial.mask(name)
      self.assertAllEqual(initial.read(name), expected)


if __name__ == "__main__":
  tf.test.main()
