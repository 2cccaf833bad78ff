"""Matrix products with panels of columns: the network's weights times the activations of many positions at once.

Activations are stored in panels. A panel has a few columns (a position each) and all features: [feature][column], flat;
the panels follow one another. A weight is read once for all columns of a panel, and the columns of a feature are one
or two vectors, so that a product takes a load and a multiplication for each weight that is not pruned and each vector.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from t2t_lottery.inference.sparse.compilation import compiled
from t2t_lottery.inference.sparse.vectors import LANES, at, fma, lanes_of, load, longest, maximum, short, splat, store

# Columns of a panel: two of the longest vectors, or one short one (the beams of a single sentence).
WIDTHS = (4, 2 * LANES)
# Inputs of a block of a matrix: a panel of so many features stays in the first and second cache.
BLOCK = 512
# Rows of a dense block that are computed together: a load of a column serves all.
GROUP = 4
# From this share of nonzero weights on, a block is stored and multiplied as a dense one.
DENSE = 0.45


# What the table of blocks has of each: its outputs; its inputs and the first of them; the index of its matrix's first bias;
# the index in `starts` of its row 0; where it begins in `dense`, or -1 if it is sparse.
OUTPUTS, INPUTS, FIRST_INPUT, BIAS, FIRST_ROW, FIRST_DENSE = range(6)


class Matrices(NamedTuple):
  """The matrices of a network, [outputs, inputs] each, cut into blocks of at most `BLOCK` inputs.

  Attributes:
    first: int64 [matrices + 1], each matrix's first block.
    blocks: int64 [blocks, 6]: `OUTPUTS` and so on.
    bias: float32, the biases of all matrices, one after the other; zeros if a matrix has none.
    starts: int64, each row's first index in `columns` and `values`; ends where the next begins.
    columns: uint16, input of each weight, from the block's first.
    values: float32, the weights.
    dense: float32, dense blocks: [group of `GROUP` rows][input][row], padded by zeros.
  """

  first: np.ndarray
  blocks: np.ndarray
  bias: np.ndarray
  starts: np.ndarray
  columns: np.ndarray
  values: np.ndarray
  dense: np.ndarray


class Panels(NamedTuple):
  """How columns are divided into panels.

  Attributes:
    first: int64, each panel's first column.
    widths: int64, of each panel, one of `WIDTHS`.
  """

  first: np.ndarray
  widths: np.ndarray


def panels(columns: int) -> Panels:
  """Panels for a number of columns; the last has unused columns if it is not full."""
  full, rest = divmod(columns, WIDTHS[-1])
  widths = [WIDTHS[-1]] * full + [min(width for width in WIDTHS if width >= rest)] * (rest > 0)
  return Panels(np.arange(len(widths)) * WIDTHS[-1], np.array(widths, np.int64))


@compiled
def product(matrices, number, x, y, panels, add, relu):
  """y = W x + bias for all panels; with `add`, y += W x + bias; with `relu`, max(0, ...)."""
  for panel in range(panels.widths.size):
    first, from_x = panels.first[panel], panels.first[panel] * inputs(matrices, number)
    rows = outputs(matrices, number)
    rows_product(matrices, number, 0, rows, x, from_x, y, first * rows, panels.widths[panel], add, relu)


@compiled
def outputs(matrices, number):
  """A matrix's number of outputs."""
  return matrices.blocks[matrices.first[number], OUTPUTS]


@compiled
def inputs(matrices, number):
  """A matrix's number of inputs."""
  last = matrices.first[number + 1] - 1
  return matrices.blocks[last, FIRST_INPUT] + matrices.blocks[last, INPUTS]


@compiled
def dense_weight(matrices, block, row):
  """Where a row of a dense block begins in `dense`; its next input is `GROUP` further."""
  group = row // GROUP * GROUP
  return matrices.blocks[block, FIRST_DENSE] + group * matrices.blocks[block, INPUTS] + row - group


@compiled
def rows_product(matrices, number, begin, end, x, from_x, y, from_y, width, add, relu):
  """The product's rows from begin to end, for the panel at x[from_x:], into y[from_y:]."""
  for block in range(matrices.first[number], matrices.first[number + 1]):
    first, last = block == matrices.first[number], block + 1 == matrices.first[number + 1]
    # A row starts from its bias, then from what the blocks before have added up.
    bias = matrices.blocks[block, BIAS] if first else -1
    column = from_x + matrices.blocks[block, FIRST_INPUT] * width
    arguments = (matrices, block, begin, end, bias, x, column, y, from_y, add or not first, relu and last)
    if width == 4:
      if matrices.blocks[block, FIRST_DENSE] < 0:
        _sparse_rows_1(short(), *arguments)
      else:
        _dense_rows_1(short(), *arguments)
    elif matrices.blocks[block, FIRST_DENSE] < 0:
      _sparse_rows_2(longest(), *arguments)
    else:
      _dense_rows_2(longest(), *arguments)


@compiled
def _start(zero, matrices, row, bias, y, index, add):
  """A row's sum before the block's weights."""
  value = load(zero, y, index) if add else zero
  return value + splat(zero, at(matrices.bias, bias + row)) if bias >= 0 else value


@compiled
def _sparse_rows_1(zero, matrices, block, begin, end, bias, x, from_x, y, from_y, add, relu):
  """A sparse block times a panel of one vector; two sums, so that one need not wait for the other."""
  width = lanes_of(zero)
  starts, columns, values = matrices.starts, matrices.columns, matrices.values
  first = matrices.blocks[block, FIRST_ROW]
  for row in range(begin, end):
    to = from_y + (row - begin) * width
    a, b = _start(zero, matrices, row, bias, y, to, add), zero
    weight, stop = at(starts, first + row), at(starts, first + row + 1)
    while weight + 1 < stop:
      a = fma(splat(zero, at(values, weight)), load(zero, x, from_x + np.intp(at(columns, weight)) * width), a)
      b = fma(splat(zero, at(values, weight + 1)), load(zero, x, from_x + np.intp(at(columns, weight + 1)) * width), b)
      weight += 2
    if weight < stop:
      a = fma(splat(zero, at(values, weight)), load(zero, x, from_x + np.intp(at(columns, weight)) * width), a)
    a = a + b
    store(maximum(a, zero) if relu else a, y, to)


@compiled
def _sparse_rows_2(zero, matrices, block, begin, end, bias, x, from_x, y, from_y, add, relu):
  """A sparse block times a panel of two vectors."""
  lanes = lanes_of(zero)
  width = 2 * lanes
  starts, columns, values = matrices.starts, matrices.columns, matrices.values
  first = matrices.blocks[block, FIRST_ROW]
  for row in range(begin, end):
    to = from_y + (row - begin) * width
    a, b = _start(zero, matrices, row, bias, y, to, add), _start(zero, matrices, row, bias, y, to + lanes, add)
    c, d = zero, zero
    weight, stop = at(starts, first + row), at(starts, first + row + 1)
    while weight + 1 < stop:
      value, column = splat(zero, at(values, weight)), from_x + np.intp(at(columns, weight)) * width
      a, b = fma(value, load(zero, x, column), a), fma(value, load(zero, x, column + lanes), b)
      value, column = splat(zero, at(values, weight + 1)), from_x + np.intp(at(columns, weight + 1)) * width
      c, d = fma(value, load(zero, x, column), c), fma(value, load(zero, x, column + lanes), d)
      weight += 2
    if weight < stop:
      value, column = splat(zero, at(values, weight)), from_x + np.intp(at(columns, weight)) * width
      a, b = fma(value, load(zero, x, column), a), fma(value, load(zero, x, column + lanes), b)
    a, b = a + c, b + d
    store(maximum(a, zero) if relu else a, y, to)
    store(maximum(b, zero) if relu else b, y, to + lanes)


@compiled
def _dense_rows_1(zero, matrices, block, begin, end, bias, x, from_x, y, from_y, add, relu):
  """A dense block times a panel of one vector, four rows at a time."""
  width = lanes_of(zero)
  dense, inputs = matrices.dense, matrices.blocks[block, INPUTS]
  for group in range(begin // GROUP, (end + GROUP - 1) // GROUP):
    a, b, c, d = zero, zero, zero, zero
    e, f, g, h = zero, zero, zero, zero
    weight, column = dense_weight(matrices, block, group * GROUP), from_x
    for _ in range(inputs // 2):
      value = load(zero, x, column)
      a = fma(splat(zero, at(dense, weight)), value, a)
      b = fma(splat(zero, at(dense, weight + 1)), value, b)
      c = fma(splat(zero, at(dense, weight + 2)), value, c)
      d = fma(splat(zero, at(dense, weight + 3)), value, d)
      value = load(zero, x, column + width)
      e = fma(splat(zero, at(dense, weight + 4)), value, e)
      f = fma(splat(zero, at(dense, weight + 5)), value, f)
      g = fma(splat(zero, at(dense, weight + 6)), value, g)
      h = fma(splat(zero, at(dense, weight + 7)), value, h)
      weight += 2 * GROUP
      column += 2 * width
    if inputs % 2:
      value = load(zero, x, column)
      a = fma(splat(zero, at(dense, weight)), value, a)
      b = fma(splat(zero, at(dense, weight + 1)), value, b)
      c = fma(splat(zero, at(dense, weight + 2)), value, c)
      d = fma(splat(zero, at(dense, weight + 3)), value, d)
    for row, value in zip(range(group * GROUP, group * GROUP + GROUP), (a + e, b + f, c + g, d + h)):
      if begin <= row < end:
        to = from_y + (row - begin) * width
        value = value + _start(zero, matrices, row, bias, y, to, add)
        store(maximum(value, zero) if relu else value, y, to)


@compiled
def _dense_rows_2(zero, matrices, block, begin, end, bias, x, from_x, y, from_y, add, relu):
  """A dense block times a panel of two vectors, four rows at a time."""
  lanes = lanes_of(zero)
  width = 2 * lanes
  dense, inputs = matrices.dense, matrices.blocks[block, INPUTS]
  for group in range(begin // GROUP, (end + GROUP - 1) // GROUP):
    a, b, c, d = zero, zero, zero, zero
    e, f, g, h = zero, zero, zero, zero
    weight, column = dense_weight(matrices, block, group * GROUP), from_x
    for _ in range(inputs):
      left, right = load(zero, x, column), load(zero, x, column + lanes)
      value = splat(zero, at(dense, weight))
      a, e = fma(value, left, a), fma(value, right, e)
      value = splat(zero, at(dense, weight + 1))
      b, f = fma(value, left, b), fma(value, right, f)
      value = splat(zero, at(dense, weight + 2))
      c, g = fma(value, left, c), fma(value, right, g)
      value = splat(zero, at(dense, weight + 3))
      d, h = fma(value, left, d), fma(value, right, h)
      weight += GROUP
      column += width
    for row, left, right in zip(range(group * GROUP, group * GROUP + GROUP), (a, b, c, d), (e, f, g, h)):
      if begin <= row < end:
        to = from_y + (row - begin) * width
        left = left + _start(zero, matrices, row, bias, y, to, add)
        right = right + _start(zero, matrices, row, bias, y, to + lanes, add)
        store(maximum(left, zero) if relu else left, y, to)
        store(maximum(right, zero) if relu else right, y, to + lanes)


def pack(weights: list[np.ndarray], biases: list[np.ndarray | None]) -> Matrices:
  """Packs the matrices of a network.

  Args:
    weights: float32 [outputs, inputs] each.
    biases: float32 [outputs] of each, or None.
  """
  first, blocks, bias = [0], [], [np.zeros(0, np.float32)]
  counts, columns, values = [np.zeros(1, np.int64)], [np.zeros(0, np.uint16)], [np.zeros(0, np.float32)]
  dense = [np.zeros(0, np.float32)]
  for weight, offset in zip(weights, biases):
    first_bias = sum(map(len, bias))
    bias.append(np.zeros(len(weight), np.float32) if offset is None else offset)
    for begin in range(0, weight.shape[1], BLOCK):
      block = weight[:, begin : begin + BLOCK]
      kept = block != 0
      first_row, first_dense = sum(map(len, counts)) - 1, -1
      if kept.mean() < DENSE:
        counts.append(kept.sum(axis=1))
        columns.append(np.nonzero(kept)[1].astype(np.uint16))
        values.append(block[kept])
      else:
        first_dense = sum(map(len, dense))
        padded = np.pad(block, ((0, -len(block) % GROUP), (0, 0)))
        dense.append(padded.reshape(-1, GROUP, block.shape[1]).swapaxes(1, 2).ravel())
      blocks.append((len(block), block.shape[1], begin, first_bias, first_row, first_dense))
    first.append(len(blocks))
  starts = np.cumsum(np.concatenate(counts))
  return Matrices(
    np.array(first),
    np.array(blocks),
    np.concatenate(bias),
    starts,
    np.concatenate(columns),
    np.concatenate(values),
    np.concatenate(dense),
  )
