"""What a model's layers look like: how sparse, how large, how like another model's. Arrays in, numbers out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.pruning import layers, masks


class Statistics(NamedTuple):
  """Of one layer, or of several together.

  Attributes:
    size: how many weights it has.
    kept: how many of them its mask keeps, or are not zero though it prunes them.
    largest: the largest magnitude.
    total: the sum of the magnitudes.
    both: how many weights it and the other model keep; 0 without another one.
    either: how many at least one of them keeps; 0 without another one.
    same_signs: how many of those that both keep have the same sign.
    astray: how many are not zero though its mask prunes them: none, unless something else than training has changed them.
  """

  size: int
  kept: int
  largest: float
  total: float
  both: int = 0
  either: int = 0
  same_signs: int = 0
  astray: int = 0

  def shares(self) -> dict[str, float | None]:
    """The figures to look at.

    Returns:
      `sparsity`, share of pruned weights; `largest` and `mean` magnitude of a kept one; and compared with another model `signs`,
      the share of equal ones among the weights that both keep, and `mask`, that of the weights that both keep among
      those that either keeps. None for a share of nothing.
    """
    return {
      "sparsity": (self.size - self.kept) / self.size if self.size else None,
      "largest": self.largest,
      "mean": self.total / self.kept if self.kept else None,
      "signs": self.same_signs / self.both if self.both else None,
      "mask": self.both / self.either if self.either else None,
    }


def of_layer(
  weights: np.ndarray,
  mask: np.ndarray | None = None,
  other: np.ndarray | None = None,
  other_mask: np.ndarray | None = None,
) -> Statistics:
  """Statistics of one layer.

  Args:
    weights: float array.
    mask: bool array of the same shape; None: what is not 0.0 is kept.
    other: the same layer of another model, if there is one to compare with.
    other_mask: its mask.
  """
  kept = weights != 0 if mask is None else mask | (weights != 0)
  magnitude = np.abs(weights)
  found = Statistics(
    size=weights.size,
    kept=int(np.count_nonzero(kept)),
    largest=float(magnitude.max(initial=0)),
    total=float(magnitude.sum(dtype=np.float64)),
    astray=0 if mask is None else _astray(weights, mask),
  )
  if other is None:
    return found
  other_kept = other != 0 if other_mask is None else other_mask
  both = kept & other_kept
  return found._replace(
    both=int(np.count_nonzero(both)),
    either=int(np.count_nonzero(kept | other_kept)),
    same_signs=int(np.count_nonzero(both & (np.signbit(weights) == np.signbit(other)))),
  )


def _astray(weights: np.ndarray, mask: np.ndarray) -> int:
  return int(np.count_nonzero(weights)) - int(np.count_nonzero(weights[mask]))


def astray(variables: Mapping[str, np.ndarray]) -> str | None:
  """What is wrong with a model in which weights that its masks prune are not zero, on one line; None if they are.

  Args:
    variables: name -> value, masks included.
  """
  found = {}
  for name in layers.prunable(variables):
    mask = variables.get(layers.mask_name(name))
    if mask is not None and (count := _astray(variables[name], mask)):
      found[name] = f"{count:,} of the {mask.size - int(np.count_nonzero(mask)):,} in {name}"
  if not found:
    return None
  more = f" and weights in {len(found) - 1} more layers" if len(found) > 1 else ""
  return f"weights that its masks prune are not zero: {next(iter(found.values()))}{more}"


def together(statistics: Iterable[Statistics]) -> Statistics:
  """Statistics of several layers as one."""
  columns = list(zip(*statistics)) or [(0,)] * len(Statistics._fields)
  return Statistics(*(max(c) if name == "largest" else sum(c) for name, c in zip(Statistics._fields, columns)))


def on_target(found: Mapping[str, Statistics], sparsity: float, as_one: bool) -> bool:
  """Whether layers have as many weights as a sparsity leaves them, to within one each.

  Args:
    found: of the layers that are pruned.
    sparsity: share of the weights to prune.
    as_one: whether of all layers together, not of each.
  """
  total = together(found.values())
  counted = [total] if as_one else found.values()
  allowed = len(found) if as_one else 1
  return all(abs(one.kept - masks.kept_count(one.size, sparsity)) <= allowed for one in counted)


def of_model(
  variables: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray] | None = None
) -> dict[str, Statistics]:
  """Statistics of each layer, by its name.

  Args:
    variables: name -> value, as a checkpoint holds them, masks included if it has some.
    other: the same of another model with layers of the same shapes.
  """
  return {
    name: of_layer(
      variables[name],
      variables.get(layers.mask_name(name)),
      None if other is None else other[name],
      None if other is None else other.get(layers.mask_name(name)),
    )
    for name in layers.prunable(variables)
  }


def figures(
  variables: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray] | None = None
) -> dict[str, dict[str, float | None]]:
  """Layer -> figures (`Statistics.shares`), and last those of all layers together as `total`.

  Args:
    variables, other: as of `of_model`.
  """
  found = of_model(variables, other)
  return {**{name: one.shares() for name, one in found.items()}, "total": together(found.values()).shares()}


class Emptied(NamedTuple):
  """What is pruned completely.

  Attributes:
    embedding_rows: how many subwords have an embedding of zeros: in a source, t2t takes them for padding
      (`common_attention.embedding_to_padding`).
    vocabulary: of how many.
    layers: names of the layers without any weight.
    heads: attention -> how many of its heads have lost all of their queries, keys, values or outputs.
    units: feed-forward block -> how many of its units have lost all of their inputs or outputs.
  """

  embedding_rows: int
  vocabulary: int
  layers: list[str]
  heads: dict[str, int]
  units: dict[str, int]

  def to_json(self) -> dict[str, Any]:
    """Numbers alone, as results hold them."""
    return {
      "embedding_rows": self.embedding_rows,
      "layers": len(self.layers),
      "heads": sum(self.heads.values()),
      "units": sum(self.units.values()),
    }

  def in_words(self) -> list[str]:
    """A line for each kind that there is."""
    lines = []
    if self.embedding_rows:
      lines.append(
        f"{self.embedding_rows:,} of {self.vocabulary:,} subwords have no embedding left: t2t takes them for padding in a "
        "source"
      )
    if self.layers:
      lines.append(f"no weight left in {', '.join(self.layers)}")
    for kind, found in (("heads", self.heads), ("feed-forward units", self.units)):
      if found:
        where = ", ".join(f"{count} in {block}" for block, count in found.items())
        lines.append(f"{sum(found.values())} {kind} pruned completely: {where}")
    return lines


_ATTENTION_PART = re.compile(r"(.+)/multihead_attention/(q|k|v|output_transform)/kernel")
_FEED_FORWARD_PART = re.compile(r"(.+)/(conv1|conv2)/kernel")


def emptied(variables: Mapping[str, np.ndarray], num_heads: int | None = None) -> Emptied:
  """Which parts of a model have no weight other than 0.0.

  Args:
    variables: name -> value; what is no layer is passed over.
    num_heads: of each attention; without it heads are not looked at.
  """
  rows = vocabulary = 0
  without: list[str] = []
  heads: dict[str, np.ndarray] = {}
  units: dict[str, np.ndarray] = {}
  for name in layers.prunable(variables):
    used = variables[name] != 0
    if not used.any():
      without.append(name)
    if layers.is_embedding(name):
      rows += int(np.count_nonzero(~used.any(axis=1)))
      vocabulary += len(used)
    elif num_heads and (match := _ATTENTION_PART.fullmatch(name)):
      # Queries, keys and values of the heads are next to each other in the columns, what reads their outputs in the rows.
      side_by_side = (
        used.reshape(-1, used.shape[-1]) if match[2] == "output_transform" else used.reshape(len(used), -1).T
      )
      gone = ~side_by_side.reshape(num_heads, -1).any(axis=1)
      heads[match[1]] = heads.get(match[1], False) | gone
    elif match := _FEED_FORWARD_PART.fullmatch(name):
      gone = ~(used.any(axis=0) if match[2] == "conv1" else used.any(axis=1))
      units[match[1]] = units.get(match[1], False) | gone

  def counted(found: dict[str, np.ndarray]) -> dict[str, int]:
    return {block: int(gone.sum()) for block, gone in found.items() if gone.any()}

  return Emptied(rows, vocabulary, without, counted(heads), counted(units))
