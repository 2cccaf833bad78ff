"""Executes a graph of runs on this machine."""

from __future__ import annotations

import os
import sys

from t2t_lottery.reproduce import console, request, scheduler, step_process
from t2t_lottery.reproduce.planning import forecast, resource_split, run_graph
from t2t_lottery.reproduce.slurm import queue
from t2t_lottery.runs import config, paths, run_files, run_lock, run_status
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError


def reproduce(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> bool:
  """Executes the graph, then prints the table and writes the report; returns whether everything succeeded.

  Raises:
    UserError: the disk has too little space for the remaining runs.
  """
  _check_disk(settings, runs)
  steps = step_process.Steps(resource_split.of_machine(request.jobs()))
  errors: dict[scheduler.Key, str] = {}

  def do(run: run_graph.PlannedRun) -> bool:
    error = _do(settings, run, steps)
    if error:
      errors[run.key] = error
    return not error

  def is_busy(run: run_graph.PlannedRun) -> bool:
    return run_lock.is_held(request.folder(settings, run))

  if not _datagen(settings, runs, steps):
    return False
  ends = scheduler.execute(runs, do, is_busy, _Capacity(settings).now, steps.stop)
  has_table = scheduler.End.DONE not in ends.values() or _table(settings, runs, steps)
  if errors:
    print(console.failures(runs, ends, errors), file=sys.stderr)
  return has_table and not errors


def only(settings: config.Settings, runs: list[run_graph.PlannedRun], name: str) -> int:
  """Executes one part of the graph, as a Slurm job does; returns its exit status, 128 + the signal if a step was killed.

  Raises:
    UserError: there is no such part.
  """
  steps = step_process.Steps()
  if name == queue.DATAGEN:
    return 0 if _datagen(settings, runs, steps) else 1
  if name == queue.TABLE:
    return _finish(settings, runs, steps)
  by_name = {queue.name_of(run): run for run in runs}
  run = by_name[choices.known("run", name, by_name)]
  error = _do(settings, run, steps)
  folder = request.folder(settings, run)
  is_recorded = error and os.path.exists(paths.last_error(folder))
  status = run_files.last_error(folder)["status"] if is_recorded else int(bool(error))
  return status if status >= 0 else 128 - status


class _Capacity:
  """How many parallel runs fit into this machine's memory; prints it if that is fewer than requested."""

  def __init__(self, settings: config.Settings):
    self._config = settings
    self._memory = resource_split.available_memory()
    self._reported: int | None = None

  def now(self) -> int:
    """The number of runs that fit now; the need of one is measured on finished runs, if any."""
    need = forecast.peak_memory(request.workload(self._config))
    fit = max(1, self._memory // need)
    if fit < request.jobs() and fit != self._reported:
      self._reported = fit
      print(console.too_little_memory(self._memory, need, fit), file=sys.stderr)
    return min(request.jobs(), fit)


def _check_disk(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> None:
  remaining = forecast.predict(runs, request.statuses(settings, runs), request.workload(settings))
  if remaining.disk[request.keep()] > remaining.free:
    raise UserError(console.too_little_disk(remaining, request.keep(), settings.runs.runs_dir))


def _do(settings: config.Settings, run: run_graph.PlannedRun, steps: step_process.Steps) -> str:
  (current,) = request.statuses(settings, [run])
  # No step may record an error in a folder that contains another run.
  is_other = current.state == run_status.State.OTHER
  return current.error if is_other else steps.do(run, request.folder(settings, run), request.shared(settings))


def _datagen(settings: config.Settings, runs: list[run_graph.PlannedRun], steps: step_process.Steps) -> bool:
  # Of another task.
  parents = (run.flag("mask_from") or "" for run in runs)
  masks = dict.fromkeys(filter(paths.is_of_other_problem, parents))
  flags = [*_flags(settings, runs), *request.shared(settings).datagen, f"--masks_from={' '.join(masks)}"]
  return not steps.call(step_process.command("datagen", flags)).status


def _table(settings: config.Settings, runs: list[run_graph.PlannedRun], steps: step_process.Steps) -> bool:
  names = ",".join(dict.fromkeys(run.name for run in runs))
  has_results = not steps.call(step_process.command("results", [*_flags(settings, runs), f"--runs={names}"])).status
  about = [f"--problem={settings.runs.problem}", f"--size={settings.runs.size}", f"--data_dir={settings.data_dir}"]
  report = step_process.command("report", [f"--runs_dir={settings.runs.runs_dir}", *about])
  return has_results & (not steps.call(report).status)


def _finish(settings: config.Settings, runs: list[run_graph.PlannedRun], steps: step_process.Steps) -> int:
  """Prints the table of the runs that are done, and the status of all if some are not."""
  statuses = request.statuses(settings, runs)
  is_done = [current.state == run_status.State.DONE for current in statuses]
  has_table = not any(is_done) or _table(settings, runs, steps)
  if not all(is_done):
    print(console.status(runs, statuses, settings.steps.train_steps), file=sys.stderr)
  return 0 if has_table and all(is_done) else 1


def _flags(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> list[str]:
  return [*request.shared(settings).flags, f"--seed={runs[0].seed}"]
