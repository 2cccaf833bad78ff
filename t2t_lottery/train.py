"""Trains one run by t2t-trainer: `python -m t2t_lottery.train --run=slt-50 --method=slt --level=50 --mask_from=dense`.

Done at once when the run's last checkpoint is there; an interrupted run goes on from its newest checkpoint.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Sequence
from typing import Any

from absl import app, flags

from t2t_lottery import (
  bundle,
  errors,
  failure,
  files,
  hosts,
  joining,
  methods,
  paths,
  progress,
  rawtext,
  resume,
  run_lock,
  settings,
  subprocesses,
  versions,
)
from t2t_lottery.errors import UserError

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.", required=True)
_METHOD = flags.DEFINE_enum("method", "dense", list(methods.METHODS), "Method: which hparams set the run takes.")
_LEVEL = flags.DEFINE_string("level", "0", "Sparsity in percent.")
_MASK_FROM = flags.DEFINE_string("mask_from", None, "The run whose final weights the mask is drawn from.")
_MASK_STEP = flags.DEFINE_integer("mask_step", None, "The step of that run. Default: its last.", lower_bound=0)
_REWIND_FROM = flags.DEFINE_string(
  "rewind_from", None, "The run to rewind to. Default: the one the mask is drawn from."
)
_INITIAL_LEVEL = flags.DEFINE_string(
  "initial_level", "0", "Sparsity in percent of the ticket of a run that is pruned while it trains."
)
_CONTROLS = flags.DEFINE_multi_enum(
  "control", [], list(methods.CONTROLS), "In what the run differs from its method; may be repeated."
)
_GPUS = flags.DEFINE_integer(
  "gpus", None, "How many GPUs of this machine train the run together. Default: 1 if it has one, else 0.", lower_bound=0
)
_TRAINER_FLAGS = flags.DEFINE_multi_string("trainer_flag", [], "More flags for t2t-trainer, such as --profile.")

# Exit statuses of t2t-trainer when it was told to end: by `guards.StopHook`, or before that was in place.
_TOLD_TO_END = {status: number for number in (signal.SIGTERM, signal.SIGINT) for status in (128 + number, -number)}


def describe(config: settings.Settings) -> dict[str, Any]:
  """What the run is: the same description is the same run."""
  method = methods.METHODS[_METHOD.value]
  run: dict[str, Any] = {
    "run": _RUN.value,
    "problem": config.runs.problem,
    "size": config.runs.size,
    "seed": config.runs.seed,
    "method": _METHOD.value,
    "sparsity_asked": settings.parse_level(_LEVEL.value),
    "hparams_set": config.hparams_set(_METHOD.value),
    "train_steps": config.steps.train_steps,
    "rewind_step": config.steps.rewind_step,
    "data": rawtext.fingerprint(config.runs.problem, config.data_dir),
    "code": versions.of_training(),
  }
  if method.gradual:
    run["initial_sparsity"] = settings.parse_level(_INITIAL_LEVEL.value)
  if _CONTROLS.value:
    run["controls"] = _CONTROLS.value
  if config.hparams:
    run["hparams"] = config.hparams
  # Each has a batch of its own.
  if config.hosts.several:
    run["hosts"] = len(config.hosts.addresses)
  if (_GPUS.value or 0) > 1:
    run["gpus"] = _GPUS.value
  if _MASK_FROM.value:
    rewind_step = 0 if method.from_step_0 else config.steps.rewind_step
    mask_step = config.steps.train_steps if _MASK_STEP.value is None else _MASK_STEP.value
    run["mask_from"] = f"{_MASK_FROM.value}@{mask_step}"
    run["rewind_to"] = f"{_REWIND_FROM.value or _MASK_FROM.value}@{rewind_step}"
  return run


def command(config: settings.Settings, run: dict[str, Any]) -> list[str]:
  """The t2t-trainer command that trains the run."""
  # t2t refuses a name given twice; the user's value counts.
  given = {part.partition("=")[0] for part in config.hparams.split(",")}
  hparams = {name: value for name, value in config.overrides.items() if name not in given}
  if "mask_from" in run:
    mask_from, mask_step = run["mask_from"].split("@")
    rewind_from, rewind_step = run["rewind_to"].split("@")
    hparams["mask_checkpoint"] = paths.stored(config.runs.folder(mask_from), int(mask_step))
    hparams["rewind_checkpoint"] = paths.stored(config.runs.folder(rewind_from), int(rewind_step))
  for name, source in (("sparsity", "sparsity_asked"), ("initial_sparsity", "initial_sparsity")):
    if run.get(source):
      hparams[name] = run[source]
  for control in run.get("controls", []):
    hparams.update(methods.CONTROLS[control])
  gpus = subprocesses.count_gpus() if _GPUS.value is None else _GPUS.value
  every = config.steps.checkpoint_steps
  together = []
  if config.hosts.several:
    together = ["env", f"{hosts.VARIABLE}={config.hosts.config()}"]
  return [
    *together,
    *subprocesses.t2t("t2t_trainer"),
    f"--t2t_usr_dir={subprocesses.usr_dir()}",
    f"--problem={run['problem']}",
    f"--data_dir={config.data_dir}",
    f"--output_dir={config.runs.folder(run['run'])}",
    "--model=lottery_transformer",
    f"--hparams_set={run['hparams_set']}",
    "--hparams=" + ",".join([*(f"{name}={value}" for name, value in hparams.items()), *filter(None, [config.hparams])]),
    f"--train_steps={run['train_steps']}",
    f"--random_seed={run['seed']}",
    f"--worker_gpu={gpus}",
    *(["--optionally_use_dist_strat"] if gpus > 1 else []),
    # t2t's first worker alone writes what the run was asked for.
    *([f"--worker_id={config.hosts.number}"] if config.hosts.number else []),
    "--schedule=train",
    # t2t saves a checkpoint every max(iterations_per_loop, local_eval_frequency) steps; the former counts for TPUs.
    f"--local_eval_frequency={every}",
    f"--iterations_per_loop={min(every, 100)}",
    *_TRAINER_FLAGS.value,
  ]


def train(config: settings.Settings) -> None:
  """Trains the run that the flags describe; waits while another process is at work on it. Of several hosts all but the
  first train along.

  Raises:
    UserError: if the run's folder holds another run, its data are damaged, t2t-trainer fails, or the run has failed for
      good (`failure`).
    Interrupted: if it is told to end.
  """
  run = describe(config)
  folder = config.runs.folder(run["run"])
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
  # What an evaluated run is still read for is checked when it is read.
  if not os.path.exists(paths.checkpoint(folder, last) + ".index") or not os.path.exists(paths.result(folder)):
    _say(run, resume.prepare(folder))
  if os.path.exists(paths.checkpoint(folder, last) + ".index"):
    print(f"{run['run']}: trained ({last} steps)", flush=True)
    return
  rawtext.check_unchanged(run["problem"], config.data_dir)
  with joining.inviting(folder, config.hosts):
    _run_trainer(config, run, folder, [lock])
  if not os.path.exists(paths.checkpoint(folder, last) + ".index"):
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
    status = subprocesses.run(command(config, run), log, shown.read, pass_fds=locks)
  except errors.Interrupted as interrupted:
    raise errors.Interrupted(_interrupted(run, folder, interrupted.signal), interrupted.signal) from interrupted
  finally:
    shown.close()
  _refuse_failed(run, folder)
  if status in _TOLD_TO_END:
    raise errors.Interrupted(_interrupted(run, folder, _TOLD_TO_END[status]), _TOLD_TO_END[status])
  if status:
    ended = f"{run['run']}: t2t-trainer ended with status {status}: {subprocesses.last_line(log)} (full log: {log})"
    # A caller can tell a trainer that was killed, as for want of memory, from one that failed.
    raise errors.Interrupted(ended, -status) if status < 0 else UserError(ended)


def _refuse_failed(run: dict[str, Any], folder: str) -> None:
  if why := failure.told(folder):
    raise UserError(f"{run['run']}: {why}")


def _interrupted(run: dict[str, Any], folder: str, number: int) -> str:
  steps = paths.checkpoint_steps(folder)
  saved = f"saved at step {steps[-1]}" if steps else "before its first checkpoint"
  return f"{run['run']}: ended by {signal.Signals(number).name}, {saved}: the same command goes on from there"


def _say(run: dict[str, Any], what: str | None) -> None:
  if what:
    print(f"{run['run']}: {what}", flush=True)


def _claim(folder: str, run: dict[str, Any]) -> None:
  """Writes what the run is into its folder; refuses a folder that holds another one."""
  path = paths.description(folder)
  if not os.path.exists(path):
    files.write_json(path, run)
    return
  there = files.read_json(path)
  for name in sorted({*run, *there}):
    # Runs of before tell neither data nor code.
    if run.get(name) != there.get(name, run[name] if name in ("data", "code") else None):
      raise UserError(
        f"{folder} holds a run with {name}={there.get(name)}, asked for is {run.get(name)}: "
        "give another --runs_dir, or delete the folder"
      )


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    train(settings.from_flags())


if __name__ == "__main__":
  app.run(main)
