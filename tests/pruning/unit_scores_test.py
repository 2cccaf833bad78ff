"""Scores of units against a Transformer in numpy, computed from the weights alone."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.inference import transformer_weights
from t2t_lottery.pruning import unit_scores
from tests.support import small_model

HIDDEN, HEADS, FILTER = 16, 4, 24
SHAPE = (
  f"hidden_size={HIDDEN},num_heads={HEADS},filter_size={FILTER},"
  "layer_prepostprocess_dropout=0,attention_dropout=0,relu_dropout=0"
)
SOURCE = np.array([[5, 9, 12, 1, 0, 0], [7, 8, 30, 31, 32, 1]])
TARGET = np.array([[11, 4, 1, 0, 0], [22, 23, 9, 6, 1]])
BODY = "transformer/body"


def norm(weights, scope, x):
  scale, bias = (weights[f"{scope}/layer_prepostprocess/layer_norm/layer_norm_{part}"] for part in ("scale", "bias"))
  x = x - x.mean(-1, keepdims=True)
  return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-6) * scale + bias


def attention(weights, scope, x, memory, visible):
  """visible: bool [batch, 1 or queries, keys]."""
  y = norm(weights, scope, x)
  memory = y if memory is None else memory
  kernels = [weights[f"{scope}/multihead_attention/{n}/kernel"] for n in ("q", "k", "v", "output_transform")]
  q, k, v = ((z @ kernel).reshape(*z.shape[:2], HEADS, -1) for z, kernel in zip((y, memory, memory), kernels))
  logits = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(HIDDEN // HEADS)
  logits = np.where(visible[:, None], logits, -1e9)
  shares = np.exp(logits - logits.max(-1, keepdims=True))
  shares /= shares.sum(-1, keepdims=True)
  return x + np.einsum("bhqk,bkhd->bqhd", shares, v).reshape(x.shape) @ kernels[3]


def feed_forward(weights, scope, x, counted, sparsity, scores):
  """Adds the block's scores, and computes on without the units of lowest score."""
  inner, outer = (weights[f"{scope}/conv{n}/kernel"] for n in (1, 2))
  units = np.maximum(norm(weights, scope, x) @ inner + weights[f"{scope}/conv1/bias"], 0)
  scores[scope] = units[counted].mean(0)
  removed = np.argsort(scores[scope])[: round(sparsity * FILTER)]
  units[..., removed] = 0
  return x + units @ outer + weights[f"{scope}/conv2/bias"]


def expected(weights, sparsity):
  """Feed-forward block -> mean activation of each unit, in double precision."""
  weights = {name: value.astype(float) for name, value in weights.items()}
  table = next(value for name, value in weights.items() if "/shared/weights_0" in name) * np.sqrt(HIDDEN)
  table = np.where(np.arange(len(table))[:, None] == 0, 0, table)
  signal = transformer_weights.timing_signal(20, HIDDEN)
  real, scores = SOURCE != 0, {}
  x = table[SOURCE] + weights[f"{BODY}/target_space_embedding/kernel"][0] + signal[: SOURCE.shape[1]]
  for number in range(2):
    scope = f"{BODY}/encoder/layer_{number}"
    x = attention(weights, f"{scope}/self_attention", x, None, real[:, None])
    x = feed_forward(weights, f"{scope}/ffn", x, real, sparsity, scores)
  memory = norm(weights, f"{BODY}/encoder", x)
  shifted = np.pad(table[TARGET], ((0, 0), (1, 0), (0, 0)))[:, :-1]
  y = shifted + signal[: TARGET.shape[1]]
  past = np.tril(np.ones((TARGET.shape[1],) * 2, bool))[None]
  for number in range(2):
    scope = f"{BODY}/decoder/layer_{number}"
    y = attention(weights, f"{scope}/self_attention", y, None, past)
    y = attention(weights, f"{scope}/encdec_attention", y, memory, real[:, None])
    y = feed_forward(weights, f"{scope}/ffn", y, TARGET != 0, sparsity, scores)
  return scores


@pytest.mark.slow
class UnitScoresTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.model = small_model.SmallModel(cls.create_tempdir(cls()).full_path, SHAPE)

  def activations(self, sparsity, **hparams):
    """The scores by the training graph of the model, from two batches of a sentence pair each."""
    made = trainer_lib.create_hparams(
      "transformer_slt_tiny", SHAPE, data_dir=self.model.data_dir, problem_name=small_model.PROBLEM
    )
    made.override_from_dict(hparams)
    with tf.Graph().as_default():
      pairs = tf.data.Dataset.from_tensor_slices((SOURCE.astype(np.int32), TARGET.astype(np.int32))).batch(1)
      ids = tf.data.make_initializable_iterator(pairs).get_next()
      features = {name: one[:, :, None, None] for name, one in zip(("inputs", "targets"), ids)}
      model = registry.model("lottery_transformer")(made, tf.estimator.ModeKeys.TRAIN, made.problem_hparams)
      model({**features, "target_space_id": tf.constant(0)})
      return unit_scores.activations(self.model.variables, sparsity, batches=2)

  @parameterized.parameters((0.0, True), (0.5, True), (0.5, False))
  def test_scores_are_mean_activations_behind_pruned_blocks(self, sparsity, removes_padding):
    scores = self.activations(sparsity, use_pad_remover=removes_padding)
    by_numpy = expected(self.model.variables, sparsity)
    self.assertEqual(list(scores), list(by_numpy))
    for block, score in scores.items():
      # Float32 against double precision.
      self.assertAllClose(score, by_numpy[block], rtol=1e-4, atol=1e-5, msg=block)
    dense = expected(self.model.variables, 0.0)
    changed = [not np.allclose(score, dense[block], rtol=1e-2) for block, score in scores.items()]
    # All but the first see blocks that are pruned.
    self.assertEqual(changed, [False, *[sparsity > 0] * (len(changed) - 1)])


if __name__ == "__main__":
  tf.test.main()
