"""A checkpoint or file that is not of the model that its hparams describe is rejected before an engine computes with it."""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import sparse_file
from t2t_lottery.inference import transformer_weights
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import small_model

ATTENTION = "transformer/body/decoder/layer_1/encdec_attention/multihead_attention"


class TransformerWeightsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.model = small_model.SmallModel(cls.create_tempdir(cls()).full_path)
    cls.hparams = atomic_files.read_json(paths.hparams(cls.model.folder))
    (cls.embedding,) = (value for name, value in cls.model.variables.items() if "/shared/weights_0" in name)

  def read(self, variables, **changed):
    path = os.path.join(self.create_tempdir().full_path, "model.sparse")
    sparse_file.write(path, variables)
    return transformer_weights.read(path, {**self.hparams, **changed}, len(self.embedding))

  def test_reads_every_variable(self):
    model = self.read(self.model.variables)
    self.assertAllEqual(model.embedding, self.embedding)
    self.assertAllEqual(model.decoder.layers[1].source_attention.k, self.model.variables[f"{ATTENTION}/k/kernel"])
    self.assertEqual(model.heads, self.hparams["num_heads"])

  def test_units_without_effect_are_left_out(self):
    random = np.random.default_rng(1)
    inner, bias, outer = (random.standard_normal(shape).astype(np.float32) for shape in ((6, 8), 8, (8, 6)))
    outer[[0, 3]] = 0
    inner[:, [4, 5, 6]] = 0
    bias[[3, 4, 5, 6]] = 0.5, 0.5, -0.5, 0
    norm = transformer_weights.LayerNorm(np.ones(6, np.float32), np.zeros(6, np.float32))
    block = transformer_weights.FeedForward(norm, inner, bias, outer, np.zeros(6, np.float32))
    shrunk = block.without_idle_units()
    # Unit 4 has no input, but a bias that is positive.
    self.assertAllEqual(shrunk.inner_bias, bias[[1, 2, 4, 7]])
    x = random.standard_normal((5, 6))
    self.assertAllClose(*(np.maximum(x @ one.inner + one.inner_bias, 0) @ one.outer for one in (block, shrunk)))
    nothing = block._replace(outer=np.zeros_like(outer)).without_idle_units()
    self.assertEqual(nothing.inner.shape, (6, 1))

  @parameterized.parameters(
    ("num_hidden_layers", 3, "has no variable transformer/body/encoder/layer_2/"),
    ("num_hidden_layers", 1, "they do not include transformer/body/encoder/layer_1/"),
    ("hidden_size", 64, r"has an embedding of \[.*\], but vocabulary and hparams need \[.*, 64\]"),
  )
  def test_hparams_of_another_model_are_an_error(self, name, value, message):
    with self.assertRaisesRegex(UserError, message):
      self.read(self.model.variables, **{name: value})

  @parameterized.parameters(
    ("transformer/body/encoder/layer_0/ffn/conv2/bias", (1,), np.float32),
    ("transformer/body/encoder/layer_0/ffn/conv1/bias", (3,), np.float32),
    (f"{ATTENTION}/k/kernel", (128, 64), np.float32),
    ("transformer/body/decoder/layer_prepostprocess/layer_norm/layer_norm_bias", (128,), np.float64),
    ("transformer/body/target_space_embedding/kernel", (128,), np.float32),
  )
  def test_a_variable_of_another_shape_or_type_is_an_error(self, name, shape, dtype):
    # The sparse engine's products do not check their indices.
    self.assertIn(name, self.model.variables)
    with self.assertRaisesRegex(
      UserError, r"does not match its hparams: transformer/.* is float(32|64) \[.*, not float32 \["
    ):
      self.read({**self.model.variables, name: np.zeros(shape, dtype)})

  @parameterized.parameters(
    ("num_hidden_layers", "2", "contain num_hidden_layers='2', not a positive number"),
    ("num_heads", 0, "contain num_heads=0, not a positive number"),
    ("num_heads", 7, "are not of a Transformer: see norm_epsilon, hidden_size and num_heads"),
    ("norm_epsilon", None, "are not of a Transformer: see norm_epsilon"),
    ("hidden_size", -1, "contain hidden_size=-1, not a positive number"),
  )
  def test_hparams_that_make_no_model_are_an_error(self, name, value, message):
    with self.assertRaisesRegex(UserError, message):
      self.read(self.model.variables, **{name: value})


if __name__ == "__main__":
  tf.test.main()
