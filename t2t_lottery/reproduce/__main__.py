"""All runs of a table: `python -m t2t_lottery.reproduce --methods="mp slt" --seeds="1 2" ...`.

Runs that are already done, by this command or by a driver, are skipped. A run that fails is reported, and the runs that do
not depend on it continue.
"""

from __future__ import annotations

import signal
import sys

from absl import flags

from t2t_lottery.pruning import methods
from t2t_lottery.reproduce import console, local_executor, request, slurm_executor, step_process
from t2t_lottery.reproduce.planning import control_flags, forecast, paper_cost, run_graph
from t2t_lottery.runs import config, run_status
from t2t_lottery.utils import command_line, errors, shutdown
from t2t_lottery.utils.errors import UserError

_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only print the runs in their order, and the forecast for what remains.")
_DEVICES = flags.DEFINE_integer(
  "devices", None, "For --dry_run: how many devices train in parallel. Default: --jobs.", lower_bound=1
)
_STATUS = flags.DEFINE_bool("status", False, "Only print the status of each run.")
_ON = flags.DEFINE_enum(
  "on", "here", ["here", "slurm"], "Where to execute the runs: on this machine, or as Slurm jobs."
)
_CANCEL = flags.DEFINE_bool("cancel", False, "Cancel the jobs that --on=slurm has submitted.")
_ONLY = flags.DEFINE_string(
  "only", None, "Execute one part, as a Slurm job does: datagen, table, or a run as seed1/slt-50."
)


def check() -> None:
  """Raises UserError if the flags are invalid together."""
  if flags.FLAGS["seed"].present:
    raise UserError('seeds are given as --seeds="1 2"')
  if flags.FLAGS["hosts"].present:
    raise UserError("--hosts is for the drivers, such as slt.sh: this command trains each run on one machine")
  if _CANCEL.value and _ON.value != "slurm":
    raise UserError("--cancel is for --on=slurm: stop runs on this machine with Ctrl-C or kill")
  request.check()
  runs = request.graph()
  for run in runs:
    control_flags.check_devices(run.controls, request.gpus(), has_hosts=False)
  for structure in methods.STRUCTURES:
    levels = {run.level for run in runs if methods.structure_of(run.controls) == structure}
    config.check_levels(request.settings(), sorted(levels, key=float), structure)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    settings = request.settings()
    runs = request.graph()
    if _DRY_RUN.value:
      _print_forecast(settings, runs)
    elif _ON.value == "slurm":
      print(_on_slurm(settings, runs))
    elif _STATUS.value:
      print(console.status(runs, request.statuses(settings, runs), settings.steps.train_steps))
    else:
      _here(settings, runs)


def _print_forecast(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> None:
  statuses, length = request.statuses(settings, runs), settings.steps.train_steps
  remaining = forecast.predict(runs, statuses, request.workload(settings))
  print(console.dry_run(runs, statuses, length, remaining))
  lengths = forecast.remaining_steps(runs, statuses, length)
  if costs := paper_cost.dry_run(runs, lengths, _DEVICES.value or request.jobs(), settings.runs.size, remaining.speed):
    print(costs)


def _on_slurm(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> str:
  def read_statuses() -> list[run_status.Status]:
    return request.statuses(settings, runs)

  if _CANCEL.value:
    return slurm_executor.cancel(settings, runs)
  if _STATUS.value:
    return slurm_executor.status(settings, runs, read_statuses, settings.steps.train_steps)
  return slurm_executor.submit(settings, runs, read_statuses, lambda run: request.folder(settings, run), sys.argv[1:])


def _here(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> None:
  # On a signal, this process stops the running steps.
  for number in shutdown.signals():
    signal.signal(number, _stop)
  try:
    if _ONLY.value:
      sys.exit(local_executor.only(settings, runs, _ONLY.value))
    sys.exit(0 if local_executor.reproduce(settings, runs) else 1)
  except _Stopped as stopped:
    print("\nstopped; the same command resumes from here", file=sys.stderr)
    sys.exit(128 + stopped.number)


class _Stopped(BaseException):
  """This process received a signal."""

  def __init__(self, number: int):
    super().__init__()
    self.number = number


def _stop(number: int, frame) -> None:
  del frame
  # Slurm signals every process of a job, some twice: keep waiting for the running step, but pass a repeated signal on.
  for other in shutdown.signals():
    signal.signal(other, _signal_again)
  raise _Stopped(number)


def _signal_again(number: int, frame) -> None:
  del number, frame
  step_process.terminate_again()


if __name__ == "__main__":
  command_line.run(main, check=check)
