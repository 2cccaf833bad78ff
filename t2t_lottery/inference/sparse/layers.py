"""The Transformer's layers on panels of columns: layer norm, attention, feed-forward. A column is a position of a sentence.

Source: tensor2tensor/models/transformer.py, layers/transformer_layers.py, layers/common_attention.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from t2t_lottery.inference.sparse import products
from t2t_lottery.inference.sparse.compilation import compiled, entry
from t2t_lottery.inference.sparse.products import Matrices, Panels, inputs, product
from t2t_lottery.inference.sparse.vectors import (
  LANES,
  at,
  exp,
  fma,
  load,
  longest,
  short,
  splat,
  square_root,
  store,
  total,
)


class Stack(NamedTuple):
  """The encoder or the decoder.

  Attributes:
    matrices: of its layers, one after the other: self-attention's q, k and v as one, and its output; those of the attention
      to the source, q and the output; the two of the feed-forward block. The encoder's are followed by one for each layer of
      the decoder, which makes keys and values of the encoder's output.
    norms: float32 [norms * 2 * hidden size]: scale and bias of each layer norm, in order; the last is the stack's.
    layers: their number.
    heads: of its attention.
    epsilon: of its layer norms.
    attends_to_source: whether it is the decoder.
  """

  matrices: Matrices
  norms: np.ndarray
  layers: int
  heads: int
  epsilon: np.float32
  attends_to_source: bool


class Keys(NamedTuple):
  """The positions that each column attends to: rows of the arrays of keys and values.

  Attributes:
    rows: int32, of all columns.
    first: int64 [columns], where a column's begin in `rows`.
    counts: int64 [columns], how many it has.
    scale: float32 [columns], of its queries; 0 weighs all rows alike.
  """

  rows: np.ndarray
  first: np.ndarray
  counts: np.ndarray
  scale: np.ndarray


class Workspace(NamedTuple):
  """Where the layers keep what they compute.

  Attributes:
    y, inner: float32 panels, of the longest sides of matrices.
    queries, context: float32 [columns, channels].
    weights: float32 [heads * positions], of attention; positions a multiple of 4.
  """

  y: np.ndarray
  inner: np.ndarray
  queries: np.ndarray
  context: np.ndarray
  weights: np.ndarray


def workspace(stack: Stack, panels: Panels, columns: int, attended: list[Keys]) -> Workspace:
  """Room for a number of columns that attend to some rows."""
  padded = int(panels.widths.sum())
  blocks, channels = stack.matrices.blocks, products.inputs.py_func(stack.matrices, 1)
  positions = max(keys.counts.max() for keys in attended) + 3
  return Workspace(
    y=aligned(padded * max(channels, products.inputs.py_func(stack.matrices, 0))),
    inner=aligned(padded * blocks[:, products.OUTPUTS].max()),
    queries=aligned(columns, channels),
    context=aligned(columns, channels),
    weights=aligned(stack.heads * (positions // 4 * 4)),
  )


def aligned(*shape: int) -> np.ndarray:
  """Zeros, float32, from a multiple of 64 bytes on: a vector that crosses two lines of the cache takes twice as long."""
  size = math.prod(shape)
  buffer = np.zeros(size + 16, np.float32)
  begin = -buffer.ctypes.data // 4 % 16
  return buffer[begin : begin + size].reshape(shape)


@compiled
def layer_norm(stack, number, x, y, panels, hidden):
  """y = the layer norm of each column of x (`common_layers.layer_norm_compute`)."""
  for panel in range(panels.widths.size):
    begin, width = panels.first[panel] * hidden, panels.widths[panel]
    scales = number * 2 * hidden
    if width >= LANES:
      for lane in range(0, width, LANES):
        _norm_columns(longest(), stack, scales, x, y, begin + lane, width, hidden)
    else:
      _norm_columns(short(), stack, scales, x, y, begin, width, hidden)


@compiled
def _norm_columns(zero, stack, scales, x, y, begin, width, hidden):
  """The layer norm of a vector of columns."""
  count = splat(zero, np.float32(hidden))
  mean, variance = zero, zero
  for feature in range(hidden):
    mean = mean + load(zero, x, begin + feature * width)
  mean = mean / count
  for feature in range(hidden):
    difference = load(zero, x, begin + feature * width) - mean
    variance = fma(difference, difference, variance)
  inverse = splat(zero, np.float32(1)) / square_root(variance / count + splat(zero, stack.epsilon))
  for feature in range(hidden):
    value = (load(zero, x, begin + feature * width) - mean) * inverse
    value = fma(
      value, splat(zero, at(stack.norms, scales + feature)), splat(zero, at(stack.norms, scales + hidden + feature))
    )
    store(value, y, begin + feature * width)


@compiled
def to_rows(panels, columns, x, features, begin, count, rows, first_row):
  """Copies the features from `begin` on of each column into a row: rows[first_row + column, :count]."""
  for panel in range(panels.widths.size):
    first, width = panels.first[panel], panels.widths[panel]
    used = min(width, columns - first)
    for block in range(0, count, 16):
      stop = min(block + 16, count)
      for column in range(used):
        source = first * features + (begin + block) * width + column
        for feature in range(block, stop):
          rows[first_row + first + column, feature] = at(x, source)
          source += width


@compiled
def from_rows(panels, columns, rows, x, features):
  """Inverse of `to_rows` for all features."""
  for panel in range(panels.widths.size):
    first, width = panels.first[panel], panels.widths[panel]
    used = min(width, columns - first)
    for block in range(0, features, 16):
      stop = min(block + 16, features)
      for column in range(used):
        target = first * features + block * width + column
        for feature in range(block, stop):
          x[target] = rows[first + column, feature]
          target += width


@compiled
def attention(heads, queries, keys, values, attended, context, weights):
  """Dot-product attention.

  Args:
    heads: number of heads.
    queries: float32 [columns, channels], a row for each column; each head's channels are a multiple of `LANES`.
    keys, values: float32 [rows, channels].
    attended: `Keys`.
    context: float32 [columns, channels], the result.
    weights: as in `Workspace`.
  """
  zero, channels = longest(), queries.shape[1]
  size = channels // heads
  length = weights.size // heads
  q, k, v, c = queries.ravel(), keys.ravel(), values.ravel(), context.ravel()
  for column in range(queries.shape[0]):
    first, count, scale = attended.first[column], attended.counts[column], attended.scale[column]
    for position in range(count):
      row = np.intp(at(attended.rows, first + position)) * channels
      for head in range(heads):
        score = zero
        for part in range(head * size, head * size + size, LANES):
          score = fma(load(zero, q, column * channels + part), load(zero, k, row + part), score)
        weights[head * length + position] = total(score) * scale
    for head in range(heads):
      _softmax(weights, head * length, count)
      for part in range(head * size, head * size + size, LANES):
        mean = zero
        for position in range(count):
          row = np.intp(at(attended.rows, first + position)) * channels
          mean = fma(splat(zero, at(weights, head * length + position)), load(zero, v, row + part), mean)
        store(mean, c, column * channels + part)


@compiled
def _softmax(weights, begin, count):
  """The softmax of weights[begin:begin + count] in place."""
  zero = short()
  highest = np.float32(-np.inf)
  for i in range(begin, begin + count):
    highest = max(highest, weights[i])
  for i in range(begin + count, begin + (count + 3) // 4 * 4):
    weights[i] = -np.inf
  summed = zero
  for i in range(begin, begin + count, 4):
    value = exp(load(zero, weights, i) - splat(zero, highest))
    store(value, weights, i)
    summed = summed + value
  inverse = splat(zero, np.float32(1) / total(summed))
  for i in range(begin, begin + count, 4):
    store(load(zero, weights, i) * inverse, weights, i)


@entry
def run(stack, x, panels, columns, past, first_row, attended, source, attended_source, feed_forward, space):
  """Runs the encoder or the decoder. One function for both: compiling it takes seconds.

  Args:
    stack: the stack.
    x: float32 panels [hidden], the embedded columns; becomes the stack's output.
    panels, columns: how the columns are stored, and their number.
    past: float32 [layers, 2, rows, channels]: keys and values of positions before; the columns' own are written to its
      rows from first_row on. The encoder has no use for them later: [1, 2, columns, channels].
    attended: the rows of `past` that each column attends to, its own among them.
    source: float32 [layers, 2, columns, channels], keys and values of the source for each layer of the decoder: the
      encoder's result, what the decoder attends to.
    attended_source: the rows of `source` for each column of the decoder.
    feed_forward: whether the feed-forward blocks act; they leave padding as it is (`expert_utils.PadRemover`).
    space: `Workspace`.
  """
  matrices, hidden, channels = stack.matrices, inputs(stack.matrices, 0), inputs(stack.matrices, 1)
  y, inner, queries, context = space.y, space.inner, space.queries, space.context
  matrix, norm = 0, 0
  for layer in range(stack.layers):
    own = past[min(layer, past.shape[0] - 1)]
    layer_norm(stack, norm, x, y, panels, hidden)
    product(matrices, matrix, y, inner, panels, False, False)
    to_rows(panels, columns, inner, 3 * channels, 0, channels, queries, 0)
    for part in range(2):
      to_rows(panels, columns, inner, 3 * channels, (part + 1) * channels, channels, own[part], first_row)
    attention(stack.heads, queries, own[0], own[1], attended, context, space.weights)
    from_rows(panels, columns, context, y, channels)
    product(matrices, matrix + 1, y, x, panels, True, False)
    matrix, norm = matrix + 2, norm + 1
    if stack.attends_to_source:
      layer_norm(stack, norm, x, y, panels, hidden)
      product(matrices, matrix, y, inner, panels, False, False)
      to_rows(panels, columns, inner, channels, 0, channels, queries, 0)
      attention(stack.heads, queries, source[layer, 0], source[layer, 1], attended_source, context, space.weights)
      from_rows(panels, columns, context, y, channels)
      product(matrices, matrix + 1, y, x, panels, True, False)
      matrix, norm = matrix + 2, norm + 1
    if feed_forward:
      layer_norm(stack, norm, x, y, panels, hidden)
      product(matrices, matrix, y, inner, panels, False, True)
      product(matrices, matrix + 1, inner, x, panels, True, False)
    matrix, norm = matrix + 2, norm + 1
  layer_norm(stack, norm, x, x, panels, hidden)
  if not stack.attends_to_source:
    for layer in range(source.shape[0]):
      product(matrices, matrix + layer, x, inner, panels, False, False)
      for part in range(2):
        to_rows(panels, columns, inner, 2 * channels, part * channels, channels, source[layer, part], 0)
