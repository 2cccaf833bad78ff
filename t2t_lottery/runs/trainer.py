"""Trains or resumes one run with t2t-trainer; skipped if its last checkpoint exists."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Sequence
from typing import Any

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import manifest
from t2t_lottery.runs import (
  config,
  failure_marker,
  host_rendezvous,
  paths,
  recovery,
  run_files,
  run_lock,
  run_spec,
  training_log,
  transferred_masks,
)
from t2t_lottery.utils import atomic_files, errors, t2t_process
from t2t_lottery.utils.errors import UserError

# Exit statuses of t2t-trainer after a signal: set by `safety_hooks.StopHook`, or from before the hook was installed.
_STOPPED_BY = {
  status: number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) for status in (128 + number, -number)
}


def train(
  settings: config.Settings, prepare: Callable[[config.Settings], config.Settings], options: run_spec.Options
) -> None:
  """Trains the run that the flags describe; waits while another process holds its lock. On several hosts, all but the
  first are workers.

  Args:
    settings: shared by all steps.
    prepare: completes the settings (`config.Settings.base_set`); raises UserError if the run could not be trained or
      scored. Called for runs that are not trained yet.
    options: the requested run.

  Raises:
    UserError: if its translations could not be scored, the run's folder contains another run, its data are damaged,
      t2t-trainer fails, or the run has failed permanently (`failure_marker`).
    Interrupted: if this process receives a signal to stop.
  """
  if options.mask_from and paths.is_of_other_problem(options.mask_from):
    options = options._replace(mask_step=transferred_masks.last_step(settings, options.mask_from))
  run = run_spec.describe(settings, options)
  folder = settings.runs.folder(run["run"])
  if not paths.checkpoint_exists(paths.checkpoint(folder, run["train_steps"])):
    settings = prepare(settings)
  if not settings.hosts.is_chief:
    if host_rendezvous.wait_for_chief(folder, run, settings.hosts):
      _run_trainer(settings, run, folder, options)
      host_rendezvous.wait_for_last_checkpoint(folder, run["train_steps"])
    print(f"{run['run']}: trained ({run['train_steps']} steps)", flush=True)
    return
  with run_lock.held(folder) as lock:
    host_rendezvous.retract(folder)
    _claim(folder, run)
    _train(settings, run, folder, lock, options)


def _train(settings: config.Settings, run: dict[str, Any], folder: str, lock: int, options: run_spec.Options) -> None:
  last = run["train_steps"]
  _refuse_failed(run, folder)
  if paths.checkpoint_steps(folder) and not os.path.exists(paths.hparams(folder)):
    raise UserError(run_files.without_hparams(folder))
  # Checkpoints of an evaluated run are checked when they are read.
  if not paths.checkpoint_exists(paths.checkpoint(folder, last)) or not os.path.exists(paths.result(folder)):
    _report(run, recovery.prepare(folder))
  if paths.checkpoint_exists(paths.checkpoint(folder, last)):
    print(f"{run['run']}: trained ({last} steps)", flush=True)
    return
  manifest.check_unchanged(run["problem"], settings.data_dir)
  with host_rendezvous.announcing(folder, settings.hosts):
    _run_trainer(settings, run, folder, options, [lock])
  if not paths.checkpoint_exists(paths.checkpoint(folder, last)):
    log = paths.train_log(folder)
    raise UserError(f"{run['run']}: t2t-trainer left no checkpoint of step {last} in {folder} (full log: {log})")
  # In kB, of the largest of this process's children.
  peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
  atomic_files.write_json(paths.usage(folder), {"peak_memory": peak})
  if unfit := tensor_bundle.check(paths.checkpoint(folder, last)):
    failure_marker.mark(folder, last, f"{unfit} contains NaN or infinity")
    _refuse_failed(run, folder)


def _run_trainer(
  settings: config.Settings, run: dict[str, Any], folder: str, options: run_spec.Options, locks: Sequence[int] = ()
) -> None:
  """Runs t2t-trainer until it exits; raises as `train`."""
  log = paths.train_log(folder, settings.hosts.number)
  progress = training_log.Progress(run["run"], run["train_steps"])
  try:
    # If this process is killed, the trainer still holds the lock while it runs.
    status = t2t_process.run(run_spec.command(settings, run, options), log, progress.read, pass_fds=locks)
  except errors.Interrupted as interrupted:
    message = _interrupted(run, folder, interrupted.signal, interrupted.was_killed)
    raise errors.Interrupted(message, interrupted.signal) from interrupted
  finally:
    progress.close()
  _refuse_failed(run, folder)
  if status in _STOPPED_BY:
    raise errors.Interrupted(_interrupted(run, folder, _STOPPED_BY[status]), _STOPPED_BY[status])
  if status:
    raise t2t_process.failed(f"{run['run']}: t2t-trainer", status, log)


def _refuse_failed(run: dict[str, Any], folder: str) -> None:
  if why := failure_marker.describe(folder):
    raise UserError(f"{run['run']}: {why}")


def _interrupted(run: dict[str, Any], folder: str, number: int, was_killed: bool = False) -> str:
  steps = paths.checkpoint_steps(folder)
  if was_killed:
    last = f"its newest checkpoint is of step {steps[-1]}" if steps else "it has no checkpoint"
    return (
      f"{run['run']}: ended by {signal.Signals(number).name} and killed, because its current step did not end; {last}: run "
      f"the same command to resume (full log: {paths.train_log(folder)})"
    )
  saved = f"saved at step {steps[-1]}" if steps else "before its first checkpoint"
  return f"{run['run']}: ended by {signal.Signals(number).name}, {saved}: run the same command to resume"


def _report(run: dict[str, Any], message: str | None) -> None:
  if message:
    print(f"{run['run']}: {message}", flush=True)


def _claim(folder: str, run: dict[str, Any]) -> None:
  """Writes the run's description to its folder; rejects a folder with output of another run."""
  path = paths.description(folder)
  if not os.path.exists(path):
    atomic_files.write_json(path, run)
    return
  found = run_files.description(folder)
  if difference := run_spec.difference(folder, found, run, sorted({*run, *found})):
    if paths.has_output(folder):
      raise UserError(f"{difference}: give another --runs_dir, or delete the folder")
    recovery.start_over(folder)
    atomic_files.write_json(path, run)
