"""Draws a ticket: the sub-network from which a level starts (paper, section 3).

LT and SLT are one rule with two rewind checkpoints: theta_0 for LT, an early theta_t for SLT. CLT and the controls
change the mask or the values of that ticket (`t2t_lottery/pruning/methods.py` lists them).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning import layers, masks, methods, structures
from t2t_lottery.pruning.weight_source import WeightSource
from t2t_lottery.utils.errors import UserError


class TicketSpec(NamedTuple):
  """How a ticket is drawn.

  Attributes:
    sparsity: fraction of the weights to prune: of each layer, or with a global mask of all layers together. Of a ticket of
      structures: share of them to remove, in each block, or with a global mask in all blocks together.
    score, scope, values, signs, fan: from `methods.SCORES`, `SCOPES`, `VALUES`, `SIGNS` and `FANS`.
    structure: one of `methods.STRUCTURES`: what is kept or removed as a whole.
    num_heads: of each attention block, for a ticket of heads.
    shuffle: whether the mask's positions are shuffled within each layer (of structures, within each block).
    bad: whether the mask keeps, of as many weights or structures, first those that it would remove, at random, then those that
      it would keep.
    prune_embedding: whether the embedding is pruned.
    seed: of everything drawn at random.
  """

  sparsity: float
  score: str = methods.MAGNITUDE
  structure: str = methods.WEIGHTS
  num_heads: int = 0
  scope: str = methods.LAYER
  values: str = methods.REWOUND
  signs: str = methods.KEPT
  fan: str = methods.SHAPE
  shuffle: bool = False
  bad: bool = False
  prune_embedding: bool = True
  seed: int = 0


class Ticket(NamedTuple):
  """The initial weights and masks of a level.

  Attributes:
    weights: name -> float32 array, every trainable variable: theta*m for layers, theta for the rest, but 0 for the biases
      of removed structures; of a reinitialized ticket layers only, as the rest keeps its random initial value.
    masks: layer -> bool array m.
  """

  weights: dict[str, np.ndarray]
  masks: dict[str, np.ndarray]


def check(mask_from: WeightSource, rewind_to: WeightSource, spec: TicketSpec) -> None:
  """Rejects checkpoints that cannot give a ticket; reads names and shapes, and masks if there are any.

  Raises:
    UserError: if sparsity is outside [0, 1) or below that of the mask checkpoint, or the two checkpoints are from
      different models.
  """
  masks.check_sparsity(spec.sparsity)
  rewind_to.require({name: mask_from.shapes[name] for name in mask_from.layers}, mask_from.prefix)
  mask_from.require({name: rewind_to.shapes[name] for name in rewind_to.layers}, rewind_to.prefix)
  current = {name: mask for name in mask_from.layers if (mask := mask_from.mask(name)) is not None}
  pruned = layers.prunable(current, spec.prune_embedding)
  if spec.structure != methods.WEIGHTS:
    groups = structures.groups(spec.structure, structures.shapes_of(current), spec.num_heads)
    found = structures.count(groups, {group.name: group.alive(current) for group in groups})
    if spec.scope == methods.GLOBAL:
      found = {
        f"{structures.NAMES[kind]} of all blocks together": one for kind, one in structures.together(found).items()
      }
    counts = [(name, one.size - one.gone, one.size) for name, one in found.items()]
  elif spec.scope == methods.GLOBAL:
    kept = sum(np.count_nonzero(current[name]) for name in pruned)
    counts = [("all layers together", kept, sum(current[name].size for name in pruned))]
  else:
    counts = [(name, np.count_nonzero(current[name]), current[name].size) for name in pruned]
  for name, kept, size in counts:
    if kept < masks.kept_count(size, spec.sparsity):
      raise UserError(
        f"sparsity {spec.sparsity} is below that of {mask_from.prefix} "
        f"({name}: {1 - kept / size:.4f}), and pruned weights are never restored: use a higher sparsity"
      )


def draw(
  mask_from: WeightSource,
  rewind_to: WeightSource,
  spec: TicketSpec,
  trainable: Iterable[str],
  initialize: Callable[[str, tuple[int, ...], int], np.ndarray] | None = None,
  precomputed_scores: Mapping[str, np.ndarray] | None = None,
) -> Ticket:
  """Draws a ticket: masks from the magnitudes (or other scores) of one checkpoint, applied to the values of another.

  Args:
    mask_from: theta_T of the previous level; the new mask is a subset of its mask, if it has one.
    rewind_to: theta_0 (LT) or theta_t (SLT).
    spec: how the ticket is drawn.
    trainable: names of all trainable variables.
    initialize: (layer, shape, seed) -> new random values for a layer; needed for `methods.REDRAWN` and
      `REINITIALIZED` only.
    precomputed_scores: layer, or group of structures, -> scores that are not computed here: those of `methods.OF_MODEL`.

  Raises:
    UserError: if a variable is missing or not finite, or the mask keeps weights that the rewind checkpoint has pruned.
  """
  trainable = list(trainable)
  found, members = _masks(mask_from, spec, trainable, precomputed_scores)
  ticket = Ticket({}, {})
  for name in trainable:
    if spec.values == methods.REINITIALIZED and name not in found:
      continue
    value = _read_finite(rewind_to, name)
    if name in found:
      mask = found[name]
      _check_not_pruned(rewind_to, name, mask)
      if spec.values != methods.REWOUND or spec.signs != methods.KEPT:
        value = _change_kept(name, value, mask, spec, initialize)
      value = np.where(mask, value, np.zeros((), value.dtype))
      ticket.masks[name] = mask
    elif name in members:
      # Without input and with biases of 0, what a removed structure computes is 0; without output, so are the gradients of its
      # inner biases. Only that of an MLP's output has to be masked (`masked_optimizer`).
      value = np.where(members[name], value, np.zeros((), value.dtype))
    ticket.weights[name] = value
  return ticket


def alpha(name: str, shape: tuple[int, ...], fan: str) -> float:
  """CLT's constant of a layer: sqrt(6 / (n_in + n_out)) (paper, section 3).

  Args:
    name: the layer.
    shape: (n_in, n_out), as t2t stores a kernel; for an embedding or a shard of one (rows, hidden size).
    fan: from `methods.FANS`: n_in and n_out of an embedding.
  """
  n_in, n_out = shape
  if layers.is_embedding(name) and fan == methods.HIDDEN:
    n_in = n_out
  return math.sqrt(6 / (n_in + n_out))


def _rng(name: str, spec: TicketSpec, what: str) -> np.random.RandomState:
  """A layer's random generator; does not depend on the order of layers."""
  return np.random.RandomState([spec.seed, zlib.crc32(f"{what} {name}".encode())])


def _read_finite(source: WeightSource, name: str) -> np.ndarray:
  value = source.read(name)
  if not np.isfinite(value).all():
    raise UserError(f"{source.role}: {name} of {source.prefix} contains NaN or infinity")
  return value


def _masks(
  mask_from: WeightSource, spec: TicketSpec, names: Iterable[str], precomputed: Mapping[str, np.ndarray] | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """The masks of all layers; and of structures, bias -> bool array, False where it is a removed member's."""
  names = [name for name in names if layers.is_prunable(name)]
  if spec.structure != methods.WEIGHTS:
    found, members = _structure_masks(mask_from, spec, names, precomputed)
    return {name: found[name] if name in found else _unchanged(mask_from, name) for name in names}, members

  def scores(name: str) -> np.ndarray:
    if precomputed is not None:
      return precomputed[name]
    if spec.score == methods.RANDOM:
      return _rng(name, spec, "mask").random_sample(mask_from.shapes[name])
    return mask_from.read(name)

  joint = _global_masks(mask_from, spec, names, scores) if spec.scope == methods.GLOBAL else {}
  found = {name: joint[name] if name in joint else _layer_mask(mask_from, spec, name, scores) for name in names}
  if spec.shuffle:
    found = {n: _rng(n, spec, "places").permutation(mask.ravel()).reshape(mask.shape) for n, mask in found.items()}
  if spec.bad:
    found.update(_bad_masks({name: found[name] for name in layers.prunable(found, spec.prune_embedding)}, spec))
  return found, {}


def _bad_masks(found: Mapping[str, np.ndarray], spec: TicketSpec) -> dict[str, np.ndarray]:
  """Masks that keep as many weights, first of those that are pruned."""
  scores = _prefer_removed(found, spec)
  if spec.scope == methods.GLOBAL:
    return masks.global_mask(scores, spec.sparsity, {name: np.ones(mask.shape, bool) for name, mask in found.items()})
  return {name: masks.magnitude_mask(score, spec.sparsity) for name, score in scores.items()}


def _prefer_removed(kept: Mapping[str, np.ndarray], spec: TicketSpec) -> dict[str, np.ndarray]:
  """Random scores that are higher wherever nothing is kept; float64 of the same shapes."""
  return {name: _rng(name, spec, "bad").random_sample(one.shape) + ~one for name, one in kept.items()}


def _unchanged(mask_from: WeightSource, name: str) -> np.ndarray:
  """The layer's previous mask."""
  within = mask_from.mask(name)
  return np.ones(mask_from.shapes[name], bool) if within is None else within


def _layer_mask(mask_from: WeightSource, spec: TicketSpec, name: str, scores) -> np.ndarray:
  """The mask of one layer, from its own scores."""
  if not layers.prunable([name], spec.prune_embedding):
    return _unchanged(mask_from, name)
  try:
    return masks.magnitude_mask(scores(name), spec.sparsity, mask_from.mask(name))
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {name} of {mask_from.prefix}: {error}") from error


def _global_masks(mask_from: WeightSource, spec: TicketSpec, names: Iterable[str], scores) -> dict[str, np.ndarray]:
  """The masks of all pruned layers, which keep the highest scores across all of them."""
  found = {name: scores(name) for name in layers.prunable(names, spec.prune_embedding)}
  within = {name: _unchanged(mask_from, name) for name in found}
  try:
    return masks.global_mask(found, spec.sparsity, within)
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {mask_from.prefix}: {error}") from error


def _structure_masks(
  mask_from: WeightSource, spec: TicketSpec, names: Iterable[str], scores: Mapping[str, np.ndarray] | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
  """Masks of the layers that structures consist of; and bias -> bool array, False where it is a removed member's.

  A mask is a subset of the layer's previous one, which may prune single weights of kept structures.
  """
  groups = structures.groups(spec.structure, {name: mask_from.shapes[name] for name in names}, spec.num_heads)
  within = {layer: _unchanged(mask_from, layer) for group in groups for layer in group.parts}
  if scores is None and spec.score == methods.RANDOM:
    scores = {group.name: _rng(group.name, spec, "mask").random_sample(group.size) for group in groups}
  elif scores is None:
    scores = {group.name: group.norms({n: _read_finite(mask_from, n) for n in group.parts}) for group in groups}
  alive = {group.name: group.alive(within) for group in groups}
  kept = structures.kept(groups, scores, spec.sparsity, alive, spec.scope)
  if spec.shuffle:
    kept = {name: _rng(name, spec, "places").permutation(members) for name, members in kept.items()}
  if spec.bad:
    every = {name: np.ones(members.shape, bool) for name, members in kept.items()}
    kept = structures.kept(groups, _prefer_removed(kept, spec), spec.sparsity, every, spec.scope)
  found, biases = {}, {}
  for group in groups:
    biases.update(group.bias_masks(kept[group.name], mask_from.shapes))
    for layer, mask in group.masks(kept[group.name], mask_from.shapes).items():
      found[layer] = mask if spec.shuffle or spec.bad else mask & within[layer]
  return found, biases


def _check_not_pruned(rewind_to: WeightSource, name: str, mask: np.ndarray) -> None:
  rewind_mask = rewind_to.mask(name)
  if rewind_mask is not None and np.any(mask & ~rewind_mask):
    raise UserError(
      f"{rewind_to.role}: {rewind_to.prefix} has pruned weights of {name} that the mask keeps: rewind to a "
      "checkpoint of the run that the mask comes from, or of an earlier one"
    )


def _change_kept(name, value, mask, spec: TicketSpec, initialize) -> np.ndarray:
  """A layer's values with the kept ones changed according to the spec."""
  changed = value.copy()
  if spec.values == methods.CONSTANT:
    changed[mask] = np.copysign(value.dtype.type(alpha(name, value.shape, spec.fan)), value[mask])
  elif spec.values in (methods.REDRAWN, methods.REINITIALIZED):
    drawn = initialize(name, value.shape, int(_rng(name, spec, "values").randint(2**31)))[mask]
    changed[mask] = np.copysign(drawn, value[mask]) if spec.values == methods.REDRAWN else drawn
  elif spec.values == methods.PERMUTED:
    changed[mask] = _rng(name, spec, "values").permutation(value[mask])
  if spec.signs == methods.RANDOM:
    signs = _rng(name, spec, "signs").randint(0, 2, np.count_nonzero(mask)) * 2 - 1
    changed[mask] = np.copysign(changed[mask], signs)
  return changed
