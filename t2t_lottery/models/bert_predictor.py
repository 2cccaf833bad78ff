"""Predictions of a trained `lottery_bert` for the examples of t2t's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.models import bert_encoder

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
  # Batches of similar lengths have little padding.
  order = sorted(range(len(examples)), key=lambda i: len(examples[i].pieces))
  shapes = {name: entry.shape for name, entry in tensor_bundle.entries(checkpoint).items()}
  shape = bert_encoder.Shape.of(shapes["bert/embeddings/word_embeddings"][0], hparams)
  is_masked_lm = "output_weights" not in shapes
  with tf.Graph().as_default(), tf.Session() as session:
    ids, segments, masked = (tf.placeholder(tf.int32, [None, None]) for _ in range(3))
    sequence, pooled = bert_encoder.encode(shape, ids, segments)
    if is_masked_lm:
      logits = bert_encoder.predict_masked(shape, sequence, tf.where(tf.not_equal(masked, 0)))
    else:
      logits = bert_encoder.classify(pooled, shapes["output_weights"][0])
    tf.train.Saver().restore(session, checkpoint)
    for start in range(0, len(order), _BATCH):
      rows = np.array(order[start : start + _BATCH])
      batch = [examples[row] for row in rows]
      fed = {ids: _padded([one.pieces for one in batch]), segments: _padded([one.segments for one in batch])}
      targets = np.concatenate([one.targets for one in batch])
      if is_masked_lm:
        fed[masked] = _padded([one.targets for one in batch])
        rows = np.repeat(rows, [np.count_nonzero(one.targets) for one in batch])
        targets = targets[targets != 0]
      yield Batch(rows, session.run(logits, fed), targets)


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
