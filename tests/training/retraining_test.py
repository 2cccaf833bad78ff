"""Chains of learning-rate rewinding and fine-tuning, and a continued schedule, in t2t-trainer: weights, masks and the
learning rate of each step.
"""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import masks
from t2t_lottery.runs import paths
from tests.support import devices, fresh

LENGTH = 4
EARLY = 2
# A rate of its own for each step.
SCHEDULE = "learning_rate_constant=4.0,learning_rate_schedule=constant*linear_warmup"
RATES = [4.0 * step / 1000 for step in range(LENGTH + EARLY)]


class RetrainingTest(devices.TestCase, parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.rates = {"dense": cls.train("dense", "dense", "")}
    for method, more in (("lrr", ""), ("finetune", f",schedule_from={LENGTH}")):
      for level, parent in (("50", "dense"), ("50-80", f"{method}-50")):
        ticket = f"mask_checkpoint={cls.last(parent)},sparsity=0.{level[-2:]}{more}"
        cls.rates[f"{method}-{level}"] = cls.train(f"{method}-{level}", method, ticket)
    early = paths.kept(cls.run_folder("dense"), EARLY)
    ticket = f"mask_checkpoint={cls.last('dense')},rewind_checkpoint={early},sparsity=0.5,schedule_from={EARLY}"
    cls.rates["slt"] = cls.train("slt", "slt", ticket)
    cls.rates["slt_on_two"] = cls.train("slt_on_two", "slt", ticket, ["--optionally_use_dist_strat"], [[0], [1]], 2)

  @classmethod
  def train(cls, run, method, hparams, flags=(), groups=((0, 1),), cpus=1):
    """Trains a run; returns the learning rate of each step."""
    hparams = ",".join(filter(None, [SCHEDULE, hparams]))
    arguments = devices.arguments(cls.model, cls.run_folder(run), method, hparams, LENGTH, flags)
    return fresh.call(devices.train, arguments, groups, os.path.join(cls.folder, f"{run}.json"), cpus)["rates"]

  @classmethod
  def last(cls, run):
    return paths.checkpoint(cls.run_folder(run), LENGTH)

  @parameterized.parameters(
    ("lrr-50", "dense", 0.5),
    ("lrr-50-80", "lrr-50", 0.8),
    ("finetune-50", "dense", 0.5),
    ("finetune-50-80", "finetune-50", 0.8),
  )
  def test_level_starts_from_the_last_weights_of_the_one_before_under_their_largest_magnitudes(
    self, run, parent, level
  ):
    initial, final = self.initial(run), tf_checkpoint.Checkpoint(self.last(parent))
    first = self.initial(parent)
    changed = 0
    for name in [name for name in final.shapes if name.startswith("transformer/") and not name.endswith("/mask")]:
      weights = final.read(name)
      if name in final.layers:
        mask = masks.magnitude_mask(weights, level, final.mask(name))
        self.assertAllEqual(initial.mask(name), mask, name)
        weights = np.where(mask, weights, 0)
        changed += np.count_nonzero(weights != np.where(mask, first.read(name), 0))
      self.assertAllEqual(initial.read(name), weights, name)
    # These are not the weights that the parent started from.
    self.assertGreater(changed, 0)
    self.assertEqual(initial.read("global_step"), 0)
    for slot in [name for name in initial.shapes if "Adafactor" in name]:
      self.assertFalse(np.any(initial.read(slot)), slot)

  def test_pruned_weights_stay_zero(self):
    for run in ("lrr-50-80", "finetune-50-80"):
      checkpoint = tf_checkpoint.Checkpoint(self.last(run))
      self.assert_same_masks(checkpoint, self.initial(run))
      self.assert_pruned_to(checkpoint, 0.8)

  def test_learning_rate_of_each_step(self):
    self.assertAllClose(self.rates["dense"], RATES[:LENGTH], rtol=1e-6)
    for run in ("lrr-50", "lrr-50-80"):
      self.assertEqual(self.rates[run], self.rates["dense"])
    for run in ("finetune-50", "finetune-50-80"):
      self.assertAllClose(self.rates[run], [self.rates["dense"][-1]] * LENGTH, rtol=1e-6)
    self.assertAllClose(self.rates["slt"], RATES[EARLY:], rtol=1e-6)

  def test_learning_rate_is_the_same_on_several_devices(self):
    """MirroredStrategy builds the graph of each in its own thread."""
    self.assertEqual(self.rates["slt_on_two"], self.rates["slt"])


if __name__ == "__main__":
  tf.test.main()
