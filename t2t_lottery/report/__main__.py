"""Tables, plots and a page of all runs: `python -m t2t_lottery.report --runs_dir=runs --out=report`.

Writes index.html, which holds everything; table.{md,tex,csv}; controls.{md,tex,csv} if there are controls or relatives; and
plots/*.{svg,png}. Runs that are missing or in progress are named and left out.
"""

from __future__ import annotations

import os

from absl import app, flags

from t2t_lottery import errors, files
from t2t_lottery.report import archive, columns, examples, forms, page, paper, plots, runs, style, tables
from t2t_lottery.report.entries import Entries, Entry

_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where runs lie.")
_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem; needed where there are runs of several.")
_SIZE = flags.DEFINE_string("size", None, "Model size; needed where there are runs of several.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where datagen put the text, to show it beside translations.")
_OUT = flags.DEFINE_string("out", None, "Where the report goes.", required=True)
_ARCHIVE = flags.DEFINE_string("archive", None, "Copies to this folder all that a report needs of the runs.")
_LEARNING_CURVES = flags.DEFINE_bool("learning_curves", False, "Plot dev BLEU by step as well.")
_SAMPLES = flags.DEFINE_integer("samples", 10_000, "Samples for intervals, shuffles for significance.", lower_bound=1)


def write_tables(study: runs.Study, out: str, samples: int) -> tuple[list[Entry], dict[str, tables.Table]]:
  """Writes the tables of a study in every form.

  Args:
    study: the runs.
    out: folder to write to.
    samples: of intervals and tests of significance.

  Returns:
    The entries of the main table; heading -> table.
  """
  about = {name: ones[0].about for name, ones in study.runs.items()}
  placed = columns.assign(about)
  made = Entries(study, samples)
  entries = made.columns(placed)
  beside = made.relatives(columns.relatives(about, placed))
  printed = paper.scores(study.problem, study.size)
  mean = f"mean over seeds {', '.join(map(str, study.seeds))}" if len(study.seeds) > 1 else f"seed {study.seeds[0]}"
  of = f"{study.problem}, {study.size}"
  found = {"Methods": tables.main_table(f"{of}: BLEU and TER on test, in percent, {mean}", entries, printed)}
  files.write_text(os.path.join(out, "table.csv"), tables.to_csv(entries, printed))
  if beside:
    others = {entry.place.run: entry for entry in entries}
    caption = f"{of}: controls and relatives, each beside the run that it varies, {mean}"
    found["Controls and relatives"] = tables.relatives_table(caption, beside, others)
    files.write_text(os.path.join(out, "controls.csv"), tables.to_csv(beside, {}))
  for name, table in zip(("table", "controls"), found.values()):
    files.write_text(os.path.join(out, f"{name}.md"), forms.markdown(table))
    files.write_text(os.path.join(out, f"{name}.tex"), forms.latex(table, f"tab:{name}"))
  return entries, found


def report(study: runs.Study, out: str, data_dir: str | None, samples: int, learning_curves: bool) -> list[str]:
  """Writes the report of a study; returns what is missing in it, a line each.

  Args:
    study: the runs.
    out: folder to write to.
    data_dir: where the test set's text lies, if it is to be shown.
    samples: of intervals and tests of significance.
    learning_curves: whether to plot them.
  """
  entries, found = write_tables(study, out, samples)
  folder = os.path.join(out, "plots")
  drawn = []
  for plot in plots.all_plots(entries, learning_curves):
    style.save(plot.figure, folder, plot.name)
    with open(os.path.join(folder, f"{plot.name}.svg"), "rb") as file:
      drawn.append((plot, file.read()))
  unfinished = runs.unfinished(study)
  text = examples.text_of(study, data_dir)
  files.write_text(os.path.join(out, "index.html"), page.make(study, found, drawn, text, unfinished))
  return unfinished


def main(argv: list[str]) -> None:
  """The command."""
  with errors.one_line():
    if len(argv) > 1:
      raise errors.UserError(f"{argv[1]} is not a flag: see python -m t2t_lottery.report --help")
    runs_dir, out = os.path.expanduser(_RUNS_DIR.value), os.path.expanduser(_OUT.value)
    data_dir = os.path.expanduser(_DATA_DIR.value) if _DATA_DIR.value else None
    study = runs.read(runs_dir, _PROBLEM.value, _SIZE.value)
    if _ARCHIVE.value:
      size = archive.copy(study, os.path.expanduser(_ARCHIVE.value))
      print(f"Archive: {_ARCHIVE.value} ({size / 1e6:.1f} MB)")
    for line in report(study, out, data_dir, _SAMPLES.value, _LEARNING_CURVES.value):
      print(line)
    print(f"Report:  {os.path.join(out, 'index.html')}")


if __name__ == "__main__":
  app.run(main)
