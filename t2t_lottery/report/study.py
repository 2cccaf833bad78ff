"""Reads a folder of runs: what each run is, what came of it, and which are missing or not evaluated."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.runs import paths, run_files, run_lock, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError


class Run(NamedTuple):
  """One run of one seed.

  Attributes:
    folder: where it is stored.
    about: what it is (`run.json`).
    result: its line of results; None while there is none, or it cannot be compared with the others.
    differs: in what it differs from the others, if it cannot.
  """

  folder: str
  about: dict[str, Any]
  result: dict[str, Any] | None
  differs: str = ""

  @property
  def seed(self) -> int:
    return self.about["seed"]

  def segments(self, metric: str) -> np.ndarray | None:
    """Statistics [sentences, n] of each test sentence for a metric; None if the run has none that can be read."""
    return None if self.segments_lack() else self._segments().get(metric)

  def segments_lack(self) -> str | None:
    """Why there are no statistics of test sentences; None if there are."""
    path = paths.segments(self.folder)
    try:
      self._segments()
    except FileNotFoundError:
      return "no segments.npz"
    except (OSError, ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
      return f"{path} is damaged ({error}): delete it and {self.folder}/result.json, evaluate again"
    return None

  def _segments(self) -> dict[str, np.ndarray]:
    with np.load(paths.segments(self.folder)) as arrays:
      return dict(arrays)

  def layers(self) -> dict[str, dict[str, float | None]]:
    """Layer, or `total`, -> figures; empty if the run has none that can be read."""
    try:
      return run_files.layers(self.folder)
    except UserError:
      return {}

  def translation_path(self) -> str | None:
    """The file of the test translation by the best checkpoint; None while there is no result."""
    if self.result is None:
      return None
    best = paths.checkpoint(self.folder, self.result["best_step"])
    return paths.translation(self.folder, "test", best, self.result["decoder"])

  def translation(self) -> list[str]:
    """The test translation by the best checkpoint; empty if it is not there, or cannot be read."""
    path = self.translation_path()
    try:
      return run_files.translation(path) if path else []
    except UserError:
      return []


class Study(NamedTuple):
  """The runs that one table shows.

  Attributes:
    problem, size: theirs.
    runs: name -> one for each seed, seeds rising.
    seeds: all seeds, rising.
    damaged: of what cannot be read at all, a line each.
  """

  problem: str
  size: str
  runs: dict[str, list[Run]]
  seeds: list[int]
  damaged: tuple[str, ...] = ()

  def evaluated(self, name: str) -> list[dict[str, Any]]:
    """The results of a run, one for each seed that has one."""
    return [run.result for run in self.runs.get(name, []) if run.result is not None]


def read(runs_dir: str, problem: str | None = None, size: str | None = None) -> Study:
  """Reads the runs of one problem and size.

  Args:
    runs_dir: where all runs are stored.
    problem, size: None: there is but one.

  Raises:
    UserError: if there is no run that can be read, or if it is open which are meant.
  """
  found: dict[tuple[str, str], list[Run]] = {}
  every: set[str] = set()
  damaged: list[str] = []
  for folder in paths.run_folders(runs_dir):
    try:
      run = _read_run(folder)
    except UserError as error:
      # Its path says whose it is.
      _, of, by, _, _ = folder.rsplit(os.sep, 4)
      if problem in (None, of) and size in (None, by):
        damaged.append(str(error))
      continue
    key = run.about["problem"], run.about["size"]
    every.add(", ".join(key))
    if problem in (None, key[0]) and size in (None, key[1]):
      found.setdefault(key, []).append(run)
  if not found and damaged:
    raise UserError(damaged[0])
  if not found:
    asked = f" of {', '.join(filter(None, (problem, size)))}" if problem or size else ""
    there = f", only of {'; '.join(sorted(every))}" if every else ""
    raise UserError(
      f"{runs_dir} holds no run{asked}{there}: train some (run_scripts/slt.sh --help), or give another --runs_dir"
    )
  if len(found) > 1:
    names = "; ".join(f"{key[0]}, {key[1]}" for key in found)
    raise UserError(f"{runs_dir} holds runs of {names}: choose by --problem and --size")
  ((key, runs),) = found.items()
  by_name: dict[str, list[Run]] = {}
  for run in sorted(_comparable(runs), key=lambda run: (run.about["sparsity_asked"], run.about["run"], run.seed)):
    by_name.setdefault(run.about["run"], []).append(run)
  return Study(*key, by_name, sorted({run.seed for run in runs}), tuple(damaged))


def _comparable(runs: Sequence[Run]) -> list[Run]:
  """The runs, those without their result that were trained on other data, or tested on another number of sentences, than
  most: scores of different texts have no mean, and cannot be compared.
  """
  for fact, message in (
    (_data, "trained on data {}, others on {}"),
    (_sentences, "tested on {} sentences, others on {}"),
  ):
    found = [fact(run) for run in runs]
    known = Counter(value for value in found if value is not None)
    if len(known) > 1:
      ((usual, _),) = known.most_common(1)
      runs = [
        run if value in (None, usual) else run._replace(result=None, differs=message.format(value, usual))
        for run, value in zip(runs, found)
      ]
  return list(runs)


def _data(run: Run) -> str | None:
  return (run.result or {}).get("data")


def _sentences(run: Run) -> int | None:
  segments = run.segments("bleu") if run.result else None
  return None if segments is None else len(segments)


def _read_run(folder: str) -> Run:
  has_description = os.path.exists(paths.description(folder))
  about = run_files.identified(paths.description(folder), run_files.description(folder)) if has_description else None
  try:
    result = run_files.identified(paths.result(folder), run_files.result(folder))
  except atomic_files.Missing:
    result = None
  except UserError:
    # The run is known all the same, and its result is named (`unfinished`).
    if about is None:
      raise
    result = None
  # Results of versions before there were several metrics are not comparable.
  return Run(folder, about or result or {}, result if result and "test" in result else None)


def on_target(study: Study) -> Study:
  """The study without the results that have not reached the sparsity of their run: no table or plot has a place for them."""
  kept = {
    name: [r for r in ones if r.result is None or not run_spec.sparsity_miss(r.result)]
    for name, ones in study.runs.items()
  }
  return study._replace(runs={name: ones for name, ones in kept.items() if ones})


def unfinished(study: Study) -> list[str]:
  """What is missing, a line each: runs without a result, without a folder, or without the files next to their result; and
  runs that are in no table.
  """
  lines = list(study.damaged)
  for name, runs in study.runs.items():
    states: dict[str, list[int]] = {}
    for seed in study.seeds:
      run = next((run for run in runs if run.seed == seed), None)
      for state in _states(run):
        states.setdefault(state, []).append(seed)
    lines += [f"{name}, {_seeds(seeds)}: {state}" for state, seeds in states.items()]
  parents = {
    run.about["mask_from"].partition("@")[0] for runs in study.runs.values() for run in runs if "mask_from" in run.about
  }
  return lines + [f"{name}: missing, though others are drawn from it" for name in sorted(parents - {*study.runs})]


def _states(run: Run | None) -> list[str]:
  if run is None:
    return ["missing, though other seeds have it"]
  if run.differs:
    return [f"left out: {run.differs}"]
  if run.result is None:
    if os.path.exists(paths.result(run.folder)):
      try:
        run_files.identified(paths.result(run.folder), run_files.result(run.folder))
      except UserError as error:
        return [str(error)]
      return ["its result is of an older version: delete result.json and evaluate again"]
    return ["in progress" if run_lock.is_held(run.folder) else "not finished"]
  lacks = []
  if missed := run_spec.sparsity_miss(run.result):
    lacks.append(f"{missed}, so in no table or plot")
  if lack := run.segments_lack():
    lacks.append(f"{lack}, so no intervals and no significance")
  path = run.translation_path()
  assert path
  for lack, read in (
    ("no layers.json, so not among the heat maps", lambda: run_files.layers(run.folder)),
    ("no test translation", lambda: run_files.translation(path)),
  ):
    try:
      read()
    except atomic_files.Missing:
      lacks.append(lack)
    except UserError as error:
      lacks.append(str(error))
  return lacks


def _seeds(seeds: Sequence[int]) -> str:
  return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
