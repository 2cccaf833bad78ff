"""Structures of a Transformer that are pruned as a whole: feed-forward units. Arrays in, arrays out.

A unit of a feed-forward block is a column of its first kernel, the bias of that column, and a row of its second kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning import masks, methods

# Kind of structure -> the kernels of a group and the axis along which each is divided into members, in the order in which a
# block computes; the bias that belongs to a member, if there is one.
_PARTS = {methods.UNITS: (("conv1/kernel", 1), ("conv2/kernel", 0))}
_BIAS = {methods.UNITS: "conv1/bias"}
_GROUP = {methods.UNITS: re.compile(r"(.+/(encoder|decoder)/layer_(\d+)/ffn)/conv1/kernel")}
# Kind -> what messages and tables call it.
NAMES = {methods.UNITS: "feed-forward units"}


class Group(NamedTuple):
  """The structures of one block, its members.

  Attributes:
    name: of the block, such as "transformer/body/encoder/layer_0/ffn".
    parts: layer -> axis along which it is divided into members.
    bias: name of the variable with an entry for each member; empty if there is none.
  """

  name: str
  parts: dict[str, int]
  bias: str

  def size(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The number of members.

    Args:
      shapes: layer -> shape.
    """
    layer, axis = next(iter(self.parts.items()))
    return shapes[layer][axis]

  def alive(self, kept: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which members have a weight left.

    Args:
      kept: layer -> bool array: True for weights that are kept.

    Returns:
      bool [members].
    """
    return np.logical_or.reduce([kept[layer].any(axis=1 - axis) for layer, axis in self.parts.items()])

  def norms(self, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The Euclidean norm of the weights of each member, its bias excluded; float32 [members]."""
    squares = [np.square(weights[layer]).sum(axis=1 - axis) for layer, axis in self.parts.items()]
    return np.sqrt(np.sum(squares, axis=0))

  def masks(self, members: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The masks that keep some members and remove the others.

    Args:
      members: bool [members]: those that are kept.
      shapes: layer -> shape.

    Returns:
      Layer -> bool array of its shape.
    """
    return {
      layer: np.array(np.broadcast_to(np.expand_dims(members, 1 - axis), shapes[layer]))
      for layer, axis in self.parts.items()
    }


def groups(kind: str, names: Iterable[str]) -> list[Group]:
  """The groups of a model, in the order in which it computes: encoder first, layer by layer.

  Args:
    kind: of structure, one of `NAMES`.
    names: of the model's variables.
  """
  found = {}
  for name in names:
    if match := _GROUP[kind].fullmatch(name):
      block, side, number = match.groups()
      parts = {f"{block}/{part}": axis for part, axis in _PARTS[kind]}
      found[side != "encoder", int(number)] = Group(block, parts, f"{block}/{_BIAS[kind]}")
  return [found[place] for place in sorted(found)]


def kept(scores: np.ndarray, sparsity: float, alive: np.ndarray) -> np.ndarray:
  """The members of a group with the highest scores.

  Args:
    scores: float [members], not negative.
    sparsity: share of the members to remove.
    alive: bool [members]: those that may be kept.

  Returns:
    bool [members].

  Raises:
    UserError, ValueError: as `masks.magnitude_mask`.
  """
  return masks.magnitude_mask(scores, sparsity, alive)


def removed(kind: str, variables: Mapping[str, np.ndarray]) -> dict[str, tuple[int, int]]:
  """How many members of each group have no weight left.

  Args:
    kind: of structure.
    variables: name -> value, of the layers at least.

  Returns:
    Group -> (removed members, all members).
  """
  found = {}
  for group in groups(kind, variables):
    alive = group.alive({layer: variables[layer] != 0 for layer in group.parts})
    found[group.name] = (int(np.count_nonzero(~alive)), alive.size)
  return found


def on_target(found: Mapping[str, tuple[int, int]], sparsity: float) -> bool:
  """Whether each group has lost as many members as a sparsity asks for.

  Args:
    found: of `removed`.
    sparsity: share of the members to remove.
  """
  return all(size - gone == masks.kept_count(size, sparsity) for gone, size in found.values())
