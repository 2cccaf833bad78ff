"""A user's own parallel text, described in `DATA_DIR/translate_NAME.text.json`. Standard library only.

`problems/own_text.py` registers a problem for each such file in t2t's data_dir.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from t2t_lottery.utils import atomic_files, file_names
from t2t_lottery.utils.errors import UsageError, UserError

VOCAB_SIZE = 2**13
# The hparam `max_length` of transformer_base_v3.
_MAX_LENGTH = 256
_SUFFIX = ".text.json"
# t2t interprets these name endings as a reversed or copied problem.
_T2T_ENDINGS = ("_rev", "_copy")
_SPLITS = ("train", "dev", "test")
# ISO 639-1.
_LANGUAGES = frozenset(
  """
  aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa
  ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko
  kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa
  pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty
  ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
  """.split()
)


class Part(NamedTuple):
  """Sentence pairs of one or two files.

  Attributes:
    files: absolute paths of source and target, one sentence per line, or of one file with source, tab, target on each line;
      gzipped if they end in .gz.
    name: of a test set; otherwise derived from its file names.
  """

  files: tuple[str, ...]
  name: str


class OwnText(NamedTuple):
  """A user's own text.

  Attributes:
    name: of the text; its problem is called `translate_NAME`.
    languages: codes of source and target.
    train: at least one part.
    dev: one part; empty if dev is split off the training text.
    test: test sets; empty if one is split off the training text.
    vocab_size: approximate vocabulary size.
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
  def files(self) -> list[str]:
    """All files."""
    return [file for part in (*self.train, *self.dev, *self.test) for file in part.files]


def problem_name(name: str) -> str:
  """The problem's name for a text of the given name."""
  return f"translate_{name}"


def path(problem: str, data_dir: str) -> str:
  """The file that describes a problem's text."""
  return os.path.join(data_dir, problem + _SUFFIX)


def problems(data_dir: str) -> list[str]:
  """Names of the problems of own text in a folder."""
  try:
    found = os.listdir(data_dir)
  except OSError:
    return []
  return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX) and not name.startswith("."))


def check_name(name: str) -> str:
  """Returns the name of a text if it is valid.

  Raises:
    UsageError: it is invalid as part of a t2t problem's name.
  """
  if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name.endswith(_T2T_ENDINGS):
    raise UsageError(
      f"--name={name}: use lower-case letters, digits and single underscores, a letter first, and neither "
      f"{' nor '.join(_T2T_ENDINGS)} at the end, so that translate_{name} is a valid t2t problem name"
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
  """Own text from flags.

  Args:
    name: as `OwnText.name`.
    train, dev, test: "SOURCE,TARGET" or one tab-separated file for each part.
    languages: "en,de", of two letters (ISO 639-1) or three; empty to take them from file endings of two letters (a.en,a.de;
      a.en-de.tsv).
    vocab_size: as `OwnText.vocab_size`.

  Raises:
    UsageError: naming the invalid flag.
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
      raise UsageError(f"--test: two test sets are named {one}: rename the files of one")
  return OwnText(name, _languages(languages, parts), parts["train"], parts["dev"], parts["test"], vocab_size)


def _part(flag: str, value: str) -> Part:
  files = [os.path.abspath(os.path.expanduser(file)) for file in value.split(",") if file]
  if len(files) not in (1, 2) or value.count(",") != len(files) - 1:
    raise UsageError(f"--{flag}={value}: give SOURCE,TARGET, or one tab-separated file")
  for file in files:
    if not os.path.exists(file):
      raise UserError(f"--{flag}: {file} does not exist{_suggestion(file)}")
    if not os.path.isfile(file) or not os.access(file, os.R_OK):
      raise UserError(f"--{flag}: {file} is not a file that can be read")
  return Part(tuple(files), re.sub(r"\.[a-z]{2,3}(-[a-z]{2,3})?$|\.tsv$", "", _stem(files[0])) or _stem(files[0]))


def _suggestion(file: str) -> str:
  folder = os.path.dirname(file)
  names = os.listdir(folder) if os.path.isdir(folder) else []
  near = difflib.get_close_matches(os.path.basename(file), names, n=1)
  return f": did you mean {near[0]}?" if near else ""


def _stem(file: str) -> str:
  """A file's name without the endings of its format."""
  return os.path.basename(file).removesuffix(".gz").removesuffix(".tsv").removesuffix(".txt")


def _languages(given: str, parts: Mapping[str, Iterable[Part]]) -> tuple[str, str]:
  if given:
    match = re.fullmatch(r"([a-z]{2,3}),([a-z]{2,3})", given)
    if not match:
      raise UsageError(f"--languages={given}: give two codes, source first, such as --languages=en,de")
    for code in match.groups():
      if len(code) == 2 and code not in _LANGUAGES:
        raise UsageError(
          f"--languages={given}: {code} is no language of ISO 639-1, by which scores choose their tokenizers: give its code, such as en, "
          "or one of three letters"
        )
    return match[1], match[2]
  found: dict[tuple[str, str], str] = {}
  for part in (part for of_flag in parts.values() for part in of_flag):
    endings = [_stem(file).rpartition(".")[2] for file in part.files]
    codes = tuple(endings if len(endings) == 2 else endings[0].split("-"))
    # Endings of three letters, such as src and tgt, are codes of ISO 639-3 by chance.
    if len(codes) != 2 or not all(code in _LANGUAGES for code in codes):
      raise UsageError(
        f"{', '.join(part.files)}: the file names do not end in the languages (a.en,a.de or a.en-de.tsv): "
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
  """Reads the description of a problem's text.

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


def write(text: OwnText, data_dir: str, is_used: bool = True) -> None:
  """Writes the description of a text to a folder, which makes it a problem there.

  Args:
    text: the text.
    data_dir: the folder.
    is_used: whether its data may exist already; if not, the description of another text of that name is replaced.

  Raises:
    UserError: the folder has a problem of that name with other text.
  """
  target = path(text.problem, data_dir)
  if os.path.exists(target) and is_used:
    found = read(text.problem, data_dir)
    if found != text:
      what = next(field for field in OwnText._fields if getattr(found, field) != getattr(text, field))
      raise UserError(
        f"{target} already describes {text.problem} with another {what} ({_format(getattr(found, what))}): choose another --name, or "
        "another --data_dir"
      )
    return
  content: dict[str, Any] = {"name": text.name, "languages": list(text.languages), "vocab_size": text.vocab_size}
  for split in _SPLITS:
    content[split] = [{"files": list(part.files), "name": part.name} for part in getattr(text, split)]
  atomic_files.write_json(target, content)


def _format(value: Any) -> str:
  if isinstance(value, tuple):
    return " ".join(",".join(part.files) if isinstance(part, Part) else str(part) for part in value) or "none"
  return str(value)


@dataclasses.dataclass
class Counts:
  """Counts of training pairs.

  Attributes:
    pairs: total.
    held_out: excluded from training: they became dev or test, or share a side with a pair that did.
    empty: with an empty side; excluded from training.
    duplicates: equal to an earlier one.
    overlap: sharing a side with the user's own dev or test set; still trained on.
    byte_order_marks: with U+FEFF, which is removed.
    control_characters: with control characters.
  """

  pairs: int = 0
  held_out: int = 0
  empty: int = 0
  duplicates: int = 0
  overlap: int = 0
  byte_order_marks: int = 0
  control_characters: int = 0


def summary(facts: Mapping[str, Any]) -> list[str]:
  """A summary of own text by datagen, as lines; empty for other problems.

  Args:
    facts: the problem's manifest.
  """
  if "text" not in facts:
    return []
  counts, examples = Counts(**facts["text"]), facts["examples"]
  lengths = {int(length): count for length, count in facts["train_lengths"].items()}
  long = sum(count for length, count in lengths.items() if length > _MAX_LENGTH)
  lines = [
    f"{counts.pairs:,} pairs of training text; {examples['train']:,} to train on, {examples['dev']:,} of dev, "
    f"{examples['test']:,} of test"
  ]
  of_pairs = (
    (counts.held_out, "are split off as dev or test, or share a side with these: excluded from training"),
    (counts.empty, "have an empty side: excluded from training"),
    (
      long,
      f"are longer than {_MAX_LENGTH} subwords ({long / max(1, examples['train']):.1%}): not trained on by default",
    ),
    (counts.duplicates, "repeat an earlier pair"),
    (counts.byte_order_marks, "have byte order marks (U+FEFF), which are removed"),
    (counts.control_characters, "have control characters"),
  )
  lines += [f"{count:,} pairs {what}" for count, what in of_pairs if count]
  if counts.overlap:
    lines.append(f"warning: {counts.overlap:,} training pairs share a side with dev or test: scores may be too high")
  return lines
