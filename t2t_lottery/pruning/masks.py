"""Magnitude masks, layer by layer (paper, section 3). Arrays in, arrays out.

A mask is a bool array of its layer's shape: True where a weight is kept. Masks nest: a pruned weight is never restored.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from t2t_lottery.utils.errors import UserError


def check_sparsity(sparsity: float) -> None:
  """Raises UserError if sparsity is outside [0, 1)."""
  if not 0.0 <= sparsity < 1.0:
    raise UserError(f"sparsity is {sparsity}, but must be in [0, 1): 0.9 prunes 90%")


def kept_count(size: int, sparsity: float, of: str = "weights of a layer") -> int:
  """The number of kept weights among a layer's `size`: size * (1 - sparsity), rounded half to even.

  Args:
    size: number of weights, or of other things.
    sparsity: share to remove.
    of: what is counted, for errors.

  Raises:
    UserError: if sparsity is outside [0, 1) or keeps no weight.
  """
  check_sparsity(sparsity)
  kept = round(size * (1.0 - sparsity))
  if size and not kept:
    raise UserError(f"sparsity {sparsity:.10g} leaves none of the {size} {of}: use a lower one")
  return kept


def magnitude_mask(weights: np.ndarray, sparsity: float, within: np.ndarray | None = None) -> np.ndarray:
  """Keeps the weights of largest magnitude.

  Args:
    weights: float array, one layer.
    sparsity: fraction of the layer's weights to prune, in [0, 1).
    within: bool array of the same shape: the new mask is a subset of it; None allows all weights.

  Returns:
    A bool array of the same shape with exactly `kept_count` True. Among equal magnitudes, the first in memory order
    are kept.

  Raises:
    UserError: if sparsity is outside [0, 1) or keeps no weight, or `within` keeps fewer weights than requested.
    ValueError: if a weight is not finite (it has no magnitude to compare), or shapes differ.
  """
  kept = kept_count(weights.size, sparsity)
  magnitude = np.abs(weights).ravel()
  if not np.isfinite(magnitude).all():
    raise ValueError("weights contain NaN or infinity")
  if within is not None:
    if within.shape != weights.shape:
      raise ValueError(f"mask of shape {within.shape} for weights of shape {weights.shape}")
    if np.count_nonzero(within) < kept:
      raise UserError(
        f"sparsity {sparsity} keeps {kept} weights, but the mask has only {np.count_nonzero(within)} left: "
        "use a higher sparsity"
      )
    # Below any magnitude, so that a kept weight of exactly 0.0 still ranks above a pruned one.
    magnitude[~within.ravel()] = -1.0
  mask = np.zeros(magnitude.size, dtype=bool)
  if kept:
    threshold = np.partition(magnitude, magnitude.size - kept)[magnitude.size - kept]
    np.greater(magnitude, threshold, out=mask)
    ties = np.flatnonzero(magnitude == threshold)
    mask[ties[: kept - np.count_nonzero(mask)]] = True
  return mask.reshape(weights.shape)


def global_mask(
  weights: Mapping[str, np.ndarray], sparsity: float, within: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Keeps the weights of largest magnitude across all layers.

  Args:
    weights: layer -> float array.
    sparsity: fraction of all weights to prune, in [0, 1).
    within: layer -> bool array: the new mask is a subset of it.

  Returns:
    Layer -> bool array; all of them together have exactly `kept_count` True.

  Raises:
    UserError, ValueError: as `magnitude_mask`.
  """

  def joined(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([arrays[layer].ravel() for layer in weights])

  mask = magnitude_mask(joined(weights), sparsity, joined(within))
  ends = np.cumsum([array.size for array in weights.values()])
  return {n: part.reshape(weights[n].shape) for n, part in zip(weights, np.split(mask, ends[:-1]))}


def sparsity_of(masks: dict[str, np.ndarray]) -> float:
  """The fraction of pruned weights over all layers; 0.0 without layers."""
  size = sum(mask.size for mask in masks.values())
  kept = sum(int(np.count_nonzero(mask)) for mask in masks.values())
  return 1.0 - kept / size if size else 0.0
