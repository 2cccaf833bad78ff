"""What is made for accelerators, as far as a CPU can show it: TPUEstimator on packed text, bfloat16 activations."""

import os
import shutil

import devices
import fresh
import numpy as np
import small_model
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry

from t2t_lottery import masks, paths
from t2t_lottery.checkpoints import Checkpoint

PACKED = "translate_ende_wmt14_packed"
# Flags, hparams.
RUNS = {
  "estimator": ([], ""),
  "tpu_estimator": (["--use_tpu_estimator"], ""),
  "bfloat16": ([], "activation_dtype=bfloat16,"),
}
STEPS = 6
FINAL = 0.9


class AcceleratorsTest(parameterized.TestCase, tf.test.TestCase):
  """A run on packed text that starts from a ticket and is pruned after steps 2 and 4."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = os.path.join(cls.get_temp_dir(cls()), "accelerators")
    model = small_model.SmallModel(os.path.join(cls.folder, "model"), devices.HPARAMS)
    names = [registry.problem(name).vocab_filename for name in (small_model.PROBLEM, PACKED)]
    shutil.copy(*(os.path.join(model.data_dir, name) for name in names))
    cls.seen = {}
    for run, (flags, hparams) in RUNS.items():
      hparams += (
        f"mask_checkpoint={model.checkpoint},rewind_checkpoint={model.checkpoint},initial_sparsity=0.7,sparsity={FINAL},"
        "prune_every=2,prune_until=4"
      )
      arguments = devices.arguments(model, os.path.join(cls.folder, run), "slt_mp", hparams, STEPS, flags, PACKED)
      record = os.path.join(cls.folder, f"{run}.json")
      cls.seen[run] = fresh.call(devices.train, arguments, [[0]], record, 1, None, None, True)

  def last(self, run):
    return Checkpoint(paths.checkpoint(os.path.join(self.folder, run), STEPS))

  def test_tpu_estimator_trains_as_the_plain_one(self):
    self.assertLen(self.seen["estimator"]["losses"], STEPS)
    self.assertAllClose(self.seen["tpu_estimator"]["losses"], self.seen["estimator"]["losses"], rtol=1e-5)
    ours, plain = self.last("tpu_estimator"), self.last("estimator")
    self.assertEqual(ours.shapes, plain.shapes)
    for layer in plain.layers:
      self.assertAllEqual(ours.mask(layer), plain.mask(layer), layer)

  def test_bfloat16_activations_change_the_loss_a_little(self):
    self.assertNotEqual(self.seen["bfloat16"]["losses"], self.seen["estimator"]["losses"])
    self.assertAllClose(self.seen["bfloat16"]["losses"], self.seen["estimator"]["losses"], rtol=0.05)
    self.assertEqual(self.last("bfloat16").shapes, self.last("estimator").shapes)

  @parameterized.parameters(*RUNS)
  def test_pruned_weights_are_zero_and_kept_ones_move(self, run):
    start, last = Checkpoint(paths.kept(os.path.join(self.folder, run), 0)), self.last(run)
    for layer in last.layers:
      mask, weights = last.mask(layer), last.read(layer)
      self.assertEqual(np.count_nonzero(mask), masks.kept_count(mask.size, FINAL), layer)
      self.assertFalse(np.any(weights.view(np.uint32)[~mask]), layer)
      self.assertTrue(np.any(weights[mask] != start.read(layer)[mask]), layer)


if __name__ == "__main__":
  tf.test.main()
