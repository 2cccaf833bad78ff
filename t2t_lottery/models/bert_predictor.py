"""Predictions of a trained `lottery_bert`: for the examples of t2t's records, or for windows of texts with answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import squad
from t2t_lottery.models import bert_encoder
from t2t_lottery.utils.errors import UserError

_BATCH = 32


class Batch(NamedTuple):
  """Outputs for some examples: one for each of them, or one for each of their masked pieces.

  Attributes:
    examples: [n], the example's number in the records.
    outputs: float32 [n, classes or pieces], logits; [n, 1] for a real number.
    targets: [n], int64 classes or pieces, or float32 numbers.
  """

  examples: np.ndarray
  outputs: np.ndarray
  targets: np.ndarray


class _Example(NamedTuple):
  pieces: list[int]
  segments: list[int]
  targets: np.ndarray


def predict(checkpoint: str, hparams: Mapping[str, Any], records: Sequence[str]) -> Iterator[Batch]:
  """Runs a checkpoint on all examples, in any order.

  Args:
    checkpoint: its prefix.
    hparams: of the run.
    records: paths of the records.

  Raises:
    UserError: if the checkpoint cannot be read.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  examples = [example for path in records for example in _read(path)]
  shapes = _shapes(checkpoint)
  is_masked_lm = "output_weights" not in shapes
  with _encoder(shapes, hparams) as (session, built):
    masked = tf.placeholder(tf.int32, [None, None])
    if is_masked_lm:
      logits = bert_encoder.predict_masked(built.shape, built.sequence, tf.where(tf.not_equal(masked, 0)))
    else:
      logits = bert_encoder.classify(built.pooled, shapes["output_weights"][0])
    tf.train.Saver().restore(session, checkpoint)
    for rows in _batches([one.pieces for one in examples]):
      batch = [examples[row] for row in rows]
      fed = built.feed([one.pieces for one in batch], [one.segments for one in batch])
      targets = np.concatenate([one.targets for one in batch])
      if is_masked_lm:
        fed[masked] = _padded([one.targets for one in batch])
        rows = np.repeat(rows, [np.count_nonzero(one.targets) for one in batch])
        targets = targets[targets != 0]
      yield Batch(rows, session.run(logits, fed), targets)


def predict_spans(
  checkpoint: str, hparams: Mapping[str, Any], windows: Sequence[squad.Window]
) -> Iterator[tuple[int, np.ndarray]]:
  """Runs a checkpoint on all windows, in any order.

  Args:
    checkpoint: its prefix.
    hparams: of the run.
    windows: the inputs.

  Yields:
    The window's number, and the logits that an answer starts, and ends, at each of its pieces, float32 [pieces, 2].

  Raises:
    UserError: if the checkpoint cannot be read, or has no head for answers.
  """
  tf.logging.set_verbosity(tf.logging.ERROR)
  shapes = _shapes(checkpoint)
  if "cls/squad/output_weights" not in shapes:
    raise UserError(f"{checkpoint} has no head for answers, cls/squad: it is of a run on another problem")
  with _encoder(shapes, hparams) as (session, built):
    logits = bert_encoder.find_span(built.sequence)
    tf.train.Saver().restore(session, checkpoint)
    for rows in _batches([window.ids for window in windows]):
      batch = [windows[row] for row in rows]
      found = session.run(logits, built.feed([one.ids for one in batch], [one.segments for one in batch]))
      yield from ((int(row), values[: len(one.ids)]) for row, one, values in zip(rows, batch, found))


class _Built(NamedTuple):
  """An encoder in a graph: its size, placeholders and outputs."""

  shape: bert_encoder.Shape
  ids: tf.Tensor
  segments: tf.Tensor
  sequence: tf.Tensor
  pooled: tf.Tensor

  def feed(self, pieces: Sequence[Sequence[int]], segments: Sequence[Sequence[int]]) -> dict[tf.Tensor, np.ndarray]:
    return {self.ids: _padded(pieces), self.segments: _padded(segments)}


@contextlib.contextmanager
def _encoder(shapes: Mapping[str, tuple[int, ...]], hparams: Mapping[str, Any]) -> Iterator[tuple[tf.Session, _Built]]:
  """An encoder of a checkpoint's shapes in a graph of its own."""
  shape = bert_encoder.Shape.of(shapes["bert/embeddings/word_embeddings"][0], hparams)
  with tf.Graph().as_default(), tf.Session() as session:
    ids, segments = (tf.placeholder(tf.int32, [None, None]) for _ in range(2))
    yield session, _Built(shape, ids, segments, *bert_encoder.encode(shape, ids, segments))


def _shapes(checkpoint: str) -> dict[str, tuple[int, ...]]:
  return {name: entry.shape for name, entry in tensor_bundle.entries(checkpoint).items()}


def _batches(pieces: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
  """Numbers of the rows of each batch, of similar lengths, which have little padding."""
  order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]))
  for start in range(0, len(order), _BATCH):
    yield np.array(order[start : start + _BATCH])


def _padded(rows: Sequence[Sequence[int] | np.ndarray]) -> np.ndarray:
  padded = np.zeros([len(rows), max(map(len, rows))], np.int32)
  for row, values in zip(padded, rows):
    row[: len(values)] = values
  return padded


def _read(path: str) -> list[_Example]:
  found = []
  for record in tf.python_io.tf_record_iterator(path):
    feature = tf.train.Example.FromString(record).features.feature
    targets = feature["targets"].int64_list.value or feature["targets"].float_list.value
    pieces, segments = (list(feature[name].int64_list.value) for name in ("inputs", "inputs_segments"))
    found.append(_Example(pieces, segments, np.array(targets)))
  return found
