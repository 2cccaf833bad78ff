"""BERT's tokenizer: text is split into words, and each word greedily into the longest pieces of a vocabulary.

Source: tokenization.py of google-research/bert (`BasicTokenizer`, `WordpieceTokenizer`). Standard library only.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator

from t2t_lottery.utils.errors import UserError

# Pieces of an example, as in both papers on BERT's tickets; of SQuAD see `squad`.
LONGEST = 128
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# A longer word is unknown as a whole.
_LONGEST_WORD = 200
# ASCII that Unicode does not count as punctuation, such as $ and ^, is punctuation here.
_ASCII_PUNCTUATION = frozenset(map(chr, (*range(33, 48), *range(58, 65), *range(91, 97), *range(123, 127))))
# Blocks of Chinese characters, each of which is a word.
_CHINESE = (
  (0x4E00, 0x9FFF),
  (0x3400, 0x4DBF),
  (0x20000, 0x2A6DF),
  (0x2A700, 0x2B73F),
  (0x2B740, 0x2B81F),
  (0x2B820, 0x2CEAF),
  (0xF900, 0xFAFF),
  (0x2F800, 0x2FA1F),
)


class WordPiece:
  """A tokenizer with the vocabulary of a model.

  Args:
    pieces: the vocabulary, in the order of its ids; `[PAD]` first.
    name: of the vocabulary, for errors.

  Raises:
    UserError: if a special piece is missing, or `[PAD]` is not 0.

  Attributes:
    pieces: as given.
    lower_case: whether text is lowercased and loses its accents: true unless the vocabulary has capitals.
    cls, sep, mask, unk: ids of the special pieces.
  """

  def __init__(self, pieces: Iterable[str], name: str = "vocabulary"):
    self.pieces = list(pieces)
    self._ids = {piece: number for number, piece in enumerate(self.pieces)}
    for special in _SPECIAL:
      if special not in self._ids:
        raise UserError(f"{name} has no {special}: it is not a vocabulary of BERT (vocab.txt)")
    if self._ids["[PAD]"]:
      raise UserError(f"{name}: [PAD] is on line {self._ids['[PAD]'] + 1}, but t2t pads by 0: it must be on the first")
    self.unk, self.cls, self.sep, self.mask = (self._ids[special] for special in _SPECIAL[1:])
    self.lower_case = not any(piece != piece.lower() for piece in self.pieces if not piece.startswith("["))
    self._known_words: dict[str, list[int]] = {}

  @classmethod
  def read(cls, path: str) -> WordPiece:
    """Reads a vocab.txt, a piece on each line; a UserError if it cannot be read."""
    try:
      with open(path, encoding="utf-8", newline="\n") as file:
        return cls((line.strip() for line in file), os.path.abspath(path))
    except OSError as error:
      raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
      raise UserError(f"{path} is not UTF-8") from None

  def encode(self, text: str) -> list[int]:
    """Ids of the pieces of a text, without `[CLS]` and `[SEP]`."""
    return [piece for word in self.words(text) for piece in self._pieces(word)]

  def encode_with_spans(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """As `encode`, and the characters of the text that each piece stands for: the first, and the one behind the last."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    spaced = [(char, at) for at, given in enumerate(text) for char in "".join(_spaced(given))]
    for chunk in re.finditer(r"\S+", "".join(char for char, _ in spaced)):
      normalized = self._normalized(chunk[0])
      places = spaced[slice(*chunk.span())]
      # Of each normalized character, the one that it comes from.
      origins = [at for char, at in places for _ in self._normalized(char)]
      if len(origins) != len(normalized):
        # A character that is normalized in another way next to others: all pieces stand for the whole word.
        origins = []
      start = 0
      for word in _split_punctuation(normalized):
        for piece in self._pieces(word):
          length = len(word) if piece == self.unk else len(self.pieces[piece].removeprefix("##"))
          own = origins[start : start + length] or [places[0][1], places[-1][1]]
          ids.append(piece)
          spans.append((own[0], _behind(text, own[-1])))
          start += length
    return ids, spans

  def words(self, text: str) -> Iterator[str]:
    """Words and punctuation marks of a text, normalized."""
    for word in "".join(_spaced(text)).split():
      yield from _split_punctuation(self._normalized(word))

  def _normalized(self, word: str) -> str:
    if not self.lower_case:
      return word
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(char for char in decomposed if unicodedata.category(char) != "Mn")

  def _pieces(self, word: str) -> list[int]:
    found = self._known_words.get(word)
    if found is None:
      found = self._known_words[word] = self._longest_pieces(word)
    return found

  def _longest_pieces(self, word: str) -> list[int]:
    if len(word) > _LONGEST_WORD:
      return [self.unk]
    found, start = [], 0
    while start < len(word):
      prefix = "##" if start else ""
      for end in range(len(word), start, -1):
        piece = self._ids.get(prefix + word[start:end])
        if piece is not None:
          break
      else:
        return [self.unk]
      found.append(piece)
      start = end
    return found


def _spaced(text: str) -> Iterator[str]:
  """Characters of a text without control characters; whitespace as spaces, spaces around Chinese characters."""
  for char in text:
    code, category = ord(char), unicodedata.category(char)
    if char in " \t\n\r" or category == "Zs":
      yield " "
    elif code in (0, 0xFFFD) or category in ("Cc", "Cf"):
      continue
    elif any(first <= code <= last for first, last in _CHINESE):
      yield f" {char} "
    else:
      yield char


def _behind(text: str, place: int) -> int:
  """The place behind a character and the accents that follow it as characters of their own."""
  place += 1
  while place < len(text) and unicodedata.combining(text[place]):
    place += 1
  return place


def _split_punctuation(word: str) -> Iterator[str]:
  start = 0
  for place, char in enumerate(word):
    if char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P"):
      if start < place:
        yield word[start:place]
      yield char
      start = place + 1
  if start < len(word):
    yield word[start:]
