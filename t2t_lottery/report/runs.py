"""Reads a folder of runs: what each run is, what came of it, and which are missing or not evaluated."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery import descriptions, files, paths, run_lock
from t2t_lottery.errors import UserError


class Run(NamedTuple):
  """One run of one seed.

  Attributes:
    folder: where it lies.
    about: what it is (`run.json`).
    result: its line of results; None while there is none, or it cannot stand beside the others.
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
    """Statistics [sentences, n] of each test sentence for a metric; None if the run has none.

    Raises:
      UserError: if the file is damaged.
    """
    path = paths.segments(self.folder)
    if not os.path.exists(path):
      return None
    try:
      with np.load(path) as arrays:
        return arrays[metric] if metric in arrays else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
      raise UserError(
        f"{path} is damaged ({error}): delete it and {self.folder}/result.json, evaluate again"
      ) from error

  def layers(self) -> dict[str, dict[str, float | None]]:
    """Layer, or `total`, -> figures; empty if the run has none."""
    path = paths.layers(self.folder)
    return files.read_json(path) if os.path.exists(path) else {}

  def translation_path(self) -> str | None:
    """The file of the test translation by the best checkpoint; None while there is no result."""
    if self.result is None:
      return None
    best = paths.checkpoint(self.folder, self.result["best_step"])
    return paths.translation(self.folder, "test", best, self.result["decoder"])

  def translation(self) -> list[str]:
    """The test translation by the best checkpoint; empty if it is not there."""
    path = self.translation_path()
    return files.read_lines(path) if path and os.path.exists(path) else []


class Study(NamedTuple):
  """The runs that one table shows.

  Attributes:
    problem, size: theirs.
    runs: name -> one for each seed, seeds rising.
    seeds: all seeds, rising.
  """

  problem: str
  size: str
  runs: dict[str, list[Run]]
  seeds: list[int]

  def evaluated(self, name: str) -> list[dict[str, Any]]:
    """The results of a run, one for each seed that has one."""
    return [run.result for run in self.runs.get(name, []) if run.result is not None]


def read(runs_dir: str, problem: str | None = None, size: str | None = None) -> Study:
  """Reads the runs of one problem and size.

  Args:
    runs_dir: where all runs lie.
    problem, size: None: there is but one.

  Raises:
    UserError: if there is no run, if it is open which are meant, or if a file is damaged.
  """
  found: dict[tuple[str, str], list[Run]] = {}
  every: set[str] = set()
  for folder in paths.run_folders(runs_dir):
    run = _read_run(folder)
    key = run.about["problem"], run.about["size"]
    every.add(", ".join(key))
    if problem in (None, key[0]) and size in (None, key[1]):
      found.setdefault(key, []).append(run)
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
  return Study(*key, by_name, sorted({run.seed for run in runs}))


def _comparable(runs: Sequence[Run]) -> list[Run]:
  """The runs, those without their result that were trained on other data, or tested on another number of sentences, than
  most: scores of different texts have no mean, and cannot be compared.
  """
  for fact, told in ((_data, "trained on data {}, others on {}"), (_sentences, "tested on {} sentences, others on {}")):
    found = [fact(run) for run in runs]
    known = Counter(value for value in found if value is not None)
    if len(known) > 1:
      ((usual, _),) = known.most_common(1)
      runs = [
        run if value in (None, usual) else run._replace(result=None, differs=told.format(value, usual))
        for run, value in zip(runs, found)
      ]
  return list(runs)


def _data(run: Run) -> str | None:
  return (run.result or {}).get("data")


def _sentences(run: Run) -> int | None:
  segments = run.segments("bleu") if run.result else None
  return None if segments is None else len(segments)


def _read_run(folder: str) -> Run:
  result = files.read_json(paths.result(folder)) if os.path.exists(paths.result(folder)) else None
  about: Any = files.read_json(paths.description(folder)) if os.path.exists(paths.description(folder)) else result
  for path, content in ((paths.result(folder), result), (paths.description(folder), about)):
    if content is not None:
      descriptions.check(path, content)
  # Results of versions before there were several metrics are not comparable.
  return Run(folder, about, result if result and "test" in result else None)


def on_target(study: Study) -> Study:
  """The study without the results that have not reached the sparsity of their run: no table or plot has a place for them."""
  kept = {
    name: [r for r in ones if r.result is None or not descriptions.missed(r.result)]
    for name, ones in study.runs.items()
  }
  return study._replace(runs={name: ones for name, ones in kept.items() if ones})


def unfinished(study: Study) -> list[str]:
  """What is missing, a line each: runs without a result, without a folder, or without the files beside their result; and
  runs that are in no table.
  """
  lines = []
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
      return ["its result is of an older version: delete result.json and evaluate again"]
    return ["in progress" if run_lock.is_held(run.folder) else "not finished"]
  lacks = []
  if missed := descriptions.missed(run.result):
    lacks.append(f"{missed}, so in no table or plot")
  if not os.path.exists(paths.segments(run.folder)):
    lacks.append("no segments.npz, so no intervals and no significance")
  if not os.path.exists(paths.layers(run.folder)):
    lacks.append("no layers.json, so not among the heat maps")
  if not run.translation():
    lacks.append("no test translation")
  return lacks


def _seeds(seeds: Sequence[int]) -> str:
  return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
