"""MP, CLT, SLT-MP and MP-SLT end to end: checkpoints of trained runs against the paper's rules."""

import glob
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.runs import paths, presets
from tests.support import trained


class MethodsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained(*trained.RUNS)

  def checkpoints(self, run):
    folder = self.runs.runs.folder(run)
    return {step: Checkpoint(paths.checkpoint(folder, step)) for step in paths.checkpoint_steps(folder) if step}

  @parameterized.parameters(("mp-80", 0.0, 0.8), ("slt-50-mp-90", 0.5, 0.9), ("slt-50-mp+steps_150-90", 0.5, 0.9, 150))
  def test_gradual_runs_follow_the_schedule_and_restore_no_weight(self, run, initial, final, length=0):
    if length:
      # As planned by `--equal_training`, but shorter.
      of_ticket = ["--mask_from=slt-50", "--initial_level=50", f"--mask_step={trained.STEPS.train_steps}"]
      longer = [f"--steps={length}", f"--rewind_step={trained.STEPS.rewind_step}"]
      self.runs.step("train", f"--run={run}", "--method=slt_mp", "--level=90", *of_ticket, *longer)
    steps, before = presets.for_length(length) if length else trained.STEPS, {}
    for step, checkpoint in self.checkpoints(run).items():
      # A checkpoint is saved before the pruning after its step.
      pruned_at = (step - 1) // steps.prune_every * steps.prune_every
      share = 1 - min(pruned_at, steps.prune_until) / steps.prune_until
      expected = final + (initial - final) * share**3
      for layer in checkpoint.layers:
        mask, weights = checkpoint.mask(layer), checkpoint.read(layer)
        self.assertLessEqual(abs(np.count_nonzero(~mask) - expected * mask.size), 1.01, f"{layer} at step {step}")
        self.assertFalse(np.any(weights.view(np.uint32)[~mask]), f"{layer} at step {step}")
        self.assertFalse(np.any(mask & ~before.get(layer, mask)), f"{layer} at step {step}")
        before[layer] = mask
    self.assertGreater(len(before), 10)
    self.assertEqual(step, steps.train_steps)

  @parameterized.parameters("mp-80", "slt-50-mp-90")
  def test_rotation_keeps_the_rewind_checkpoints(self, run):
    folder = self.runs.runs.folder(run)
    self.assertNotIn(0, paths.checkpoint_steps(folder))  # The run saves one more than t2t keeps.
    self.assertEqual(Checkpoint(self.runs.initial(run)).read("global_step"), 0)
    self.assertEqual(Checkpoint(self.runs.early(run)).read("global_step"), trained.STEPS.rewind_step)

  def test_kept_early_checkpoint_equals_the_one_in_the_rotation(self):
    run, step = "mp-80", trained.STEPS.rewind_step
    kept, rotated = Checkpoint(self.runs.early(run)), Checkpoint(paths.checkpoint(self.runs.runs.folder(run), step))
    self.assertEqual(kept.shapes, rotated.shapes)
    for name in kept.shapes:
      self.assertAllEqual(kept.read(name), rotated.read(name))

  @parameterized.parameters("dense", "slt-50", "mp-80")
  def test_tensorboard_shows_sparsity_magnitudes_and_signs(self, run):
    logged = {}
    for path in glob.glob(os.path.join(self.runs.runs.folder(run), "events.out.*")):
      for event in tf.train.summary_iterator(path):
        for value in event.summary.value:
          if value.tag.startswith("ticket/"):
            logged[value.tag, event.step] = value.simple_value
    last = max(step for _, step in logged)
    initial, final = (
      Checkpoint(path) for path in (self.runs.initial(run), paths.checkpoint(self.runs.runs.folder(run), last))
    )
    expected = {"dense": 0.0, "slt-50": 0.5, "mp-80": 0.8}[run]
    self.assertAlmostEqual(logged["ticket/sparsity/total", last], expected, places=3)
    for layer in final.layers:
      weights = final.read(layer)
      kept = weights != 0
      self.assertAllClose(logged[f"ticket/largest/{layer}", last], np.abs(weights).max())
      same = np.sign(weights[kept]) == np.sign(initial.read(layer)[kept])
      self.assertAllClose(logged[f"ticket/signs/{layer}", last], same.mean(), atol=0.01)

  def test_mp_starts_from_the_weights_of_the_dense_run(self):
    """The seed is the same, and nothing is pruned yet."""
    initial, dense = Checkpoint(self.runs.initial("mp-80")), Checkpoint(self.runs.initial("dense"))
    for layer in dense.layers:
      self.assertAllEqual(initial.read(layer), dense.read(layer))
      self.assertTrue(initial.mask(layer).all())

  def test_slt_mp_starts_from_theta_t_under_the_mask_of_the_slt_run(self):
    initial = Checkpoint(self.runs.initial("slt-50-mp-90"))
    early, final = Checkpoint(self.runs.early("slt-50")), Checkpoint(self.runs.last("slt-50"))
    for layer in initial.layers:
      self.assertAllEqual(initial.mask(layer), final.mask(layer))
      self.assertAllEqual(initial.read(layer), early.read(layer))

  def test_mp_slt_starts_from_theta_t_of_the_mp_run_under_a_mask_from_its_end(self):
    initial = Checkpoint(self.runs.initial("mp-80-slt-90"))
    early, final = Checkpoint(self.runs.early("mp-80")), Checkpoint(self.runs.last("mp-80"))
    for layer in initial.layers:
      mask = initial.mask(layer)
      self.assertFalse(np.any(mask & ~final.mask(layer)))
      self.assertLessEqual(abs(np.count_nonzero(mask) - 0.1 * mask.size), 1)
      self.assertAllEqual(initial.read(layer), early.read(layer) * mask)

  def test_clt_starts_from_one_magnitude_per_layer_with_the_signs_of_theta_t(self):
    initial, slt = Checkpoint(self.runs.initial("clt-50")), Checkpoint(self.runs.initial("slt-50"))
    for layer in initial.layers:
      mask, weights = initial.mask(layer), initial.read(layer)
      self.assertAllEqual(mask, slt.mask(layer))
      self.assertAllEqual(np.sign(weights), np.sign(slt.read(layer)))
      n_in, n_out = weights.shape
      self.assertAllClose(np.abs(weights[mask]), np.full(np.count_nonzero(mask), (6 / (n_in + n_out)) ** 0.5))

  @parameterized.parameters("snip", "synflow", "supermask")
  def test_masks_at_initialization_are_applied_to_the_initial_weights(self, score):
    run = f"{score}-80"
    more = ["--mask_step=0", f"--control={score}", f"--hparams={trained.HPARAMS},supermask_steps=10"]
    self.runs.step("train", f"--run={run}", "--method=lt", "--level=80", "--mask_from=dense", *more)
    initial, dense = Checkpoint(self.runs.initial(run)), Checkpoint(self.runs.initial("dense"))
    masks = {layer: initial.mask(layer) for layer in initial.layers}
    for layer, mask in masks.items():
      self.assertAllEqual(initial.read(layer), dense.read(layer) * mask)
    joined = np.concatenate([mask.ravel() for mask in masks.values()])
    self.assertAlmostEqual(joined.mean(), 0.2, places=4)
    # Scores of SNIP and supermask compete across layers, so their layers differ in sparsity.
    self.assertEqual(np.ptp([mask.mean() for mask in masks.values()]) > 0.05, score != "synflow")
    by_magnitude = Checkpoint(self.runs.initial("lt-90"))
    overlap = [masks[layer][by_magnitude.mask(layer)].mean() for layer in masks]
    self.assertLess(np.mean(overlap), 0.9)

  @parameterized.parameters("clt-50", "mp-80-slt-90", "slt-50-mp-90")
  def test_step_and_optimizer_slots_are_fresh(self, run):
    initial = Checkpoint(self.runs.initial(run))
    self.assertEqual(initial.read("global_step"), 0)
    slots = [name for name in initial.shapes if "Adafactor" in name]
    self.assertNotEmpty(slots)
    for slot in slots:
      self.assertFalse(np.any(initial.read(slot)), slot)


if __name__ == "__main__":
  tf.test.main()
