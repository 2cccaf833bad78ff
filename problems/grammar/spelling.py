"""Joins words into a printed sentence."""

from __future__ import annotations

import re

_SPACE_BEFORE = re.compile(r" ,")
_COMMAS = re.compile(r",(?:,)+")


def sentence(words: list[str], mark: str) -> str:
  """Joins words and commas; capitalizes the first word and appends the mark.

  A clause between commas includes both. Adjacent commas are merged, and a comma at the end of the sentence is
  removed.

  Args:
    words: words (some contain spaces) and ",".
    mark: "." or "?" (French: " ?").
  """
  text = _COMMAS.sub(",", _SPACE_BEFORE.sub(",", " ".join(words)))
  return text[0].upper() + text[1:].rstrip(",") + mark
