"""Tickets of units and of heads end to end: checkpoints of trained runs, and the result of one."""

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.pruning import layers, masks, methods, structures
from t2t_lottery.runs import paths, presets, run_files
from tests.support import trained


class StructureTicketsTest(parameterized.TestCase, tf.test.TestCase):
  HEADS = ("heads-25", "heads+gates-25")

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("dense")
    for run, before in (("units-50", "dense"), ("units-50-75", "units-50"), *((run, "dense") for run in cls.HEADS)):
      kind, *_, level = run.split("-")
      flags = (f"--run={run}", "--method=slt", f"--level={level}", f"--mask_from={before}")
      controls = (f"--control={control}" for control in kind.split("+"))
      cls.runs.step("train", *flags, *controls, f"--hparams={trained.HPARAMS},gates_steps=20")

  def test_initial_weights_equal_mask_times_rewound_weights(self):
    for run, before in (("units-50", "dense"), ("units-50-75", "units-50")):
      initial, rewound = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.early(before))
      groups = structures.groups(methods.UNITS, initial.shapes)
      self.assertLen(groups, 2)
      biases = {}
      for group in groups:
        alive = group.alive({n: initial.mask(n) for n in group.parts})
        biases.update(group.bias_masks(alive, initial.shapes))
      for name in (n for n in initial.shapes if n.startswith("transformer/") and not layers.is_mask(n)):
        mask = initial.mask(name) if layers.is_prunable(name) else biases.get(name, True)
        self.assertAllEqual(initial.read(name), rewound.read(name) * mask)

  def test_whole_units_are_removed_and_stay_so(self):
    for run, share in (("units-50", 0.5), ("units-50-75", 0.75)):
      initial = Checkpoint(self.runs.initial(run))
      for step in paths.checkpoint_steps(self.runs.runs.folder(run)):
        checkpoint = Checkpoint(paths.checkpoint(self.runs.runs.folder(run), step))
        for group in structures.groups(methods.UNITS, checkpoint.shapes):
          alive = group.alive({layer: checkpoint.mask(layer) for layer in group.parts})
          self.assertEqual(np.count_nonzero(~alive), share * alive.size)
          for layer, mask in group.masks(alive, checkpoint.shapes).items():
            self.assertAllEqual(checkpoint.mask(layer), mask)
            self.assertFalse(np.any(checkpoint.read(layer).view(np.uint32)[~mask]), f"{layer} at step {step}")
          # Not pruned by a mask: its gradient is 0.
          (name,) = group.biases
          bias = checkpoint.read(name)
          self.assertFalse(np.any(bias.view(np.uint32)[~alive]), f"{name} at step {step}")
          if step == trained.STEPS.train_steps:
            self.assertTrue(np.any(bias[alive] != initial.read(name)[alive]))
        for layer in checkpoint.layers:
          if "/ffn/" not in layer:
            self.assertTrue(checkpoint.mask(layer).all(), layer)

  def test_a_level_of_single_weights_is_above_the_share_of_the_removed_heads(self):
    variables = Checkpoint(self.runs.initial("heads-25"))
    total = sum(variables.mask(layer).size for layer in variables.layers)
    share = 100 * sum(np.count_nonzero(~variables.mask(layer)) for layer in variables.layers) / total
    for level, message in (
      (share * 0.999, f"must be above {share:.4g}, the share of the weights that is in 25% "),
      (share + 0.01, ""),
    ):
      flags = ("--structure=heads", "--levels=25", f"--slt_levels={level}")
      done = trained.command("datagen", *self.runs.flags, *flags)
      self.assertEqual(done.returncode, 1 if message else 0)
      self.assertIn(message, done.stderr)

  def test_a_twin_with_another_order_of_batches_trains_the_same_ticket(self):
    """Its own batches would give another mean activation of each unit."""
    flags = ["--method=slt", "--level=50", "--mask_from=dense", "--control=units", "--data_seed=7"]
    self.runs.step("train", "--run=units-50+data_seed_7", *flags, "--ticket_of=units-50")
    first, twin = (Checkpoint(self.runs.initial(f"units-50{more}")) for more in ("", "+data_seed_7"))
    self.assertEqual(first.shapes, twin.shapes)
    for name in (name for name in first.shapes if name.startswith("transformer/") and "Adafactor" not in name):
      self.assertAllEqual(first.read(name), twin.read(name), name)
    ends = [Checkpoint(self.runs.last(f"units-50{more}")) for more in ("", "+data_seed_7")]
    self.assertNotAllClose(*(end.read(end.layers[0]) for end in ends))

  @parameterized.parameters(*HEADS)
  def test_heads_of_all_blocks_together_are_removed_and_stay_so(self, run):
    heads = presets.SIZES[trained.SIZE].num_heads
    folder = self.runs.runs.folder(run)
    initial, rewound = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.early("dense"))
    groups = structures.groups(methods.HEADS, initial.shapes, heads)
    alive = {group.name: group.alive({n: initial.mask(n) for n in group.parts}) for group in groups}
    # Of three blocks.
    self.assertEqual([sum(map(len, alive.values())), sum(map(np.count_nonzero, alive.values()))], [12, 9])
    last = Checkpoint(paths.checkpoint(folder, trained.STEPS.train_steps))
    for group in groups:
      for layer, mask in group.masks(alive[group.name], initial.shapes).items():
        self.assertAllEqual(initial.mask(layer), mask)
        self.assertAllEqual(initial.read(layer), rewound.read(layer) * mask)
        self.assertFalse(np.any(last.read(layer).view(np.uint32)[~mask]), layer)
        self.assertTrue(np.any(last.read(layer)[mask] != initial.read(layer)[mask]), layer)

  def test_masks_nest(self):
    first, second = (Checkpoint(self.runs.initial(run)) for run in ("units-50", "units-50-75"))
    for layer in first.layers:
      self.assertFalse(np.any(second.mask(layer) & ~first.mask(layer)), layer)

  def test_slt_prunes_single_weights_of_what_is_left(self):
    run = "slt+units_50_75-80"
    self.runs.step("train", f"--run={run}", "--method=slt", "--level=80", "--mask_from=units-50-75")
    before, rewound = (Checkpoint(found("units-50-75")) for found in (self.runs.initial, self.runs.early))
    initial, last = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.last(run))
    for layer in initial.layers:
      mask = initial.mask(layer)
      self.assertEqual(np.count_nonzero(mask), masks.kept_count(mask.size, 0.8), layer)
      self.assertFalse(np.any(mask & ~before.mask(layer)), layer)
      self.assertAllEqual(initial.read(layer), rewound.read(layer) * mask)
      self.assertFalse(np.any(last.read(layer).view(np.uint32)[~mask]), layer)
    for group in structures.groups(methods.UNITS, last.shapes):
      alive = group.alive({name: last.mask(name) for name in group.parts})
      self.assertLessEqual(np.count_nonzero(alive), 0.25 * alive.size)

  def test_a_result_has_the_share_of_units_and_that_of_weights(self):
    self.runs.step("evaluate", "--run=units-50")
    result = run_files.result(self.runs.runs.folder("units-50"))
    final = Checkpoint(paths.checkpoint(self.runs.runs.folder("units-50"), result["best_step"]))
    self.assertEqual(result["removed"], {"kind": "units", "share": 0.5})
    self.assertTrue(result["on_target"])
    found = [final.mask(layer) for layer in final.layers]
    self.assertAllClose(result["sparsity"], 1 - sum(np.count_nonzero(m) for m in found) / sum(m.size for m in found))
    self.assertLess(result["sparsity"], 0.4)
    table = self.runs.step("results", "--runs=units-50")
    self.assertRegex(table, rf"\n *{result['sparsity'] * 100:.6g}% .* units-50, .*50% of the feed-forward units\n")


if __name__ == "__main__":
  tf.test.main()
