"""A user's own parallel text as t2t problems: one for each `translate_NAME.text.json` in data_dir.

Without a dev or test set, sentences are held out of the training text by a hash of the source sentence: dev takes the lower
end of the hash range, test the upper end, each the same fraction: the largest of 1/16, 1/32, 1/64, ... that gives at most
2,000 sentences. A sentence never moves from one to the other as the text grows, and no training pair shares a source or
target with a held-out pair.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from array import array
from collections.abc import Iterator

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry

from problems import lines, text
from t2t_lottery.data import manifest, own_text
from t2t_lottery.utils import errors

# Maximum size of dev and of test if they are split off the training text.
MOST_HELD_OUT = 2000
_SMALLEST_DIVISOR = 16
_BYTE_ORDER_MARK = "\ufeff"
# Unicode's category Cc except tabs.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")

Pair = tuple[str, str]


def place(sentence: str) -> float:
  """The hash of a sentence as a number in [0, 1): SHA-256 of its UTF-8 bytes without surrounding whitespace."""
  return int.from_bytes(hashlib.sha256(sentence.strip().encode("utf-8")).digest()[:6], "big") / 2**48


def held_out_share(sentences: int) -> float:
  """The fraction of a number of distinct sentences that becomes dev, and that becomes test."""
  divisor = _SMALLEST_DIVISOR
  while sentences / divisor > MOST_HELD_OUT:
    divisor *= 2
  return 1 / divisor


class _Sides:
  """The sentences of both sides of some pairs."""

  def __init__(self, pairs: list[Pair]):
    self._sides = [{pair[side].strip() for pair in pairs} - {""} for side in (0, 1)]

  def share(self, pair: Pair) -> bool:
    """Whether a pair shares its source or target."""
    return any(sentence.strip() in side for sentence, side in zip(pair, self._sides))


def read_part(part: own_text.Part) -> Iterator[Pair]:
  """The pairs of a part, unchanged except for a trailing "\\r".

  Raises:
    errors.UserError: naming file and line.
  """
  if len(part.files) == 2:
    for source, target in lines.read_pairs(*part.files):
      yield source.rstrip("\r"), target.rstrip("\r")
    return
  (path,) = part.files
  for number, line in enumerate(lines.read_lines(path), 1):
    fields = line.rstrip("\r").split("\t")
    if len(fields) != 2:
      raise errors.UserError(f"{path}, line {number}: {len(fields)} fields, expected source, tab, target")
    yield fields[0], fields[1]


def _clean(pair: Pair) -> Pair:
  return pair[0].replace(_BYTE_ORDER_MARK, ""), pair[1].replace(_BYTE_ORDER_MARK, "")


class OwnTextProblem(text.ParallelTextProblem):
  """A user's own text.

  Attributes:
    own: its description.
  """

  own: own_text.OwnText

  def __init__(self, *args, **kwargs):
    super().__init__(*args, **kwargs)
    self.counts = own_text.Counts()

  @property
  def test_sets(self) -> dict[str, str]:
    return {f"test{i}" if i > 1 else "test": part.name for i, part in enumerate(self.own.test, 1)} or {"test": "test"}

  def parallel_text(self, split: str, tmp_dir: str) -> Iterator[Pair]:
    del tmp_dir
    if split == "train":
      yield from self._training_pairs()
    elif part := self._given(split):
      yield from map(_clean, read_part(part))
    else:
      yield from self._held_out[split]

  def origins(self, split: str, tmp_dir: str) -> tuple[str, str]:
    part = self._given(split)
    if not part:
      return super().origins(split, tmp_dir)
    return part.files[0], part.files[-1]

  def facts(self) -> dict[str, object]:
    checksums = {file: manifest.file_info(file).sha256 for file in self.own.files}
    return {"text": dataclasses.asdict(self.counts), "text_checksums": checksums}

  def _given(self, split: str) -> own_text.Part | None:
    """The user's part for a split; None if there is none."""
    of_split = {"dev": self.own.dev[:1], **{name: (part,) for name, part in zip(self.test_sets, self.own.test)}}
    return next(iter(of_split.get(split, ())), None)

  def _read_training_text(self) -> Iterator[Pair]:
    for part in self.own.train:
      yield from read_part(part)

  @functools.cached_property
  def _held_out(self) -> dict[str, list[Pair]]:
    """Pairs of the training text that become dev and test; of pairs with the same source, the first."""
    missing = [split for split in ("dev", "test") if not self._given(split)]
    if not missing:
      return {}
    places = array(
      "d", (place(pair[0]) for pair in map(_clean, self._read_training_text()) if all(map(str.strip, pair)))
    )
    count = len(np.unique(np.frombuffer(places))) if places else 0
    share = held_out_share(count)
    found: dict[str, dict[str, Pair]] = {split: {} for split in missing}
    for pair in map(_clean, self._read_training_text()):
      at = place(pair[0])
      split = "dev" if at < share else "test" if at >= 1 - share else ""
      if split in found and all(map(str.strip, pair)):
        found[split].setdefault(pair[0].strip(), pair)
    for split, pairs in found.items():
      if not pairs:
        raise errors.UserError(
          f"{self.own.train[0].files[0]}: {count} distinct sentences are too few to split off {split}: give --{split}"
        )
    return {split: list(pairs.values()) for split, pairs in found.items()}

  def _training_pairs(self) -> Iterator[Pair]:
    """The pairs to train on; updates the counts."""
    held_out = _Sides([pair for pairs in self._held_out.values() for pair in pairs])
    given = [part for part in (self._given(split) for split in ("dev", *self.test_sets)) if part]
    compared = _Sides([_clean(pair) for part in given for pair in read_part(part)])
    self.counts = counts = own_text.Counts()
    hashes = array("q")
    for raw in self._read_training_text():
      pair = _clean(raw)
      counts.pairs += 1
      counts.byte_order_marks += pair != raw
      counts.control_characters += any(map(_CONTROL.search, pair))
      if held_out.share(pair):
        counts.held_out += 1
        continue
      counts.empty += not all(map(str.strip, pair))
      counts.overlap += compared.share(pair)
      digest = hashlib.blake2b("\t".join(map(str.strip, pair)).encode("utf-8"), digest_size=8).digest()
      hashes.append(int.from_bytes(digest, "big", signed=True))
      yield pair
    counts.duplicates = len(hashes) - len(np.unique(np.frombuffer(hashes, np.int64))) if hashes else 0
    if not hashes:
      raise errors.UserError(f"{self.own.train[0].files[0]}: no training pairs are left")


def register(data_dir: str) -> None:
  """Registers the problems of own text in data_dir.

  A damaged description is skipped with a warning, because another problem may be requested.

  Raises:
    errors.UserError: one has the name of a problem of t2t or of this project.
  """
  for name in own_text.problems(data_dir):
    try:
      own = own_text.read(name, data_dir)
    except errors.UserError as error:
      tf.logging.warning("%s", error)
      continue
    known = registry.Registries.problems
    if name not in known:
      attributes = {"own": own, "approx_vocab_size": own.vocab_size, "__doc__": f"Own text {own.name}."}
      registry.register_problem(name)(type(name, (OwnTextProblem,), attributes))
    elif getattr(known[name], "own", None) != own:
      raise errors.UserError(
        f"{own_text.path(name, data_dir)}: a problem {name} already exists: choose another --name for own text"
      )
