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

from t2t_lottery.pruning import layers, masks, methods
from t2t_lottery.pruning.weight_source import WeightSource
from t2t_lottery.utils.errors import UserError


class TicketSpec(NamedTuple):
  """How a ticket is drawn.

  Attributes:
    sparsity: fraction of the weights to prune: of each layer, or with a global mask of all layers together.
    score, scope, values, signs, fan: from `methods.SCORES`, `SCOPES`, `VALUES`, `SIGNS` and `FANS`.
    shuffle: whether the mask's positions are shuffled within each layer.
    prune_embedding: whether the embedding is pruned.
    seed: of everything drawn at random.
  """

  sparsity: float
  score: str = methods.MAGNITUDE
  scope: str = methods.LAYER
  values: str = methods.REWOUND
  signs: str = methods.KEPT
  fan: str = methods.SHAPE
  shuffle: bool = False
  prune_embedding: bool = True
  seed: int = 0


class Ticket(NamedTuple):
  """The initial weights and masks of a level.

  Attributes:
    weights: name -> float32 array, every trainable variable: theta*m for layers, theta for the rest.
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
  if spec.scope == methods.GLOBAL:
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
    initialize: (layer, shape, seed) -> new random values for a layer; needed for `methods.REDRAWN` only.
    precomputed_scores: layer -> scores that are not computed here: those of `methods.OF_MODEL`.

  Raises:
    UserError: if a variable is missing or not finite, or the mask keeps weights that the rewind checkpoint has pruned.
  """
  trainable = list(trainable)

  def scores(name: str) -> np.ndarray:
    if precomputed_scores is not None:
      return precomputed_scores[name]
    if spec.score == methods.RANDOM:
      return _rng(name, spec, "mask").random_sample(mask_from.shapes[name])
    return mask_from.read(name)

  ticket = Ticket({}, {})
  global_masks = _global_masks(mask_from, spec, trainable, scores) if spec.scope == methods.GLOBAL else {}
  for name in trainable:
    value = _read_finite(rewind_to, name)
    if layers.is_prunable(name):
      mask = global_masks[name] if name in global_masks else _layer_mask(mask_from, spec, name, scores)
      if spec.shuffle:
        mask = _rng(name, spec, "places").permutation(mask.ravel()).reshape(mask.shape)
      _check_not_pruned(rewind_to, name, mask)
      if spec.values != methods.REWOUND or spec.signs != methods.KEPT:
        value = _change_kept(name, value, mask, spec, initialize)
      value = np.where(mask, value, np.zeros((), value.dtype))
      ticket.masks[name] = mask
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


def _layer_mask(mask_from: WeightSource, spec: TicketSpec, name: str, scores) -> np.ndarray:
  """The mask of one layer, from its own scores."""
  within = mask_from.mask(name)
  if not layers.prunable([name], spec.prune_embedding):
    return np.ones(mask_from.shapes[name], bool) if within is None else within
  try:
    return masks.magnitude_mask(scores(name), spec.sparsity, within)
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {name} of {mask_from.prefix}: {error}") from error


def _global_masks(mask_from: WeightSource, spec: TicketSpec, names: Iterable[str], scores) -> dict[str, np.ndarray]:
  """The masks of all pruned layers, which keep the highest scores across all of them."""
  found = {name: scores(name) for name in layers.prunable(names, spec.prune_embedding)}
  within = {n: np.ones(s.shape, bool) if (mask := mask_from.mask(n)) is None else mask for n, s in found.items()}
  try:
    return masks.global_mask(found, spec.sparsity, within)
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {mask_from.prefix}: {error}") from error


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
  elif spec.values == methods.REDRAWN:
    seed = int(_rng(name, spec, "values").randint(2**31))
    changed[mask] = np.copysign(initialize(name, value.shape, seed)[mask], value[mask])
  elif spec.values == methods.PERMUTED:
    changed[mask] = _rng(name, spec, "values").permutation(value[mask])
  if spec.signs == methods.RANDOM:
    signs = _rng(name, spec, "signs").randint(0, 2, np.count_nonzero(mask)) * 2 - 1
    changed[mask] = np.copysign(changed[mask], signs)
  return changed
