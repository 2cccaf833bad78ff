"""Plain-text tables."""

from __future__ import annotations

from collections.abc import Sequence


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
  """The number of characters of each column's longest cell."""
  return [max(map(len, column)) for column in zip(*rows)]


def aligned(rows: Sequence[Sequence[str]]) -> str:
  """Rows of equal length, one per line: columns right-aligned, except the last, a name."""
  wide = widths(rows)
  return "\n".join("  ".join([*(cell.rjust(w) for cell, w in zip(row[:-1], wide)), row[-1]]) for row in rows)
