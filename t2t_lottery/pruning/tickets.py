"""Draws a ticket: the sub-network from which a level starts (paper, section 3).

LT and SLT are one rule with two rewind checkpoints: theta_0 for LT, an early theta_t for SLT. CLT and the controls
change the mask or the values of what that rule gives (`t2t_lottery/pruning/methods.py` lists them).
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
    sparsity: share of the weights to prune: of each layer's, or with a global mask of all layers' together.
    score, scope, values, signs, fan: of `methods.SCORES`, `SCOPES`, `VALUES`, `SIGNS` and `FANS`.
    shuffle: whether the mask's places are shuffled within each layer.
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
  """Where a level starts.

  Attributes:
    weights: name -> float32 array, every trainable variable: theta*m for layers, theta for the rest.
    masks: layer -> bool array m.
  """

  weights: dict[str, np.ndarray]
  masks: dict[str, np.ndarray]


def check(mask_from: WeightSource, rewind_to: WeightSource, choices: TicketSpec) -> None:
  """Refuses what cannot give a ticket, reading names and shapes, and masks where there are some.

  Raises:
    UserError: if sparsity is outside [0, 1) or below that of the mask checkpoint, or the two checkpoints are of
      different models.
  """
  masks.check_sparsity(choices.sparsity)
  rewind_to.require({name: mask_from.shapes[name] for name in mask_from.layers}, mask_from.prefix)
  mask_from.require({name: rewind_to.shapes[name] for name in rewind_to.layers}, rewind_to.prefix)
  there = {name: mask for name in mask_from.layers if (mask := mask_from.mask(name)) is not None}
  pruned = layers.prunable(there, choices.prune_embedding)
  if choices.scope == methods.GLOBAL:
    kept = sum(np.count_nonzero(there[name]) for name in pruned)
    counts = [("all layers together", kept, sum(there[name].size for name in pruned))]
  else:
    counts = [(name, np.count_nonzero(there[name]), there[name].size) for name in pruned]
  for name, kept, size in counts:
    if kept < masks.kept_count(size, choices.sparsity):
      raise UserError(
        f"sparsity {choices.sparsity} is below that of {mask_from.prefix} "
        f"({name} is at {1 - kept / size:.4f}): a pruned weight does not come back"
      )


def draw(
  mask_from: WeightSource,
  rewind_to: WeightSource,
  choices: TicketSpec,
  trainable: Iterable[str],
  initialize: Callable[[str, tuple[int, ...], int], np.ndarray] | None = None,
  given_scores: Mapping[str, np.ndarray] | None = None,
) -> Ticket:
  """Masks by the magnitudes of one checkpoint, or another score, applied to the values of another.

  Args:
    mask_from: theta_T of the level before; its mask, if it has one, holds the new one.
    rewind_to: theta_0 (LT) or theta_t (SLT).
    choices: how.
    trainable: names of all trainable variables.
    initialize: (layer, shape, seed) -> new random values for a layer; needed for `methods.REDRAWN` only.
    given_scores: layer -> scores that are not computed here: those of `methods.SNIP` and `SYNFLOW`.

  Raises:
    UserError: if a variable is missing, is not finite, or the mask keeps what the rewind checkpoint has pruned.
  """
  ticket = Ticket({}, {})
  trainable = list(trainable)

  def scores(name: str) -> np.ndarray:
    if given_scores is not None:
      return given_scores[name]
    if choices.score == methods.RANDOM:
      return _rng(name, choices, "mask").random_sample(mask_from.shapes[name])
    return mask_from.read(name)

  together = _global_masks(mask_from, choices, trainable, scores) if choices.scope == methods.GLOBAL else {}
  for name in trainable:
    value = rewind_to.read(name)
    if not np.isfinite(value).all():
      raise UserError(f"{rewind_to.role}: {name} of {rewind_to.prefix} holds NaN or infinity")
    if layers.is_prunable(name):
      mask = together[name] if name in together else _layer_mask(mask_from, choices, name, scores)
      if choices.shuffle:
        mask = _rng(name, choices, "places").permutation(mask.ravel()).reshape(mask.shape)
      already = rewind_to.mask(name)
      if already is not None and np.any(mask & ~already):
        raise UserError(
          f"{rewind_to.role}: {rewind_to.prefix} has pruned weights of {name} that the mask keeps: rewind to a "
          f"checkpoint of the run that the mask comes from, or of one before it"
        )
      if choices.values != methods.REWOUND or choices.signs != methods.KEPT:
        value = _changed(name, value, mask, choices, initialize)
      value = np.where(mask, value, np.zeros((), value.dtype))
      ticket.masks[name] = mask
    ticket.weights[name] = value
  return ticket


def alpha(name: str, shape: tuple[int, ...], fan: str) -> float:
  """CLT's constant of a layer: sqrt(6 / (n_in + n_out)) (paper, section 3).

  Args:
    name: the layer.
    shape: (n_in, n_out), as t2t stores a kernel; of an embedding or a shard of one (rows, hidden size).
    fan: of `methods.FANS`, what counts for an embedding.
  """
  n_in, n_out = shape
  if layers.is_embedding(name) and fan == methods.HIDDEN:
    n_in = n_out
  return math.sqrt(6 / (n_in + n_out))


def _rng(name: str, choices: TicketSpec, what: str) -> np.random.RandomState:
  """A layer's random generator; does not depend on the order of layers."""
  return np.random.RandomState([choices.seed, zlib.crc32(f"{what} {name}".encode())])


def _layer_mask(mask_from: WeightSource, choices: TicketSpec, name: str, scores) -> np.ndarray:
  """The mask of one layer, among its own weights."""
  within = mask_from.mask(name)
  if not layers.prunable([name], choices.prune_embedding):
    return np.ones(mask_from.shapes[name], bool) if within is None else within
  try:
    return masks.magnitude_mask(scores(name), choices.sparsity, within)
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {name} of {mask_from.prefix}: {error}") from error


def _global_masks(mask_from: WeightSource, choices: TicketSpec, names: Iterable[str], scores) -> dict[str, np.ndarray]:
  """The masks of all pruned layers, which keep the highest scores of all of them together."""
  found = {name: scores(name) for name in layers.prunable(names, choices.prune_embedding)}
  within = {n: np.ones(s.shape, bool) if (mask := mask_from.mask(n)) is None else mask for n, s in found.items()}
  try:
    return masks.global_mask(found, choices.sparsity, within)
  except ValueError as error:
    raise UserError(f"{mask_from.role}: {mask_from.prefix}: {error}") from error


def _changed(name, value, mask, choices: TicketSpec, initialize) -> np.ndarray:
  """A layer's values with the kept ones set as the choices say."""
  changed = value.copy()
  if choices.values == methods.CONSTANT:
    changed[mask] = np.copysign(value.dtype.type(alpha(name, value.shape, choices.fan)), value[mask])
  elif choices.values == methods.REDRAWN:
    seed = int(_rng(name, choices, "values").randint(2**31))
    changed[mask] = np.copysign(initialize(name, value.shape, seed)[mask], value[mask])
  elif choices.values == methods.PERMUTED:
    changed[mask] = _rng(name, choices, "values").permutation(value[mask])
  if choices.signs == methods.RANDOM:
    signs = _rng(name, choices, "signs").randint(0, 2, np.count_nonzero(mask)) * 2 - 1
    changed[mask] = np.copysign(changed[mask], signs)
  return changed
