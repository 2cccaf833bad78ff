"""Scores of feed-forward units by their activations on text, block by block on the activations of the pruned blocks before.

The greedy scheme of Zhang et al. (2022), applied to whole units.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import methods, saliency, structures
from t2t_lottery.utils.errors import UserError

BATCHES = 10
# Collection of the default graph: side of the model -> ids of its subwords.
_SUBWORDS = "t2t_lottery_subwords"
# TensorFlow adds a number to a scope of operations, unlike one of variables, that is entered twice.
_ACTIVATION = re.compile(r"/(body/(encoder|decoder)/layer_\d+)(?:_\d+)?/ffn(?:_\d+)?/conv1/Relu$")


def remember_subwords(encoder: tf.Tensor | None, decoder: tf.Tensor) -> None:
  """Keeps the subwords of the graph that is being built, for their padding, which does not count.

  Args:
    encoder, decoder: ids [batch, positions, 1, 1], 0 for padding.
  """
  tf.get_default_graph().get_collection_ref(_SUBWORDS)[:] = [{"encoder": encoder, "decoder": decoder}]


def activations(weights: Mapping[str, np.ndarray], sparsity: float, batches: int = BATCHES) -> dict[str, np.ndarray]:
  """The mean activation of each unit, after ReLU and before dropout, over the subwords of some batches of training data.

  The blocks are scored in the order in which the model computes them. As soon as a block is scored, its units of lowest
  scores are removed, so later blocks are scored on what they will see. All blocks see the same batches. The dropout between
  the blocks is that of training.

  Runs the default graph, a training graph that is not finalized, in its own session.

  Args:
    weights: name -> value of every trainable variable.
    sparsity: share of the units to remove in each block; removed ones, without any weight, stay removed.
    batches: number of batches.

  Returns:
    Feed-forward block -> float64 [units].

  Raises:
    UserError: if the graph has no ReLU of one of the blocks.
  """
  groups = structures.groups(methods.UNITS, structures.shapes_of(weights))
  sums = _sums()
  if missing := [group.name for group in groups if group.name not in sums]:
    raise UserError(f"ticket_score=activation finds no ReLU of {missing[0]} in the training graph: use magnitude")
  variables = {variable.op.name: variable for variable in tf.trainable_variables()}
  scores = {}
  with saliency.started(weights) as session:
    fed = saliency.batches_of(session, batches)
    for group in groups:
      totals, counts = zip(*(session.run(sums[group.name], batch) for batch in fed))
      scores[group.name] = np.sum(totals, axis=0, dtype=np.float64) / np.sum(counts)
      alive = group.alive({layer: weights[layer] != 0 for layer in group.parts})
      (kept,) = structures.kept([group], scores, sparsity, {group.name: alive}).values()
      shapes = structures.shapes_of(weights)
      for name, mask in {**group.masks(kept, shapes), **group.bias_masks(kept, shapes)}.items():
        variables[name].load(weights[name] * mask, session)
  return scores


def _sums() -> dict[str, list[tf.Tensor]]:
  """Feed-forward block -> [sums of its activations over positions, float32 [units]; number of positions, float32 []]."""
  (subwords,) = tf.get_collection(_SUBWORDS)
  found: dict[str, list[tf.Tensor]] = {}
  for operation in tf.get_default_graph().get_operations():
    match = _ACTIVATION.search(operation.name)
    # With several data shards, the first.
    if match and (block := f"transformer/{match[1]}/ffn") not in found:
      values = operation.outputs[0]
      positions = tf.reshape(values, [-1, values.shape[-1]])
      counted = _counted(tf.shape(positions)[0], subwords[match[2]])
      found[block] = [tf.reduce_sum(positions * counted[:, None], axis=0), tf.reduce_sum(counted)]
  return found


def _counted(count: tf.Tensor, ids: tf.Tensor | None) -> tf.Tensor:
  """1.0 for positions that count, 0.0 for padding; float32 [positions]."""
  everything = tf.ones([count])
  if ids is None:
    return everything
  # The encoder removes padding before its blocks (`expert_utils.PadRemover`), unless told not to.
  has_padding = tf.equal(count, tf.size(ids))
  return tf.cond(has_padding, lambda: tf.to_float(tf.not_equal(tf.reshape(ids, [-1]), 0)), lambda: everything)
