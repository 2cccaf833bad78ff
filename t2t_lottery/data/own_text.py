"""A user's own parallel text: which files it is, as `DATA_DIR/translate_NAME.text.json` says. Standard library only.

The file makes a problem of the text: `problems/own_text.py` registers one for each that it finds in t2t's data_dir.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from t2t_lottery.utils import atomic_files, file_names
from t2t_lottery.utils.errors import UsageError, UserError

VOCAB_SIZE = 2**13
# Of transformer_base_v3 (hparam `max_length`).
_MAX_LENGTH = 256
_SUFFIX = ".text.json"
# t2t takes these endings of a name for a problem turned around, or copied.
_T2T_ENDINGS = ("_rev", "_copy")
_SPLITS = ("train", "dev", "test")


class Part(NamedTuple):
  """Sentence pairs of one file or two.

  Attributes:
    files: absolute paths of source and target, a sentence a line, or of one file with source, tab, target in each line;
      gzipped if they end in .gz.
    name: of a test set; otherwise what its files are called.
  """

  files: tuple[str, ...]
  name: str


class OwnText(NamedTuple):
  """A user's own text.

  Attributes:
    name: of the text; its problem is called `translate_NAME`.
    languages: codes of source and target.
    train: at least one part.
    dev: one part, or nothing if dev is split off the training text.
    test: test sets, or nothing if one is split off the training text.
    vocab_size: what the vocabulary's size should come near to.
  """

  name: str
  languages: tuple[str, str]
  train: tuple[Part, ...]
  dev: tuple[Part, ...] = ()
  test: tuple[Part, ...] = ()
  vocab_size: int = VOCAB_SIZE

  @property
  def problem(self) -> str:
    """The name of its problem."""
    return problem_name(self.name)

  @property
  def parts(self) -> tuple[Part, ...]:
    """All parts."""
    return (*self.train, *self.dev, *self.test)


def problem_name(name: str) -> str:
  """The problem of a text of that name."""
  return f"translate_{name}"


def path(problem: str, data_dir: str) -> str:
  """The file that says which text a problem is."""
  return os.path.join(data_dir, problem + _SUFFIX)


def problems(data_dir: str) -> list[str]:
  """Names of the problems of own text in a folder."""
  try:
    found = os.listdir(data_dir)
  except OSError:
    return []
  return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX) and not name.startswith("."))


def check_name(name: str) -> str:
  """The name of a text.

  Raises:
    UsageError: t2t could not take it as part of a problem's name.
  """
  if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name.endswith(_T2T_ENDINGS):
    raise UsageError(
      f"--name={name}: use lower-case letters, digits and single underscores, a letter first, and neither "
      f"{' nor '.join(_T2T_ENDINGS)} at the end, so that t2t can call the problem translate_{name}"
    )
  return name


def parse(
  name: str,
  train: Sequence[str],
  dev: Sequence[str] = (),
  test: Sequence[str] = (),
  languages: str = "",
  vocab_size: int = VOCAB_SIZE,
) -> OwnText:
  """Own text as flags describe it.

  Args:
    name: as `OwnText.name`.
    train, dev, test: of each part "SOURCE,TARGET" or one tab-separated file.
    languages: "en,de"; nothing to take them from the files' endings (a.en,a.de; a.en-de.tsv).
    vocab_size: as `OwnText.vocab_size`.

  Raises:
    UsageError: naming the flag that is wrong.
    UserError: a file cannot be read.
  """
  check_name(name)
  if not train:
    raise UsageError(f"--name={name} needs --train=SOURCE,TARGET, or one tab-separated file")
  if len(dev) > 1:
    raise UsageError("--dev is given twice: checkpoints are chosen by one dev set")
  parts = {flag: tuple(_part(flag, value) for value in given) for flag, given in zip(_SPLITS, (train, dev, test))}
  seen: dict[str, str] = {}
  for flag, of_flag in parts.items():
    for part in of_flag:
      for file in part.files:
        if file in seen:
          raise UsageError(f"--{flag}: {file} is given twice (--{seen[file]})")
        seen[file] = flag
  names = [part.name for part in parts["test"]]
  for i, one in enumerate(names):
    if one in names[:i]:
      raise UsageError(f"--test: two test sets are called {one}: rename the files of one")
  return OwnText(name, _languages(languages, parts), parts["train"], parts["dev"], parts["test"], vocab_size)


def _part(flag: str, value: str) -> Part:
  files = [os.path.abspath(os.path.expanduser(file)) for file in value.split(",") if file]
  if len(files) not in (1, 2) or value.count(",") != len(files) - 1:
    raise UsageError(f"--{flag}={value}: give SOURCE,TARGET, or one tab-separated file")
  for file in files:
    if not os.path.exists(file):
      raise UserError(f"--{flag}: {file} does not exist{_near(file)}")
    if not os.path.isfile(file) or not os.access(file, os.R_OK):
      raise UserError(f"--{flag}: {file} is not a file that can be read")
  return Part(tuple(files), re.sub(r"\.[a-z]{2,3}(-[a-z]{2,3})?$|\.tsv$", "", _stem(files[0])) or _stem(files[0]))


def _near(file: str) -> str:
  folder = os.path.dirname(file)
  names = os.listdir(folder) if os.path.isdir(folder) else []
  near = difflib.get_close_matches(os.path.basename(file), names, n=1)
  return f": did you mean {near[0]}?" if near else ""


def _stem(file: str) -> str:
  """A file's name without what says how it is packed."""
  return os.path.basename(file).removesuffix(".gz").removesuffix(".tsv").removesuffix(".txt")


def _languages(given: str, parts: Mapping[str, Iterable[Part]]) -> tuple[str, str]:
  if given:
    match = re.fullmatch(r"([a-z]{2,3}),([a-z]{2,3})", given)
    if not match:
      raise UsageError(f"--languages={given}: give two codes, source first, such as --languages=en,de")
    return match[1], match[2]
  found: dict[tuple[str, str], str] = {}
  for part in (part for of_flag in parts.values() for part in of_flag):
    endings = [_stem(file).rpartition(".")[2] for file in part.files]
    codes = tuple(endings if len(endings) == 2 else endings[0].split("-"))
    if len(codes) != 2 or not all(re.fullmatch("[a-z]{2,3}", code) for code in codes):
      raise UsageError(
        f"{', '.join(part.files)}: the languages cannot be read off the end of the name (a.en,a.de or a.en-de.tsv): "
        "give --languages=SOURCE,TARGET"
      )
    found[(codes[0], codes[1])] = part.files[0]
  if len(found) > 1:
    (one, first), (other, second) = list(found.items())[:2]
    raise UsageError(
      f"{first} is {'-'.join(one)}, {second} is {'-'.join(other)}: give all files in one direction, or --languages"
    )
  return next(iter(found))


def read(problem: str, data_dir: str) -> OwnText:
  """The text of a problem.

  Raises:
    UserError: the file is missing or damaged.
  """
  shape = {
    "name": str,
    "languages": [str],
    "vocab_size": int,
    **dict.fromkeys(_SPLITS, [{"files": [str], "name": str}]),
  }
  content = atomic_files.read_json(path(problem, data_dir), shape)
  name = content["name"]
  if problem_name(name) != problem or not file_names.is_name(problem) or len(content["languages"]) != 2:
    raise UserError(
      f"{path(problem, data_dir)} does not describe {problem}: delete it and give --name and --train again"
    )
  source, target = content["languages"]
  train, dev, test = (tuple(Part(tuple(part["files"]), part["name"]) for part in content[split]) for split in _SPLITS)
  return OwnText(name, (source, target), train, dev, test, content["vocab_size"])


def write(text: OwnText, data_dir: str) -> None:
  """Makes the text a problem of a folder.

  Raises:
    UserError: the folder's problem of that name is other text.
  """
  target = path(text.problem, data_dir)
  if os.path.exists(target):
    there = read(text.problem, data_dir)
    if there != text:
      what = next(field for field in OwnText._fields if getattr(there, field) != getattr(text, field))
      raise UserError(
        f"{target} says that {text.problem} has other {what} ({_words(getattr(there, what))}): choose another --name, or "
        "another --data_dir"
      )
    return
  content: dict[str, Any] = {"name": text.name, "languages": list(text.languages), "vocab_size": text.vocab_size}
  for split in _SPLITS:
    content[split] = [{"files": list(part.files), "name": part.name} for part in getattr(text, split)]
  atomic_files.write_json(target, content)


def _words(value: Any) -> str:
  if isinstance(value, tuple):
    return " ".join(",".join(part.files) if isinstance(part, Part) else str(part) for part in value) or "none"
  return str(value)


def checksums(text: OwnText) -> dict[str, str]:
  """SHA-256 (hexadecimal) of each of its files.

  Raises:
    UserError: one cannot be read.
  """
  found = {}
  for part in text.parts:
    for file in part.files:
      digest = hashlib.sha256()
      try:
        with open(file, "rb") as stream:
          while block := stream.read(1 << 20):
            digest.update(block)
      except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
      found[file] = digest.hexdigest()
  return found


@dataclasses.dataclass
class Counts:
  """What the training text holds, in pairs.

  Attributes:
    pairs: all.
    held_out: left out of training, since they share a side with a pair that became dev or test.
    empty: with an empty side; not trained on.
    duplicates: the same as an earlier one.
    overlap: share a side with dev or test, of sets that the user gave; trained on all the same.
    byte_order_marks: with U+FEFF, which is removed.
    control_characters: with characters that are no text.
  """

  pairs: int = 0
  held_out: int = 0
  empty: int = 0
  duplicates: int = 0
  overlap: int = 0
  byte_order_marks: int = 0
  control_characters: int = 0


def summary(facts: Mapping[str, Any]) -> list[str]:
  """What datagen took of own text, a line each; nothing of other problems.

  Args:
    facts: the problem's manifest.
  """
  if "text" not in facts:
    return []
  counts, examples = Counts(**facts["text"]), facts["examples"]
  lengths = {int(length): count for length, count in facts["train_lengths"].items()}
  long = sum(count for length, count in lengths.items() if length > _MAX_LENGTH)
  said = [
    f"{counts.pairs:,} pairs of training text; {examples['train']:,} to train on, {examples['dev']:,} of dev, "
    f"{examples['test']:,} of test"
  ]
  of_pairs = (
    (counts.held_out, "share a side with dev or test, which are split off: left out of training"),
    (counts.empty, "have an empty side: left out of training"),
    (
      long,
      f"are longer than {_MAX_LENGTH} subwords ({long / max(1, examples['train']):.1%}): not trained on by default",
    ),
    (counts.duplicates, "repeat an earlier pair"),
    (counts.byte_order_marks, "have byte order marks (U+FEFF), which are removed"),
    (counts.control_characters, "have control characters"),
  )
  said += [f"{count:,} pairs {what}" for count, what in of_pairs if count]
  if counts.overlap:
    said.append(f"warning: {counts.overlap:,} training pairs share a side with dev or test: scores may be too high")
  return said
