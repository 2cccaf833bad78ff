"""The paper's claims about its methods (abstract, section 5), and those of Renda, Frankle and Carbin (2020) about retraining, in the
report: a table of the differences that they are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.report.aggregates import ALPHA, COMPARED, Entries, Entry, shown
from t2t_lottery.report.paper_tables import NONE, Cell, Table, percent
from t2t_lottery.report.table_columns import COLUMNS, EQUAL, Place


class Claim(NamedTuple):
  """A claim.

  Attributes:
    method, other: keys of `table_columns.COLUMNS`.
    text: what the first is said to be, compared with the other.
  """

  method: str
  other: str
  text: str


CLAIMS = (
  Claim("slt", "mp", "on par to 85%, worse above"),
  Claim("lt", "mp", "worse"),
  Claim("clt", "slt", "better at most levels"),
  Claim("slt_mp", "mp", "better at high sparsity"),
  Claim("slt_mp", "slt", "better at high sparsity"),
  Claim("mp_slt", "mp", "worse"),
  Claim("mp_slt", "slt", "worse"),
  Claim("lrr", "slt", "on par or better (Renda et al.)"),
  Claim("finetune", "lrr", "worse (Renda et al.)"),
)


def table(caption: str, placed: Mapping[str, Sequence[Place]], entries: Sequence[Entry], made: Entries) -> Table | None:
  """For each metric a row for each claim, with the difference at each level; None without any two methods of a claim.

  Args:
    caption: of the table.
    placed: title of a method -> its runs (`table_columns.assign`).
    entries: of the main table, for its metrics.
    made: compares the runs.
  """
  at = {
    key: {place.level: place.run for place in placed.get(title, ()) if place.level} for key, title in COLUMNS.items()
  }
  # Up to their switch, these are runs of SLT and of MP.
  for key, of in (("slt_mp", "slt"), ("mp_slt", "mp")):
    at[key] = {level: run for level, run in at[key].items() if run not in at[of].values()}
  claims = [one for claim in CLAIMS for one in (claim, *_at_equal_training(claim, at))]
  levels = sorted({level for claim in claims for level in _levels(claim, at)})
  if not levels:
    return None
  groups = []
  for metric in shown(entries):
    rows = []
    for claim in claims:
      cells = [_cell(made, metric, at[claim.method].get(level), at[claim.other].get(level)) for level in levels]
      if any(cell.value is not None for cell in cells):
        name = f"{COLUMNS[claim.method]} less {COLUMNS[claim.other]}"
        rows.append([Cell(text, text) for text in (COMPARED[metric], name, claim.text)] + cells)
    if rows:
      groups.append(rows)
  if not groups:
    return None
  heads = [("", "metric"), ("", "difference"), ("", "claim"), *(("", percent(level)) for level in levels)]
  note = (
    f"Bold: significant (p < {ALPHA}), by approximate randomization over the test sentences, and over seeds if there are "
    "several. Of TER, less is better."
  )
  return Table(caption, heads, groups, [note])


def _at_equal_training(claim: Claim, at: Mapping[str, Mapping[float, str]]) -> list[Claim]:
  """The same claim about runs with as many training steps in all, if there are any."""
  method, other = (EQUAL.get(key, key) for key in (claim.method, claim.other))
  changed = (method, other) != (claim.method, claim.other)
  return [Claim(method, other, claim.text)] if changed and at[method] and at[other] else []


def _levels(claim: Claim, at: Mapping[str, Mapping[float, str]]) -> set[float]:
  return {level for level, run in at[claim.method].items() if at[claim.other].get(level, run) != run}


def _cell(made: Entries, metric: str, run: str | None, other: str | None) -> Cell:
  """The difference of two runs; nothing if they are one run, or one is missing or not evaluated."""
  found = made.comparison(metric, run, other) if run and other and run != other else None
  if found is None:
    return Cell(NONE)
  # Without a negative zero.
  return Cell(f"{round(found.difference, 1) + 0.0:+.1f}", float(found.difference), best=found.p < ALPHA)
