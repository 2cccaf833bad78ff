"""Translates with an exported model: text in, text out, no TensorFlow.

`python -m t2t_lottery.translate MODEL < text > translation` translates line by line; MODEL was written by
`python -m t2t_lottery.export --to=sparse` (a file) or `--to=ctranslate2` (a folder).

Engines are described in `t2t_lottery/inference/translator.py`.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from typing import IO, NoReturn

from t2t_lottery.inference import translator
from t2t_lottery.inference.translator import Translator  # noqa: F401
from t2t_lottery.utils import errors
from t2t_lottery.utils.errors import UserError

# Lines translated at a time. Translations do not depend on their neighbors.
_CHUNK_LINES = 1024
# More do not start on every machine; then C++ code ends the process.
_MOST_THREADS = 1024


class _Parser(argparse.ArgumentParser):
  """Prints an error on one line."""

  def error(self, message: str) -> NoReturn:
    self.exit(2, f"t2t-lottery: {message}: see python -m t2t_lottery.translate --help\n")


def _parser() -> argparse.ArgumentParser:
  parser = _Parser(
    prog="python -m t2t_lottery.translate",
    description="Translates lines of UTF-8 from stdin to stdout, with a model written by "
    "python -m t2t_lottery.export --to=sparse (a file) or --to=ctranslate2 (a folder).",
  )
  parser.add_argument("model", help="the exported model")
  parser.add_argument(
    "--engine",
    choices=(translator.AUTO, *translator.ENGINES),
    default=translator.AUTO,
    help="sparse: exactly t2t's search; ctranslate2; auto: sparse for a file, ctranslate2 for a folder [auto]",
  )
  parser.add_argument(
    "--beam_size", "--beam", type=_positive, default=4, help="size of the beam, 1 for greedy search [4]"
  )
  parser.add_argument("--alpha", type=_exponent, default=0.6, help="exponent of the length penalty [0.6]")
  parser.add_argument("--threads", type=_threads, help="batches translated at the same time [the CPUs]")
  parser.add_argument("--batch_size", type=_positive, help="sentences translated together [32]")
  parser.add_argument("--scores", action="store_true", help="print each translation's score and a tab before it")
  return parser


def _positive(text: str) -> int:
  if not text.isdecimal() or int(text) < 1:
    raise argparse.ArgumentTypeError(f"{text} is not a positive integer")
  return int(text)


def _threads(text: str) -> int:
  if _positive(text) > _MOST_THREADS:
    raise argparse.ArgumentTypeError(f"{text} is more than {_MOST_THREADS}")
  return int(text)


def _exponent(text: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not 0 <= value < math.inf:
    raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0")
  return value


def _lines(stream: IO[bytes]) -> Iterator[str]:
  for number, line in enumerate(stream, 1):
    try:
      yield line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
      raise UserError(f"line {number} of the input is not UTF-8 ({error.reason} at byte {error.start + 1})") from None


def _size(stream: IO[bytes]) -> int:
  """The size of a stream in bytes, if it is a file; else 0."""
  try:
    about = os.fstat(stream.fileno())
  except OSError:
    return 0
  return about.st_size if stat.S_ISREG(about.st_mode) else 0


class _Progress:
  """Prints lines done and, if the input is a file, the time left: on one line of a terminal, else not at all."""

  def __init__(self, source: IO[bytes]):
    self._start = time.monotonic()
    self._bytes = _size(source)
    self._done = 0

  def print(self, lines: int, read: int) -> None:
    """Reports a number of lines translated, and the bytes of the chunk of the last ones."""
    self._done += read
    if not sys.stderr.isatty():
      return
    seconds = time.monotonic() - self._start
    left = ""
    if self._bytes:
      remaining = round(seconds * max(0, self._bytes / self._done - 1))
      left = f", {remaining // 60}:{remaining % 60:02} left"
    print(f"\r{lines} lines, {lines / seconds:.1f} lines/s{left}   ", end="", file=sys.stderr, flush=True)

  def end(self) -> None:
    """Ends the line."""
    if self._done and sys.stderr.isatty():
      print(file=sys.stderr)


def _translate_lines(loaded: translator.Translator, source: IO[bytes], to: IO[bytes], args: argparse.Namespace) -> None:
  done = 0
  progress = _Progress(source)
  text = _lines(source)
  while lines := list(itertools.islice(text, _CHUNK_LINES)):
    found = loaded.translate_with_scores(lines, args.beam_size, args.alpha, first=done + 1)
    for translation in found:
      score = f"{translation.score:.6f}\t" if args.scores else ""
      to.write(f"{score}{translation.text}\n".encode())
    to.flush()
    done += len(lines)
    progress.print(done, sum(len(line.encode()) + 1 for line in lines))
  progress.end()


def main(argv: Sequence[str] | None = None) -> None:
  """The command. Input and output are UTF-8 in any locale."""
  args = _parser().parse_args(argv)
  with errors.one_line():
    for name in ("stdin", "stdout"):
      if getattr(sys, name) is None:
        raise UserError(f"{name} is closed: python -m t2t_lottery.translate MODEL < text > translation")
    options = translator.Options(args.threads, args.batch_size)
    loaded = translator.Translator.load(os.path.expanduser(args.model), args.engine, options)
    try:
      _translate_lines(loaded, sys.stdin.buffer, sys.stdout.buffer, args)
    except BrokenPipeError:
      # The reader has closed the pipe, like `head`. Python's flush at exit must not fail too.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
  main()
