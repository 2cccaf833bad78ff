"""Translates with a checkpoint through CTranslate2: checkpoint in, text out, no TensorFlow.

`python -m t2t_lottery.translate FOLDER < text > translation` translates line by line; FOLDER was written by
`python -m t2t_lottery.export --to=ctranslate2`.

The search is described in `t2t_lottery/inference/translator.py`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, NoReturn

from t2t_lottery.inference import translator
from t2t_lottery.inference.translator import Translator  # noqa: F401
from t2t_lottery.utils import errors
from t2t_lottery.utils.errors import UserError

# Lines translated at a time. Translations do not depend on their neighbors.
_CHUNK_LINES = 1024


class _Parser(argparse.ArgumentParser):
  """Prints an error on one line."""

  def error(self, message: str) -> NoReturn:
    self.exit(2, f"t2t-lottery: {message}: see python -m t2t_lottery.translate --help\n")


def _parser() -> argparse.ArgumentParser:
  parser = _Parser(
    prog="python -m t2t_lottery.translate",
    description="Translates lines of UTF-8 from stdin to stdout, with a model written by "
    "python -m t2t_lottery.export --to=ctranslate2.",
  )
  parser.add_argument("folder", help="the exported model")
  parser.add_argument("--beam_size", type=_positive, default=4, help="size of the beam, 1 for greedy search [4]")
  parser.add_argument("--alpha", type=float, default=0.6, help="exponent of the length penalty [0.6]")
  return parser


def _positive(text: str) -> int:
  value = int(text)
  if value < 1:
    raise ValueError(text)
  return value


def _lines(stream: IO[bytes]) -> Iterator[str]:
  for number, line in enumerate(stream, 1):
    try:
      yield line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
      raise UserError(f"line {number} of the input is not UTF-8 ({error.reason} at byte {error.start + 1})") from None


def _translate_lines(
  loaded: translator.Translator, text: Iterator[str], to: IO[bytes], beam_size: int, alpha: float
) -> None:
  done = 0
  while lines := list(itertools.islice(text, _CHUNK_LINES)):
    translations = loaded.translate(lines, beam_size, alpha, first=done + 1)
    to.writelines(line.encode("utf-8") + b"\n" for line in translations)
    to.flush()
    done += len(lines)


def main(argv: Sequence[str] | None = None) -> None:
  """The command. Input and output are UTF-8 in any locale."""
  args = _parser().parse_args(argv)
  with errors.one_line():
    folder = os.path.expanduser(args.folder)
    if not os.path.exists(os.path.join(folder, translator.VOCABULARY)):
      raise UserError(
        f"{folder} is not an exported model: run python -m t2t_lottery.export --checkpoint=RUN --to=ctranslate2"
      )
    loaded = translator.Translator.load(folder)
    try:
      _translate_lines(loaded, _lines(sys.stdin.buffer), sys.stdout.buffer, args.beam_size, args.alpha)
    except BrokenPipeError:
      # The reader has closed the pipe, like `head`. Python's flush at exit must not fail too.
      os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
  main()
