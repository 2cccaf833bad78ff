"""Problems of t2t itself, and of a user's own usr_dir, that keep no raw text: dev and test text decoded from their records.

t2t-datagen writes records only. Decoded by the problem's vocabulary they give back the text, which then is to evaluation,
export and reports what the raw text of this project's problems is. A problem without a test split is tested on dev.
"""

from __future__ import annotations

import os

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import text_problems

from problems import text
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.utils import atomic_files, errors

Pair = tuple[list[int], list[int]]


def unsupported(problem: object) -> str | None:
  """Why runs of a problem cannot be evaluated here; None if they can.

  Args:
    problem: a registered problem.
  """
  if isinstance(problem, text.ParallelTextProblem):
    return None
  if not isinstance(problem, text_problems.Text2TextProblem) or isinstance(problem, text_problems.Text2ClassProblem):
    return "is not a text-to-text problem"
  if not problem.has_inputs:
    return "has no source text"
  if problem.vocab_type != text_problems.VocabType.SUBWORD:
    return "has no subword vocabulary"
  if type(problem).feature_encoders is not text_problems.Text2TextProblem.feature_encoders:
    return "has vocabularies of its own for source and target"
  if problem.packed_length:
    return "packs several sentences into one example"
  return None


def write_text(problem: text_problems.Text2TextProblem, data_dir: str) -> None:
  """Writes dev and test as raw text and the manifest of data that t2t-datagen has made.

  Args:
    problem: one that is not `unsupported`.
    data_dir: where its records and its vocabulary are.

  Raises:
    errors.UserError: records or vocabulary are missing, or a sentence is too long to be evaluated.
  """
  name = problem.name
  vocabulary = os.path.join(data_dir, problem.vocab_filename)
  if not os.path.exists(vocabulary):
    raise errors.UserError(f"{vocabulary} is missing: run t2t-datagen again")
  encoder = problem.feature_encoders(data_dir)["targets"]
  records = {split: manifest.records(problem.dataset_filename(), data_dir, split) for split in manifest.SPLITS}
  for split in ("train", "dev"):
    if not records[split]:
      raise errors.UserError(f"{data_dir} has no {split} records of {name}: run t2t-datagen again")
  files = [vocabulary, *(path for paths in records.values() for path in paths)]
  examples = {}
  for split in manifest.RAW_SPLITS:
    pairs = _read(records[split] or records["dev"], f"{name}, {split}")
    examples[split] = len(pairs)
    for side, sentences in zip(manifest.SIDES, zip(*pairs)):
      path = os.path.join(data_dir, manifest.raw_name(name, split, side))
      # A line each, whatever a sentence contains.
      atomic_files.write_lines(path, (" ".join(encoder.decode(ids).splitlines()) for ids in sentences))
      files.append(path)
  facts = {
    "vocabulary": problem.vocab_filename,
    "vocab_size": encoder.vocab_size,
    "examples": examples,
    "test_sets": {"test": "test" if records["test"] else "dev"},
    "text_from": "records",
  }
  manifest.write_manifest(name, data_dir, {os.path.basename(path): manifest.file_info(path) for path in files}, facts)


def _read(paths: list[str], what: str) -> list[Pair]:
  """The subwords of each pair, without the end of sentence."""
  pairs = []
  for path in paths:
    for record in tf.python_io.tf_record_iterator(path):
      feature = tf.train.Example.FromString(record).features.feature
      sides = [list(feature[side].int64_list.value) for side in ("inputs", "targets")]
      for ids, most in zip(sides, subword_vocabulary.EVALUATED_LENGTHS):
        if len(ids) > most:
          raise errors.UserError(
            f"{what}, pair {len(pairs) + 1} of {path}: {len(ids)} subwords, more than the {most} that can be evaluated"
          )
      pairs.append((sides[0][:-1], sides[1][:-1]))
  return pairs
