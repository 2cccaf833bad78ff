"""Reads a folder of runs: their descriptions and results, and which are missing or not evaluated."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.evaluation import class_metrics, metrics
from t2t_lottery.runs import paths, presets, run_files, run_lock, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError


class Run(NamedTuple):
  """One run of one seed.

  Attributes:
    folder: where it is stored.
    about: its description (`run.json`).
    result: its result; None while there is none, or if it cannot be compared with the others.
    differs: how it differs from the others, if it cannot be compared.
  """

  folder: str
  about: dict[str, Any]
  result: dict[str, Any] | None
  differs: str = ""

  @property
  def seed(self) -> int:
    return self.about["seed"]

  def segments(self, metric: str) -> np.ndarray | None:
    """Statistics [sentences, n] of each test sentence for a metric; None if missing or unreadable."""
    return None if self.segments_error() else self._segments().get(metric)

  def segments_error(self) -> str | None:
    """Why the statistics of test sentences cannot be read; None if they can."""
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
    """Layer, or `total`, -> figures; empty if missing or unreadable."""
    try:
      return run_files.layers(self.folder)
    except UserError:
      return {}

  @property
  def translates(self) -> bool:
    """Whether its result is of translations, not of classes or real numbers."""
    return not class_metrics.has_predictions(self.result or {})

  def translation_path(self) -> str | None:
    """The file of the test translation by the best checkpoint; None while there is no result, or without translations."""
    if self.result is None or not self.translates:
      return None
    best = paths.checkpoint(self.folder, self.result["best_step"])
    return paths.translation(self.folder, "test", best, self.result["decoder"])

  def translation(self) -> list[str]:
    """The test translation by the best checkpoint; empty if missing or unreadable."""
    path = self.translation_path()
    try:
      return run_files.translation(path) if path else []
    except UserError:
      return []


class Study(NamedTuple):
  """The runs of one problem and size.

  Attributes:
    problem, size: of the runs.
    runs: name -> one run per seed, in order of seeds.
    seeds: all seeds, sorted.
    damaged: a line for each run that cannot be read at all.
  """

  problem: str
  size: str
  runs: dict[str, list[Run]]
  seeds: list[int]
  damaged: tuple[str, ...] = ()

  @property
  def title(self) -> str:
    """Problem, size, and the hparams by which the compared runs have another shape, if any."""
    compared = [run for runs in self.runs.values() for run in runs if run.result is not None]
    hparams = (compared[0].about.get("hparams") or "") if compared else ""
    return ", ".join(filter(None, (self.problem, self.size, presets.shape(hparams))))

  def evaluated(self, name: str) -> list[dict[str, Any]]:
    """The results of a run, one for each seed that has one."""
    return [run.result for run in self.runs.get(name, []) if run.result is not None]


def read(runs_dir: str, problem: str | None = None, size: str | None = None) -> Study:
  """Reads the runs of one problem and size.

  Args:
    runs_dir: where all runs are stored.
    problem, size: of the runs; None if all have the same.

  Raises:
    UserError: no run can be read, or there are runs of several problems or sizes.
  """
  found: dict[tuple[str, str], list[Run]] = {}
  every: set[str] = set()
  damaged: list[str] = []
  for folder in paths.run_folders(runs_dir):
    try:
      run = _read_run(folder)
    except UserError as error:
      # Its path contains its problem and size.
      _, run_problem, run_size, _, _ = folder.rsplit(os.sep, 4)
      if problem in (None, run_problem) and size in (None, run_size):
        damaged.append(str(error))
      continue
    key = run.about["problem"], run.about["size"]
    every.add(", ".join(key))
    if problem in (None, key[0]) and size in (None, key[1]):
      found.setdefault(key, []).append(run)
  if not found and damaged:
    raise UserError(damaged[0])
  if not found:
    requested = f" of {', '.join(filter(None, (problem, size)))}" if problem or size else ""
    present = f", only of {'; '.join(sorted(every))}" if every else ""
    raise UserError(
      f"{runs_dir} contains no run{requested}{present}: train some (run_scripts/slt.sh --help), or give another --runs_dir"
    )
  if len(found) > 1:
    names = "; ".join(f"{key[0]}, {key[1]}" for key in found)
    raise UserError(f"{runs_dir} contains runs of {names}: choose with --problem and --size")
  ((key, runs),) = found.items()
  by_name: dict[str, list[Run]] = {}
  for run in sorted(_comparable(runs), key=lambda run: (run.about["sparsity_asked"], run.about["run"], run.seed)):
    by_name.setdefault(run.about["run"], []).append(run)
  return Study(*key, by_name, sorted({run.seed for run in runs}), tuple(damaged))


def _comparable(runs: Sequence[Run]) -> list[Run]:
  """The runs, without the results of those that differ from most in their hparams, training data, test sentences or BLEU's
  tokenizer, or from most seeds of the same run in length or t: scores of different models, on different texts or by different
  measures cannot be averaged or compared.
  """
  for fact, message in (
    (_hparams, "trained with {}, others with {}"),
    (_data, "trained on data {}, others on {}"),
    (_pretrained, "started from the pre-trained BERT {}, others from {}"),
    (_sentences, "tested on {} sentences, others on {}"),
    (_tokenizer, "scored with BLEU's tokenizer {}, others with {}"),
  ):
    runs = _alike(runs, fact, message)
  by_name: dict[str, list[Run]] = {}
  for run in runs:
    by_name.setdefault(run.about["run"], []).append(run)
  return [run for ones in by_name.values() for run in _alike(ones, _steps, "trained for {}, other seeds for {}")]


def _alike(runs: Sequence[Run], fact: Callable[[Run], object], message: str) -> list[Run]:
  """The runs, without the results of those that differ from most in a fact; None: it is not known."""
  found = [fact(run) for run in runs]
  known = Counter(value for value in found if value is not None)
  if len(known) < 2:
    return list(runs)
  ((usual, _),) = known.most_common(1)
  return [
    run if value in (None, usual) else run._replace(result=None, differs=message.format(value, usual))
    for run, value in zip(runs, found)
  ]


def _hparams(run: Run) -> str | None:
  return (f"--hparams={run.about['hparams']}" if run.about.get("hparams") else "no --hparams") if run.result else None


def _data(run: Run) -> str | None:
  return (run.result or {}).get("data")


def _pretrained(run: Run) -> str | None:
  return (run.result or {}).get("pretrained")


def _sentences(run: Run) -> int | None:
  found = [run.segments(metric) for metric in metrics.ALL] if run.result else []
  return next((len(segments) for segments in found if segments is not None), None)


def _tokenizer(run: Run) -> str | None:
  return run_spec.tokenizer_of((run.result or {}).get("signatures", {}))


def _steps(run: Run) -> str | None:
  return (run.result and run_spec.length(run.about)) or None


def _read_run(folder: str) -> Run:
  has_description = os.path.exists(paths.description(folder))
  about = run_files.identified(paths.description(folder), run_files.description(folder)) if has_description else None
  try:
    result = run_files.identified(paths.result(folder), run_files.result(folder))
  except atomic_files.Missing:
    result = None
  except UserError:
    # The run is still known, and `unfinished` reports its result.
    if about is None:
      raise
    result = None
  # Results of versions with a single metric are not comparable.
  return Run(folder, about or result or {}, result if result and "test" in result else None)


def on_target(study: Study) -> Study:
  """The study without results that missed the target sparsity of their run: they belong in no table or plot."""
  kept = {
    name: [r for r in ones if r.result is None or not run_spec.sparsity_miss(r.result)]
    for name, ones in study.runs.items()
  }
  return study._replace(runs={name: ones for name, ones in kept.items() if ones})


def unfinished(study: Study) -> list[str]:
  """A line for each thing that is missing: runs without a result, a folder, or the files next to their result; and for each
  run that is in no table.
  """
  lines = list(study.damaged)
  for name, runs in study.runs.items():
    states: dict[str, list[int]] = {}
    for seed in study.seeds:
      run = next((run for run in runs if run.seed == seed), None)
      for state in _states(run):
        states.setdefault(state, []).append(seed)
    lines += [f"{name}, {run_spec.named_seeds(seeds)}: {state}" for state, seeds in states.items()]
  parents = {
    run.about["mask_from"].partition("@")[0] for runs in study.runs.values() for run in runs if "mask_from" in run.about
  }
  # Another task's run is of another study.
  missing = sorted(name for name in parents - {*study.runs} if not paths.is_of_other_problem(name))
  return lines + [f"{name}: missing, though others are drawn from it" for name in missing]


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
      return ["its result was written by an older version: delete result.json and evaluate again"]
    return ["in progress" if run_lock.is_held(run.folder) else "not finished"]
  problems = []
  if missed := run_spec.sparsity_miss(run.result):
    problems.append(f"{missed}, so in no table or plot")
  if unreadable := run.segments_error():
    problems.append(f"{unreadable}, so no intervals and no significance")
  wanted: list[tuple[str, Callable[[], object]]] = [
    ("no layers.json, so not in the heat maps", lambda: run_files.layers(run.folder))
  ]
  if path := run.translation_path():
    wanted.append(("no test translation", lambda: run_files.translation(path)))
  for missing, read in wanted:
    try:
      read()
    except atomic_files.Missing:
      problems.append(missing)
    except UserError as error:
      problems.append(str(error))
  return problems
