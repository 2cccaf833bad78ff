"""Base of classification and regression problems in BERT's form, from text in local files."""

from __future__ import annotations

import csv
import math
import os
import shutil
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem, text_encoder, text_problems
from tensor2tensor.layers import common_layers, modalities

from t2t_lottery.data import manifest
from t2t_lottery.data.wordpiece import LONGEST, WordPiece
from t2t_lottery.utils import errors

VOCABULARY = "vocab.txt"


class WordPieceEncoder(text_encoder.TextEncoder):
  """`WordPiece` as a t2t encoder."""

  def __init__(self, tokenizer: WordPiece):
    super().__init__(num_reserved_ids=0)
    self.tokenizer = tokenizer

  def encode(self, s):
    """See `TextEncoder.encode`."""
    return self.tokenizer.encode(s)

  def decode(self, ids, strip_extraneous=False):
    """See `TextEncoder.decode`; the pieces, separated by spaces."""
    del strip_extraneous
    return " ".join(self.tokenizer.pieces[piece] for piece in ids)

  @property
  def vocab_size(self):
    return len(self.tokenizer.pieces)


def encode(tokenizer: WordPiece, texts: list[str], longest: int = LONGEST) -> tuple[list[int], list[int]]:
  """BERT's input for one or two texts: `[CLS] first [SEP]` and `second [SEP]`.

  Source: `convert_single_example` in run_classifier.py of google-research/bert. Of a pair that is too long, the longer text
  loses its last pieces one by one.

  Args:
    tokenizer: of the model.
    texts: one or two.
    longest: number of pieces to keep, with the special ones.

  Returns:
    The pieces, and the segment of each: 0 or 1.
  """
  parts = [tokenizer.encode(text) for text in texts]
  while sum(map(len, parts)) > longest - 1 - len(parts):
    # Of two of the same length, the second.
    max(reversed(parts), key=len).pop()
  ids, segments = [tokenizer.cls], [0]
  for segment, part in enumerate(parts):
    ids += [*part, tokenizer.sep]
    segments += [segment] * (len(part) + 1)
  return ids, segments


def _example_weights(features) -> tf.Tensor:
  """1.0 for an example, 0.0 for a row with which t2t fills the last batch of an evaluation; [batch]."""
  ids = features["inputs"]
  return tf.to_float(tf.not_equal(tf.reshape(ids, [tf.shape(ids)[0], -1])[:, 0], 0))


def accuracy(predictions, labels, weights_fn=common_layers.weights_all, features=None):
  """Fraction of correct classes, in t2t's form of a metric: (1.0 or 0.0 of each row, its weight)."""
  del weights_fn
  classes = tf.to_int32(tf.argmax(tf.reshape(predictions, [tf.shape(predictions)[0], predictions.shape[-1]]), axis=-1))
  return tf.to_float(tf.equal(classes, tf.to_int32(tf.reshape(labels, [-1])))), _example_weights(features)


def squared_error(predictions, labels, weights_fn=common_layers.weights_all, features=None):
  """Mean squared error, in t2t's form of a metric: (error of each row, its weight)."""
  del weights_fn
  return tf.squared_difference(tf.reshape(predictions, [-1]), tf.reshape(labels, [-1])), _example_weights(features)


def _count(path: str) -> int:
  """The number of records in a file."""
  return sum(1 for _ in tf.python_io.tf_record_iterator(path))


class BertInput:
  """Mixin for a t2t text problem: pieces and segments of BERT, the model's own vocabulary, local files.

  The vocabulary is vocab.txt in data_dir, or copied there from tmp_dir by datagen.

  Attributes:
    folder: name of the problem's folder in tmp_dir.
    files: that it must contain.
  """

  folder: str
  files: tuple[str, ...] = ("train.tsv", "dev.tsv")

  def files_in(self, tmp_dir: str) -> tuple[str, ...]:
    """The names of the files that a folder must contain, of train first; of a task with files in several forms, of its form."""
    del tmp_dir
    return self.files

  @property
  def vocab_filename(self):
    return VOCABULARY

  @property
  def is_generate_per_split(self):
    return True

  @property
  def dataset_splits(self):
    return [{"split": problem.DatasetSplit.TRAIN, "shards": 1}, {"split": problem.DatasetSplit.EVAL, "shards": 1}]

  def get_or_create_vocab(self, data_dir, tmp_dir, force_get=False):
    """See `Text2TextProblem.get_or_create_vocab`; a vocabulary is never made here."""
    kept = os.path.join(os.path.expanduser(data_dir), VOCABULARY)
    given = os.path.join(os.path.expanduser(tmp_dir), VOCABULARY) if tmp_dir else kept
    with errors.one_line():
      if os.path.exists(kept) and os.path.exists(given) and manifest.file_info(kept) != manifest.file_info(given):
        raise errors.UserError(f"{kept} is another vocabulary than {given}: give another --data_dir")
      if not os.path.exists(kept) and not force_get:
        if not os.path.exists(given):
          raise errors.UserError(f"neither {kept} nor {given} exists: copy the vocab.txt of the model there")
        WordPiece.read(given)
        shutil.copyfile(given, kept)
      return WordPieceEncoder(WordPiece.read(kept))

  def generate_data(self, data_dir, tmp_dir, task_id=-1):
    """See `Text2TextProblem.generate_data`; then writes the manifest, by which the data are known to be complete."""
    super().generate_data(data_dir, tmp_dir, task_id)
    with errors.one_line():
      pieces = self.get_or_create_vocab(data_dir, tmp_dir).vocab_size
    records = {split: manifest.records(self.name, data_dir, split) for split in ("train", "dev")}
    counts = {split: sum(map(_count, paths)) for split, paths in records.items()}
    with errors.one_line():
      for split, count in counts.items():
        if not count:
          raise errors.UserError(f"{os.path.join(tmp_dir, self.folder)}: no example of {split}")
    more = self._more_facts()
    files = [os.path.join(data_dir, VOCABULARY), *(path for paths in records.values() for path in paths)]
    files += [os.path.join(data_dir, name) for name in more.values()]
    facts = {
      "vocabulary": VOCABULARY,
      "vocab_size": pieces,
      "examples": counts,
      "outputs": self._outputs(pieces),
      "test_sets": {"test": "dev"},
      **more,
    }
    manifest.write_manifest(
      self.name, data_dir, {os.path.basename(path): manifest.file_info(path) for path in files}, facts
    )

  def _outputs(self, pieces: int) -> int:
    """The size of the head, for a vocabulary of so many pieces."""
    del pieces
    return 1 if isinstance(self, text_problems.Text2RealProblem) else self.num_classes

  def _more_facts(self) -> dict[str, str]:
    """Fields of the manifest that name further files in data_dir."""
    return {}

  def generate_encoded_samples(self, data_dir, tmp_dir, dataset_split):
    """See `Text2TextProblem.generate_encoded_samples`."""
    with errors.one_line():
      self._check_files(tmp_dir)
      tokenizer = self.get_or_create_vocab(data_dir, tmp_dir).tokenizer
      for sample in self._samples(data_dir, tmp_dir, dataset_split):
        texts = [sample["inputs"]] if isinstance(sample["inputs"], str) else sample["inputs"]
        ids, segments = encode(tokenizer, texts)
        targets = [sample["label"]] if "label" in sample else sample["targets"]
        yield {"inputs": ids, "inputs_segments": segments, "targets": targets}

  def _samples(self, data_dir: str, tmp_dir: str, dataset_split: str) -> Iterator[dict]:
    """The samples of t2t's readers, which neither say where a line is malformed nor check that a class exists."""
    split = "train" if dataset_split == problem.DatasetSplit.TRAIN else "dev"
    where = f"{os.path.join(os.path.expanduser(tmp_dir), self.folder)}: {split} example"
    number = 0
    samples = self.generate_samples(data_dir, tmp_dir, dataset_split)
    while True:
      number += 1
      try:
        sample = next(samples, None)
      except (csv.Error, IndexError, ValueError) as error:
        raise errors.UserError(f"{where} {number} cannot be read: {error}") from error
      if sample is None:
        return
      if "label" in sample and not 0 <= sample["label"] < self.num_classes:
        raise errors.UserError(
          f"{where} {number} has class {sample['label']}: must be from 0 to {self.num_classes - 1}"
        )
      if "label" not in sample and not all(map(math.isfinite, sample["targets"])):
        raise errors.UserError(f"{where} {number} has the score {sample['targets'][0]}: must be a number")
      yield sample

  def _check_files(self, tmp_dir: str) -> None:
    tmp_dir = os.path.expanduser(tmp_dir)
    for name in self.files_in(tmp_dir):
      path = os.path.join(tmp_dir, self.folder, name)
      if not os.path.exists(path):
        raise errors.UserError(f"{path} is missing: put the files of {self.folder} there (nothing is downloaded)")

  def example_reading_spec(self):
    fields, decoders = super().example_reading_spec()
    fields["inputs_segments"] = tf.VarLenFeature(tf.int64)
    return fields, decoders

  def hparams(self, defaults, model_hparams):
    super().hparams(defaults, model_hparams)
    defaults.modality["inputs_segments"] = modalities.ModalityType.IDENTITY_SYMBOL
    defaults.vocab_size["inputs_segments"] = 2

  def max_length(self, model_hparams):
    return model_hparams.max_length

  def eval_metric_fns(self, model_hparams):
    """See `Problem.eval_metric_fns`; unlike t2t's own metrics, these do not count the rows that fill the last batch."""
    del model_hparams
    return {"mse": squared_error} if isinstance(self, text_problems.Text2RealProblem) else {"accuracy": accuracy}
