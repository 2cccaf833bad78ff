"""Predictions of a trained `lottery_bert` for the examples of t2t's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.models import bert_encoder

_BATCH = 32


class Predictions(NamedTuple):
  """Outputs and targets of all examples, in the order of the records.

  Attributes:
    outputs: float32 [examples, classes], logits; [examples, 1] for a real number.
    targets: [examples], int64 classes or float32 numbers.
  """

  outputs: np.ndarray
  targets: np.ndarray


class _Example(NamedTuple):
  pieces: list[int]
  segments: list[int]
  target: int | float


def predict(checkpoint: str, hparams: Mapping[str, Any], records: Sequence[str]) -> Predictions:
  """Runs a checkpoint on all examples.

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
  outputs = shapes["output_weights"][0]
  shape = bert_encoder.Shape.of(shapes["bert/embeddings/word_embeddings"][0], hparams)
  found = np.zeros([len(examples), outputs], np.float32)
  with tf.Graph().as_default(), tf.Session() as session:
    ids, segments = (tf.placeholder(tf.int32, [None, None]) for _ in range(2))
    _, pooled = bert_encoder.encode(shape, ids, segments)
    logits = bert_encoder.classify(pooled, outputs)
    tf.train.Saver().restore(session, checkpoint)
    for start in range(0, len(order), _BATCH):
      rows = order[start : start + _BATCH]
      batch = [examples[row] for row in rows]
      fed = {ids: _padded([one.pieces for one in batch]), segments: _padded([one.segments for one in batch])}
      found[rows] = session.run(logits, fed)
  return Predictions(found, np.array([example.target for example in examples]))


def _padded(rows: list[list[int]]) -> np.ndarray:
  padded = np.zeros([len(rows), max(map(len, rows))], np.int32)
  for row, values in zip(padded, rows):
    row[: len(values)] = values
  return padded


def _read(path: str) -> list[_Example]:
  found = []
  for record in tf.python_io.tf_record_iterator(path):
    feature = tf.train.Example.FromString(record).features.feature
    target = feature["targets"].int64_list.value or feature["targets"].float_list.value
    pieces, segments = (list(feature[name].int64_list.value) for name in ("inputs", "inputs_segments"))
    found.append(_Example(pieces, segments, target[0]))
  return found
