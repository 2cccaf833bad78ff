"""Properties of the scores of SNIP and SynFlow."""

import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

import usr_dir  # noqa: F401
from t2t_lottery.pruning import layers, masks, methods, saliency

HIDDEN, FILTER, HEADS = 16, 32, 4


def model(depth=2, shards=3):
  """Random weights of the layers of a small Transformer."""
  rng = np.random.RandomState(1)
  shapes = {f"transformer/symbol_modality_90_{HIDDEN}/shared/weights_{i}": (30, HIDDEN) for i in range(shards)}
  for side, attentions in (("encoder", ["self"]), ("decoder", ["self", "encdec"])):
    for number in range(depth):
      scope = f"transformer/body/{side}/layer_{number}"
      for attention in attentions:
        for part in ("q", "k", "v", "output_transform"):
          shapes[f"{scope}/{attention}_attention/multihead_attention/{part}/kernel"] = (HIDDEN, HIDDEN)
      shapes[f"{scope}/ffn/conv1/kernel"] = (HIDDEN, FILTER)
      shapes[f"{scope}/ffn/conv2/kernel"] = (FILTER, HIDDEN)
  return {name: rng.randn(*shape).astype(np.float32) / shape[0] ** 0.5 for name, shape in shapes.items()}


def output(weights, constants, fixed=False):
  """SynFlow's R of the small Transformer for an input of ones.

  Args:
    weights: layer -> magnitudes.
    constants: what layer norms and attention divide by, in order; appended to, or with `fixed` taken from.
    fixed: whether they are given.
  """

  def over(x, constant):
    if fixed:
      constant = constants.pop(0)
    else:
      constants.append(constant)
    return x / constant

  def norm(x):
    return over(x, np.sqrt(np.mean(x**2)))

  def attention(scope, x, memory):
    q, k, v = (
      y @ weights[f"{scope}/multihead_attention/{n}/kernel"] for y, n in ((x, "q"), (memory, "k"), (memory, "v"))
    )
    logits = (q * k).reshape(HEADS, -1).sum(1)
    heads = over(logits, logits)[:, None] * v.reshape(HEADS, -1)
    return heads.ravel() @ weights[f"{scope}/multihead_attention/output_transform/kernel"]

  def stack(side, x, memory=None):
    for number in range(len([name for name in weights if f"/{side}/" in name and "/ffn/conv1/" in name])):
      scope = f"transformer/body/{side}/layer_{number}"
      y = norm(x)
      x = x + attention(f"{scope}/self_attention", y, y)
      if memory is not None:
        x = x + attention(f"{scope}/encdec_attention", norm(x), memory)
      x = x + norm(x) @ weights[f"{scope}/ffn/conv1/kernel"] @ weights[f"{scope}/ffn/conv2/kernel"]
    return norm(x)

  embedding = np.concatenate([weight for name, weight in weights.items() if layers.is_embedding(name)])
  start = norm(embedding.sum(0))
  return (embedding @ stack("decoder", start, stack("encoder", start))).sum()


class SynFlowTest(parameterized.TestCase, tf.test.TestCase):
  def test_flow_through_the_layers_of_a_block_is_the_same(self):
    """The conservation of synaptic saliency (Tanaka et al., theorem 1), from which the rest of SynFlow follows."""
    scores = saliency.synflow(model(), 0.5, HEADS, rounds=1)
    blocks = {}
    for name, score in scores.items():
      self.assertTrue(np.all(score > 0), name)
      if not layers.is_embedding(name):
        block = re.sub(r"(q|k|v|output_transform|conv1|conv2)/kernel$", "", name)
        blocks.setdefault(block, []).append(score.sum())
    self.assertLen(blocks, 10)
    for block, flows in blocks.items():
      self.assertAllClose(flows, [flows[0]] * len(flows), rtol=1e-3, msg=block)

  @parameterized.parameters(0.5, 0.9, 0.98)
  def test_pruned_weights_stay_pruned_and_no_layer_collapses(self, sparsity):
    for name, score in saliency.synflow(model(), sparsity, HEADS, rounds=10).items():
      self.assertLessEqual(np.count_nonzero(score), masks.kept_count(score.size, 1 - (1 - sparsity) ** 0.9), name)
      self.assertTrue(np.any(score), name)

  @pytest.mark.slow
  @parameterized.parameters((2, 0.5), (2, 0.98), (6, 0.9))
  def test_global_scope_empties_no_layer(self, depth, sparsity):
    """SynFlow's guarantee (theorem 3), which residual connections would break: without equal sums of the layers' scores, 50
    of the 99 matrices of the deeper model are empty at 90%.
    """
    weights = model(depth)
    scores = saliency.synflow(weights, sparsity, HEADS, scope=methods.GLOBAL, rounds=25)
    found = masks.global_mask(scores, sparsity, {name: np.ones(score.shape, bool) for name, score in scores.items()})
    size = sum(weight.size for weight in weights.values())
    self.assertEqual(sum(np.count_nonzero(mask) for mask in found.values()), masks.kept_count(size, sparsity))
    self.assertEmpty([name for name, mask in found.items() if not np.any(mask)])
    # Not layer by layer: the layers' densities differ.
    densities = [mask.mean() for mask in found.values()]
    self.assertGreater(max(densities), 1.1 * min(densities))

  def test_attention_and_feed_forward_blocks_have_scores_of_one_order(self):
    scores = {name: score.sum() for name, score in saliency.synflow(model(), 0.5, HEADS, rounds=1).items()}
    for side in ("encoder", "decoder"):
      for number in range(2):
        scope = f"transformer/body/{side}/layer_{number}"
        ratio = scores[f"{scope}/self_attention/multihead_attention/v/kernel"] / scores[f"{scope}/ffn/conv1/kernel"]
        self.assertBetween(ratio, 0.3, 3)

  def test_score_is_the_change_of_the_output_when_a_weight_is_scaled(self):
    """Against another implementation of the linear network: in numpy, in double precision, without derivatives."""
    weights = {name: np.abs(weight).astype(float) for name, weight in model().items()}
    constants = []
    total = output(weights, constants)
    scores = saliency.synflow(model(), 0.5, HEADS, rounds=1)
    rng = np.random.RandomState(0)
    for name, weight in weights.items():
      for _ in range(3):
        place = tuple(rng.randint(size) for size in weight.shape)
        changed = weight.copy()
        changed[place] *= 1 + 1e-5
        change = (output({**weights, name: changed}, list(constants), fixed=True) - total) / 1e-5 / total
        # The output is linear in each weight of a block, quadratic in the embedding: below 1e-4 of the score.
        self.assertAllClose(scores[name][place], change, rtol=1e-3, atol=1e-9, msg=name)

  def test_needs_no_data_and_no_signs(self):
    weights = model()
    scores, of_magnitudes = (
      saliency.synflow(w, 0.9, HEADS, rounds=5) for w in (weights, {n: np.abs(w) for n, w in weights.items()})
    )
    for name in weights:
      self.assertAllClose(scores[name], of_magnitudes[name])

  def test_embedding_can_stay_dense(self):
    scores = saliency.synflow(model(), 0.9, HEADS, prune_embedding=False, rounds=5)
    for name, score in scores.items():
      self.assertEqual(bool(np.all(score > 0)), layers.is_embedding(name), name)


class SnipTest(tf.test.TestCase):
  def test_is_weight_times_gradient_over_batches_of_data(self):
    """Against the change of the loss when a weight is scaled down, which SNIP estimates."""
    rng = np.random.RandomState(0)
    inputs, weights = rng.randn(6, 5).astype(np.float32), rng.randn(5, 3).astype(np.float32)
    with tf.Graph().as_default():
      batch = tf.data.make_initializable_iterator(
        tf.data.Dataset.from_tensor_slices(inputs.reshape(3, 2, 5))
      ).get_next()
      variable = tf.get_variable("layer", shape=(5, 3))
      loss = tf.reduce_sum(tf.square(tf.tanh(tf.matmul(batch, variable))))
      (gradient,) = tf.gradients(loss, [variable])
      scores = saliency.snip({"layer": weights}, {"layer": gradient}, batches=3)["layer"]

    def loss_of(changed):
      return np.square(np.tanh(inputs.astype(float) @ changed)).sum()

    for i in np.ndindex(weights.shape):
      less, more = weights.astype(float), weights.astype(float)
      less[i] *= 1 - 1e-5
      more[i] *= 1 + 1e-5
      self.assertAllClose(scores[i], abs(loss_of(more) - loss_of(less)) / 2e-5, rtol=1e-3, atol=1e-5)


if __name__ == "__main__":
  tf.test.main()
