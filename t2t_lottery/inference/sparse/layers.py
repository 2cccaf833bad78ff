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

# Matrices of a layer, in the order of `Stack`: self-attention's q, k and v as one, and its output; of the attention to the
# source q, k and v as one, and its output; the two of the feed-forward block.
ENCODER_MATRICES, DECODER_MATRICES = 4, 7


class Stack(NamedTuple):
  """The encoder or the decoder.

  Attributes:
    matrices: of its layers, one after the other.
    norms: float32 [norms * 2 * hidden size]: scale and bias of each layer norm, in order; the last is the stack's.
    layers: their number.
    heads: of its attention.
    epsilon: of its layer norms.
  """

  matrices: Matrices
  norms: np.ndarray
  layers: int
  heads: int
  epsilon: np.float32


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
    queries, keys, values, context: float32 [columns, channels].
    weights: float32 [heads * positions], of attention; positions a multiple of 4.
  """

  y: np.ndarray
  inner: np.ndarray
  queries: np.ndarray
  keys: np.ndarray
  values: np.ndarray
  context: np.ndarray
  weights: np.ndarray


def workspace(stack: Stack, panels: Panels, columns: int, attended: list[Keys]) -> Workspace:
  """Room for a number of columns that attend to some rows."""
  padded = int(panels.widths.sum())
  blocks, channels = stack.matrices.blocks, products.inputs.py_func(stack.matrices, 1)
  positions = max(keys.counts.max() for keys in attended) + 3
  queries, keys, values, context = (aligned(columns, channels) for _ in range(4))
  return Workspace(
    y=aligned(padded * max(channels, products.inputs.py_func(stack.matrices, 0))),
    inner=aligned(padded * blocks[:, products.OUTPUTS].max()),
    queries=queries,
    keys=keys,
    values=values,
    context=context,
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
def encode(stack, x, panels, columns, attended, feed_forward, space):
  """Runs the encoder.

  Args:
    stack: the encoder.
    x: float32 panels [hidden], the embedded source; becomes the encoder's output.
    panels, columns: how the columns are stored, and their number.
    attended: the rows (columns) of each column's own sentence.
    feed_forward: whether the feed-forward blocks act; they leave padding as it is (`expert_utils.PadRemover`).
    space: `Workspace`.
  """
  matrices, hidden, channels = stack.matrices, inputs(stack.matrices, 0), inputs(stack.matrices, 1)
  y, inner = space.y, space.inner
  for layer in range(stack.layers):
    matrix = layer * ENCODER_MATRICES
    layer_norm(stack, layer * 2, x, y, panels, hidden)
    product(matrices, matrix, y, inner, panels, False, False)
    for part, rows in enumerate((space.queries, space.keys, space.values)):
      to_rows(panels, columns, inner, 3 * channels, part * channels, channels, rows, 0)
    attention(stack.heads, space.queries, space.keys, space.values, attended, space.context, space.weights)
    from_rows(panels, columns, space.context, y, channels)
    product(matrices, matrix + 1, y, x, panels, True, False)
    if feed_forward:
      layer_norm(stack, layer * 2 + 1, x, y, panels, hidden)
      product(matrices, matrix + 2, y, inner, panels, False, True)
      product(matrices, matrix + 3, inner, x, panels, True, False)
  layer_norm(stack, stack.layers * 2, x, x, panels, hidden)


@entry
def source_keys(stack, encoded, panels, columns, rows, space):
  """Keys and values of the source for the decoder.

  Args:
    stack: the decoder.
    encoded: float32 panels [hidden], of the encoder.
    panels, columns: how the columns are stored, and their number.
    rows: float32 [layers, 2, columns, channels], the result.
    space: `Workspace` of the decoder.
  """
  channels = rows.shape[3]
  for layer in range(stack.layers):
    product(stack.matrices, layer * DECODER_MATRICES + 3, encoded, space.inner, panels, False, False)
    for part in range(2):
      to_rows(panels, columns, space.inner, 2 * channels, part * channels, channels, rows[layer, part], 0)


@entry
def decode(stack, x, panels, columns, past, first_row, attended, source, attended_source, space):
  """Runs the decoder.

  Args:
    stack: the decoder.
    x: float32 panels [hidden], the embedded target; becomes the decoder's output.
    panels, columns: how the columns are stored, and their number.
    past: float32 [layers, 2, rows, channels]: keys and values of positions before; the columns' own are written to its
      rows from first_row on.
    attended: the rows of `past` that each column attends to, its own among them.
    source: as in `source_keys`.
    attended_source: its rows for each column.
    space: `Workspace`.
  """
  matrices, hidden, channels = stack.matrices, inputs(stack.matrices, 0), inputs(stack.matrices, 1)
  y, inner, queries, context = space.y, space.inner, space.queries, space.context
  for layer in range(stack.layers):
    matrix = layer * DECODER_MATRICES
    layer_norm(stack, layer * 3, x, y, panels, hidden)
    product(matrices, matrix, y, inner, panels, False, False)
    to_rows(panels, columns, inner, 3 * channels, 0, channels, queries, 0)
    for part in range(2):
      to_rows(panels, columns, inner, 3 * channels, (part + 1) * channels, channels, past[layer, part], first_row)
    attention(stack.heads, queries, past[layer, 0], past[layer, 1], attended, context, space.weights)
    from_rows(panels, columns, context, y, channels)
    product(matrices, matrix + 1, y, x, panels, True, False)
    layer_norm(stack, layer * 3 + 1, x, y, panels, hidden)
    product(matrices, matrix + 2, y, inner, panels, False, False)
    to_rows(panels, columns, inner, channels, 0, channels, queries, 0)
    attention(stack.heads, queries, source[layer, 0], source[layer, 1], attended_source, context, space.weights)
    from_rows(panels, columns, context, y, channels)
    product(matrices, matrix + 4, y, x, panels, True, False)
    layer_norm(stack, layer * 3 + 2, x, y, panels, hidden)
    product(matrices, matrix + 5, y, inner, panels, False, True)
    product(matrices, matrix + 6, inner, x, panels, True, False)
  layer_norm(stack, stack.layers * 3, x, x, panels, hidden)
