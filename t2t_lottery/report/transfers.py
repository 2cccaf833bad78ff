"""Tickets transferred between tasks (`--ticket_from`) in the report: task by task, as a table and a heat map (Chen et al. 2020,
section 4).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.evaluation import class_metrics
from t2t_lottery.report import plot_style
from t2t_lottery.report.paper_tables import MATCHING, NONE, Cell, Table, meanings, percent
from t2t_lottery.report.plots import Plot
from t2t_lottery.report.study import Study
from t2t_lottery.runs import paths, run_files
from t2t_lottery.utils.errors import UserError

# Task -> the metric that Chen et al. report; of all others it is the first one.
_METRICS = {"glue_cola": "mcc", "squad_v1": "answer_f1"}
_FROM = "+ticket_from_"
_TRANSFERRED = re.compile(rf"(?P<method>[a-z_0-9]+){re.escape(_FROM)}(?P<source>\w+?)(?P<levels>(-[0-9.]+)+)")
_OWN = re.compile(r"(?P<method>[a-z_0-9]+)(?P<levels>(-[0-9.]+)+)")
_WIDTH, _HEIGHT = 0.75, 0.42


class Square(NamedTuple):
  """All transfers of one chain of levels.

  Attributes:
    name: of the runs whose masks are transferred, such as "imp-40-70".
    level: its sparsity.
    tasks: of rows and columns, sorted.
    scores: float64 [tasks, tasks]: of the ticket of a row's task on a column's, in percent, mean over seeds; NaN if missing.
    differences: the same less the dense model's on the column's task, over the same seeds.
    matching: bool of that shape (`aggregates.Figure.matching`).
    titles: of the metric of each task.
  """

  name: str
  level: float
  tasks: tuple[str, ...]
  scores: np.ndarray
  differences: np.ndarray
  matching: np.ndarray
  titles: tuple[str, ...]


class _Result(NamedTuple):
  """A score of a run: chain of its mask, task of the mask, task of the run."""

  chain: str
  source: str
  task: str
  level: float
  seed: int
  score: float
  title: str


def read(study: Study) -> list[Square]:
  """The transfers between all tasks whose runs are next to those of a study, of its size; in order of levels.

  Args:
    study: the runs of one of the tasks.
  """
  folders = [run.folder for runs in study.runs.values() for run in runs]
  if not folders:
    return []
  runs_dir = folders[0].rsplit(os.sep, 4)[0]
  found = list(_results(paths.run_folders(runs_dir), study.size))
  # With one seed of one mask twice, the last is the only one there is.
  dense = {(one.task, one.seed): one.score for one in found if not one.chain}
  chains = {one.chain for one in found if one.chain and one.source != one.task}
  return sorted((_square(chain, found, dense) for chain in chains), key=lambda square: (square.level, square.name))


def _results(folders: Iterable[str], size: str) -> Iterable[_Result]:
  for folder in folders:
    try:
      about = run_files.description(folder)
      line = run_files.result(folder)
    except (UserError, OSError):
      continue
    if about.get("size") != size or about.get("controls") or not class_metrics.has_predictions(line):
      continue
    task, run = about["problem"], about["run"]
    metric = _METRICS.get(task) or next(iter(line["test"]), "")
    if metric not in line["test"]:
      continue
    of = (about["sparsity_asked"], about["seed"], line["test"][metric], class_metrics.TITLES[metric])
    if run == "dense":
      yield _Result("", task, task, *of)
    elif match := _TRANSFERRED.fullmatch(run):
      yield _Result(match["method"] + match["levels"], match["source"], task, *of)
    elif match := _OWN.fullmatch(run):
      yield _Result(run, task, task, *of)


def _square(chain: str, found: Sequence[_Result], dense: dict[tuple[str, int], float]) -> Square:
  here = [one for one in found if one.chain == chain]
  transferred = [one for one in here if one.source != one.task]
  tasks = tuple(sorted({task for one in transferred for task in (one.source, one.task)}))
  scores, differences = np.full((2, len(tasks), len(tasks)), np.nan)
  matching = np.zeros(scores.shape, bool)
  titles = {one.task: one.title for one in found}
  for row, source in enumerate(tasks):
    for column, task in enumerate(tasks):
      cell = {one.seed: one.score for one in here if (one.source, one.task) == (source, task)}
      if not cell:
        continue
      scores[row, column] = np.mean([*cell.values()])
      both = [seed for seed in cell if (task, seed) in dense]
      if both:
        full = [dense[task, seed] for seed in both]
        differences[row, column] = np.mean([cell[seed] for seed in both]) - np.mean(full)
        matching[row, column] = len(both) > 1 and differences[row, column] >= -np.std(full, ddof=1)
  return Square(
    chain, transferred[0].level, tasks, scores, differences, matching, tuple(titles.get(task, "") for task in tasks)
  )


def table(caption: str, squares: Sequence[Square]) -> Table:
  """A row for each task whose ticket is transferred, a column for each task that it is trained on.

  Args:
    caption: of the table.
    squares: as `read` returns them; at least one.
  """
  tasks = sorted({task for square in squares for task in square.tasks})
  titles = {task: title for square in squares for task, title in zip(square.tasks, square.titles)}
  heads = [("", "sparsity"), ("", "mask of"), *((task, titles[task]) for task in tasks)]
  groups = []
  for square in squares:
    rows = []
    for row, source in enumerate(square.tasks):
      cells = {task: _cell(square, row, column) for column, task in enumerate(square.tasks)}
      start = [Cell(percent(square.level), square.level), Cell(source, source)]
      rows.append([*start, *(cells.get(task, Cell(NONE)) for task in tasks)])
    groups.append(rows)
  parentheses = "In parentheses: the difference from the dense model of the task, over the same seeds."
  return Table(caption, heads, groups, [parentheses, *meanings(groups, {})])


def _cell(square: Square, row: int, column: int) -> Cell:
  score, difference = square.scores[row, column], square.differences[row, column]
  if np.isnan(score):
    return Cell(NONE)
  text = f"{score:.1f}" + ("" if np.isnan(difference) else f" ({difference:+.1f})")
  return Cell(text, float(score), marks=(MATCHING,) if square.matching[row, column] else ())


def plot(squares: Sequence[Square]) -> Plot:
  """A heat map for each level.

  Args:
    squares: as `read` returns them; at least one.
  """
  widest = max(len(square.tasks) for square in squares)
  with plot_style.settings():
    made = plot_style.figure(2.2 + len(squares) * (0.8 + _WIDTH * widest), 1.7 + _HEIGHT * widest)
    panels = made.subplots(1, len(squares), squeeze=False)[0]
    known = np.concatenate([square.differences[~np.isnan(square.differences)] for square in squares])
    low, high = (known.min(), max(known.max(), known.min() + 0.1)) if known.size else (-1.0, 1.0)
    for axes, square in zip(panels, squares):
      image = axes.imshow(
        square.differences, cmap=plot_style.MAP, vmin=low, vmax=high, interpolation="none", aspect="auto"
      )
      axes.set_title(f"{square.level * 100:g}%", fontsize=9)
      axes.set_xticks(range(len(square.tasks)), square.tasks, rotation=90, fontsize=7.5)
      axes.set_yticks(range(len(square.tasks)), square.tasks, fontsize=7.5)
      axes.tick_params(length=0)
      axes.grid(False)
      for row, column in np.argwhere(~np.isnan(square.scores)):
        difference = square.differences[row, column]
        # Dark text on the bright half of the color map.
        is_bright = np.isnan(difference) or difference > (low + high) / 2
        axes.text(
          column,
          row,
          f"{square.scores[row, column]:.1f}",
          ha="center",
          va="center",
          fontsize=7.5,
          color="black" if is_bright else "white",
        )
    made.supxlabel("trained on", fontsize=9)
    made.supylabel("mask of", fontsize=9)
    made.colorbar(image, ax=list(panels), label="score less dense [points]", fraction=0.05, pad=0.01)
  return Plot(
    "transfer",
    made,
    "Tickets transferred between tasks: scores of each task's masks on each task, in percent, colored by the difference from the "
    "dense model of the task. On the diagonal, the task's own tickets.",
    "Heat maps of tasks by tasks, one for each level; the table of transfers contains the numbers.",
  )
