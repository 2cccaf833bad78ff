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

from t2t_lottery import decoding, errors, files, paths, plan, run_lock, settings
from t2t_lottery.errors import UserError
from t2t_lottery.reproduce import cluster, options, outlook, shown, slurm, standing, steps, walk

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
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only show the runs in their order, and what is to come.")
_STATUS = flags.DEFINE_bool("status", False, "Only show how each run stands.")
_ON = flags.DEFINE_enum("on", "here", ["here", "slurm"], "Whether to do the runs here, or hand them to Slurm.")
_CANCEL = flags.DEFINE_bool("cancel", False, "Take what --on=slurm has submitted from the queue.")
_ONLY = flags.DEFINE_string("only", None, "Do one part, as a job of Slurm: datagen, table, or a run as seed1/slt-50.")


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
  return steps.Shared(tuple(f"--{name}={value}" for name, value in values.items()), _AVERAGE.value, _DECODER.value)


def _asked(config: settings.Settings, run: plan.Run, translation: str) -> standing.Asked:
  about: dict[str, Any] = {
    "method": run.method,
    "sparsity_asked": settings.parse_level(run.level),
    "train_steps": config.steps.train_steps,
    "rewind_step": config.steps.rewind_step,
    "hparams": config.hparams or None,
  }
  return standing.Asked(about, translation, _AVERAGE.value)


def _folder(config: settings.Settings, run: plan.Run) -> str:
  return config.runs._replace(seed=run.seed).folder(run.name)


def _stands(config: settings.Settings, runs: list[plan.Run]) -> list[standing.Standing]:
  translation = decoding.signature(_DECODER.value)
  return [standing.look(_folder(config, run), _asked(config, run, translation)) for run in runs]


def reproduce(config: settings.Settings, runs: list[plan.Run], shared: steps.Shared) -> bool:
  """Goes through the graph, then shows the table and writes the report; returns whether all has gone well."""
  wrong: dict[walk.Key, str] = {}

  def do(run: plan.Run) -> bool:
    error = _do(config, run, shared)
    if error:
      wrong[run.key] = error
    return not error

  if not _datagen(runs, shared):
    return False
  ended = walk.follow(runs, do, lambda run: run_lock.is_held(_folder(config, run)))
  well = walk.End.DONE not in ended.values() or _table(config, runs, shared)
  if wrong:
    print(shown.ends(runs, ended, wrong), file=sys.stderr)
  return well and not wrong


def _do(config: settings.Settings, run: plan.Run, shared: steps.Shared) -> str:
  (stands,) = _stands(config, [run])
  # No step may leave a mark in a folder that is another run's.
  is_other = stands.state == standing.State.OTHER
  return stands.error if is_other else steps.do(run, _folder(config, run), shared)


def _datagen(runs: list[plan.Run], shared: steps.Shared) -> bool:
  return not steps.call(steps.command("datagen", [*shared.flags, f"--seed={runs[0].seed}"])).status


def _table(config: settings.Settings, runs: list[plan.Run], shared: steps.Shared) -> bool:
  names = ",".join(dict.fromkeys(run.name for run in runs))
  well = not steps.call(steps.command("results", [*shared.flags, f"--seed={runs[0].seed}", f"--runs={names}"])).status
  runs_dir = config.runs.runs_dir
  about = [f"--problem={config.runs.problem}", f"--size={config.runs.size}", f"--data_dir={config.data_dir}"]
  out = os.path.join(runs_dir, "report")
  return well & (not steps.call(steps.command("report", [f"--runs_dir={runs_dir}", *about, f"--out={out}"])).status)


def _only(config: settings.Settings, runs: list[plan.Run], shared: steps.Shared, name: str) -> int:
  """Does one part of the graph; returns its exit status, 128 + the signal if a step was killed."""
  if name == slurm.DATAGEN:
    return 0 if _datagen(runs, shared) else 1
  if name == slurm.TABLE:
    return _last(config, runs, shared)
  by_name = {slurm.name_of(run): run for run in runs}
  run = by_name[options.known("run", name, by_name)]
  error = _do(config, run, shared)
  mark = paths.last_error(_folder(config, run))
  status = files.read_json(mark)["status"] if error and os.path.exists(mark) else int(bool(error))
  return status if status >= 0 else 128 - status


def _last(config: settings.Settings, runs: list[plan.Run], shared: steps.Shared) -> int:
  """The table of the runs that are done; tells which are not."""
  stands = _stands(config, runs)
  is_done = [stand.state == standing.State.DONE for stand in stands]
  well = not any(is_done) or _table(config, runs, shared)
  if not all(is_done):
    print(shown.status(runs, stands, config.steps.train_steps), file=sys.stderr)
  return 0 if well and all(is_done) else 1


def parse(argv: list[str]) -> list[str]:
  """Parses the flags; whatever is wrong with them ends the process with one line and status 2."""
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise UserError(f"{rest[1]} is not a flag")
    if flags.FLAGS["seed"].present:
      raise UserError('seeds are given as --seeds="1 2"')
    if _CANCEL.value and _ON.value != "slurm":
      raise UserError("--cancel is for --on=slurm; what goes on here ends with Ctrl-C, or kill")
    options.check(flags.FLAGS.problem, _choices())
    settings.from_flags()
  except (flags.Error, UserError) as error:
    print("t2t-lottery:", " ".join(str(error).split()), file=sys.stderr)
    sys.exit(2)
  return rest


def _end(*_) -> None:
  # Slurm tells every process of a job, some twice: the step at work is still waited for.
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  sys.exit(143)


def _on_slurm(config: settings.Settings, runs: list[plan.Run]) -> str:
  def look() -> list[standing.Standing]:
    return _stands(config, runs)

  if _CANCEL.value:
    return cluster.cancel(config, runs)
  if _STATUS.value:
    return cluster.status(config, runs, look, config.steps.train_steps)
  return cluster.submit(config, runs, look, lambda run: _folder(config, run), sys.argv[1:])


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    runs = plan.graph(_choices())
    if _ON.value == "slurm" and not _DRY_RUN.value:
      print(_on_slurm(config, runs))
      return
    if not (_DRY_RUN.value or _STATUS.value):
      # Told to end, this process ends the step at work, as Ctrl-C does.
      signal.signal(signal.SIGTERM, _end)
      try:
        shared = _shared(config)
        if _ONLY.value:
          sys.exit(_only(config, runs, shared, _ONLY.value))
        sys.exit(0 if reproduce(config, runs, shared) else 1)
      except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    stands = _stands(config, runs)
    length = config.steps.train_steps
    if _STATUS.value:
      print(shown.status(runs, stands, length))
      return
    vocabulary = options.PROBLEMS[config.runs.problem]
    ahead = outlook.of(runs, stands, config.runs, length, config.hparams, flags.FLAGS.checkpoints, vocabulary)
    print(shown.dry_run(runs, stands, length, ahead))


if __name__ == "__main__":
  app.run(main, flags_parser=parse)
