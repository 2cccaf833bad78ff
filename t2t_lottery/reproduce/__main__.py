"""All runs of a table: `python -m t2t_lottery.reproduce --methods="mp slt" --seeds="1 2" ...`.

What is done already, by this command or by a driver, is not done again. A run that fails is reported, and what does not
depend on it goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from absl import app, flags

from t2t_lottery import decoding, errors, keeping, plan, rawtext, run_lock, settings, versions
from t2t_lottery.errors import UserError
from t2t_lottery.reproduce import cost, options, outlook, scaling, shares, shown, standing, steps, walk

_METHODS = flags.DEFINE_string("methods", " ".join(plan.METHODS), "Methods, with blanks between.")
_LEVELS = flags.DEFINE_string("levels", None, "Sparsities in percent, rising. Default: the paper's.")
_SEEDS = flags.DEFINE_string("seeds", "1 2", "Random seeds, with blanks between.")
_SWITCH = flags.DEFINE_string("switch", plan.SWITCH, "The level at which SLT-MP and MP-SLT change over.")
_PRUNE_EACH = flags.DEFINE_float("prune_each", None, "Prune so many percent of the remaining weights at each level.")
_REWIND = flags.DEFINE_enum("rewind", "last", ["last", "dense"], "Rewind to the last level's run, or the dense run.")
_ONE_SHOT = flags.DEFINE_bool("one_shot", False, "Draw every ticket from the dense run.")
_VARIANT = flags.DEFINE_string("variant", "", "Draw every ticket so: global_magnitude or dense_embedding.")
_CONTROLS = flags.DEFINE_string("controls", "", "Controls to train beside each ticket, with blanks between.")
_AVERAGE = flags.DEFINE_integer("average", 0, "Evaluate also the mean of so many last checkpoints.", lower_bound=0)
_DECODER = flags.DEFINE_enum("decoder", decoding.CTRANSLATE2, decoding.DECODERS, "What translates.")
_KEEP = flags.DEFINE_enum("keep", keeping.ALL, keeping.CHOICES, "Which checkpoints of a finished run stay.")
_JOBS = flags.DEFINE_integer("jobs", 1, "How many runs to train side by side.", lower_bound=1)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only show the runs in their order, and what is to come.")
_DEVICES = flags.DEFINE_integer(
  "devices", None, "Of a dry run: how many devices train side by side. Default: --jobs.", lower_bound=1
)
_STATUS = flags.DEFINE_bool("status", False, "Only show how each run stands.")


def _choices() -> plan.Choices:
  return plan.Choices(
    methods=tuple(_METHODS.value.split()),
    seeds=options.seeds(_SEEDS.value),
    levels=None if _LEVELS.value is None else tuple(_LEVELS.value.split()),
    switch=_SWITCH.value,
    prune_each=_PRUNE_EACH.value,
    rewind_dense=_REWIND.value == "dense",
    one_shot=_ONE_SHOT.value,
    variant=_VARIANT.value,
    controls=tuple(_CONTROLS.value.split()),
  )


def _shared(config: settings.Settings) -> steps.Shared:
  given = flags.FLAGS
  values = {
    "problem": config.runs.problem,
    "size": config.runs.size,
    "runs_dir": config.runs.runs_dir,
    "data_dir": config.data_dir,
    "tmp_dir": config.tmp_dir if given["tmp_dir"].present else os.path.join(config.data_dir, "tmp"),
    "checkpoints": given.checkpoints,
    **{name: given[name].value for name in ("steps", "rewind_step", "hparams") if given[name].value},
  }
  evaluation = (f"--average={_AVERAGE.value}", f"--decoder={_DECODER.value}", f"--keep={_KEEP.value}")
  return steps.Shared(tuple(f"--{name}={value}" for name, value in values.items()), evaluation)


def _asked(config: settings.Settings, run: plan.Run, translation: str) -> standing.Asked:
  about: dict[str, Any] = {
    "method": run.method,
    "sparsity_asked": settings.parse_level(run.level),
    "train_steps": config.steps.train_steps,
    "rewind_step": config.steps.rewind_step,
    "hparams": config.hparams or None,
    "code": versions.of_training(),
  }
  if data := rawtext.fingerprint(config.runs.problem, config.data_dir):
    about["data"] = data
  return standing.Asked(about, translation, _AVERAGE.value)


def _folder(config: settings.Settings, run: plan.Run) -> str:
  return config.runs._replace(seed=run.seed).folder(run.name)


def _stands(config: settings.Settings, runs: list[plan.Run]) -> list[standing.Standing]:
  translation = decoding.signature(_DECODER.value)
  return [standing.look(_folder(config, run), _asked(config, run, translation)) for run in runs]


def _outlook_asked(config: settings.Settings) -> outlook.Asked:
  vocabulary = options.PROBLEMS[config.runs.problem]
  checkpoints = flags.FLAGS.checkpoints
  return outlook.Asked(config.runs, config.steps.train_steps, config.hparams, checkpoints, vocabulary, _JOBS.value)


def _check_disk(config: settings.Settings, runs: list[plan.Run]) -> None:
  ahead = outlook.of(runs, _stands(config, runs), _outlook_asked(config))
  if ahead.disk[_KEEP.value] > ahead.free:
    raise UserError(shown.too_little_disk(ahead, _KEEP.value, config.runs.runs_dir))


def reproduce(config: settings.Settings, runs: list[plan.Run], shared: steps.Shared) -> bool:
  """Goes through the graph, then shows the table and writes the report; returns whether all has gone well.

  Raises:
    UserError: if the disk has too little left for what is to come.
  """
  _check_disk(config, runs)
  wrong: dict[walk.Key, str] = {}
  calls = steps.Steps(shares.of_machine(_JOBS.value))
  memory = shares.available_memory()

  told: set[int] = set()

  def room() -> int:
    need = outlook.peak_memory(_outlook_asked(config))
    fit = max(1, memory // need)
    if fit < _JOBS.value and fit not in told:
      told.add(fit)
      print(shown.little_memory(memory, need, fit), file=sys.stderr)
    return min(_JOBS.value, fit)

  def do(run: plan.Run) -> bool:
    (stands,) = _stands(config, [run])
    # No step may leave a mark in a folder that is another run's.
    is_other = stands.state == standing.State.OTHER
    error = stands.error if is_other else calls.do(run, _folder(config, run), shared)
    if error:
      wrong[run.key] = error
    return not error

  first = [*shared.flags, f"--seed={runs[0].seed}"]
  if calls.call(steps.command("datagen", first)).status:
    return False
  ended = walk.follow(runs, do, lambda run: run_lock.is_held(_folder(config, run)), room, calls.end)
  well = True
  if walk.End.DONE in ended.values():
    names = ",".join(dict.fromkeys(run.name for run in runs))
    well = not calls.call(steps.command("results", [*first, f"--runs={names}"])).status
    runs_dir = config.runs.runs_dir
    about = [f"--problem={config.runs.problem}", f"--size={config.runs.size}", f"--data_dir={config.data_dir}"]
    out = os.path.join(runs_dir, "report")
    well &= not calls.call(steps.command("report", [f"--runs_dir={runs_dir}", *about, f"--out={out}"])).status
  if wrong:
    print(shown.ends(runs, ended, wrong), file=sys.stderr)
  return well and not wrong


def parse(argv: list[str]) -> list[str]:
  """Parses the flags; whatever is wrong with them ends the process with one line and status 2."""
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise UserError(f"{rest[1]} is not a flag")
    if flags.FLAGS["seed"].present:
      raise UserError('seeds are given as --seeds="1 2"')
    options.check(flags.FLAGS.problem, _choices())
    settings.from_flags()
  except (flags.Error, UserError) as error:
    print("t2t-lottery:", " ".join(str(error).split()), file=sys.stderr)
    sys.exit(2)
  return rest


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    runs = plan.graph(_choices())
    if _JOBS.value > 1:
      runs = cost.longest_first(runs)
    if not (_DRY_RUN.value or _STATUS.value):
      # Told to end, this process ends the step at work, as Ctrl-C does.
      signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
      try:
        sys.exit(0 if reproduce(config, runs, _shared(config)) else 1)
      except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    stands = _stands(config, runs)
    length = config.steps.train_steps
    if _STATUS.value:
      print(shown.status(runs, stands, length))
      return
    ahead = outlook.of(runs, stands, _outlook_asked(config))
    print(shown.dry_run(runs, stands, length, ahead))
    lengths = [outlook.steps_to_come(stand, length) for stand in stands]
    if costs := scaling.dry_run(runs, lengths, _DEVICES.value or _JOBS.value, config.runs.size, ahead.speed):
      print(costs)


if __name__ == "__main__":
  app.run(main, flags_parser=parse)
