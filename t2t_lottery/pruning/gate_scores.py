"""Importance of attention heads and of MLPs by the gradients of gates (Michel, Levy and Neubig 2019, section 4.1; of MLPs
Prasanna, Rogers and Rumshisky 2020, section 3), and of heads by learned gates (Voita et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import hard_concrete, masks, methods, saliency, structures, supermask

BATCHES = 10
# Of Prasanna et al.: a tenth of all heads and of all MLPs is removed before the rest is scored again.
_ROUNDS = [tenths / 10 for tenths in range(1, 10)]


def importance(
  weights: Mapping[str, np.ndarray],
  gradients: Mapping[str, tf.Tensor],
  groups: Sequence[structures.Group],
  batches: int = BATCHES,
  rounds: Sequence[float] = (),
  running_sum: bool = False,
) -> dict[str, np.ndarray]:
  """The mean over examples of |dL/dgate|, for a gate of 1 that multiplies the output of a head, or of an MLP.

  No gate is needed: what a member adds to the output of its block is linear in its rows of the output kernel (of an MLP, in
  the whole kernel and its bias), so dL/dgate is the sum of w * dL/dw over these. L is the loss of a single example, which is
  why batches are fed one by one. As in the paper, the scores of the heads of a block are divided by their Euclidean norm, so
  that blocks compete on equal terms. The dropout is that of training.

  Runs the default graph, a training graph that is not finalized, in its own session.

  Args:
    weights: name -> value of every trainable variable.
    gradients: name -> gradient of the loss, of the output kernels and output biases of the groups at least.
    groups: of heads and MLPs.
    batches: number of batches of training data.
    rounds: sparsities, ascending: at each, the members of least importance over all groups of their kind are removed before
      the rest is scored again. Those that the weights have passed are left out.
    running_sum: whether L is the loss of a batch, and its gradient is added to those of the batches before, as the code of
      Prasanna et al. does, which never sets them to 0: the mean over batches of the absolute values of these sums.

  Returns:
    Group -> float64 [members]; 0 for those that are removed before the last round.
  """
  variables = {variable.op.name: variable for variable in tf.trainable_variables()}
  gates = {group.name: _gates(group, variables, gradients) for group in groups}
  alive = {group.name: group.alive({layer: weights[layer] != 0 for layer in group.parts}) for group in groups}
  shapes = structures.shapes_of(weights)
  with saliency.started(weights) as session:
    fed = saliency.batches_of(session, batches)
    if not running_sum:
      fed = [example for batch in fed for example in _examples(batch)]
    scores = _scores(session, groups, gates, fed, running_sum)
    for sparsity in rounds:
      if not _removes(groups, alive, sparsity):
        continue
      alive = structures.kept(groups, scores, sparsity, alive, methods.GLOBAL)
      for group in groups:
        kept = {**group.masks(alive[group.name], shapes), **group.bias_masks(alive[group.name], shapes)}
        for name, mask in kept.items():
          variables[name].load(weights[name] * mask, session)
      scores = _scores(session, groups, gates, fed, running_sum)
  return scores


def learned(
  weights: Mapping[str, np.ndarray],
  gradients: Mapping[str, tf.Tensor],
  groups: Sequence[structures.Group],
  settings: hard_concrete.Settings,
  seed: int,
) -> dict[str, np.ndarray]:
  """The locations of hard concrete gates on the outputs of heads, learned on batches of training data (Voita et al. 2019,
  section 7.1), in the order of the run's first ones. Unlike there, the weights stay as they are.

  Runs the default graph, as `importance`: a gate multiplies its rows of the output kernel, and its gradient is the sum of
  w * dL/d(gate * w) over these.

  Args:
    weights: name -> value of every trainable variable.
    gradients: name -> gradient of the loss, of the output kernels of the groups at least.
    groups: of heads.
    settings, seed: see `hard_concrete.learn`.

  Returns:
    Group -> float32 [members], shifted so that the lowest of all is 0.
  """
  variables = {variable.op.name: variable for variable in tf.trainable_variables()}
  fetched = {group.name: gradients[group.output] for group in groups}
  with saliency.started(weights) as session:

    def gradient(gates: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
      for group in groups:
        rows = weights[group.output].reshape(group.size, -1)
        gated = rows * gates[group.name][:, np.newaxis]
        variables[group.output].load(gated.reshape(weights[group.output].shape), session)
      found = session.run(fetched)
      return {g.name: (weights[g.output] * found[g.name]).reshape(g.size, -1).sum(axis=1) for g in groups}

    locations = hard_concrete.learn({group.name: group.size for group in groups}, gradient, settings, seed)
  # A head that was removed before has no gradient, so its gate says nothing.
  present = {group.name: np.any(weights[group.output].reshape(group.size, -1), axis=1) for group in groups}
  tf.logging.info(
    "Gates: %.1f of %d expected to be open",
    sum(float(hard_concrete.probability_open(locations[name][there]).sum()) for name, there in present.items()),
    sum(int(np.count_nonzero(there)) for there in present.values()),
  )
  return supermask.scores(locations)


def rounds(sparsity: float) -> list[float]:
  """The sparsities at which Prasanna et al. score again on the way to one."""
  return [one for one in _ROUNDS if one < sparsity]


def _gates(
  group: structures.Group, variables: Mapping[str, tf.Variable], gradients: Mapping[str, tf.Tensor]
) -> tf.Tensor:
  """dL/dgate of each member, float32 [members]."""
  found = tf.reduce_sum(tf.reshape(variables[group.output] * gradients[group.output], [group.size, -1]), axis=1)
  if bias := group.output_bias:
    found += tf.reduce_sum(variables[bias] * gradients[bias])
  return found


def _scores(session: tf.Session, groups: Sequence[structures.Group], gates, fed, running_sum) -> dict[str, np.ndarray]:
  total = {group.name: np.zeros(group.size) for group in groups}
  so_far = {group.name: np.zeros(group.size) for group in groups}
  for one in fed:
    for name, gate in session.run(gates, one).items():
      so_far[name] = so_far[name] + gate if running_sum else gate
      total[name] += np.abs(so_far[name])
  for group in groups:
    # A block has one MLP: its norm would make all equal.
    total[group.name] /= (np.linalg.norm(total[group.name]) or 1.0) if group.kind == methods.HEADS else len(fed)
  return total


def _removes(groups: Sequence[structures.Group], alive: Mapping[str, np.ndarray], sparsity: float) -> bool:
  """Whether a sparsity removes any member, and restores none."""
  found = structures.together(structures.count(groups, alive)).values()
  changes = [one.size - one.gone - masks.kept_count(one.size, sparsity) for one in found]
  return min(changes) >= 0 and max(changes) > 0


def _examples(batch: Mapping[tf.Tensor, np.ndarray]) -> Iterator[dict[tf.Tensor, np.ndarray]]:
  """A batch as batches of one example each; what is not of an example, such as the id of the problem, stays."""
  rows = max((len(value) for value in batch.values() if value.ndim > 1), default=1)
  for row in range(rows):
    yield {n: value[row : row + 1] if value.ndim and len(value) == rows else value for n, value in batch.items()}
