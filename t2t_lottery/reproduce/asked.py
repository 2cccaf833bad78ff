"""What is asked for: the flags of the command for a whole table, and what they say together."""

from __future__ import annotations

import os
from typing import Any

from absl import flags

from t2t_lottery import decoding, keeping, plan, rawtext, settings, versions
from t2t_lottery.reproduce import cost, options, outlook, standing, steps

_METHODS = flags.DEFINE_string(
  "methods", " ".join(plan.PAPERS), f"Methods, with blanks between, of {', '.join(plan.METHODS)}."
)
_LEVELS = flags.DEFINE_string("levels", None, "Sparsities in percent, rising. Default: the paper's.")
_SEEDS = flags.DEFINE_string("seeds", "1 2", "Random seeds, with blanks between.")
_SWITCH = flags.DEFINE_string("switch", plan.SWITCH, "The level at which SLT-MP and MP-SLT change over.")
_PRUNE_EACH = flags.DEFINE_float("prune_each", None, "Prune so many percent of the remaining weights at each level.")
_REWIND = flags.DEFINE_enum("rewind", "last", ["last", "dense"], "Rewind to the last level's run, or the dense run.")
_ONE_SHOT = flags.DEFINE_bool("one_shot", False, "Draw every ticket from the dense run.")
_VARIANT = flags.DEFINE_string("variant", "", "Prune so: dense_embedding, or (lt, slt and clt alone) global_magnitude.")
_CONTROLS = flags.DEFINE_string("controls", "", "Controls to train beside each ticket, with blanks between.")
_AVERAGE = flags.DEFINE_integer("average", 0, "Evaluate also the mean of so many last checkpoints.", lower_bound=0)
_DECODER = flags.DEFINE_enum("decoder", decoding.CTRANSLATE2, decoding.DECODERS, "What translates.")
_KEEP = flags.DEFINE_enum("keep", keeping.ALL, keeping.CHOICES, "Which checkpoints of a finished run stay.")
_GPUS = flags.DEFINE_integer("gpus", None, "Train each run on so many GPUs of its machine.", lower_bound=0)
_JOBS = flags.DEFINE_integer("jobs", 1, "How many runs to train side by side.", lower_bound=1)


def choices() -> plan.Choices:
  """The graph that is asked for.

  Raises:
    UserError: if seeds are none.
  """
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


def shared(config: settings.Settings) -> steps.Shared:
  """What the steps of all runs are called with."""
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
  training = () if _GPUS.value is None else (f"--gpus={_GPUS.value}",)
  return steps.Shared(tuple(f"--{name}={value}" for name, value in values.items()), training, evaluation)


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


def folder(config: settings.Settings, run: plan.Run) -> str:
  """Where a run lies, or would lie."""
  return config.runs._replace(seed=run.seed).folder(run.name)


def stands(config: settings.Settings, runs: list[plan.Run]) -> list[standing.Standing]:
  """How each run stands."""
  translation = decoding.signature(_DECODER.value)
  return [standing.look(folder(config, run), _asked(config, run, translation)) for run in runs]


def graph() -> list[plan.Run]:
  """The runs that are asked for; side by side, those first that the longest chains wait for."""
  runs = plan.graph(choices())
  return runs if jobs() == 1 else cost.longest_first(runs)


def jobs() -> int:
  """How many runs to train side by side."""
  return _JOBS.value


def keep() -> str:
  """Which checkpoints of a finished run stay, of `keeping.CHOICES`."""
  return _KEEP.value


def of_outlook(config: settings.Settings) -> outlook.Asked:
  """What all runs share, for a look ahead."""
  vocabulary = options.PROBLEMS[config.runs.problem]
  checkpoints = flags.FLAGS.checkpoints
  return outlook.Asked(config.runs, config.steps.train_steps, config.hparams, checkpoints, vocabulary, jobs())
