r"""t2t's subword vocabulary without TensorFlow, whose import alone takes longer than a translation.

Gives the same ids and texts as `tensor2tensor.data_generators.text_encoder.SubwordTextEncoder` and
`tokenizer`: text is split between letters or digits and other characters; a token is escaped ("_"
becomes "\u", "\" becomes "\\", a character that is not in the vocabulary becomes "\233;"), ended by
"_", and split greedily into the longest subwords.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence

from t2t_lottery.utils.errors import UserError

EOS = 1
# Maximum length of a source or translation, including its end: the size of the translator's position tables.
MAX_LENGTH = 4096
# Maximum number of subwords of a translation beyond the length of its source (Vaswani et al. 2017, 6.1).
EXTRA_LENGTH = 50
# Of a source and of its reference, the most subwords that can be evaluated.
EVALUATED_LENGTHS = (MAX_LENGTH - EXTRA_LENGTH, MAX_LENGTH)
_ESCAPE_CHARACTERS = "\\_u;0123456789"
_ESCAPED = re.compile(r"\\u|\\\\|\\([0-9]+);")
_UNDEFINED = "\u3013"


class Subwords:
  """A subword vocabulary.

  Args:
    path: t2t's vocabulary file, one quoted subword per line.

  Raises:
    UserError: if it cannot be read.
  """

  def __init__(self, path: str):
    try:
      # t2t reads lines through TensorFlow, which drops carriage returns and splits at "\n" only.
      with open(path, encoding="utf-8", newline="\n") as file:
        lines = file.read().replace("\r", "").split("\n")
    except (OSError, UnicodeDecodeError) as error:
      raise UserError(f"cannot read the vocabulary {path}: {error}") from error
    if not lines[-1]:
      lines.pop()
    self._subwords = [_unquoted(line.rstrip()) for line in lines]
    self._ids = {subword: i for i, subword in enumerate(self._subwords) if subword}
    if len(self._ids) <= EOS:
      raise UserError(f"{path} is not a subword vocabulary")
    self._longest = max(map(len, self._subwords))
    self._alphabet = set(itertools.chain(_ESCAPE_CHARACTERS, *self._subwords)) - {"\n"}
    self._encoded: dict[str, list[int]] = {}

  def __len__(self) -> int:
    """Number of subwords, including reserved ones."""
    return len(self._subwords)

  def encode(self, text: str) -> list[int]:
    """Subword ids of a text; `EOS` is not added."""
    ids: list[int] = []
    for token in _tokens(text):
      if token not in self._encoded:
        self._encoded[token] = self._encode_token(token)
      ids += self._encoded[token]
    return ids

  def decode(self, ids: Iterable[int]) -> str:
    """The text of subword ids."""
    joined = "".join(self._subwords[i] for i in ids)
    tokens = [_unescaped(token) for token in joined.split("_") if token]
    return _joined([token for token in tokens if token])

  def _encode_token(self, token: str) -> list[int]:
    token = token.replace("\\", "\\\\").replace("_", "\\u")
    rest = "".join(c if c in self._alphabet else f"\\{ord(c)};" for c in token) + "_"
    ids = []
    start = 0
    while start < len(rest):
      for end in range(min(len(rest), start + self._longest), start, -1):
        if rest[start:end] in self._ids:
          break
      else:
        raise UserError(f"the vocabulary has no subword for {rest[start]!r}: it is damaged")
      ids.append(self._ids[rest[start:end]])
      start = end
    return ids


def _unquoted(line: str) -> str:
  """A subword without its quotes, which some files do not have."""
  return line[1:-1] if line[:1] in ("'", '"') and line.endswith(line[:1]) else line


def _is_alphanumeric(character: str) -> bool:
  """Whether a character is a letter or number according to Unicode, in any script."""
  return unicodedata.category(character)[0] in "LN"


def _tokens(text: str) -> list[str]:
  """Runs of letters and digits, and the runs between them except single spaces."""
  runs = ["".join(run) for _, run in itertools.groupby(text, _is_alphanumeric)]
  last = len(runs) - 1
  return [run for i, run in enumerate(runs) if run != " " or i in (0, last)]


def _joined(tokens: Sequence[str]) -> str:
  """Inverse of `_tokens`."""
  text = ""
  for i, token in enumerate(tokens):
    if i and _is_alphanumeric(tokens[i - 1][0]) and _is_alphanumeric(token[0]):
      text += " "
    text += token
  return text


def _unescaped(token: str) -> str:
  def character(match: re.Match[str]) -> str:
    if match[1] is None:
      return "_" if match[0] == "\\u" else "\\"
    try:
      return chr(int(match[1]))
    except (ValueError, OverflowError):
      return _UNDEFINED

  return _ESCAPED.sub(character, token)
