"""Structures of a Transformer that are pruned as a whole: feed-forward units, attention heads, and of BERT MLPs. Arrays in,
arrays out.

A unit of a feed-forward block is a column of its first kernel, the bias of that column, and a row of its second kernel. A head
of an attention block is adjacent columns of its query, key and value kernels, their biases, and adjacent rows of its output
kernel. The bias of the output is of no head: a gate of 0 on a head (Michel et al. 2019) leaves it. An MLP is a whole
feed-forward block, with both kernels and both biases, so that the block without it computes 0, as with a gate of 0 (Prasanna et
al. 2020). Its layer norm stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning import masks, methods
from t2t_lottery.utils.errors import UserError


class _Family(NamedTuple):
  """Blocks of one model whose structures are of one kind.

  Attributes:
    first: the first kernel of such a block, with the groups block, side, layer and part (of the layer).
    parts: kernel -> axis along which it is divided into members, in the order of the computation.
    biases: those with adjacent entries for each member.
    output_bias: that of the block's output, which its only member has too; empty if it stays.
  """

  first: re.Pattern
  parts: dict[str, int]
  biases: tuple[str, ...] = ()
  output_bias: str = ""


_SIDE = r"(?P<block>.+/(?P<side>encoder|decoder)/layer_(?P<layer>\d+)/"
_FAMILIES = {
  methods.UNITS: (
    _Family(
      re.compile(_SIDE + r"(?P<part>ffn))/conv1/kernel"), {"conv1/kernel": 1, "conv2/kernel": 0}, ("conv1/bias",)
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
      tuple(f"self/{part}/bias" for part in ("query", "key", "value")),
    ),
  ),
  methods.MLPS: (
    _Family(
      re.compile(r"(?P<block>.+/(?P<side>encoder)/layer_(?P<layer>\d+))/(?P<part>intermediate)/dense/kernel"),
      {"intermediate/dense/kernel": 1, "output/dense/kernel": 0},
      ("intermediate/dense/bias",),
      output_bias="output/dense/bias",
    ),
  ),
}
# Structure -> the kinds of its members, of which each competes with its own.
_KINDS = {methods.HEADS_MLPS: (methods.HEADS, methods.MLPS)}
# Kind -> what messages and tables call it.
NAMES = {
  methods.UNITS: "feed-forward units",
  methods.HEADS: "attention heads",
  methods.MLPS: "MLPs",
  methods.HEADS_MLPS: "attention heads and MLPs",
}


class Group(NamedTuple):
  """The structures of one block, its members.

  Attributes:
    kind: of the members.
    name: of the block, such as "transformer/body/encoder/layer_0/ffn".
    parts: layer -> axis along which it is divided into members of equal width.
    size: the number of members.
    biases: those of the members, which are divided as their kernels are.
    output_bias: that of the block, of which its only member is all; empty if it is not of the members.
  """

  kind: str
  name: str
  parts: dict[str, int]
  size: int
  biases: tuple[str, ...] = ()
  output_bias: str = ""

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

  def bias_masks(self, members: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Bias -> bool array of its shape, False where it is a removed member's; arguments as of `masks`."""
    names = [*self.biases, *filter(None, [self.output_bias])]
    return {name: np.repeat(members, shapes[name][0] // self.size) for name in names}


def check_share(structure: str, sparsity: float, units: int, heads: int, mlps: int) -> tuple[int, ...]:
  """Rejects a share of structures that leaves or removes none of a kind.

  Args:
    structure: one of `methods.STRUCTURES`, but `methods.WEIGHTS`.
    sparsity: the share, in [0, 1).
    units: of each feed-forward block.
    heads, mlps: of the model.

  Returns:
    How many of each kind are removed.

  Raises:
    UserError: naming the structures.
  """
  sizes = {
    methods.UNITS: (units, "units of a feed-forward block"),
    methods.HEADS: (heads, "heads of the model"),
    methods.MLPS: (mlps, "MLPs of the model"),
  }
  removed = []
  for size, of in (sizes[kind] for kind in kinds(structure)):
    removed.append(size - masks.kept_count(size, sparsity, of))
    if not removed[-1]:
      raise UserError(f"sparsity {sparsity:.10g} removes none of the {size} {of}: use a higher one")
  return tuple(removed)


def kinds(structure: str) -> tuple[str, ...]:
  """The kinds of members that a structure, one of `NAMES`, consists of."""
  return _KINDS.get(structure, (structure,))


def groups(structure: str, shapes: Mapping[str, tuple[int, ...]], num_heads: int = 0) -> list[Group]:
  """The groups of a model, by kind, in the order in which it computes: encoder first, layer by layer.

  Args:
    structure: one of `NAMES`.
    shapes: name -> shape, of the layers at least.
    num_heads: of each attention block; for heads only.
  """
  return [group for kind in kinds(structure) for group in _groups(kind, shapes, num_heads)]


def _groups(kind: str, shapes: Mapping[str, tuple[int, ...]], num_heads: int) -> list[Group]:
  found = {}
  for name, shape in shapes.items():
    for family in _FAMILIES[kind]:
      if match := family.first.fullmatch(name):
        block = match["block"]
        parts = {f"{block}/{part}": axis for part, axis in family.parts.items()}
        size = {methods.HEADS: num_heads, methods.UNITS: shape[1], methods.MLPS: 1}[kind]
        biases = tuple(f"{block}/{bias}" for bias in family.biases)
        output_bias = f"{block}/{family.output_bias}" if family.output_bias else ""
        place = match["side"] != "encoder", int(match["layer"]), match["part"] == "encdec"
        found[place] = Group(kind, block, parts, size, biases, output_bias)
  return [found[place] for place in sorted(found)]


def shapes_of(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
  """Name -> shape."""
  return {name: array.shape for name, array in arrays.items()}


def kept(
  found: Sequence[Group],
  scores: Mapping[str, np.ndarray],
  sparsity: float,
  alive: Mapping[str, np.ndarray],
  scope: str = methods.LAYER,
) -> dict[str, np.ndarray]:
  """The members with the highest scores.

  Args:
    found: the groups.
    scores: group -> float [members], not negative.
    sparsity: share of the members to remove: of each group, or of all groups of a kind together.
    alive: group -> bool [members]: those that may be kept.
    scope: one of `methods.SCOPES`.

  Returns:
    Group -> bool [members].

  Raises:
    UserError, ValueError: as `masks.magnitude_mask`.
  """
  if scope != methods.GLOBAL:
    return {group.name: masks.magnitude_mask(scores[group.name], sparsity, alive[group.name]) for group in found}
  members: dict[str, np.ndarray] = {}
  for names in _by_kind(found).values():
    members.update(masks.global_mask({name: scores[name] for name in names}, sparsity, alive))
  return members


def _by_kind(found: Sequence[Group]) -> dict[str, list[str]]:
  """Kind -> names of its groups."""
  return {kind: [g.name for g in found if g.kind == kind] for kind in dict.fromkeys(group.kind for group in found)}


class Removed(NamedTuple):
  """How many members of a group, or of several, are removed.

  Attributes:
    kind: of the members.
    gone: how many have no weight left.
    size: of all.
  """

  kind: str
  gone: int
  size: int


def removed(structure: str, variables: Mapping[str, np.ndarray], num_heads: int = 0) -> dict[str, Removed]:
  """How many members of each group have no weight left.

  Args:
    structure: one of `NAMES`.
    variables: name -> value, of the layers at least.
    num_heads: of each attention block; for heads only.

  Returns:
    Group -> how many.
  """
  found = groups(structure, shapes_of(variables), num_heads)
  return count(found, {group.name: group.alive({n: variables[n] != 0 for n in group.parts}) for group in found})


def count(found: Sequence[Group], alive: Mapping[str, np.ndarray]) -> dict[str, Removed]:
  """Group -> how many members are removed.

  Args:
    found: the groups.
    alive: group -> bool [members]: those that are left.
  """
  return {g.name: Removed(g.kind, int(np.count_nonzero(~alive[g.name])), g.size) for g in found}


def together(counts: Mapping[str, Removed]) -> dict[str, Removed]:
  """Kind -> how many members are removed from all of its groups."""
  found: dict[str, Removed] = {}
  for one in counts.values():
    before = found.get(one.kind, Removed(one.kind, 0, 0))
    found[one.kind] = Removed(one.kind, before.gone + one.gone, before.size + one.size)
  return found


def on_target(found: Mapping[str, Removed], sparsity: float, scope: str = methods.LAYER) -> bool:
  """Whether each group, or all of a kind together, have lost as many members as a sparsity asks for.

  Args:
    found: of `removed`.
    sparsity: share of the members to remove.
    scope: one of `methods.SCOPES`.
  """
  counts = [(one.gone, one.size) for one in (together(found) if scope == methods.GLOBAL else found).values()]
  return all(size - gone == masks.kept_count(size, sparsity) for gone, size in counts)
