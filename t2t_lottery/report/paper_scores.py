"""The paper's own scores (Brix, Bahar and Ney 2020, tables 1 and 2)."""

from __future__ import annotations

import csv
import os
from typing import NamedTuple

from t2t_lottery.report import table_columns

_MARKS = {"": "", "dagger": table_columns.DAGGER, "ddagger": table_columns.DOUBLE_DAGGER, "one_run": "(*)"}


class Printed(NamedTuple):
  """The paper's entry for a method at a level: scores in percent, its mark, and the level's memory in MB, if printed."""

  bleu: float
  ter: float
  mark: str
  memory: float | None


def scores(problem: str, size: str) -> dict[tuple[str, float], Printed]:
  """(the paper's name of a method, sparsity) -> scores; empty for a problem or size that is not in the paper."""
  if size != "base":
    return {}
  with open(os.path.join(os.path.dirname(__file__), "paper.tsv"), encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t"))
  return {
    (row["method"], int(row["sparsity"]) / 100): Printed(
      float(row["bleu"]), float(row["ter"]), _MARKS[row["mark"]], float(row["memory"]) if row["memory"] else None
    )
    # A packed problem contains the same text.
    for row in rows
    if row["problem"] == problem.replace("_packed", "")
  }
