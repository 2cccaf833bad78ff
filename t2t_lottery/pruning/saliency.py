"""Scores of weights at initialization: SNIP and supermask (from batches of text) and SynFlow (from the weights alone)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import layers, masks, methods, supermask

SNIP_BATCHES = 10
SYNFLOW_ROUNDS = 100


@contextlib.contextmanager
def started(weights: Mapping[str, np.ndarray]) -> Iterator[tf.Session]:
  """A session of the default graph, a training graph that is not finalized, with its input pipeline and these weights.

  Args:
    weights: name -> value of every trainable variable.
  """
  graph = tf.get_default_graph()
  iterators = [operation for operation in graph.get_operations() if operation.type == "MakeIterator"]
  with tf.Session(graph=graph) as session:
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer(), tf.tables_initializer()])
    session.run(iterators)
    for variable in tf.trainable_variables():
      variable.load(weights[variable.op.name], session)
    yield session


def batches_of(session: tf.Session, count: int) -> list[dict[tf.Tensor, np.ndarray]]:
  """Batches of the graph's input pipeline, each as what is to be fed in its place."""
  operations = session.graph.get_operations()
  features = [tensor for operation in operations if operation.type == "IteratorGetNext" for tensor in operation.outputs]
  return [dict(zip(features, session.run(features))) for _ in range(count)]


def snip(
  weights: Mapping[str, np.ndarray], gradients: Mapping[str, tf.Tensor], batches: int = SNIP_BATCHES
) -> dict[str, np.ndarray]:
  """|w * dL/dw|, with the gradient summed over batches of training data (Lee, Ajanthan and Torr 2019).

  Runs the default graph, a training graph that is not finalized, in its own session.

  Args:
    weights: name -> value of every trainable variable.
    gradients: layer -> gradient of the loss.
    batches: number of batches.

  Returns:
    Layer -> scores.
  """
  total = {layer: np.zeros_like(weights[layer]) for layer in gradients}
  with started(weights) as session:
    for _ in range(batches):
      for layer, value in session.run(dict(gradients)).items():
        total[layer] += value
  return {layer: np.abs(value * weights[layer]) for layer, value in total.items()}


def learned_mask(
  weights: Mapping[str, np.ndarray],
  gradients: Mapping[str, tf.Tensor],
  sparsity: float,
  settings: supermask.Settings,
  seed: int,
  prune_embedding: bool = True,
) -> dict[str, np.ndarray]:
  """The logits of a mask that is learned on batches of training data, in the order of the run's first ones.

  Runs the default graph, as `snip`.

  Args:
    weights: name -> value of every trainable variable; they stay as they are.
    gradients: layer -> gradient of the loss.
    sparsity, settings, seed: see `supermask.learn`.
    prune_embedding: whether the embedding is pruned.

  Returns:
    Layer -> scores, for the layers that are pruned.
  """
  pruned = layers.prunable(gradients, prune_embedding)
  variables = {v.op.name: v for v in tf.trainable_variables()}
  fetched = {name: gradients[name] for name in pruned}
  # The initializers of all layers as one operation, fed with the masked weights: a `load` of each takes longer.
  initializers = tf.group(*(variables[name].initializer for name in pruned))
  steps = 0

  with started(weights) as session:

    def gradient(masked: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
      nonlocal steps
      session.run(initializers, {variables[name].initializer.inputs[1]: value for name, value in masked.items()})
      if steps % max(1, settings.steps // 10) == 0:
        tf.logging.info("Supermask: %d of %d steps", steps, settings.steps)
      steps += 1
      return session.run(fetched)

    logits = supermask.learn({name: weights[name] for name in pruned}, gradient, sparsity, settings, seed)
  return supermask.scores(logits)


def synflow(
  weights: Mapping[str, np.ndarray],
  sparsity: float,
  num_heads: int,
  scope: str = methods.LAYER,
  prune_embedding: bool = True,
  rounds: int = SYNFLOW_ROUNDS,
) -> dict[str, np.ndarray]:
  """|w| * dR/d|w| after several rounds of pruning to exponentially decreasing density (Tanaka et al. 2020).

  R is the sum of the outputs of the network with |w| in place of w on an input of ones. The nonlinear parts of t2t's
  Transformer are made linear: an attention weight is its logit divided by a constant, the logit itself, so that it is 1,
  as it is after softmax over equal positions; layer norm divides by a constant, the root mean square of its input; ReLU
  sees positive numbers only. Biases are left out.

  In a network without shortcuts the scores of each layer have the same sum, from which it follows that global pruning
  empties no layer (theorems 2 and 3). Residual connections bypass a block, and the deeper it is, the smaller its sum. So
  with `methods.GLOBAL` the scores of each layer are divided by their sum; without shortcuts that changes nothing.

  Args:
    weights: layer -> value.
    sparsity: fraction of the weights that the last round will prune.
    num_heads: of each attention block.
    scope: one of `methods.SCOPES`: whether weights compete within their layer or across all layers.
    prune_embedding: whether the embedding is pruned.
    rounds: number of rounds.

  Returns:
    Layer -> scores before the last round; 0 for weights pruned in earlier rounds.
  """
  pruned = layers.prunable(weights, prune_embedding)
  kept = {name: np.ones(weights[name].shape, bool) for name in pruned}
  with tf.Graph().as_default(), tf.Session() as session:
    # One variable per layer: its masked magnitudes are loaded each round.
    magnitudes = {n: tf.get_variable(f"layer{i}", shape=weights[n].shape) for i, n in enumerate(weights)}
    flow_gradients = dict(zip(weights, tf.gradients(_flow(magnitudes, num_heads), list(magnitudes.values()))))
    scores: dict[str, np.ndarray] = {}
    for i in range(1, rounds + 1):
      for name, variable in magnitudes.items():
        variable.load(np.abs(weights[name]) * kept.get(name, 1.0), session)
      scores = {name: session.run(magnitudes[name]) * g for name, g in session.run(flow_gradients).items()}
      if scope == methods.GLOBAL:
        scores = {name: _of_equal_sum(score) for name, score in scores.items()}
      if i < rounds:
        density = (1 - sparsity) ** (i / rounds)
        if scope == methods.GLOBAL:
          kept = masks.global_mask({name: scores[name] for name in pruned}, 1 - density, kept)
        else:
          kept = {name: masks.magnitude_mask(scores[name], 1 - density, kept[name]) for name in pruned}
  return scores


def _of_equal_sum(score: np.ndarray) -> np.ndarray:
  """Scores of a layer divided by their sum; unchanged if all are 0."""
  return score / (score.sum(dtype=np.float64) or 1.0)


def _flow(weights: Mapping[str, tf.Tensor], num_heads: int) -> tf.Tensor:
  """The sum R of the outputs for an input of ones: all positions of a sentence are equal, so one is enough."""
  embedding = tf.concat([weights[name] for name in sorted(filter(layers.is_embedding, weights), key=_shard)], axis=0)

  def norm(x):
    return x / tf.stop_gradient(tf.sqrt(tf.reduce_mean(tf.square(x))))

  def attention(scope, x, memory):
    q, k, v = (
      tf.reshape(tf.matmul(source, weights[f"{scope}/multihead_attention/{part}/kernel"]), [num_heads, -1])
      for source, part in ((x, "q"), (memory, "k"), (memory, "v"))
    )
    logits = tf.reduce_sum(q * k, axis=1, keepdims=True)
    # 1, as the softmax over equal logits sums to; 0 in a head without queries or keys.
    attended = tf.math.divide_no_nan(logits, tf.stop_gradient(logits))
    heads = tf.reshape(attended * v, [1, -1])
    return tf.matmul(heads, weights[f"{scope}/multihead_attention/output_transform/kernel"])

  def stack(side, x, memory=None):
    numbers = {int(found[1]) for name in weights if (found := re.search(rf"/{side}/layer_(\d+)/", name))}
    for number in sorted(numbers):
      scope = f"transformer/body/{side}/layer_{number}"
      y = norm(x)
      x += attention(f"{scope}/self_attention", y, y)
      if memory is not None:
        x += attention(f"{scope}/encdec_attention", norm(x), memory)
      x += tf.matmul(tf.matmul(norm(x), weights[f"{scope}/ffn/conv1/kernel"]), weights[f"{scope}/ffn/conv2/kernel"])
    return norm(x)

  start = norm(tf.reduce_sum(embedding, axis=0, keepdims=True))
  output = stack("decoder", start, stack("encoder", start))
  # Divided by a constant to avoid overflow.
  total = tf.reduce_sum(tf.matmul(output, embedding, transpose_b=True))
  return total / tf.stop_gradient(total)


def _shard(name: str) -> int:
  return int(name.rsplit("_", 1)[1])
