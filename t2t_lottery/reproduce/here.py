"""Goes through a graph of runs on this machine."""

from __future__ import annotations

import os
import sys

from t2t_lottery import paths, plan, run_files, run_lock, settings
from t2t_lottery.errors import UserError
from t2t_lottery.reproduce import asked, options, outlook, shares, shown, slurm, standing, steps, walk


def reproduce(config: settings.Settings, runs: list[plan.Run]) -> bool:
  """Goes through the graph, then shows the table and writes the report; returns whether all has gone well.

  Raises:
    UserError: if the disk has too little left for what is to come.
  """
  _check_disk(config, runs)
  calls = steps.Steps(shares.of_machine(asked.jobs()))
  wrong: dict[walk.Key, str] = {}

  def do(run: plan.Run) -> bool:
    error = _do(config, run, calls)
    if error:
      wrong[run.key] = error
    return not error

  def is_busy(run: plan.Run) -> bool:
    return run_lock.is_held(asked.folder(config, run))

  if not _datagen(config, runs, calls):
    return False
  ended = walk.follow(runs, do, is_busy, _Room(config).now, calls.end)
  well = walk.End.DONE not in ended.values() or _table(config, runs, calls)
  if wrong:
    print(shown.ends(runs, ended, wrong), file=sys.stderr)
  return well and not wrong


def only(config: settings.Settings, runs: list[plan.Run], name: str) -> int:
  """Does one part of the graph, as a job of Slurm; returns its exit status, 128 + the signal if a step was killed.

  Raises:
    UserError: if there is no such part.
  """
  calls = steps.Steps()
  if name == slurm.DATAGEN:
    return 0 if _datagen(config, runs, calls) else 1
  if name == slurm.TABLE:
    return _last(config, runs, calls)
  by_name = {slurm.name_of(run): run for run in runs}
  run = by_name[options.known("run", name, by_name)]
  error = _do(config, run, calls)
  folder = asked.folder(config, run)
  marked = error and os.path.exists(paths.last_error(folder))
  status = run_files.last_error(folder)["status"] if marked else int(bool(error))
  return status if status >= 0 else 128 - status


class _Room:
  """For how many runs side by side this machine has the memory; says so when these are fewer than asked for."""

  def __init__(self, config: settings.Settings):
    self._config = config
    self._memory = shares.available_memory()
    self._told: int | None = None

  def now(self) -> int:
    """So many; the runs so far tell how much one takes."""
    need = outlook.peak_memory(asked.of_outlook(self._config))
    fit = max(1, self._memory // need)
    if fit < asked.jobs() and fit != self._told:
      self._told = fit
      print(shown.little_memory(self._memory, need, fit), file=sys.stderr)
    return min(asked.jobs(), fit)


def _check_disk(config: settings.Settings, runs: list[plan.Run]) -> None:
  ahead = outlook.of(runs, asked.stands(config, runs), asked.of_outlook(config))
  if ahead.disk[asked.keep()] > ahead.free:
    raise UserError(shown.too_little_disk(ahead, asked.keep(), config.runs.runs_dir))


def _do(config: settings.Settings, run: plan.Run, calls: steps.Steps) -> str:
  (stands,) = asked.stands(config, [run])
  # No step may leave a mark in a folder that is another run's.
  is_other = stands.state == standing.State.OTHER
  return stands.error if is_other else calls.do(run, asked.folder(config, run), asked.shared(config))


def _datagen(config: settings.Settings, runs: list[plan.Run], calls: steps.Steps) -> bool:
  return not calls.call(steps.command("datagen", _flags(config, runs))).status


def _table(config: settings.Settings, runs: list[plan.Run], calls: steps.Steps) -> bool:
  names = ",".join(dict.fromkeys(run.name for run in runs))
  well = not calls.call(steps.command("results", [*_flags(config, runs), f"--runs={names}"])).status
  runs_dir = config.runs.runs_dir
  about = [f"--problem={config.runs.problem}", f"--size={config.runs.size}", f"--data_dir={config.data_dir}"]
  report = steps.command("report", [f"--runs_dir={runs_dir}", *about, f"--out={os.path.join(runs_dir, 'report')}"])
  return well & (not calls.call(report).status)


def _last(config: settings.Settings, runs: list[plan.Run], calls: steps.Steps) -> int:
  """The table of the runs that are done; tells which are not."""
  stands = asked.stands(config, runs)
  is_done = [stand.state == standing.State.DONE for stand in stands]
  well = not any(is_done) or _table(config, runs, calls)
  if not all(is_done):
    print(shown.status(runs, stands, config.steps.train_steps), file=sys.stderr)
  return 0 if well and all(is_done) else 1


def _flags(config: settings.Settings, runs: list[plan.Run]) -> list[str]:
  return [*asked.shared(config).flags, f"--seed={runs[0].seed}"]
