"""All runs of a table: `python -m t2t_lottery.reproduce --methods="mp slt" --seeds="1 2" ...`.

What is done already, by this command or by a driver, is not done again. A run that fails is reported, and what does not
depend on it goes on.
"""

from __future__ import annotations

import signal
import sys

from absl import flags

from t2t_lottery import command, ending, errors, plan, settings
from t2t_lottery.errors import UserError
from t2t_lottery.reproduce import asked, cluster, here, options, outlook, scaling, shown, standing, steps

_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only show the runs in their order, and what is to come.")
_DEVICES = flags.DEFINE_integer(
  "devices", None, "Of a dry run: how many devices train side by side. Default: --jobs.", lower_bound=1
)
_STATUS = flags.DEFINE_bool("status", False, "Only show how each run stands.")
_ON = flags.DEFINE_enum("on", "here", ["here", "slurm"], "Whether to do the runs here, or hand them to Slurm.")
_CANCEL = flags.DEFINE_bool("cancel", False, "Take what --on=slurm has submitted from the queue.")
_ONLY = flags.DEFINE_string("only", None, "Do one part, as a job of Slurm: datagen, table, or a run as seed1/slt-50.")


def check() -> None:
  """Raises UserError if the flags make no sense together."""
  if flags.FLAGS["seed"].present:
    raise UserError('seeds are given as --seeds="1 2"')
  if flags.FLAGS["hosts"].present:
    raise UserError("--hosts is for the drivers, such as slt.sh: this command trains each run on one machine")
  if _CANCEL.value and _ON.value != "slurm":
    raise UserError("--cancel is for --on=slurm; what goes on here ends with Ctrl-C, or kill")
  options.check(flags.FLAGS.problem, asked.choices())
  options.check_used(
    [name for name in sorted({*sum(plan.UNUSED.values(), ())}) if flags.FLAGS[name].present], asked.choices()
  )
  settings.check_levels(settings.from_flags(), sorted({run.level for run in plan.graph(asked.choices())}, key=float))


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    runs = asked.graph()
    if _DRY_RUN.value:
      _print_ahead(config, runs)
    elif _ON.value == "slurm":
      print(_on_slurm(config, runs))
    elif _STATUS.value:
      print(shown.status(runs, asked.stands(config, runs), config.steps.train_steps))
    else:
      _here(config, runs)


def _print_ahead(config: settings.Settings, runs: list[plan.Run]) -> None:
  stands, length = asked.stands(config, runs), config.steps.train_steps
  ahead = outlook.of(runs, stands, asked.of_outlook(config))
  print(shown.dry_run(runs, stands, length, ahead))
  lengths = [outlook.steps_to_come(stand, length) for stand in stands]
  if costs := scaling.dry_run(runs, lengths, _DEVICES.value or asked.jobs(), config.runs.size, ahead.speed):
    print(costs)


def _on_slurm(config: settings.Settings, runs: list[plan.Run]) -> str:
  def look() -> list[standing.Standing]:
    return asked.stands(config, runs)

  if _CANCEL.value:
    return cluster.cancel(config, runs)
  if _STATUS.value:
    return cluster.status(config, runs, look, config.steps.train_steps)
  return cluster.submit(config, runs, look, lambda run: asked.folder(config, run), sys.argv[1:])


def _here(config: settings.Settings, runs: list[plan.Run]) -> None:
  # Told to end, this process ends the steps at work.
  for number in ending.signals():
    signal.signal(number, _end)
  try:
    if _ONLY.value:
      sys.exit(here.only(config, runs, _ONLY.value))
    sys.exit(0 if here.reproduce(config, runs) else 1)
  except _ToldToEnd as told:
    print("\nstopped; the same command goes on from here", file=sys.stderr)
    sys.exit(128 + told.number)


class _ToldToEnd(BaseException):
  """A signal came."""

  def __init__(self, number: int):
    super().__init__()
    self.number = number


def _end(number: int, frame) -> None:
  del frame
  # Slurm tells every process of a job, some twice: the step at work is still waited for, but told again.
  for other in ending.signals():
    signal.signal(other, _tell_again)
  raise _ToldToEnd(number)


def _tell_again(number: int, frame) -> None:
  del number, frame
  steps.end_again()


if __name__ == "__main__":
  command.run(main, check=check)
