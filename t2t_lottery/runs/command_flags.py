"""The flags that all steps of a driver share, and the settings that they give."""

from __future__ import annotations

import os
import re

from absl import flags

from t2t_lottery.runs import config, paths, presets
from t2t_lottery.utils import file_names, tf_config
from t2t_lottery.utils.errors import UserError

_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem, such as translate_ende_wmt14.", required=True)
_SIZE = flags.DEFINE_enum("size", "base", list(presets.SIZES), "Model size; base is the paper's.")
_SEED = flags.DEFINE_integer("seed", 1, "Random seed of each run.", lower_bound=0)
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where runs and results lie.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Where t2t-datagen puts records.")
_TMP_DIR = flags.DEFINE_string("tmp_dir", "data/tmp", "Where t2t-datagen looks for raw text, or downloads it to.")
_STEPS = flags.DEFINE_integer(
  "steps",
  None,
  "Length of each run; every other step count scales with it. Default: the size's.",
  lower_bound=20,
)
_REWIND_STEP = flags.DEFINE_integer(
  "rewind_step", None, "t, the step to rewind to. Default: 5% of the run's length.", lower_bound=1
)
_CHECKPOINTS = flags.DEFINE_integer("checkpoints", 20, "How many checkpoints each run saves.", lower_bound=1)
_HPARAMS = flags.DEFINE_string("hparams", "", "More t2t hparams for each run, such as batch_size=1024,dropout=0.1.")
_HOSTS = flags.DEFINE_list(
  "hosts",
  [],
  "host:port of each machine that trains along; the same command is started on each. The first is the chief.",
)
_HOST_INDEX = flags.DEFINE_integer(
  "host_index", None, "Which of --hosts this is. Default: the one with this machine's name or address.", lower_bound=0
)


def read() -> config.Settings:
  """The settings that the parsed flags give.

  Raises:
    UserError: if they make no sense.
  """
  size = presets.SIZES[_SIZE.value]
  train_steps = _STEPS.value or size.train_steps
  if _CHECKPOINTS.value > train_steps:
    raise UserError(f"--checkpoints={_CHECKPOINTS.value} are more than a run of {train_steps} steps can save")
  steps = presets.for_length(train_steps)
  steps = steps._replace(checkpoint_steps=max(1, round(train_steps / _CHECKPOINTS.value)))
  overrides = {} if train_steps == size.train_steps else presets.overrides(train_steps, size)
  if _REWIND_STEP.value:
    if _REWIND_STEP.value > train_steps:
      raise UserError(f"--rewind_step={_REWIND_STEP.value} lies after the end of a run of {train_steps} steps")
    steps = steps._replace(rewind_step=_REWIND_STEP.value)
    overrides["rewind_step"] = _REWIND_STEP.value
  given = config.given_hparams(_HPARAMS.value)
  _check_pruning(given, steps)
  runs_dir, data_dir, tmp_dir = (
    file_names.check_folder(flag.name, os.path.expanduser(flag.value)) for flag in (_RUNS_DIR, _DATA_DIR, _TMP_DIR)
  )
  return config.Settings(
    runs=paths.Runs(runs_dir, file_names.check_name("problem", _PROBLEM.value), _SIZE.value, _SEED.value),
    size=size,
    steps=steps,
    overrides=overrides,
    hparams=_HPARAMS.value,
    data_dir=data_dir,
    tmp_dir=tmp_dir,
    hosts=tf_config.parse(_HOSTS.value, _HOST_INDEX.value),
  )


def _check_pruning(given: dict[str, str], steps: presets.Steps) -> None:
  """Raises UserError if prunings would go on to the end of a run, or not take place: no checkpoint would be as asked for."""
  numbers = {}
  for name in ("prune_until", "prune_every"):
    text = given.get(name, str(getattr(steps, name)))
    if not re.fullmatch(r"[0-9]+", text):
      raise UserError(f"--hparams={name}={text}: a number of steps is needed")
    numbers[name] = int(text)
  until, every = numbers["prune_until"], numbers["prune_every"]
  if until >= steps.train_steps:
    raise UserError(f"--hparams=prune_until={until} must lie before the end of a run, --steps={steps.train_steps}")
  if not 1 <= every <= until:
    raise UserError(f"--hparams: prune_every={every} and prune_until={until} leave no step to prune after")
