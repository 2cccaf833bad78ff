"""The shared embedding: embeds subwords, and finds the best continuations of each column.

The logits of a vocabulary are never stored: a few rows at a time are multiplied, added to the softmax's sum and searched,
while they are in the first cache.

Source: tensor2tensor/layers/modalities.py (`symbol_bottom`, `symbol_top`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from t2t_lottery.inference.sparse.compilation import compiled, entry
from t2t_lottery.inference.sparse.layers import aligned
from t2t_lottery.inference.sparse.products import (
  FIRST_DENSE,
  FIRST_INPUT,
  FIRST_ROW,
  GROUP,
  INPUTS,
  Matrices,
  Panels,
  dense_weight,
  inputs,
  outputs,
  pack,
  rows_product,
)
from t2t_lottery.inference.sparse.vectors import (
  LANES,
  any_greater,
  at,
  exp,
  lanes_of,
  load,
  longest,
  maximum,
  short,
  store,
)

# Rows of the vocabulary that are multiplied at a time.
_ROWS = 256


class Vocabulary(NamedTuple):
  """The shared embedding without its zero rows.

  Attributes:
    matrix: one matrix, [kept rows, hidden size].
    ids: int32 [kept rows], ascending.
    zeros: int32, the subwords whose row is zero, ascending: their logit is 0.
    row_of: int32 [subwords], the row of each, or -1.
  """

  matrix: Matrices
  ids: np.ndarray
  zeros: np.ndarray
  row_of: np.ndarray


class Workspace(NamedTuple):
  """Where `best` keeps what it computes.

  Attributes:
    highest, threshold, summed: float32 [columns], of each: the highest logit so far, the least that is still among the
      best, and the sum of exp(logit - highest).
    rows: float32 panel [rows], the logits of a few rows.
  """

  highest: np.ndarray
  threshold: np.ndarray
  summed: np.ndarray
  rows: np.ndarray


def workspace(panels: Panels) -> Workspace:
  """Room for columns."""
  padded = int(panels.widths.sum())
  return Workspace(aligned(padded), aligned(padded), aligned(padded), aligned(_ROWS * 2 * LANES))


def vocabulary(embedding: np.ndarray) -> Vocabulary:
  """Packs an embedding, float32 [subwords, hidden size]."""
  kept = embedding.any(axis=1)
  row_of = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
  ids, zeros = (np.flatnonzero(chosen).astype(np.int32) for chosen in (kept, ~kept))
  return Vocabulary(pack([embedding[kept]], [None]), ids, zeros, row_of)


@entry
def embed(words, subwords, positions, signal, shift, x, panels):
  """Embeds columns.

  Args:
    words: `Vocabulary`.
    subwords: int32 [columns]; -1 for the zero vector, the decoder's first input. Subword 0 is zero as well.
    positions: int32 [columns].
    signal: float32 [positions, hidden], the position encodings.
    shift: float32 [hidden], added to each column.
    x: float32 panels [hidden], the result.
  """
  matrix = words.matrix
  hidden = signal.shape[1]
  scale = np.float32(hidden**0.5)
  for i in range(x.size):
    x[i] = 0
  for panel in range(panels.widths.size):
    first, width = panels.first[panel], panels.widths[panel]
    for column in range(first, min(first + width, subwords.size)):
      begin = first * hidden + column - first
      row = words.row_of[subwords[column]] if subwords[column] > 0 else -1
      if row >= 0:
        for block in range(len(matrix.blocks)):
          offset = begin + matrix.blocks[block, FIRST_INPUT] * width
          if matrix.blocks[block, FIRST_DENSE] >= 0:
            features = matrix.blocks[block, INPUTS]
            weight = dense_weight(matrix, block, row)
            for feature in range(features):
              x[offset + feature * width] = matrix.dense[weight + feature * GROUP] * scale
          else:
            start = matrix.blocks[block, FIRST_ROW] + row
            for weight in range(matrix.starts[start], matrix.starts[start + 1]):
              x[offset + np.intp(matrix.columns[weight]) * width] = matrix.values[weight] * scale
      for feature in range(hidden):
        x[begin + feature * width] += shift[feature]
        x[begin + feature * width] += signal[positions[column], feature]


@entry
def logits_of(words, subwords, x, panels, hidden, logits):
  """The logit of one subword of each column: int32 [columns] -> float32 [columns]."""
  matrix = words.matrix
  for panel in range(panels.widths.size):
    first, width = panels.first[panel], panels.widths[panel]
    for column in range(first, min(first + width, subwords.size)):
      row, logit = words.row_of[subwords[column]], np.float32(0)
      for block in range(len(matrix.blocks) if row >= 0 else 0):
        offset = first * hidden + column - first + matrix.blocks[block, FIRST_INPUT] * width
        if matrix.blocks[block, FIRST_DENSE] >= 0:
          features = matrix.blocks[block, INPUTS]
          weight = dense_weight(matrix, block, row)
          for feature in range(features):
            logit += matrix.dense[weight + feature * GROUP] * x[offset + feature * width]
        else:
          start = matrix.blocks[block, FIRST_ROW] + row
          for weight in range(matrix.starts[start], matrix.starts[start + 1]):
            logit += matrix.values[weight] * x[offset + np.intp(matrix.columns[weight]) * width]
      logits[column] = logit


@entry
def best(words, x, panels, columns, count, logits, ids, normalizers, space):
  """The most probable subwords of each column.

  Args:
    words: `Vocabulary`.
    x: float32 panels [hidden], the decoder's output.
    columns: their number.
    count: how many subwords to find for each.
    logits, ids: float32 and int32 [columns, count], the result: highest first, then by id.
    normalizers: float32 [columns], the result: log of the sum of exp(logit) over the vocabulary.
    space: `Workspace`.
  """
  matrix = words.matrix
  hidden, vocabulary = inputs(matrix, 0), outputs(matrix, 0)
  highest, threshold, summed, rows = space.highest, space.threshold, space.summed, space.rows
  for column in range(highest.size):
    highest[column], threshold[column] = -np.inf, -np.inf if column < columns else np.inf
  for column in range(columns):
    for i in range(count):
      logits[column, i], ids[column, i] = -np.inf, -1
  for begin in range(0, vocabulary, _ROWS):
    end = min(begin + _ROWS, vocabulary)
    for panel in range(panels.widths.size):
      first, width = panels.first[panel], panels.widths[panel]
      rows_product(matrix, 0, begin, end, x, first * hidden, rows, 0, width, False, False)
      arguments = (rows, end - begin, width, highest, summed, threshold, first, logits, ids, words.ids, begin)
      if width >= LANES:
        for lane in range(0, width, LANES):
          _take(longest(), lane, *arguments)
      else:
        _take(short(), 0, *arguments)
  for column in range(columns):
    for subword in words.zeros[:count]:
      _insert(np.float32(0), subword, logits[column], ids[column])
    top = max(highest[column], np.float32(0)) if words.zeros.size else highest[column]
    exponentials = summed[column] * np.exp(highest[column] - top) + np.float32(words.zeros.size) * np.exp(-top)
    normalizers[column] = top + np.log(exponentials)


@compiled
def _take(zero, lane, rows, count, width, highest, summed, threshold, first, logits, ids, words, begin):
  """Adds rows' logits to the sums of a vector of columns, and those above their thresholds to their best."""
  before = load(zero, highest, first + lane)
  top = before
  for row in range(count):
    top = maximum(load(zero, rows, row * width + lane), top)
  exponentials = load(zero, summed, first + lane) * exp(before - top)
  limit = load(zero, threshold, first + lane)
  for row in range(count):
    value = load(zero, rows, row * width + lane)
    exponentials = exponentials + exp(value - top)
    if any_greater(value, limit):
      for column in range(first + lane, first + lane + lanes_of(zero)):
        found = at(rows, row * width + column - first)
        if found > threshold[column]:
          _insert(found, words[begin + row], logits[column], ids[column])
          threshold[column] = logits[column, -1]
      limit = load(zero, threshold, first + lane)
  store(top, highest, first + lane)
  store(exponentials, summed, first + lane)


@compiled
def _insert(logit, subword, logits, ids):
  """Inserts a subword into the best of a column, if it is one; of equal ones, the lower id comes first."""
  place = logits.size
  while place and (logit > logits[place - 1] or (logit == logits[place - 1] and subword < ids[place - 1])):
    place -= 1
  if place < logits.size:
    for i in range(logits.size - 1, place, -1):
      logits[i], ids[i] = logits[i - 1], ids[i - 1]
    logits[place], ids[place] = logit, subword
