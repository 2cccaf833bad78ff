"""Statistics of a model's layers: sparsity, magnitudes, similarity to another model. Arrays in, numbers out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.pruning import layers, masks


class Statistics(NamedTuple):
  """Statistics of one layer, or of several combined.

  Attributes:
    size: number of weights.
    kept: number of weights that the mask keeps or that are not zero.
    largest: the largest magnitude.
    total: the sum of the magnitudes.
    both: number of weights that this and the other model keep; 0 without another model.
    either: number of weights that at least one of them keeps; 0 without another model.
    same_signs: number of weights that both keep with the same sign.
    nonzero_pruned: number of pruned weights that are not zero: 0 unless they were changed outside of training.
  """

  size: int
  kept: int
  largest: float
  total: float
  both: int = 0
  either: int = 0
  same_signs: int = 0
  nonzero_pruned: int = 0

  def figures(self) -> dict[str, float | None]:
    """The figures to report.

    Returns:
      `sparsity`: fraction of pruned weights; `largest` and `mean`: magnitude of the kept weights. Compared with another
      model, `signs`: fraction of equal signs among the weights that both keep; `mask`: weights that both keep / weights
      that either keeps. None if the denominator is 0.
    """
    return {
      "sparsity": (self.size - self.kept) / self.size if self.size else None,
      "largest": self.largest,
      "mean": self.total / self.kept if self.kept else None,
      "signs": self.same_signs / self.both if self.both else None,
      "mask": self.both / self.either if self.either else None,
    }


def layer_statistics(
  weights: np.ndarray,
  mask: np.ndarray | None = None,
  other: np.ndarray | None = None,
  other_mask: np.ndarray | None = None,
) -> Statistics:
  """Statistics of one layer.

  Args:
    weights: float array.
    mask: bool array of the same shape; None: nonzero weights are kept.
    other: the same layer of another model to compare with; None: no comparison.
    other_mask: mask of `other`; None as for `mask`.
  """
  kept = weights != 0 if mask is None else mask | (weights != 0)
  magnitude = np.abs(weights)
  found = Statistics(
    size=weights.size,
    kept=int(np.count_nonzero(kept)),
    largest=float(magnitude.max(initial=0)),
    total=float(magnitude.sum(dtype=np.float64)),
    nonzero_pruned=0 if mask is None else _count_nonzero_pruned(weights, mask),
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


def _count_nonzero_pruned(weights: np.ndarray, mask: np.ndarray) -> int:
  return int(np.count_nonzero(weights)) - int(np.count_nonzero(weights[mask]))


def describe_nonzero_pruned(variables: Mapping[str, np.ndarray]) -> str | None:
  """Describes the pruned weights that are not zero, on one line; None if there are none.

  Args:
    variables: name -> value, masks included.
  """
  found = {}
  for name in layers.prunable(variables):
    mask = variables.get(layers.mask_name(name))
    if mask is not None and (count := _count_nonzero_pruned(variables[name], mask)):
      found[name] = f"{count:,} of the {mask.size - int(np.count_nonzero(mask)):,} in {name}"
  if not found:
    return None
  more = f" and weights in {len(found) - 1} more layers" if len(found) > 1 else ""
  return f"weights that its masks prune are not zero: {next(iter(found.values()))}{more}"


def combined(statistics: Iterable[Statistics]) -> Statistics:
  """Statistics of several layers combined."""
  columns = list(zip(*statistics)) or [(0,)] * len(Statistics._fields)
  return Statistics(*(max(c) if name == "largest" else sum(c) for name, c in zip(Statistics._fields, columns)))


def on_target(found: Mapping[str, Statistics], sparsity: float, is_global: bool) -> bool:
  """Whether layers have the number of weights that a sparsity keeps, to within one per layer.

  Args:
    found: layer -> statistics, of the pruned layers.
    sparsity: fraction of the weights to prune.
    is_global: whether the sparsity is that of all layers combined instead of each layer.
  """
  counted = [combined(found.values())] if is_global else found.values()
  allowed = len(found) if is_global else 1
  return all(abs(one.kept - masks.kept_count(one.size, sparsity)) <= allowed for one in counted)


def model_statistics(
  variables: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray] | None = None
) -> dict[str, Statistics]:
  """Layer -> statistics.

  Args:
    variables: name -> value, as in a checkpoint, including its masks if any.
    other: another model with layers of the same shapes.
  """
  return {
    name: layer_statistics(
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
  """Layer -> figures (`Statistics.figures`); last, those of all layers combined as `total`.

  Args:
    variables, other: as in `model_statistics`.
  """
  found = model_statistics(variables, other)
  return {**{name: one.figures() for name, one in found.items()}, "total": combined(found.values()).figures()}


class Emptied(NamedTuple):
  """Completely pruned structures.

  Attributes:
    embedding_rows: number of subwords with an embedding of zeros: t2t treats them as padding in a source
      (`common_attention.embedding_to_padding`).
    vocabulary: number of all subwords.
    layers: names of the layers without any weight.
    heads: attention block -> number of heads without any query, key, value or output weight.
    units: feed-forward block -> number of units without any input or output weight.
  """

  embedding_rows: int
  vocabulary: int
  layers: list[str]
  heads: dict[str, int]
  units: dict[str, int]

  def to_json(self) -> dict[str, Any]:
    """Counts only, as stored in results."""
    return {
      "embedding_rows": self.embedding_rows,
      "layers": len(self.layers),
      "heads": sum(self.heads.values()),
      "units": sum(self.units.values()),
    }

  def describe(self) -> list[str]:
    """One line for each kind of structure that is present."""
    lines = []
    if self.embedding_rows:
      lines.append(
        f"{self.embedding_rows:,} of {self.vocabulary:,} subwords have no embedding left: t2t treats them as padding "
        "in a source"
      )
    if self.layers:
      lines.append(f"no weight left in {', '.join(self.layers)}")
    for kind, found in (("heads", self.heads), ("feed-forward units", self.units)):
      if found:
        where = ", ".join(f"{count} in {block}" for block, count in found.items())
        lines.append(f"{sum(found.values())} {kind} pruned completely: {where}")
    return lines


# Of the Transformer, and of BERT.
_ATTENTION_PART = re.compile(
  r"(.+)/(?:multihead_attention/(?:q|k|v|(output_transform))|attention/(?:self/(?:query|key|value)|(output/dense)))/kernel"
)
_FEED_FORWARD_PART = re.compile(r"(.+)/(?:(conv1|intermediate/dense)|conv2|(?<!/attention/)output/dense)/kernel")


def emptied(variables: Mapping[str, np.ndarray], num_heads: int | None = None) -> Emptied:
  """The structures of a model whose weights are all 0.0.

  Args:
    variables: name -> value; only layers are used.
    num_heads: of each attention block; None skips heads.
  """
  rows = vocabulary = 0
  empty_layers: list[str] = []
  heads: dict[str, np.ndarray] = {}
  units: dict[str, np.ndarray] = {}
  for name in layers.prunable(variables):
    used = variables[name] != 0
    if not used.any():
      empty_layers.append(name)
    if layers.is_embedding(name):
      rows += int(np.count_nonzero(~used.any(axis=1)))
      vocabulary += len(used)
    elif num_heads and (match := _ATTENTION_PART.fullmatch(name)):
      # The heads of queries, keys and values are adjacent columns; those of the output transform are adjacent rows.
      by_head = used.reshape(-1, used.shape[-1]) if match[2] or match[3] else used.reshape(len(used), -1).T
      is_empty = ~by_head.reshape(num_heads, -1).any(axis=1)
      heads[match[1]] = heads.get(match[1], False) | is_empty
    elif match := _FEED_FORWARD_PART.fullmatch(name):
      is_empty = ~(used.any(axis=0) if match[2] else used.any(axis=1))
      units[match[1]] = units.get(match[1], False) | is_empty

  def counted(found: dict[str, np.ndarray]) -> dict[str, int]:
    return {block: int(empty.sum()) for block, empty in found.items() if empty.any()}

  return Emptied(rows, vocabulary, empty_layers, counted(heads), counted(units))
