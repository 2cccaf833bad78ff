"""Whether a folder's description (`run.json`) is that of the run asked for. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Runs of before tell neither.
_MAY_LACK = ("code", "data")


def difference(folder: str, there: Mapping[str, Any], asked: Mapping[str, Any], names: Iterable[str]) -> str | None:
  """In what the run of a folder is another one: the first of the names whose values differ, with both; None if in nothing."""
  for name in names:
    if there.get(name, asked.get(name) if name in _MAY_LACK else None) != asked.get(name):
      return f"{folder} holds a run with {name}={there.get(name)}, asked for is {asked.get(name)}"
  return None
