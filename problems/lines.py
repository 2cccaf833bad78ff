"""Text files as lines: UTF-8, split on "\\n" only, without a byte order mark; both sides of parallel text have equal length.

Python's own line reading also splits on "\\r", and str.splitlines on a dozen more characters that
occur inside sentences of real corpora; one such split shifts all later pairs.
"""

from __future__ import annotations

import gzip
import itertools
import os
import zlib
from collections.abc import Iterator

from t2t_lottery.utils import errors


def decode(line: bytes, path: str, number: int) -> str:
  """Decodes one line; a byte order mark (U+FEFF) at the start of the file is dropped.

  Args:
    line: bytes, with or without the final newline.
    path: the file, for the error.
    number: its 1-based line number, for the error.

  Raises:
    errors.UserError: the bytes are not UTF-8.
  """
  try:
    return line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\n")
  except UnicodeDecodeError as error:
    raise errors.UserError(
      f"{path}, line {number}: bytes that are not UTF-8 ({error.reason} at byte"
      f" {error.start + 1} of the line): convert the file to UTF-8"
    ) from None


def read_lines(path: str) -> Iterator[str]:
  """Yields the sentences of a text file, gzipped if its name ends in .gz, unchanged.

  Raises:
    errors.UserError: missing, truncated or empty file, or bytes that are not UTF-8.
  """
  number = 0
  try:
    with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as stream:
      for number, line in enumerate(stream, 1):
        yield decode(line, path, number)
  except FileNotFoundError:
    raise errors.UserError(f"{path} is missing") from None
  except IsADirectoryError:
    raise errors.UserError(f"{path} is a folder, not a text file") from None
  except (EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise errors.UserError(f"{path} is truncated or damaged after line {number} ({error}): fetch it again") from None
  check_not_empty(path, number)


def check_not_empty(path: str, line_count: int) -> None:
  """Raises errors.UserError if a file has no line."""
  if not line_count:
    raise errors.UserError(f"{path} is empty")


def check_lengths(source: str, target: str, source_lines: int, target_lines: int) -> None:
  """Raises errors.UserError, with both counts, if two sides differ in length."""
  if source_lines != target_lines:
    raise errors.UserError(f"sides of different length: {source} has {source_lines} lines, {target} has {target_lines}")


def read_pairs(source: str, target: str) -> Iterator[tuple[str, str]]:
  """Yields the sentence pairs of two files.

  Raises:
    errors.UserError: as `read_lines`, or the two files differ in length.
  """
  counts = [0, 0]
  for pair in itertools.zip_longest(read_lines(source), read_lines(target)):
    counts[0] += pair[0] is not None
    counts[1] += pair[1] is not None
    if counts[0] == counts[1]:
      yield pair
  check_lengths(source, target, counts[0], counts[1])


def write_pairs(pairs: Iterator[tuple[str, str]], source: str, target: str) -> int:
  """Writes the two sides of a parallel text, one sentence per line; returns the number of pairs.

  Raises:
    ValueError: a sentence contains a newline.
  """
  count = 0
  with open(source, "wb") as source_stream, open(target, "wb") as target_stream:
    for count, pair in enumerate(pairs, 1):
      if "\n" in pair[0] or "\n" in pair[1]:
        raise ValueError(f"pair {count} contains a newline: {pair!r}")
      source_stream.write(pair[0].encode("utf-8") + b"\n")
      target_stream.write(pair[1].encode("utf-8") + b"\n")
  return count


def find(folders: list[str], name: str) -> str | None:
  """The first file of that name in the folders, plain before gzipped; None if there is none."""
  for folder in folders:
    for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
      if os.path.isfile(path):
        return path
  return None
