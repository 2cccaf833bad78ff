"""A problem's dev and test set as raw text, and the manifest of its data. Standard library only.

BLEU is computed on raw text, so datagen writes dev and test unchanged next to the records: one sentence per line, split on
"\\n" only; only a byte order mark at the start of a file is dropped. The manifest, written last, lists every file of the
problem with its size and checksum; data without it are incomplete.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from concurrent import futures
from typing import Any, NamedTuple

from t2t_lottery.data import own_text
from t2t_lottery.utils import atomic_files, errors, file_names

SPLITS = ("train", "dev", "test")
RAW_SPLITS = ("dev", "test")
SIDES = ("source", "reference")


class FileInfo(NamedTuple):
  """Size in bytes and SHA-256 (hexadecimal) of a file."""

  size: int
  sha256: str


def raw_name(problem_name: str, split: str, side: str) -> str:
  """Name, inside data_dir, of one side ("source" or "reference") of a raw split."""
  return f"{problem_name}.{split}.{side}"


def records(dataset: str, data_dir: str, split: str) -> list[str]:
  """The record files of a split, sorted; none if t2t-datagen makes none.

  Args:
    dataset: t2t's `Problem.dataset_filename`, by default the problem's name.
    data_dir: folder of the files.
    split: one of `SPLITS`.
  """
  return sorted(glob.glob(os.path.join(glob.escape(data_dir), f"{dataset}-{split}-?????-of-?????")))


def manifest_path(problem_name: str, data_dir: str) -> str:
  """The manifest, whose existence means that the problem's data are complete."""
  return os.path.join(data_dir, f"{problem_name}.manifest.json")


def file_info(path: str) -> FileInfo:
  """Computes size and checksum of a file in one pass."""
  digest, size = hashlib.sha256(), 0
  with open(path, "rb") as stream:
    while block := stream.read(1 << 20):
      digest.update(block)
      size += len(block)
  return FileInfo(size, digest.hexdigest())


def write_manifest(problem_name: str, data_dir: str, written: dict[str, FileInfo], facts: dict[str, Any]) -> None:
  """Writes the manifest, which marks the problem's data as complete.

  Args:
    problem_name: registered name.
    data_dir: folder of the files.
    written: every file of the problem by its name inside data_dir.
    facts: further fields: "vocabulary", the file's name, and counts.
  """
  content = {
    "problem": problem_name,
    **facts,
    "files": {name: info._asdict() for name, info in sorted(written.items())},
  }
  atomic_files.write_text(manifest_path(problem_name, data_dir), json.dumps(content, indent=1) + "\n")


def manifest_files(problem_name: str, data_dir: str) -> dict[str, FileInfo]:
  """Files in the problem's manifest; empty if there is no readable manifest."""
  try:
    named = _manifest(problem_name, data_dir)["files"]
  except errors.UserError:
    return {}
  return {name: FileInfo(info["size"], info["sha256"]) for name, info in named.items()}


def _manifest(problem_name: str, data_dir: str) -> dict[str, Any]:
  """The problem's manifest.

  Raises:
    errors.UserError: it is missing or damaged, or names a file outside data_dir.
  """
  path = manifest_path(problem_name, data_dir)
  shape = {"files": {"*": {"size": int, "sha256": str}}, "vocabulary?": str, "train_lengths?": {"*": int}}
  shape |= {
    "vocab_size?": int,
    "outputs?": int,
    "questions?": str,
    "test_sets?": {"*": str},
    "text_from?": str,
    "text?": {"*": int},
    "examples?": {"*": int},
  }
  found = atomic_files.read_json(path, shape)
  for name in (*found["files"], *filter(None, [found.get("vocabulary"), found.get("questions")])):
    if not file_names.is_name(name):
      raise errors.UserError(f"{path} names a file outside its folder, {name!r}: delete it and run t2t-datagen again")
  return found


def _have_their_sizes(named: Iterable[tuple[str, FileInfo]], data_dir: str) -> bool:
  try:
    return all(os.stat(os.path.join(data_dir, name)).st_size == info.size for name, info in named)
  except OSError:
    return False


def is_complete(problem_name: str, data_dir: str) -> bool:
  """Whether datagen of the problem has finished and every file still has its size."""
  named = manifest_files(problem_name, data_dir)
  return bool(named) and _have_their_sizes(named.items(), data_dir)


def check_complete(problem_name: str, data_dir: str) -> None:
  """Requires complete data of a problem.

  Raises:
    errors.UserError: the data are missing or incomplete; names the command to run.
  """
  if not is_complete(problem_name, data_dir):
    raise errors.UserError(
      f"no complete data of {problem_name} in {data_dir}: run t2t-datagen --t2t_usr_dir=usr_dir"
      f" --problem={problem_name} --data_dir={data_dir} --tmp_dir=..."
    )


def check_unchanged(problem_name: str, data_dir: str) -> None:
  """Verifies the checksum of every file in the problem's manifest, if there is one.

  Raises:
    errors.UserError: a file is missing, or was changed since datagen wrote it.
  """
  named = manifest_files(problem_name, data_dir)
  try:
    changed = first_changed({os.path.join(data_dir, name): info.sha256 for name, info in named.items()})
  except OSError as error:
    raise errors.UserError(f"cannot read {error.filename}: {error.strerror}: run t2t-datagen again") from error
  if changed:
    raise errors.UserError(_changed(changed))


def first_changed(checksums: Mapping[str, str]) -> str | None:
  """The first of some files whose content is another one now; None if there is none.

  Args:
    checksums: path -> SHA-256 (hexadecimal) of the content that was.

  Raises:
    OSError: one cannot be read.
  """
  with futures.ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
    found = pool.map(file_info, checksums)
    return next((path for path, info in zip(checksums, found) if info.sha256 != checksums[path]), None)


def fingerprint(problem_name: str, data_dir: str) -> str | None:
  """A hash that identifies the problem's data, from its manifest; None without one, as for t2t's own problems."""
  named = manifest_files(problem_name, data_dir)
  if not named:
    return None
  lines = (f"{name} {info.sha256}\n" for name, info in sorted(named.items()))
  return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()[:16]


def check_same(what: str, trained_on: str | None, problem_name: str, data_dir: str) -> None:
  """Rejects data other than a run's training data: a vocabulary of the same size may have other subwords.

  Args:
    what: the run, for the error.
    trained_on: fingerprint of its training data; None if unknown.
    problem_name, data_dir: the data to use.

  Raises:
    errors.UserError: if both fingerprints are known and differ.
  """
  found = fingerprint(problem_name, data_dir)
  if trained_on and found and trained_on != found:
    raise errors.UserError(
      f"{what} was trained on data {trained_on}, but {data_dir} contains data {found}: use the --data_dir of its training"
    )


def _changed(path: str) -> str:
  return f"{path} was changed since datagen wrote it: delete it and run t2t-datagen again"


def vocabulary(problem_name: str, data_dir: str) -> str:
  """Path of the problem's t2t subword vocabulary file.

  Raises:
    errors.UserError: the data are incomplete.
  """
  check_complete(problem_name, data_dir)
  named = _manifest(problem_name, data_dir)
  if "vocabulary" not in named:
    raise errors.UserError(
      f"{manifest_path(problem_name, data_dir)} names no vocabulary: delete it and run t2t-datagen again"
    )
  return os.path.join(data_dir, named["vocabulary"])


def train_lengths(problem_name: str, data_dir: str) -> dict[int, int]:
  """The number of training pairs by length: the longer side's number of subwords, including its end.

  Returns:
    Length -> pairs; empty if unknown: without a manifest, or with an older one.
  """
  found = facts(problem_name, data_dir).get("train_lengths", {})
  return {int(length): count for length, count in found.items() if length.isdecimal()}


def facts(problem_name: str, data_dir: str) -> dict[str, Any]:
  """The content of the problem's manifest; empty if there is no readable one."""
  try:
    return _manifest(problem_name, data_dir)
  except errors.UserError:
    return {}


def test_sets(problem_name: str, data_dir: str) -> dict[str, str]:
  """Split -> name of each of the problem's test sets; the main one, "test", comes first."""
  return facts(problem_name, data_dir).get("test_sets") or {"test": "test"}


def target_language(problem_name: str, data_dir: str) -> str:
  """Code of the target language: as specified for own text; else from a name in t2t's style, such as "de" of
  translate_ende_wmt14; else "en".
  """
  if os.path.exists(own_text.path(problem_name, data_dir)):
    return own_text.read(problem_name, data_dir).languages[1]
  match = re.match(r"translate_[a-z]{2}([a-z]{2,3})(_|$)", problem_name)
  return match[1] if match else "en"


def _read_side(problem_name: str, data_dir: str, split: str, side: str) -> list[str]:
  name = raw_name(problem_name, split, side)
  with open(os.path.join(data_dir, name), "rb") as stream:
    content = stream.read()
  if hashlib.sha256(content).hexdigest() != manifest_files(problem_name, data_dir)[name].sha256:
    raise errors.UserError(_changed(os.path.join(data_dir, name)))
  return content.decode("utf-8-sig").split("\n")[:-1]


def has_text(problem_name: str, data_dir: str, split: str) -> bool:
  """Whether complete data have the raw text of a split; a task of BERT has none."""
  names = {raw_name(problem_name, split, side) for side in SIDES}
  return names <= manifest_files(problem_name, data_dir).keys()


def raw_text(problem_name: str, data_dir: str, split: str) -> tuple[list[str], list[str]]:
  """Raw sentences of a split, as needed for BLEU.

  Args:
    problem_name: registered name.
    data_dir: t2t's data_dir.
    split: "dev" or "test".

  Returns:
    Sources and references, lists of sentences of equal length.

  Raises:
    errors.UserError: the data are incomplete, of no translation, or the text was changed after datagen.
    ValueError: a split other than dev and the test sets.
  """
  known = ("dev", *test_sets(problem_name, data_dir))
  if split not in known:
    raise ValueError(f"split must be one of {known}, not {split!r}")
  check_complete(problem_name, data_dir)
  if not has_text(problem_name, data_dir, split):
    raise errors.UserError(
      f"the data of {problem_name} in {data_dir} have no text to translate: give a problem of translation"
    )
  source, reference = (_read_side(problem_name, data_dir, split, side) for side in SIDES)
  return source, reference
