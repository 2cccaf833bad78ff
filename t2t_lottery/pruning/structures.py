"""Structures of a Transformer that are pruned as a whole: feed-forward units and attention heads. Arrays in, arrays out.

A unit of a feed-forward block is a column of its first kernel, the bias of that column, and a row of its second kernel. A head
of an attention block is adjacent columns of its query, key and value kernels and adjacent rows of its output kernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning import masks, methods


class _Family(NamedTuple):
  """Blocks of one model whose structures are of one kind.

  Attributes:
    first: the first kernel of such a block, with the groups block, side, layer and part (of the layer).
    parts: kernel -> axis along which it is divided into members, in the order of the computation.
    bias: the one with an entry for each member; empty if there is none.
  """

  first: re.Pattern
  parts: dict[str, int]
  bias: str = ""


_SIDE = r"(?P<block>.+/(?P<side>encoder|decoder)/layer_(?P<layer>\d+)/"
_FAMILIES = {
  methods.UNITS: (
    _Family(
      re.compile(_SIDE + r"(?P<part>ffn))/conv1/kernel"), {"conv1/kernel": 1, "conv2/kernel": 0}, bias="conv1/bias"
    ),
  ),
  methods.HEADS: (
    _Family(
      re.compile(_SIDE + r"(?P<part>self|encdec)_attention)/multihead_attention/q/kernel"),
      {
        **{f"multihead_attention/{part}/kernel": 1 for part in ("q", "k", "v")},
        "multihead_attention/output_transform/kernel": 0,
      },
    ),
    # Of BERT.
    _Family(
      re.compile(_SIDE + r"(?P<part>attention))/self/query/kernel"),
      {**{f"self/{part}/kernel": 1 for part in ("query", "key", "value")}, "output/dense/kernel": 0},
    ),
  ),
}
# Kind -> what messages and tables call it.
NAMES = {methods.UNITS: "feed-forward units", methods.HEADS: "attention heads"}


class Group(NamedTuple):
  """The structures of one block, its members.

  Attributes:
    name: of the block, such as "transformer/body/encoder/layer_0/ffn".
    parts: layer -> axis along which it is divided into members of equal width.
    size: the number of members.
    bias: name of the variable with an entry for each member; empty if there is none.
  """

  name: str
  parts: dict[str, int]
  size: int
  bias: str

  @property
  def output(self) -> str:
    """The layer that reads what the members compute."""
    return list(self.parts)[-1]

  def alive(self, kept: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which members have a weight left.

    Args:
      kept: layer -> bool array: True for weights that are kept.

    Returns:
      bool [members].
    """
    return np.logical_or.reduce([self._by_member(kept[n].any(axis=1 - axis)).any(1) for n, axis in self.parts.items()])

  def norms(self, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The Euclidean norm of the weights of each member, biases excluded; float32 [members]."""
    squares = [self._by_member(np.square(weights[n]).sum(axis=1 - axis)).sum(1) for n, axis in self.parts.items()]
    return np.sqrt(np.sum(squares, axis=0))

  def _by_member(self, values: np.ndarray) -> np.ndarray:
    return values.reshape(self.size, -1)

  def masks(self, members: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The masks that keep some members and remove the others.

    Args:
      members: bool [members]: those that are kept.
      shapes: layer -> shape.

    Returns:
      Layer -> bool array of its shape.
    """
    found = {}
    for layer, axis in self.parts.items():
      along = np.repeat(members, shapes[layer][axis] // self.size)
      found[layer] = np.array(np.broadcast_to(np.expand_dims(along, 1 - axis), shapes[layer]))
    return found


def groups(kind: str, shapes: Mapping[str, tuple[int, ...]], num_heads: int = 0) -> list[Group]:
  """The groups of a model, in the order in which it computes: encoder first, layer by layer.

  Args:
    kind: of structure, one of `NAMES`.
    shapes: name -> shape, of the layers at least.
    num_heads: of each attention block; for heads only.
  """
  found = {}
  for name, shape in shapes.items():
    for family in _FAMILIES[kind]:
      if match := family.first.fullmatch(name):
        block = match["block"]
        parts = {f"{block}/{part}": axis for part, axis in family.parts.items()}
        size = num_heads if kind == methods.HEADS else shape[1]
        bias = f"{block}/{family.bias}" if family.bias else ""
        place = match["side"] != "encoder", int(match["layer"]), match["part"] == "encdec"
        found[place] = Group(block, parts, size, bias)
  return [found[place] for place in sorted(found)]


def shapes_of(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
  """Name -> shape."""
  return {name: array.shape for name, array in arrays.items()}


def kept(
  scores: Mapping[str, np.ndarray], sparsity: float, alive: Mapping[str, np.ndarray], scope: str = methods.LAYER
) -> dict[str, np.ndarray]:
  """The members with the highest scores.

  Args:
    scores: group -> float [members], not negative.
    sparsity: share of the members to remove: of each group, or of all groups together.
    alive: group -> bool [members]: those that may be kept.
    scope: one of `methods.SCOPES`.

  Returns:
    Group -> bool [members].

  Raises:
    UserError, ValueError: as `masks.magnitude_mask`.
  """
  if scope == methods.GLOBAL:
    return masks.global_mask(scores, sparsity, alive)
  return {name: masks.magnitude_mask(score, sparsity, alive[name]) for name, score in scores.items()}


def removed(kind: str, variables: Mapping[str, np.ndarray], num_heads: int = 0) -> dict[str, tuple[int, int]]:
  """How many members of each group have no weight left.

  Args:
    kind: of structure.
    variables: name -> value, of the layers at least.
    num_heads: of each attention block; for heads only.

  Returns:
    Group -> (removed members, all members).
  """
  found = {}
  for group in groups(kind, shapes_of(variables), num_heads):
    alive = group.alive({layer: variables[layer] != 0 for layer in group.parts})
    found[group.name] = (int(np.count_nonzero(~alive)), alive.size)
  return found


def on_target(found: Mapping[str, tuple[int, int]], sparsity: float, scope: str = methods.LAYER) -> bool:
  """Whether each group, or all together, have lost as many members as a sparsity asks for.

  Args:
    found: of `removed`.
    sparsity: share of the members to remove.
    scope: one of `methods.SCOPES`.
  """
  counts = list(found.values())
  if scope == methods.GLOBAL:
    counts = [(sum(gone for gone, _ in counts), sum(size for _, size in counts))]
  return all(size - gone == masks.kept_count(size, sparsity) for gone, size in counts)
