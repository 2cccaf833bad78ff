"""Goes through a graph of runs on this machine."""

from __future__ import annotations

import os
import sys

from t2t_lottery.reproduce import console, request, scheduler, step_process, validation
from t2t_lottery.reproduce.planning import forecast, resource_split, run_graph
from t2t_lottery.reproduce.slurm import queue
from t2t_lottery.runs import config, paths, run_files, run_lock, run_status
from t2t_lottery.utils.errors import UserError


def reproduce(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> bool:
  """Goes through the graph, then shows the table and writes the report; returns whether all has gone well.

  Raises:
    UserError: if the disk has too little space for the remaining runs.
  """
  _check_disk(settings, runs)
  calls = step_process.Steps(resource_split.of_machine(request.jobs()))
  wrong: dict[scheduler.Key, str] = {}

  def do(run: run_graph.PlannedRun) -> bool:
    error = _do(settings, run, calls)
    if error:
      wrong[run.key] = error
    return not error

  def is_busy(run: run_graph.PlannedRun) -> bool:
    return run_lock.is_held(request.folder(settings, run))

  if not _datagen(settings, runs, calls):
    return False
  ended = scheduler.follow(runs, do, is_busy, _Room(settings).now, calls.end)
  well = scheduler.End.DONE not in ended.values() or _table(settings, runs, calls)
  if wrong:
    print(console.ends(runs, ended, wrong), file=sys.stderr)
  return well and not wrong


def only(settings: config.Settings, runs: list[run_graph.PlannedRun], name: str) -> int:
  """Does one part of the graph, as a job of Slurm; returns its exit status, 128 + the signal if a step was killed.

  Raises:
    UserError: if there is no such part.
  """
  calls = step_process.Steps()
  if name == queue.DATAGEN:
    return 0 if _datagen(settings, runs, calls) else 1
  if name == queue.TABLE:
    return _last(settings, runs, calls)
  by_name = {queue.name_of(run): run for run in runs}
  run = by_name[validation.known("run", name, by_name)]
  error = _do(settings, run, calls)
  folder = request.folder(settings, run)
  marked = error and os.path.exists(paths.last_error(folder))
  status = run_files.last_error(folder)["status"] if marked else int(bool(error))
  return status if status >= 0 else 128 - status


class _Room:
  """How many runs fit side by side into this machine's memory; says so when these are fewer than requested."""

  def __init__(self, settings: config.Settings):
    self._config = settings
    self._memory = resource_split.available_memory()
    self._reported: int | None = None

  def now(self) -> int:
    """Their number; finished runs show how much one takes."""
    need = forecast.peak_memory(request.workload(self._config))
    fit = max(1, self._memory // need)
    if fit < request.jobs() and fit != self._reported:
      self._reported = fit
      print(console.little_memory(self._memory, need, fit), file=sys.stderr)
    return min(request.jobs(), fit)


def _check_disk(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> None:
  ahead = forecast.predict(runs, request.statuses(settings, runs), request.workload(settings))
  if ahead.disk[request.keep()] > ahead.free:
    raise UserError(console.too_little_disk(ahead, request.keep(), settings.runs.runs_dir))


def _do(settings: config.Settings, run: run_graph.PlannedRun, calls: step_process.Steps) -> str:
  (current,) = request.statuses(settings, [run])
  # No step may leave a mark in a folder that is another run's.
  is_other = current.state == run_status.State.OTHER
  return current.error if is_other else calls.do(run, request.folder(settings, run), request.shared(settings))


def _datagen(settings: config.Settings, runs: list[run_graph.PlannedRun], calls: step_process.Steps) -> bool:
  return not calls.call(
    step_process.command("datagen", [*_flags(settings, runs), *request.shared(settings).datagen])
  ).status


def _table(settings: config.Settings, runs: list[run_graph.PlannedRun], calls: step_process.Steps) -> bool:
  names = ",".join(dict.fromkeys(run.name for run in runs))
  well = not calls.call(step_process.command("results", [*_flags(settings, runs), f"--runs={names}"])).status
  runs_dir = settings.runs.runs_dir
  about = [f"--problem={settings.runs.problem}", f"--size={settings.runs.size}", f"--data_dir={settings.data_dir}"]
  report = step_process.command(
    "report", [f"--runs_dir={runs_dir}", *about, f"--out={os.path.join(runs_dir, 'report')}"]
  )
  return well & (not calls.call(report).status)


def _last(settings: config.Settings, runs: list[run_graph.PlannedRun], calls: step_process.Steps) -> int:
  """The table of the runs that are done; says which are not."""
  statuses = request.statuses(settings, runs)
  is_done = [current.state == run_status.State.DONE for current in statuses]
  well = not any(is_done) or _table(settings, runs, calls)
  if not all(is_done):
    print(console.status(runs, statuses, settings.steps.train_steps), file=sys.stderr)
  return 0 if well and all(is_done) else 1


def _flags(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> list[str]:
  return [*request.shared(settings).flags, f"--seed={runs[0].seed}"]
