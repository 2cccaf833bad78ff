"""Aggregates runs for the tables: means over seeds, spread, intervals, and the significance of differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.evaluation import class_metrics, metrics, significance
from t2t_lottery.report import table_columns
from t2t_lottery.report.study import Run, Study
from t2t_lottery.report.table_columns import Place, Relative

# The paper's metrics, in the order of its columns.
PAPER_METRICS = {"bleu": "BLEU", "ter": "TER"}
# Those, and others which have columns if a run has them.
COMPARED = {**PAPER_METRICS, metrics.COMET: "COMET", **class_metrics.TITLES}
# Those with a plot.
PLOTTED = {**PAPER_METRICS, **class_metrics.TITLES}
# From this p on, a difference is called not significant.
ALPHA = 0.05


class Figure(NamedTuple):
  """A metric of a run over its seeds, in percent.

  Attributes:
    mean, low, high: over seeds.
    interval: 95% interval over test sentences; None without segments.
    s_opt: standard deviation over seeds; None with fewer than two, or without segments.
    best: whether no other method of the level has a better mean, as printed.
    difference, p: from the best of the level, or of a relative from the run that it varies, over the seeds that both have;
      None without a run to compare with, or without segments.
    matching: whether a pruned run's mean is at least the dense model's less its standard deviation over seeds, which Chen et
      al. (2020, section 3) call matching; False for translations, or with fewer than two seeds.
  """

  mean: float
  low: float
  high: float
  interval: tuple[float, float] | None
  s_opt: float | None = None
  best: bool = False
  difference: float | None = None
  p: float | None = None
  matching: bool = False

  @property
  def not_significant(self) -> bool:
    """Whether it was compared and does not differ significantly."""
    return self.p is not None and self.p >= ALPHA


class Entry(NamedTuple):
  """A cell of the table.

  Attributes:
    column: the paper's name of the method; for a relative, what differs.
    place: the run and its level and mark.
    runs: the evaluated ones, one per seed.
    fewer: whether other runs of the table have more seeds.
    figures: metric -> figure; empty if no seed is evaluated.
    varied: for a relative, the run that it varies.
    steps_in_all: training steps of the run and of all runs that its mask comes from; None if unknown.
  """

  column: str
  place: Place
  runs: list[Run]
  fewer: bool
  figures: dict[str, Figure]
  varied: str | None = None
  steps_in_all: int | None = None

  @property
  def results(self) -> list[dict[str, Any]]:
    return [run.result for run in self.runs if run.result is not None]

  def mean(self, *keys: str) -> float | None:
    """The mean over seeds of a number in the results, such as mean("megabytes", "paper"); None if a result lacks it."""
    values = []
    for result in self.results:
      value: Any = result
      for key in keys:
        value = (value or {}).get(key)
      values.append(value)
    return float(np.mean(values)) if values and None not in values else None


class Entries:
  """Makes entries of a study; intervals and comparisons are computed once per run.

  Args:
    study: the runs.
    samples: number of shuffles for a p, and of samples for an interval.
  """

  def __init__(self, study: Study, samples: int):
    self._study = study
    self._samples = samples
    self._about = {name: ones[0].about for name, ones in study.runs.items()}
    self._segments: dict[tuple[str, str], dict[int, np.ndarray | None]] = {}
    self._intervals: dict[tuple[str, str], tuple[float, float] | None] = {}
    self._comparisons: dict[tuple[str, str, str], significance.Comparison | None] = {}

  def columns(self, placed: dict[str, list[Place]]) -> list[Entry]:
    """The entries of the main table, column by column."""
    most = max((len(self._evaluated(place.run)) for places in placed.values() for place in places), default=0)
    made = [self._entry(title, place, most) for title, places in placed.items() for place in places]
    levels = sorted({entry.place.level for entry in made})
    return sorted(
      (entry for level in levels for entry in self._with_best([each for each in made if each.place.level == level])),
      key=lambda entry: list(placed).index(entry.column),
    )

  def relatives(self, found: Sequence[Relative]) -> list[Entry]:
    """The entries of the second table, each compared with the run that it varies."""
    names = [name for relative in found for name in (relative.run, relative.varied) if name]
    most = max((len(self._evaluated(name)) for name in names), default=0)
    made = []
    for relative in found:
      entry = self._entry(relative.differs, Place(relative.run, relative.level), most)
      if relative.of_structures and (sparsity := entry.mean("sparsity")) is not None:
        entry = entry._replace(place=Place(relative.run, sparsity))
      made.append(self._compared(entry._replace(varied=relative.varied), relative.varied))
    return made

  def _evaluated(self, name: str) -> list[Run]:
    return [run for run in self._study.runs.get(name, []) if run.result is not None]

  def _entry(self, column: str, place: Place, most: int) -> Entry:
    runs = self._evaluated(place.run)
    figures = {}
    for metric in metrics.ALL:
      values = [run.result["test"].get(metric) for run in runs if run.result]
      if values and None not in values:
        segments = self._statistics(metric, place.run)
        s_opt = significance.s_opt(metric, segments) if segments and len(segments) > 1 else None
        interval = self._interval(metric, place.run)
        mean, bar = float(np.mean(values)), self._matching_from(metric)
        matching = bar is not None and place.level > 0 and mean >= bar
        figures[metric] = Figure(mean, min(values), max(values), interval, s_opt, matching=matching)
    steps = table_columns.steps_in_all(place.run, self._about)
    return Entry(column, place, runs, 0 < len(runs) < most, figures, steps_in_all=steps)

  def _matching_from(self, metric: str) -> float | None:
    """The score from which on a pruned run is matching; None if that is not defined."""
    dense = [run.result["test"].get(metric) for run in self._evaluated(table_columns.DENSE) if run.result]
    if metric not in class_metrics.TITLES or len(dense) < 2 or None in dense:
      return None
    return float(np.mean(dense) - np.std(dense, ddof=1))

  def _with_best(self, level: list[Entry]) -> list[Entry]:
    """The entries of a level, with the best marked and the others compared with it."""
    for metric in COMPARED:
      scored = [entry for entry in level if metric in entry.figures]
      if len({entry.place.run for entry in scored}) < 2:
        continue
      sign = 1 if metrics.HIGHER_IS_BETTER[metric] else -1
      best = max(scored, key=lambda entry: sign * entry.figures[metric].mean)
      printed = f"{best.figures[metric].mean:.1f}"
      level = [
        _with(entry, metric, best=f"{entry.figures[metric].mean:.1f}" == printed) if metric in entry.figures else entry
        for entry in level
      ]
      level = [self._compared(entry, best.place.run, [metric]) for entry in level]
    return level

  def _compared(self, entry: Entry, other: str | None, metrics: Sequence[str] = tuple(COMPARED)) -> Entry:
    for metric in metrics:
      if other and other != entry.place.run and metric in entry.figures and self._evaluated(other):
        found = self.comparison(metric, entry.place.run, other)
        if found is not None:
          entry = _with(entry, metric, difference=float(found.difference), p=float(found.p))
    return entry

  def _statistics(self, metric: str, name: str, seeds: Sequence[int] | None = None) -> list[np.ndarray] | None:
    """Segments of a run, one array per seed, of all or of some; None unless each of these seeds has them."""
    key = metric, name
    if key not in self._segments:
      self._segments[key] = {run.seed: run.segments(metric) for run in self._evaluated(name)}
    found = [segments for seed, segments in self._segments[key].items() if seeds is None or seed in seeds]
    readable = [segments for segments in found if segments is not None]
    return readable if found and len(readable) == len(found) else None

  def _interval(self, metric: str, name: str) -> tuple[float, float] | None:
    key = metric, name
    if key not in self._intervals:
      runs = self._statistics(metric, name)
      low_high = None if runs is None else significance.interval(metric, runs, samples=self._samples)
      self._intervals[key] = None if low_high is None else (float(low_high[0]), float(low_high[1]))
    return self._intervals[key]

  def comparison(self, metric: str, name: str, other: str) -> significance.Comparison | None:
    """How two runs differ over the seeds that both have; None without such a seed, or if one of them has no result for each
    sentence.

    Args:
      metric: one of `COMPARED`.
      name, other: of the runs.
    """
    key = metric, name, other
    if key not in self._comparisons:
      common = self.common_seeds(name, other)
      ours, theirs = (self._statistics(metric, one, common) for one in (name, other))
      self._comparisons[key] = None
      # Translations of different sentences cannot be compared.
      if ours and theirs and len({len(segments) for segments in ours + theirs}) == 1:
        self._comparisons[key] = significance.compare(metric, ours, theirs, shuffles=self._samples)
    return self._comparisons[key]

  def common_seeds(self, name: str, other: str) -> list[int]:
    """The seeds of which both runs are evaluated, sorted."""
    return sorted({run.seed for run in self._evaluated(name)} & {run.seed for run in self._evaluated(other)})

  def by_seed(self, metric: str, name: str, other: str) -> list[float]:
    """The difference of two runs for each of `common_seeds`, in percentage points.

    Args:
      metric: one of `COMPARED`, that both runs have.
      name, other: of the runs.
    """
    common = self.common_seeds(name, other)
    ours, theirs = (
      {run.seed: run.result["test"][metric] for run in self._evaluated(one) if run.result and run.seed in common}
      for one in (name, other)
    )
    return [float(ours[seed] - theirs[seed]) for seed in common]


def shown(entries: Sequence[Entry]) -> list[str]:
  """The metrics with columns: those that a run has, or the paper's if none has a result."""
  return [name for name in COMPARED if any(name in entry.figures for entry in entries)] or [*PAPER_METRICS]


def test_set(entries: Sequence[Entry]) -> str:
  """The name of the set that the scores are of."""
  found = {result.get("test_set", "test") for entry in entries for result in entry.results}
  return "dev" if found == {"dev"} else "test"


def _with(entry: Entry, metric: str, **changed) -> Entry:
  return entry._replace(figures={**entry.figures, metric: entry.figures[metric]._replace(**changed)})
