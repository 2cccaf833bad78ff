"""Draws a ticket: the sub-network from which a level starts (paper, section 3).

LT and SLT are one rule with two rewind checkpoints: theta_0 for LT, an early theta_t for SLT.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from t2t_lottery import layers, masks
from t2t_lottery.checkpoints import Checkpoint
from t2t_lottery.errors import UserError


class Ticket(NamedTuple):
  """Where a level starts.

  Attributes:
    weights: name -> float32 array, every trainable variable: theta*m for layers, theta for the rest.
    masks: layer -> bool array m.
  """

  weights: dict[str, np.ndarray]
  masks: dict[str, np.ndarray]


def check(mask_from: Checkpoint, rewind_to: Checkpoint, sparsity: float) -> None:
  """Refuses what cannot give a ticket, reading names and shapes, and masks where there are some.

  Raises:
    UserError: if sparsity is outside [0, 1) or below that of the mask checkpoint, or the two checkpoints are of
      different models.
  """
  masks.kept_count(1, sparsity)
  rewind_to.require({name: mask_from.shapes[name] for name in mask_from.layers}, mask_from.prefix)
  mask_from.require({name: rewind_to.shapes[name] for name in rewind_to.layers}, rewind_to.prefix)
  for layer in mask_from.layers:
    mask = mask_from.mask(layer)
    if mask is not None and np.count_nonzero(mask) < masks.kept_count(mask.size, sparsity):
      raise UserError(
        f"sparsity {sparsity} is below that of {mask_from.prefix} "
        f"({layer} is at {1 - np.count_nonzero(mask) / mask.size:.4f}): a pruned weight does not come back"
      )


def draw(mask_from: Checkpoint, rewind_to: Checkpoint, sparsity: float, trainable: list[str]) -> Ticket:
  """Masks by the magnitudes of one checkpoint, applied to the values of another.

  Args:
    mask_from: theta_T of the level before; its mask, if it has one, holds the new one.
    rewind_to: theta_0 (LT) or theta_t (SLT).
    sparsity: share of each layer's weights that the ticket prunes.
    trainable: names of all trainable variables.

  Raises:
    UserError: if a variable is missing, is not finite, or the mask keeps what the rewind checkpoint has pruned.
  """
  ticket = Ticket({}, {})
  for name in trainable:
    value = rewind_to.read(name)
    if layers.is_prunable(name):
      try:
        mask = masks.magnitude_mask(mask_from.read(name), sparsity, mask_from.mask(name))
      except ValueError as error:
        raise UserError(f"{mask_from.role}: {name} of {mask_from.prefix}: {error}") from error
      already = rewind_to.mask(name)
      if already is not None and np.any(mask & ~already):
        raise UserError(
          f"{rewind_to.role}: {rewind_to.prefix} has pruned weights of {name} that the mask keeps: rewind to a "
          f"checkpoint of the run that the mask comes from, or of one before it"
        )
      value = np.where(mask, value, np.zeros((), value.dtype))
      ticket.masks[name] = mask
    if not np.isfinite(value).all():
      raise UserError(f"{rewind_to.role}: {name} of {rewind_to.prefix} holds NaN or infinity")
    ticket.weights[name] = value
  return ticket
