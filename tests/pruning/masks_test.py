"""Masks and layers."""

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.pruning import layers, masks
from t2t_lottery.utils.errors import UserError

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


def random_weights(shape=(123, 77), seed=1):
  return np.random.RandomState(seed).standard_t(3, size=shape).astype(np.float32)


class MasksTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*LEVELS)
  def test_keeps_the_largest_magnitudes_and_their_exact_number(self, sparsity):
    weights = random_weights()
    mask = masks.magnitude_mask(weights, sparsity)
    self.assertEqual(np.count_nonzero(mask), round(weights.size * (1 - sparsity)))
    if sparsity:
      self.assertGreaterEqual(np.abs(weights[mask]).min(), np.abs(weights[~mask]).max())

  @parameterized.parameters((10, 0.96), (100, 0.996), (1, 0.5), (16384, 0.999999999))
  def test_sparsity_that_leaves_no_weight_is_an_error(self, size, sparsity):
    with self.assertRaisesRegex(UserError, f"sparsity {sparsity} leaves none of the {size} weights"):
      masks.magnitude_mask(np.ones(size, np.float32), sparsity)
    self.assertEqual(masks.kept_count(size, 1 - 1 / size), 1)

  @parameterized.parameters(0.5, 0.8, 0.9)
  def test_mask_equals_that_of_tfmot(self, sparsity):
    from tensorflow_model_optimization.python.core.sparsity.keras import (
      pruning_impl,
      pruning_schedule,
    )

    weights = random_weights((100, 100))
    with tf.Graph().as_default(), tf.Session() as session:
      pruning = pruning_impl.Pruning(
        training_step_fn=lambda: tf.constant(0, tf.int64),
        pruning_vars=[],
        pruning_schedule=pruning_schedule.ConstantSparsity(sparsity, begin_step=0),
        block_size=(1, 1),
        block_pooling_type="AVG",
      )
      theirs = session.run(pruning._update_mask(tf.constant(weights)))[1]
    self.assertAllEqual(masks.magnitude_mask(weights, sparsity), theirs.astype(bool))

  def test_masks_of_increasing_levels_nest_even_if_pruned_weights_grow(self):
    mask = np.ones((64, 64), bool)
    for seed, sparsity in enumerate(LEVELS):
      smaller = masks.magnitude_mask(random_weights((64, 64), seed), sparsity, within=mask)
      self.assertFalse(np.any(smaller & ~mask))
      mask = smaller

  def test_a_kept_zero_ranks_above_a_pruned_weight(self):
    within = np.array([True, True, False, False])
    mask = masks.magnitude_mask(np.array([0.0, 1.0, 0.0, 0.0]), 0.5, within)
    self.assertAllEqual(mask, within)

  def test_ties_are_broken_so_that_the_count_is_exact(self):
    mask = masks.magnitude_mask(np.ones((10, 10), np.float32), 0.73)
    self.assertEqual(np.count_nonzero(mask), 27)

  @parameterized.parameters(-0.1, 1.0, 90.0, float("nan"))
  def test_sparsity_outside_of_0_to_1_is_an_error(self, sparsity):
    with self.assertRaisesRegex(UserError, r"must be in \[0, 1\)"):
      masks.magnitude_mask(random_weights(), sparsity)

  def test_pruned_weights_are_never_restored(self):
    within = masks.magnitude_mask(random_weights(), 0.9)
    with self.assertRaisesRegex(UserError, "use a higher sparsity"):
      masks.magnitude_mask(random_weights(), 0.8, within)

  def test_nan_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "NaN"):
      masks.magnitude_mask(np.array([1.0, np.nan]), 0.5)


class LayersTest(tf.test.TestCase):
  def test_only_matrices_are_layers(self):
    body = "transformer/body/decoder/layer_0"
    for name in (
      f"{body}/self_attention/multihead_attention/q/kernel",
      f"{body}/encdec_attention/multihead_attention/output_transform/kernel",
      f"{body}/ffn/conv2/kernel",
      "transformer/symbol_modality_100_8/shared/weights_15",
    ):
      self.assertTrue(layers.is_prunable(name), name)
      self.assertTrue(layers.is_mask(layers.mask_name(name)))
    for name in (
      f"{body}/ffn/conv1/bias",
      f"{body}/ffn/layer_prepostprocess/layer_norm/layer_norm_scale",
      "transformer/body/target_space_embedding/kernel",
      f"training/{body}/ffn/conv1/kernel/Adafactor_1",
      "global_step",
    ):
      self.assertFalse(layers.is_prunable(name), name)
      self.assertFalse(layers.is_mask(name))


if __name__ == "__main__":
  tf.test.main()
