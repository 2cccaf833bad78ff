"""The tables in the paper's layout, independent of their format; and the numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.evaluation import class_metrics, metrics
from t2t_lottery.report import aggregates, table_columns
from t2t_lottery.report.aggregates import ALPHA, COMPARED, PAPER_METRICS, Entry, Figure
from t2t_lottery.report.paper_scores import Printed

FEWER, EQUAL, MATCHING, MIXED = "(*)", "≈", "m", "±"
NONE, UNFINISHED = "–", "…"
_NOTES = {
  table_columns.DAGGER: "trained by SLT",
  table_columns.DOUBLE_DAGGER: "trained by MP",
  FEWER: "mean of fewer seeds than others",
  UNFINISHED: "not finished",
  MIXED: "seeds differ in which is ahead",
  MATCHING: "matching: at least the dense model's score less its standard deviation over seeds (Chen et al. 2020)",
}


class Cell(NamedTuple):
  """A cell.

  Attributes:
    text: its text.
    value: its sort key; None sorts last.
    best: whether it is highlighted.
    marks: superscripts after the text.
  """

  text: str
  value: float | str | None = None
  best: bool = False
  marks: tuple[str, ...] = ()


class Table(NamedTuple):
  """A table.

  Attributes:
    caption: a sentence without its period.
    heads: (title above several columns, or empty; the column's name) for each column.
    groups: rows that belong together, such as ours and the paper's of a level.
    notes: the meaning of the marks, one sentence each.
  """

  caption: str
  heads: list[tuple[str, str]]
  groups: list[list[list[Cell]]]
  notes: list[str]


def main_table(
  caption: str,
  entries: Sequence[Entry],
  printed: Mapping[tuple[str, float], Printed],
  remarks: Sequence[str] = (),
) -> Table:
  """One row per level: sparsity, memory, and the scores of each method; below it the paper's row, if there is one.

  Args:
    caption: of the table.
    entries: its cells.
    printed: (method, sparsity) -> the paper's scores.
    remarks: further notes, one sentence each.
  """
  titles = list(dict.fromkeys(entry.column for entry in entries))
  shown = aggregates.shown(entries)
  by_place = {(entry.column, entry.place.level): entry for entry in entries}
  groups = []
  for level in sorted({entry.place.level for entry in entries}):
    here = [entry for entry in entries if entry.place.level == level]
    sizes = [size for entry in here if (size := entry.mean("megabytes", "paper")) is not None]
    row = [Cell(percent(level), level), _number(sum(sizes) / len(sizes) if sizes else None, _megabytes)]
    for title in titles:
      row += _scores(by_place.get((title, level)), shown)
    groups.append([row])
    # Only levels that are exactly one of the paper's have a row of it.
    theirs = [printed.get((title, round(level, 4))) for title in titles]
    if any(theirs):
      memory = next((one.memory for one in theirs if one), None)
      row = [Cell("paper", level), _number(memory, lambda value: f"{value:.0f}")]
      for one in theirs:
        marks = (one.mark,) if one and one.mark else ()
        row += [Cell(f"{v:.1f}", v, marks=marks) if v else Cell(NONE) for v in (one[:2] if one else (None, None))]
        row += [Cell(NONE)] * (len(shown) - len(PAPER_METRICS))
      groups[-1].append(row)
  heads = [("", "sparsity"), ("", "MB"), *((title, COMPARED[metric]) for title in titles for metric in shown)]
  notes = meanings(groups, {EQUAL: f"not significantly worse than the level's best (p ≥ {ALPHA})"})
  if len(titles) > 1:
    notes.insert(0, "Bold: the level's best.")
  notes += [*remarks, *_left_out(entries)]
  if any(len(group) > 1 for group in groups):
    notes.append("Rows named paper: Brix, Bahar and Ney (2020).")
  return Table(caption, heads, groups, notes)


def relatives_table(caption: str, entries: Sequence[Entry], others: Mapping[str, Entry]) -> Table:
  """One row per control or relative, next to the run that it varies.

  Args:
    caption: of the table.
    entries: its rows.
    others: name of a run -> its entry, here or in the main table.
  """
  groups = []
  shown = aggregates.shown([*entries, *others.values()])
  for entry in entries:
    size = entry.mean("megabytes", "paper")
    run_varied = others.get(entry.varied or "")
    row = [
      Cell(percent(entry.place.level), entry.place.level),
      _number(size, _megabytes),
      Cell(entry.place.run, entry.place.run),
      Cell(entry.column, entry.column),
      *_scores(entry, shown),
      Cell(entry.varied, entry.varied) if entry.varied else Cell(NONE),
      *(cell._replace(best=False, marks=()) for cell in _scores(run_varied, shown)),
    ]
    groups.append([row])
  heads = [
    ("", "sparsity"),
    ("", "MB"),
    ("", "run"),
    ("", "differs in"),
    *(("", COMPARED[metric]) for metric in shown),
  ]
  heads += [("", "varies"), *(("varied run", COMPARED[metric]) for metric in shown)]
  return Table(
    caption, heads, groups, meanings(groups, {EQUAL: f"not significantly different from the varied run (p ≥ {ALPHA})"})
  )


def _left_out(entries: Sequence[Entry]) -> list[str]:
  """A sentence for each metric that no run has, because it does not apply to the language."""
  found = {name: why for one in entries for result in one.results for name, why in result.get("left_out", {}).items()}
  return [f"No {name}: {why}." for name, why in found.items() if not any(name in one.figures for one in entries)]


def _scores(entry: Entry | None, shown: Sequence[str]) -> list[Cell]:
  """The cells of an entry, one for each metric."""
  if entry is None:
    return [Cell(NONE)] * len(shown)
  if not entry.figures:
    return [Cell(UNFINISHED)] * len(shown)
  return [_score(entry, entry.figures.get(metric)) for metric in shown]


def _score(entry: Entry, figure: Figure | None) -> Cell:
  if figure is None:
    return Cell(NONE)
  marks = [entry.place.mark, FEWER if entry.fewer else "", EQUAL if figure.not_significant else ""]
  marks.append(MATCHING if figure.matching else "")
  return Cell(f"{figure.mean:.1f}", figure.mean, figure.best, tuple(filter(None, marks)))


def meanings(groups: list[list[list[Cell]]], more: dict[str, str]) -> list[str]:
  """The meaning of each mark that a table uses.

  Args:
    groups: its cells.
    more: mark -> meaning, for marks of this table alone.
  """
  cells = [cell for group in groups for row in group for cell in row]
  used = {mark for cell in cells for mark in (*cell.marks, cell.text)}
  return [f"{mark} {meaning}." for mark, meaning in {**_NOTES, **more}.items() if mark in used]


def percent(level: float) -> str:
  """A level as text, such as 50%."""
  return f"{level * 100:g}%"


def _megabytes(value: float) -> str:
  return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _number(value: float | None, form) -> Cell:
  return Cell(NONE) if value is None else Cell(form(value), value)


def to_csv(entries: Sequence[Entry], printed: Mapping[tuple[str, float], Printed]) -> str:
  """The unrounded numbers of a table: one row per cell, with all metrics that a run has; missing ones are empty.

  `_low` and `_high` are the 95% interval over sentences, `_min` and `_max` the extremes and `_s_opt` the standard
  deviation over seeds; `_difference` and `_p` compare with the best of the level, or a relative with the run that it
  varies.
  """
  scored = {metric for entry in entries for metric in entry.figures} or {*metrics.METRICS}
  every = [metric for metric in metrics.ALL if metric in scored]
  rows = [_csv_row(entry, every, printed.get((entry.column, round(entry.place.level, 4)))) for entry in entries]
  file = io.StringIO()
  names = dict.fromkeys(name for row in rows for name in row)
  writer = csv.DictWriter(file, list(names), lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  return file.getvalue()


def _csv_row(entry: Entry, every: Sequence[str], theirs: Printed | None) -> dict[str, object]:
  row: dict[str, object] = {
    "method": entry.column,
    "sparsity": entry.place.level,
    "run": entry.place.run,
    "varies": entry.varied,
    "seeds": " ".join(str(run.seed) for run in entry.runs),
    "steps_in_all": entry.steps_in_all,
    "trained_by": {table_columns.DAGGER: "SLT", table_columns.DOUBLE_DAGGER: "MP"}.get(entry.place.mark),
    "sparsity_reached": entry.mean("sparsity"),
    "best_steps": " ".join(str(result["best_step"]) for result in entry.results),
    "dev_bleu": entry.mean("dev_bleu"),
    "dev_loss": entry.mean("dev_loss"),
    "empty_translations": entry.mean("empty_translations"),
    "brevity_penalty": entry.mean("brevity_penalty"),
    **{f"emptied_{part}": entry.mean("emptied", part) for part in ("embedding_rows", "layers", "heads", "units")},
    **{f"megabytes_{kind}": entry.mean("megabytes", kind) for kind in ("paper", "csc", "file")},
  }
  for metric in every:
    figure = entry.figures.get(metric)
    low, high = figure.interval if figure and figure.interval else (None, None)
    row.update({metric: figure and figure.mean, f"{metric}_low": low, f"{metric}_high": high})
    row.update({f"{metric}_min": figure and figure.low, f"{metric}_max": figure and figure.high})
    row.update({f"{metric}_s_opt": figure and figure.s_opt})
    if metric in class_metrics.TITLES and len(entry.runs) > 1:
      row.update({f"{metric}_matching": int(figure.matching) if figure else None})
    if metric in COMPARED:
      row.update({f"{metric}_best": int(figure.best) if figure else None})
      row.update({f"{metric}_difference": figure and figure.difference, f"{metric}_p": figure and figure.p})
  if theirs:
    row.update({"paper_bleu": theirs.bleu, "paper_ter": theirs.ter})
  return row
