"""Writes the report of a study: tables, plots and the page."""

from __future__ import annotations

import glob
import os
from typing import NamedTuple

from t2t_lottery.report import (
  claims,
  connections,
  crossed,
  examples,
  html_page,
  paper_scores,
  paper_tables,
  plot_style,
  plots,
  speed,
  sweeps,
  table_columns,
  table_formats,
  transfers,
)
from t2t_lottery.report import study as studies
from t2t_lottery.report.aggregates import COMPARED, Entries, Entry, shown, test_set
from t2t_lottery.runs import run_spec
from t2t_lottery.utils import atomic_files

# Names of the tables and plots that only some reports have.
_OPTIONAL = (
  "controls",
  "crossed",
  "claims",
  "rewind_steps*",
  "switches_*",
  "connectivity",
  "transfer",
  "speed",
  "learning_curves",
)


class Tables(NamedTuple):
  """The tables of a study.

  Attributes:
    entries: of the main table.
    found: heading -> table.
    swept: each sweep, with the entries of its table.
  """

  entries: list[Entry]
  found: dict[str, paper_tables.Table]
  swept: list[tuple[sweeps.Sweep, list[Entry]]]


def write_tables(study: studies.Study, out: str, samples: int) -> Tables:
  """Writes the tables of a study in every format.

  Args:
    study: the runs.
    out: folder to write to.
    samples: number of samples for intervals and significance tests.
  """
  about = {name: ones[0].about for name, ones in study.runs.items()}
  placed = table_columns.assign(about)
  switches = table_columns.switch_levels(about, placed)
  relatives = table_columns.relatives(about, placed)
  study = studies.on_target(study)
  placed = _kept(placed, study)
  made = Entries(study, samples)
  entries = made.columns(placed)
  swept = [(sweep, made.columns(_kept(sweep.columns, study))) for sweep in sweeps.find(about)]
  crosses = crossed.find(about, placed)
  related = made.relatives([relative for relative in relatives if relative.run in study.runs])
  printed = paper_scores.scores(study.problem, study.size)
  mean = ("mean over " if len(study.seeds) > 1 else "") + run_spec.named_seeds(study.seeds)
  of = study.title
  found = {
    "Methods": paper_tables.main_table(
      f"{of}: {_names(entries)} on {test_set(entries)}, in percent, {mean}",
      entries,
      printed,
      [
        *(f"{title} changes methods at {paper_tables.percent(level)}." for title, level in switches.items()),
        *(unlike := table_columns.unlike_chains(placed, about)),
      ],
    )
  }
  atomic_files.write_text(os.path.join(out, "table.csv"), paper_tables.to_csv(entries, printed))
  if related:
    others = {entry.place.run: entry for entry in [*entries, *related]}
    caption = f"{of}: controls and relatives, each with the run that it varies, {mean}"
    found["Controls and relatives"] = paper_tables.relatives_table(caption, related, others)
    atomic_files.write_text(os.path.join(out, "controls.csv"), paper_tables.to_csv(related, {}))
    if crosses:
      found["Signs and magnitudes"] = crossed.table(f"{of}: signs and magnitudes of tickets, {mean}", crosses, others)
      _write(found["Signs and magnitudes"], out, "crossed")
  for name, table in zip(("table", "controls"), found.values()):
    _write(table, out, name)
  if claimed := claims.differences(placed, entries, made):
    caption = f"{of}: differences between methods on {test_set(entries)}, {mean}"
    found["Claims"] = claims.table(caption, claimed, unlike)
    _write(found["Claims"], out, "claims")
    atomic_files.write_text(os.path.join(out, "claims.csv"), claims.to_csv(claimed))
  for sweep, ours in swept:
    remarks = table_columns.unlike_chains(_kept(sweep.columns, study), about)
    found[sweep.heading] = paper_tables.main_table(
      f"{of}: {sweep.heading}, on test, in percent, {mean}", ours, {}, remarks
    )
    _write(found[sweep.heading], out, sweep.name)
    atomic_files.write_text(os.path.join(out, f"{sweep.name}.csv"), paper_tables.to_csv(ours, {}))
  return Tables(entries, found, swept)


def _names(entries: list[Entry]) -> str:
  """The metrics of a table, such as "BLEU and TER"."""
  *first, last = (COMPARED[metric] for metric in shown(entries))
  return " and ".join(filter(None, (", ".join(first), last)))


def _kept(placed: dict[str, list[table_columns.Place]], study: studies.Study) -> dict[str, list[table_columns.Place]]:
  """The columns, of the runs of a study alone."""
  return {title: kept for title, places in placed.items() if (kept := [p for p in places if p.run in study.runs])}


def _write(table: paper_tables.Table, out: str, name: str) -> None:
  """Writes a table as NAME.md and NAME.tex."""
  atomic_files.write_text(os.path.join(out, f"{name}.md"), table_formats.markdown(table))
  atomic_files.write_text(os.path.join(out, f"{name}.tex"), table_formats.latex(table, f"tab:{name}"))


def _drawn(plot: plots.Plot, folder: str) -> tuple[plots.Plot, bytes]:
  """Saves a plot in a folder; returns it with its SVG."""
  plot_style.save(plot.figure, folder, plot.name)
  with open(os.path.join(folder, f"{plot.name}.svg"), "rb") as file:
    return plot, file.read()


def _remove_optional(out: str) -> None:
  """Removes what an earlier report in this folder may have and this one may not."""
  for name in _OPTIONAL:
    for pattern in (f"{name}.md", f"{name}.tex", f"{name}.csv", f"plots/{name}.svg", f"plots/{name}.png"):
      for path in glob.glob(os.path.join(glob.escape(out), pattern)):
        os.remove(path)


def report(
  study: studies.Study,
  out: str,
  data_dir: str | None,
  samples: int,
  learning_curves: bool,
  measure_speed: bool = False,
) -> list[str]:
  """Writes the report of a study; returns a line for each thing that is missing in it.

  Args:
    study: the runs.
    out: folder to write to.
    data_dir: where the text of the test set is stored; None to show translations without it.
    samples: number of samples for intervals and significance tests.
    learning_curves: whether to plot them.
    measure_speed: whether to measure and plot how fast the runs translate.
  """
  _remove_optional(out)
  entries, found, swept = write_tables(study, out, samples)
  folder = os.path.join(out, "plots")
  over = [plot for sweep, ours in swept if (plot := sweeps.plot(sweep, ours))]
  drawn = [_drawn(plot, folder) for plot in [*plots.all_plots(entries, learning_curves), *over]]
  unfinished = studies.unfinished(study)
  lines, missing = connections.read(study)
  unfinished += missing
  if lines:
    caption = f"{study.problem}, {study.size}: dev loss and BLEU on the line between the final weights of two runs"
    found["Linear connectivity"] = connections.table(caption, lines)
    _write(found["Linear connectivity"], out, "connectivity")
    drawn.append(_drawn(connections.plot(lines), folder))
  if squares := transfers.read(study):
    caption = f"{study.size}: tickets of each task trained on each task, on dev, in percent"
    found["Transfer between tasks"] = transfers.table(caption, squares)
    _write(found["Transfer between tasks"], out, "transfer")
    drawn.append(_drawn(transfers.plot(squares), folder))
  if measure_speed:
    assert data_dir is not None
    speeds = speed.measure(entries, study.problem, data_dir)
    found["Speed"] = speed.table(f"{study.title}: sentences per second", speeds)
    _write(found["Speed"], out, "speed")
    drawn.append(_drawn(speed.plot(speeds), folder))
  text = examples.text_of(study, data_dir)
  atomic_files.write_text(os.path.join(out, "index.html"), html_page.make(study, found, drawn, text, unfinished))
  return unfinished
