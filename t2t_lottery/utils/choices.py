"""Words that must be among known ones, and lists of them. Standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from t2t_lottery.utils.errors import UserError


def known(what: str, name: str, names: Iterable[str], lists_all: bool = True) -> str:
  """Returns the name if it is one of `names`.

  Args:
    what: it is.
    name: the name.
    names: the known ones.
    lists_all: whether the error lists all, if none is near.

  Raises:
    UserError: it is not; names the nearest one, or all.
  """
  names = list(names)
  if name in names:
    return name
  near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
  hint = f": did you mean {near[0]}?" if near else f": choose from {', '.join(names)}" if lists_all else ""
  raise UserError(f"unknown {what} {name}{hint}")


def suggestion(value: str, names: Sequence[str]) -> str:
  """What to give instead of a flag's unknown value: the nearest of the known ones, or all."""
  near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
  return f"did you mean {near[0]}?" if near else f"choose {' or '.join(names)}"


def once(what: str, words: Sequence[str]) -> tuple[str, ...]:
  """Returns the words as a tuple.

  Raises:
    UserError: there are none, or one is repeated.
  """
  if not words:
    raise UserError(f"--{what} is empty")
  for i, word in enumerate(words):
    if word in words[:i]:
      raise UserError(f"--{what} contains {word} twice")
  return tuple(words)
