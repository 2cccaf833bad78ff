"""The checkpoint reader compared with TensorFlow's; damaged and foreign files."""

import os
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.utils.errors import UserError

DTYPES = ("float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool")
DTYPES += ("uint32", "uint64")


def save(prefix, variables):
  """Writes arrays, or lists of strings, with TensorFlow."""
  with tf.Graph().as_default(), tf.Session() as session:
    tensors = [tf.constant(value) for value in variables.values()]
    slices = [""] * len(tensors)
    session.run(
      tf.raw_ops.SaveV2(prefix=prefix, tensor_names=list(variables), shape_and_slices=slices, tensors=tensors)
    )


def many():
  """Variables of every type and of unusual shapes, enough for an index of several blocks."""
  random = np.random.RandomState(1)
  variables = {f"type/{name}": random.randint(0, 2, [3, 5]).astype(name) for name in DTYPES}
  variables["scalar"] = np.float32(2.5)
  variables["empty"] = np.zeros([0, 3], np.float32)
  variables["rank4"] = random.randn(2, 1, 3, 4).astype(np.float32)
  variables["größe"] = random.randn(300, 200).astype(np.float32)
  for i in range(400):
    name = f"transformer/body/encoder/layer_{i}/a_name_long_enough_to_fill_the_blocks_of_an_index"
    variables[name] = np.float32([i])
  return variables


class BundleTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.prefix = os.path.join(self.get_temp_dir(), "model.ckpt-7")

  def assert_same(self, expected):
    found = tensor_bundle.read(self.prefix)
    self.assertEqual(list(found), sorted(expected))
    for name, value in expected.items():
      self.assertEqual(found[name].dtype, value.dtype, name)
      self.assertEqual(found[name].shape, value.shape, name)
      self.assertEqual(found[name].tobytes(), value.tobytes(), name)

  def test_reads_what_tensorflow_writes(self):
    save(self.prefix, many())
    self.assertGreater(os.path.getsize(f"{self.prefix}.index"), 2 * 4096)
    self.assert_same(many())

  def test_reads_a_checkpoint_in_several_data_files(self):
    first = {"a": np.float32([[1, 2], [3, 4]]), "d": np.int64(5)}
    second = {"b": np.bool_([True, False]), "c": np.float32([6])}
    parts = [f"{self.prefix}_part{i}" for i in range(2)]
    for part, variables in zip(parts, (first, second)):
      save(part, variables)
    with tf.Graph().as_default(), tf.Session() as session:
      session.run(tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=self.prefix))
    self.assertTrue(os.path.exists(f"{self.prefix}.data-00001-of-00002"))
    self.assert_same({**first, **second})

  def test_reads_only_what_is_wanted(self):
    save(self.prefix, many())
    self.assertEqual(list(tensor_bundle.read(self.prefix, lambda name: name == "scalar")), ["scalar"])

  def test_skips_strings(self):
    save(self.prefix, {"a": np.float32([1]), "text": np.array(["x", "y"])})
    self.assertEqual(list(tensor_bundle.entries(self.prefix)), ["a", "text"])
    self.assert_same({"a": np.float32([1])})

  def test_reports_a_sliced_variable(self):
    with tf.Graph().as_default(), tf.Session() as session:
      tf.get_variable("parts", [4, 3], partitioner=tf.fixed_size_partitioner(2))
      session.run(tf.global_variables_initializer())
      tf.train.Saver().save(session, self.prefix)
    with self.assertRaisesRegex(UserError, "parts was saved in slices"):
      tensor_bundle.read(self.prefix)

  def test_model_variables_exclude_masks_and_slots(self):
    kernel = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
    self.assertTrue(tensor_bundle.is_model_variable(kernel))
    self.assertTrue(tensor_bundle.is_model_variable("transformer/body/target_space_embedding/kernel"))
    for other in (f"{kernel}/mask", f"training/{kernel}/Adafactor", "global_step"):
      self.assertFalse(tensor_bundle.is_model_variable(other), other)

  def test_missing_checkpoint(self):
    with self.assertRaisesRegex(UserError, r"^no checkpoint .*ckpt-7: cannot read .*No such file"):
      tensor_bundle.read(self.prefix)

  def test_missing_data_file(self):
    save(self.prefix, many())
    os.remove(f"{self.prefix}.data-00000-of-00001")
    with self.assertRaisesRegex(UserError, r"cannot read .*data-00000-of-00001: No such file"):
      tensor_bundle.read(self.prefix)

  def test_truncated_data_file(self):
    save(self.prefix, many())
    path = f"{self.prefix}.data-00000-of-00001"
    os.truncate(path, os.path.getsize(path) - 1)
    with self.assertRaisesRegex(UserError, r"data-00000-of-00001 is damaged: .* is truncated"):
      tensor_bundle.read(self.prefix)

  @parameterized.parameters(0, 1, 47, 48, 5000, -1)
  def test_truncated_index(self, size):
    save(self.prefix, many())
    path = f"{self.prefix}.index"
    os.truncate(path, size if size >= 0 else os.path.getsize(path) - 1)
    with self.assertRaisesRegex(UserError, r"ckpt-7.index is damaged or not a TensorFlow checkpoint"):
      tensor_bundle.read(self.prefix)

  def test_any_flipped_bit_in_the_index_is_detected_or_harmless(self):
    save(self.prefix, {"a": np.float32([1, 2]), "b": np.int32([[3]])})
    path = f"{self.prefix}.index"
    with open(path, "rb") as file:
      intact = file.read()
    expected = tensor_bundle.entries(self.prefix)
    detected = 0
    for bit in range(0, 8 * len(intact), 3):
      damaged = bytearray(intact)
      damaged[bit // 8] ^= 1 << bit % 8
      with open(path, "wb") as file:
        file.write(damaged)
      try:
        # The metaindex and the footer's padding are not read.
        self.assertEqual(tensor_bundle.entries(self.prefix), expected)
      except UserError:
        detected += 1
    self.assertGreater(detected, len(intact))

  def test_needs_no_tensorflow(self):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = "import sys, t2t_lottery.checkpoints.tensor_bundle; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


if __name__ == "__main__":
  tf.test.main()
