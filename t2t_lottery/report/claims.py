"""The paper's claims about its methods (abstract, section 5), and those of Renda, Frankle and Carbin (2020) and of Gadhikar and
Burkholz (2024) about retraining, in the report: the differences that they are about.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.evaluation import significance
from t2t_lottery.report.aggregates import ALPHA, COMPARED, Entries, Entry, shown
from t2t_lottery.report.paper_tables import FEWER, MIXED, NONE, Cell, Table, meanings, percent
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
  Claim("lrr", "lt", "better (Gadhikar and Burkholz)"),
  Claim("finetune", "lrr", "worse (Renda et al.)"),
)


class Difference(NamedTuple):
  """How two runs of a claim differ.

  Attributes:
    metric: one of `aggregates.COMPARED`.
    claim: whose methods they are of.
    level: their sparsity, in [0, 1).
    seeds: those that both have.
    value: the mean of `by_seed`.
    p: over test sentences, given these runs (`significance.compare`).
    by_seed: in percentage points.
    p_seeds: over seeds (`significance.over_seeds`).
  """

  metric: str
  claim: Claim
  level: float
  seeds: list[int]
  value: float
  p: float
  by_seed: list[float]
  p_seeds: float | None

  @property
  def name(self) -> str:
    """Such as "SLT less MP"."""
    return f"{COLUMNS[self.claim.method]} less {COLUMNS[self.claim.other]}"

  @property
  def is_mixed(self) -> bool:
    """Whether seeds differ in which run is ahead."""
    return min(self.by_seed) < 0 < max(self.by_seed)


def differences(placed: Mapping[str, Sequence[Place]], entries: Sequence[Entry], made: Entries) -> list[Difference]:
  """The differences that the claims are about: of each metric, claim by claim, in order of levels.

  Args:
    placed: title of a method -> its runs (`table_columns.assign`).
    entries: of the main table, for its metrics and steps.
    made: compares the runs.
  """
  at = {
    key: {place.level: place.run for place in placed.get(title, ()) if place.level} for key, title in COLUMNS.items()
  }
  # Up to their switch, these are runs of SLT and of MP.
  for key, of in (("slt_mp", "slt"), ("slt_mp_equal", "slt"), ("mp_slt", "mp")):
    at[key] = {level: run for level, run in at[key].items() if run not in at[of].values()}
  steps = {entry.place.run: entry.steps_in_all for entry in entries}
  claims = [one for claim in CLAIMS for one in (claim, *_at_equal_training(claim))]
  found = []
  for metric in shown(entries):
    for claim in claims:
      for level, run in sorted(at[claim.method].items()):
        other = at[claim.other].get(level, run)
        if run == other or (claim not in CLAIMS and steps.get(run) != steps.get(other)):
          continue
        if compared := made.comparison(metric, run, other):
          by_seed = made.by_seed(metric, run, other)
          found.append(
            Difference(
              metric,
              claim,
              level,
              made.common_seeds(run, other),
              float(compared.difference),
              float(compared.p),
              by_seed,
              significance.over_seeds(by_seed),
            )
          )
  return found


def table(caption: str, found: Sequence[Difference], remarks: Sequence[str] = ()) -> Table:
  """For each metric a row for each claim, with the difference at each level.

  Args:
    caption: of the table.
    found: at least one.
    remarks: further notes, one sentence each.
  """
  levels = sorted({one.level for one in found})
  most = max(len(one.seeds) for one in found)
  groups = []
  for metric in dict.fromkeys(one.metric for one in found):
    rows = []
    for claim in dict.fromkeys(one.claim for one in found if one.metric == metric):
      at = {one.level: one for one in found if (one.metric, one.claim) == (metric, claim)}
      texts = (COMPARED[metric], next(iter(at.values())).name, claim.text)
      cells = [_cell(at[level], most) if level in at else Cell(NONE) for level in levels]
      rows.append([Cell(text, text) for text in texts] + cells)
    groups.append(rows)
  heads = [("", "metric"), ("", "difference"), ("", "claim"), *(("", percent(level)) for level in levels)]
  note = f"Bold: significant over the test sentences (p < {ALPHA}), given these runs, and of one sign in all seeds. "
  return Table(caption, heads, groups, [f"{note}Of TER, less is better.", *meanings(groups, {}), *remarks])


def to_csv(found: Sequence[Difference]) -> str:
  """The unrounded differences: `p` is over test sentences, given these runs; `p_seeds` is of a paired t-test over seeds."""
  file = io.StringIO()
  writer = csv.writer(file, lineterminator="\n")
  writer.writerow(
    ("metric", "difference", "claim", "sparsity", "seeds", "value", "p", "by_seed", "p_seeds"),
  )
  for one in found:
    seeds, by_seed = (" ".join(map(str, values)) for values in (one.seeds, one.by_seed))
    writer.writerow(
      (one.metric, one.name, one.claim.text, one.level, seeds, one.value, one.p, by_seed, one.p_seeds),
    )
  return file.getvalue()


def _at_equal_training(claim: Claim) -> list[Claim]:
  """The same claim about runs with as many training steps in all, if it is of methods that have such runs."""
  method, other = (EQUAL.get(key, key) for key in (claim.method, claim.other))
  return [Claim(method, other, claim.text)] if (method, other) != (claim.method, claim.other) else []


def _cell(one: Difference, most: int) -> Cell:
  marks = (MIXED if one.is_mixed else "", FEWER if len(one.seeds) < most else "")
  # Without a negative zero.
  text = f"{round(one.value, 1) + 0.0:+.1f}"
  return Cell(text, one.value, one.p < ALPHA and not one.is_mixed, tuple(filter(None, marks)))
