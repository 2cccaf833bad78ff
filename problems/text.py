"""Base class of all problems: turns parallel text into records, vocabulary and raw text, atomically."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import (
  generator_utils,
  problem,
  text_encoder,
  text_problems,
  translate,
)

from problems import lines, records, workers
from t2t_lottery.data import manifest
from t2t_lottery.utils import errors, file_lock, file_names

_DATASET_SPLIT = {
  "train": problem.DatasetSplit.TRAIN,
  "dev": problem.DatasetSplit.EVAL,
  "test": problem.DatasetSplit.TEST,
}


class ParallelTextProblem(translate.TranslateProblem):
  """A translation problem that also yields dev and test as raw text.

  A subclass overrides `parallel_text`. Files in data_dir of a problem P:
    vocab.P.N.subwords                 t2t's shared subword vocabulary
    P-{train,dev,test}-?????-of-?????  t2t's records
    P.{dev,test}.{source,reference}    raw text, see `t2t_lottery.data.manifest`
    P.manifest.json                    lists all of these; written last

  Attributes:
    approx_vocab_size: approximate vocabulary size.
    train_shards: record files of the training set (dev and test have one each).
  """

  approx_vocab_size = 2**12
  train_shards = 10

  def parallel_text(self, split: str, tmp_dir: str) -> Iterator[tuple[str, str]]:
    """Yields a split's sentence pairs, (source, target), in a fixed order.

    Args:
      split: "train", "dev" or "test".
      tmp_dir: folder of downloads and unpacked files.

    Raises:
      errors.UserError: invalid data.
    """
    raise NotImplementedError

  def text_files(self, split: str, tmp_dir: str, work_dir: str) -> tuple[str, str]:
    """Two line-aligned files of a split, source and target; written from `parallel_text`."""
    source, target = (os.path.join(work_dir, manifest.raw_name(self.name, split, side)) for side in manifest.SIDES)
    lines.write_pairs(self.parallel_text(split, tmp_dir), source, target)
    return source, target

  def origins(self, split: str, tmp_dir: str) -> tuple[str, str]:
    """Names of the two files of a split in errors: those with the split's pairs as lines, in order."""
    del tmp_dir
    return manifest.raw_name(self.name, split, "source"), manifest.raw_name(self.name, split, "reference")

  @property
  def test_sets(self) -> dict[str, str]:
    """Split -> name of each test set: the first is "test", which alone has records; others are "test2", "test3", ..."""
    return {"test": "test"}

  def facts(self) -> dict[str, object]:
    """Additional fields of the manifest; called after all text has been read."""
    return {}

  def vocab_text(self, source: str, target: str) -> Iterator[str]:
    """Yields the training text that the vocabulary is built on, by default all of it."""
    for path in (source, target):
      for line in lines.read_lines(path):
        yield line.strip()

  @property
  def dataset_splits(self):
    shards = {"train": self.train_shards, "dev": 1, "test": 1}
    return [{"split": _DATASET_SPLIT[split], "shards": shards[split]} for split in manifest.SPLITS]

  def generate_samples(self, data_dir, tmp_dir, dataset_split):
    """t2t's interface to the text: yields {"inputs": source, "targets": target}."""
    split = next(name for name, value in _DATASET_SPLIT.items() if value == dataset_split)
    for source, target in self.parallel_text(split, tmp_dir):
      yield {"inputs": source.strip(), "targets": target.strip()}

  def generate_text_for_vocab(self, data_dir, tmp_dir):
    return text_problems.Text2TextProblem.generate_text_for_vocab(self, data_dir, tmp_dir)

  def feature_encoders(self, data_dir):
    with errors.one_line():
      if not tf.gfile.Exists(os.path.join(data_dir, self.vocab_filename)):
        manifest.check_complete(self.name, data_dir)
      return super().feature_encoders(data_dir)

  def filepattern(self, data_dir, mode, shard=None):
    """t2t's pattern of record files; requires complete data, since a killed datagen may leave only some files.

    A remote data_dir (gs://...) is read by t2t and not checked.
    """
    if "://" not in data_dir:
      with errors.one_line():
        manifest.check_complete(self.name, data_dir)
    return super().filepattern(data_dir, mode, shard)

  def generate_data(self, data_dir, tmp_dir, task_id=-1):
    """Generates the data; skipped if they are complete.

    All files are written to a temporary folder in data_dir and moved at the end, the manifest last.
    One process at a time generates a problem in a data_dir.

    Args:
      data_dir: the target; a local folder.
      tmp_dir: folder of downloads and unpacked files.
      task_id: unused; this method runs its own processes.

    Raises:
      SystemExit: with one line for the user, in place of an errors.UserError.
    """
    del task_id
    with errors.one_line():
      if "://" in data_dir:
        raise errors.UserError(f"--data_dir={data_dir}: datagen needs a local folder; copy the data afterwards")
      file_names.check_folder("data_dir", data_dir)
      with file_lock.exclusive(data_dir, self.name):
        if manifest.is_complete(self.name, data_dir):
          tf.logging.info("Data of %s in %s are complete", self.name, data_dir)
        else:
          self._regenerate(data_dir, os.path.abspath(os.path.expanduser(tmp_dir)))

  def _regenerate(self, data_dir: str, tmp_dir: str) -> None:
    work_dir = os.path.join(data_dir, f".{self.name}.incomplete")
    try:
      self._remove_leftovers(data_dir, work_dir)
      os.makedirs(work_dir)
      self._generate(data_dir, tmp_dir, work_dir)
    except OSError as error:
      raise errors.UserError(f"{error.filename or work_dir}: {error.strerror or error}") from error
    finally:
      shutil.rmtree(work_dir, ignore_errors=True)

  def _remove_leftovers(self, data_dir: str, work_dir: str) -> None:
    with contextlib.suppress(FileNotFoundError):
      os.remove(manifest.manifest_path(self.name, data_dir))
    shutil.rmtree(work_dir, ignore_errors=True)
    ours = re.compile(rf"{re.escape(self.name)}(-(train|dev|test)-|\.(dev|test[0-9]*)\.(source|reference)$)")
    for name in os.listdir(data_dir):
      if ours.match(name):
        os.remove(os.path.join(data_dir, name))

  def _generate(self, data_dir: str, tmp_dir: str, work_dir: str) -> None:
    processes = workers.count()
    texts = {split: self.text_files(split, tmp_dir, work_dir) for split in manifest.SPLITS}
    encoder = self._encoder(data_dir, work_dir, *texts["train"])
    files, lengths = {}, {}
    for split in self.dataset_splits:
      name = next(key for key, value in _DATASET_SPLIT.items() if value == split["split"])
      shards = self.data_filepaths(split["split"], work_dir, split["shards"], shuffled=True)
      origins = self.origins(name, tmp_dir)
      job = records.Job(self, encoder, *texts[name], origins, work_dir, shards, is_train=name == "train")
      lengths[name], written = records.write(job, processes)
      if not lengths[name]:
        raise errors.UserError(f"no pair of {texts[name]} has text on both sides")
      files.update(written)
    for split in [name for name in self.test_sets if name != "test"]:
      self.text_files(split, tmp_dir, work_dir)
    for split in ("dev", *self.test_sets):
      for side in manifest.SIDES:
        raw_name = manifest.raw_name(self.name, split, side)
        files[raw_name] = manifest.file_info(os.path.join(work_dir, raw_name))
    for name in files:
      os.replace(os.path.join(work_dir, name), os.path.join(data_dir, name))
    new_vocab = os.path.join(work_dir, self.vocab_filename)
    vocab = os.path.join(data_dir, self.vocab_filename)
    if os.path.exists(new_vocab):
      os.replace(new_vocab, vocab)
    files[self.vocab_filename] = manifest.file_info(vocab)
    facts = {
      "vocabulary": self.vocab_filename,
      "vocab_size": encoder.vocab_size,
      "examples": {name: sum(found.values()) for name, found in lengths.items()},
      "train_lengths": lengths["train"],
      "test_sets": self.test_sets,
      **self.facts(),
    }
    manifest.write_manifest(self.name, data_dir, files, facts)

  def _encoder(self, data_dir: str, work_dir: str, source: str, target: str) -> text_encoder.SubwordTextEncoder:
    """The vocabulary in data_dir, if it exists, as in t2t; else one built by t2t in work_dir.

    Read from its file in both cases, as in training and decoding. t2t's reader drops "\\r", which
    would change a subword that contains one; kept out of the vocabulary, "\\r" is escaped and preserved.
    """
    vocab = os.path.join(data_dir, self.vocab_filename)
    if os.path.exists(vocab):
      with open(vocab, encoding="utf-8", newline="\n") as stream:
        head = [stream.readline().strip("'\"\n") for _ in text_encoder.RESERVED_TOKENS]
      if head != [token + "_" for token in text_encoder.RESERVED_TOKENS]:
        raise errors.UserError(f"{vocab} is not a t2t subword vocabulary: delete it")
      return text_encoder.SubwordTextEncoder(vocab)
    generator_utils.get_or_generate_vocab_inner(
      work_dir,
      self.vocab_filename,
      self.approx_vocab_size,
      (line.replace("\r", "") for line in self.vocab_text(source, target)),
      max_subtoken_length=self.max_subtoken_length,
      reserved_tokens=text_encoder.RESERVED_TOKENS + self.additional_reserved_tokens,
    )
    return text_encoder.SubwordTextEncoder(os.path.join(work_dir, self.vocab_filename))
