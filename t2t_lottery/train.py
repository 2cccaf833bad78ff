"""Trains one run by t2t-trainer: `python -m t2t_lottery.train --run=slt-50 --method=slt --level=50 --mask_from=dense`.

Done at once when the run's last checkpoint is there; an interrupted run goes on from its newest checkpoint.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Sequence
from typing import Any

from t2t_lottery import (
  asked_run,
  bundle,
  command,
  descriptions,
  errors,
  failure,
  files,
  joining,
  known_problem,
  paths,
  progress,
  rawtext,
  resume,
  run_files,
  run_lock,
  settings,
  subprocesses,
)
from t2t_lottery.errors import UserError

# Exit statuses of t2t-trainer when it was told to end: by `guards.StopHook`, or before that was in place.
_TOLD_TO_END = {
  status: number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) for status in (128 + number, -number)
}


def train(config: settings.Settings) -> None:
  """Trains the run that the flags describe; waits while another process is at work on it. Of several hosts all but the
  first train along.

  Raises:
    UserError: if its translations could not be scored, the run's folder holds another run, its data are damaged, t2t-trainer fails, or the run has failed for
      good (`failure`).
    Interrupted: if it is told to end.
  """
  run = asked_run.describe(config)
  folder = config.runs.folder(run["run"])
  if not paths.is_there(paths.checkpoint(folder, run["train_steps"])):
    known_problem.check(run["problem"], config.data_dir)
  if not config.hosts.is_chief:
    if joining.wait_for_chief(folder, run, config.hosts):
      _run_trainer(config, run, folder)
      joining.wait_for_last_checkpoint(folder, run["train_steps"])
    print(f"{run['run']}: trained ({run['train_steps']} steps)", flush=True)
    return
  with run_lock.held(folder) as lock:
    joining.withdraw(folder)
    _claim(folder, run)
    _train(config, run, folder, lock)


def _train(config: settings.Settings, run: dict[str, Any], folder: str, lock: int) -> None:
  last = run["train_steps"]
  _refuse_failed(run, folder)
  if paths.checkpoint_steps(folder) and not os.path.exists(paths.hparams(folder)):
    raise UserError(run_files.without_hparams(folder))
  # What an evaluated run is still read for is checked when it is read.
  if not paths.is_there(paths.checkpoint(folder, last)) or not os.path.exists(paths.result(folder)):
    _say(run, resume.prepare(folder))
  if paths.is_there(paths.checkpoint(folder, last)):
    print(f"{run['run']}: trained ({last} steps)", flush=True)
    return
  rawtext.check_unchanged(run["problem"], config.data_dir)
  with joining.inviting(folder, config.hosts):
    _run_trainer(config, run, folder, [lock])
  if not paths.is_there(paths.checkpoint(folder, last)):
    log = paths.train_log(folder)
    raise UserError(f"{run['run']}: t2t-trainer left no checkpoint of step {last} in {folder} (full log: {log})")
  # In kB, of the largest of this process's children.
  peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
  files.write_json(paths.usage(folder), {"peak_memory": peak})
  if unfit := bundle.check(paths.checkpoint(folder, last)):
    failure.mark(folder, last, f"{unfit} holds NaN or infinity")
    _refuse_failed(run, folder)


def _run_trainer(config: settings.Settings, run: dict[str, Any], folder: str, locks: Sequence[int] = ()) -> None:
  """Runs t2t-trainer to its end; raises as `train`."""
  log = paths.train_log(folder, config.hosts.number)
  shown = progress.Progress(run["run"], run["train_steps"])
  try:
    # Should this process be killed, the lock lies with the trainer as long as it goes on.
    status = subprocesses.run(asked_run.command(config, run), log, shown.read, pass_fds=locks)
  except errors.Interrupted as interrupted:
    told = _interrupted(run, folder, interrupted.signal, interrupted.is_cut_off)
    raise errors.Interrupted(told, interrupted.signal) from interrupted
  finally:
    shown.close()
  _refuse_failed(run, folder)
  if status in _TOLD_TO_END:
    raise errors.Interrupted(_interrupted(run, folder, _TOLD_TO_END[status]), _TOLD_TO_END[status])
  if status:
    raise subprocesses.failed(f"{run['run']}: t2t-trainer", status, log)


def _refuse_failed(run: dict[str, Any], folder: str) -> None:
  if why := failure.told(folder):
    raise UserError(f"{run['run']}: {why}")


def _interrupted(run: dict[str, Any], folder: str, number: int, is_cut_off: bool = False) -> str:
  steps = paths.checkpoint_steps(folder)
  if is_cut_off:
    last = f"its newest checkpoint is of step {steps[-1]}" if steps else "before its first checkpoint"
    return (
      f"{run['run']}: ended by {signal.Signals(number).name}, and cut off, for its step at hand did not end, {last}: the "
      f"same command goes on from there (full log: {paths.train_log(folder)})"
    )
  saved = f"saved at step {steps[-1]}" if steps else "before its first checkpoint"
  return f"{run['run']}: ended by {signal.Signals(number).name}, {saved}: the same command goes on from there"


def _say(run: dict[str, Any], what: str | None) -> None:
  if what:
    print(f"{run['run']}: {what}", flush=True)


def _claim(folder: str, run: dict[str, Any]) -> None:
  """Writes what the run is into its folder; refuses a folder that holds another one, of which something came."""
  path = paths.description(folder)
  if not os.path.exists(path):
    files.write_json(path, run)
    return
  there = run_files.description(folder)
  if difference := descriptions.difference(folder, there, run, sorted({*run, *there})):
    if paths.holds_training(folder):
      raise UserError(f"{difference}: give another --runs_dir, or delete the folder")
    resume.begin_anew(folder)
    files.write_json(path, run)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    train(settings.from_flags())


if __name__ == "__main__":
  command.run(main)
