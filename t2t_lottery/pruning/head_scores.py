"""Importance of attention heads by their gradients (Michel, Levy and Neubig 2019, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import methods, saliency, structures

BATCHES = 10


def importance(
  weights: Mapping[str, np.ndarray], gradients: Mapping[str, tf.Tensor], num_heads: int, batches: int = BATCHES
) -> dict[str, np.ndarray]:
  """The mean over examples of |dL/dgate|, for a gate of 1 that multiplies the output of a head.

  No gate is needed: what a head adds to the output of its block is linear in its rows of the output kernel, so dL/dgate is the
  sum of w * dL/dw over these rows. L is the loss of a single example, which is why batches are fed one by one. As in the paper,
  the scores of a block are divided by their Euclidean norm, so that blocks compete on equal terms. The dropout is that of
  training.

  Runs the default graph, a training graph that is not finalized, in its own session.

  Args:
    weights: name -> value of every trainable variable.
    gradients: layer -> gradient of the loss.
    num_heads: of each attention block.
    batches: number of batches of training data.

  Returns:
    Attention block -> float64 [heads].
  """
  groups = structures.groups(methods.HEADS, structures.shapes_of(weights), num_heads)
  variables = {variable.op.name: variable for variable in tf.trainable_variables()}
  gates = {}
  for group in groups:
    product = variables[group.output] * gradients[group.output]
    gates[group.name] = tf.reduce_sum(tf.reshape(product, [num_heads, -1]), axis=1)
  total = {group.name: np.zeros(num_heads) for group in groups}
  with saliency.started(weights) as session:
    for batch in saliency.batches_of(session, batches):
      for example in _examples(batch):
        for name, gate in session.run(gates, example).items():
          total[name] += np.abs(gate)
  return {name: score / (np.linalg.norm(score) or 1.0) for name, score in total.items()}


def _examples(batch: Mapping[tf.Tensor, np.ndarray]) -> Iterator[dict[tf.Tensor, np.ndarray]]:
  """A batch as batches of one example each; what is not of an example, such as the id of the problem, stays."""
  rows = max((len(value) for value in batch.values() if value.ndim > 1), default=1)
  for row in range(rows):
    yield {n: value[row : row + 1] if value.ndim and len(value) == rows else value for n, value in batch.items()}
