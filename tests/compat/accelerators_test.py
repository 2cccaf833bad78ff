"""Features for accelerators, as far as a CPU can test them: TPUEstimator on packed text, bfloat16 activations, XLA."""

import os
import shutil

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.data_generators import generator_utils
from tensor2tensor.utils import registry, trainer_lib

from t2t_lottery import compat
from t2t_lottery.compat.patches import xla
from t2t_lottery.pruning import layers
from tests.support import devices, fresh, small_model

PACKED = "translate_ende_wmt14_packed"
# Flags, hparams.
RUNS = {
  "estimator": ([], ""),
  "tpu_estimator": (["--use_tpu_estimator"], ""),
  "bfloat16": ([], "activation_dtype=bfloat16,"),
  "mixed_precision": (["--gpu_automatic_mixed_precision"], ""),
  "xla": (["--xla_compile"], ""),
}


class AcceleratorsTest(devices.TestCase):
  """A run on packed text that starts from a ticket and is pruned after steps 2 and 4."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    names = [registry.problem(name).vocab_filename for name in (small_model.PROBLEM, PACKED)]
    shutil.copy(*(os.path.join(cls.model.data_dir, name) for name in names))
    cls.seen = {}
    for run, (flags, hparams) in RUNS.items():
      hparams += devices.pruned(cls.model)
      arguments = devices.arguments(cls.model, cls.run_folder(run), "slt_mp", hparams, devices.STEPS, flags, PACKED)
      record = os.path.join(cls.folder, f"{run}.json")
      cls.seen[run] = fresh.call(devices.train, arguments, [[0]], record, packed=True)

  def last(self, run):
    return self.checkpoint(run, devices.STEPS)

  @parameterized.parameters("tpu_estimator", "mixed_precision", "xla")
  def test_trains_as_the_plain_estimator(self, run):
    self.assertLen(self.seen["estimator"]["losses"], devices.STEPS)
    self.assertAllClose(self.seen[run]["losses"], self.seen["estimator"]["losses"], rtol=1e-5)
    ours, plain = self.last(run), self.last("estimator")
    of_loss_scale = {"current_loss_scale": (), "good_steps": ()} if run == "mixed_precision" else {}
    self.assertEqual(ours.shapes, {**plain.shapes, **of_loss_scale})
    for layer in plain.layers:
      self.assertAllEqual(ours.mask(layer), plain.mask(layer), layer)

  def test_xla_compiles_all_ops_that_read_a_weight(self):
    self.assertEmpty(self.seen["estimator"]["compiled"])
    trained = [name for name in self.last("xla").shapes if name.startswith("transformer/") and not layers.is_mask(name)]
    self.assertCountEqual(self.seen["xla"]["compiled"], trained)

  def test_bfloat16_activations_change_the_loss_a_little(self):
    self.assertNotEqual(self.seen["bfloat16"]["losses"], self.seen["estimator"]["losses"])
    self.assertAllClose(self.seen["bfloat16"]["losses"], self.seen["estimator"]["losses"], rtol=0.05)
    self.assertEqual(self.last("bfloat16").shapes, self.last("estimator").shapes)

  @parameterized.parameters(*RUNS)
  def test_pruned_weights_are_zero_and_kept_ones_move(self, run):
    start, last = self.initial(run), self.last(run)
    self.assert_pruned_to(last, devices.FINAL)
    for layer in last.layers:
      mask, weights = last.mask(layer), last.read(layer)
      self.assertFalse(np.any(weights.view(np.uint32)[~mask]), layer)
      self.assertTrue(np.any(weights[mask] != start.read(layer)[mask]), layer)

  @parameterized.parameters(
    (["--worker_gpu=2"], "", "compiles for one device: .* with one GPU"),
    (["--use_tpu_estimator"], "", "compiles for one device: train without --use_tpu_estimator"),
    (
      [],
      "batch_size=63",
      "pads each sentence to max_length=64, and batch_size=63 is too small for one: set another",
    ),
  )
  def test_xla_rejects_what_it_cannot_compile(self, flags, hparams, message):
    arguments = devices.arguments(self.model, self.run_folder("refused"), "dense", hparams, devices.STEPS, flags)
    with self.assertRaisesRegex(AssertionError, f"SystemExit: t2t-lottery: --xla_compile {message}"):
      fresh.call(devices.train, [*arguments, "--xla_compile"], [[0]], os.devnull)


def batch_for_xla(folder):
  """Shape of the batches that XLA compiles for, and the last row, of text of one short sentence."""
  compat.apply_patches()
  problem = devices.Numbers()
  (path,) = problem.training_filepaths(folder, 1, shuffled=True)
  with tf.io.TFRecordWriter(path) as writer:
    writer.write(generator_utils.to_example({"inputs": [3, 1], "targets": [4, 5, 1]}).SerializeToString())
  hparams = trainer_lib.create_hparams("transformer_dense_tiny", "batch_size=100,max_length=30")
  config = tf.estimator.RunConfig()
  config.use_tpu, config.data_parallelism = False, None
  fixed = xla.with_fixed_shape(problem.input_fn)
  rows = problem.tpu_batch_size_per_shard(hparams)
  dataset = fixed("train", hparams, data_dir=folder, params={"batch_size": rows}, config=config)
  features, _ = tf.data.make_one_shot_iterator(dataset).get_next()
  with tf.Session() as session:
    return features["targets"].shape.as_list(), session.run(features["targets"])[-1, :, 0, 0].tolist()


class BatchTest(tf.test.TestCase):
  def test_batches_for_xla_have_t2ts_shape_for_tpus(self):
    shape, row = fresh.call(batch_for_xla, self.create_tempdir().full_path)
    self.assertEqual(shape, [3, 30, 1, 1])
    self.assertEqual(row, [4, 5, 1] + 27 * [0])


if __name__ == "__main__":
  tf.test.main()
