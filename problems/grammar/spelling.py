"""Words to a sentence as it is printed."""

from __future__ import annotations

import re

_SPACE_BEFORE = re.compile(r" ,")
_COMMAS = re.compile(r",(?:,)+")


def sentence(words: list[str], mark: str) -> str:
  """Joins words and commas, begins with a capital and ends with the mark.

  A clause between commas brings both with it; where two meet one stays, and the end of the sentence
  takes the last one away.

  Args:
    words: words (some with spaces in them) and ",".
    mark: "." or "?" (French: " ?").
  """
  text = _COMMAS.sub(",", _SPACE_BEFORE.sub(",", " ".join(words)))
  return text[0].upper() + text[1:].rstrip(",") + mark
