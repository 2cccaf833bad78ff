"""The flags that all steps of a driver share, and what they say together."""

from __future__ import annotations

import os
from typing import NamedTuple

from absl import flags

from t2t_lottery import hosts, paths, schedule
from t2t_lottery.errors import UserError

_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem, such as translate_ende_wmt14.", required=True)
_SIZE = flags.DEFINE_enum("size", "base", list(schedule.SIZES), "Model size; base is the paper's.")
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


class Settings(NamedTuple):
  """What every step of a driver needs to know.

  Attributes:
    runs: where the runs of this problem, size and seed lie.
    size: the model's size.
    steps: step counts of each run.
    overrides: t2t hparams that differ from the size's hparams set because the length does.
    hparams: more of them, as the user gave them.
    data_dir, tmp_dir: t2t's.
    hosts: the machines that train each run together, none if it is this one alone.
  """

  runs: paths.Runs
  size: schedule.Size
  steps: schedule.Steps
  overrides: dict[str, float | str]
  hparams: str
  data_dir: str
  tmp_dir: str
  hosts: hosts.Hosts = hosts.Hosts()

  def hparams_set(self, method: str) -> str:
    """Name of a method's hparams set at this size."""
    return f"transformer_{method}" + ("" if self.runs.size == "base" else f"_{self.runs.size}")


def from_flags() -> Settings:
  """The settings that the parsed flags give.

  Raises:
    UserError: if they make no sense.
  """
  size = schedule.SIZES[_SIZE.value]
  train_steps = _STEPS.value or size.train_steps
  steps = schedule.for_length(train_steps)
  steps = steps._replace(checkpoint_steps=max(1, round(train_steps / _CHECKPOINTS.value)))
  overrides = {} if train_steps == size.train_steps else schedule.overrides(train_steps, size)
  if _REWIND_STEP.value:
    if _REWIND_STEP.value > train_steps:
      raise UserError(f"--rewind_step={_REWIND_STEP.value} lies after the end of a run of {train_steps} steps")
    steps = steps._replace(rewind_step=_REWIND_STEP.value)
    overrides["rewind_step"] = _REWIND_STEP.value
  runs_dir, data_dir, tmp_dir = (
    paths.check_folder(flag.name, os.path.expanduser(flag.value)) for flag in (_RUNS_DIR, _DATA_DIR, _TMP_DIR)
  )
  return Settings(
    runs=paths.Runs(runs_dir, paths.check_name("problem", _PROBLEM.value), _SIZE.value, _SEED.value),
    size=size,
    steps=steps,
    overrides=overrides,
    hparams=_HPARAMS.value,
    data_dir=data_dir,
    tmp_dir=tmp_dir,
    hosts=hosts.parse(_HOSTS.value, _HOST_INDEX.value),
  )


def parse_level(text: str) -> float:
  """Sparsity of a level, which is given in percent.

  Raises:
    UserError: if it is not a number in [0, 100).
  """
  try:
    level = float(text)
  except ValueError:
    level = -1.0
  if not 0 <= level < 100:
    raise UserError(f"level {text} is not a percentage in [0, 100)")
  return level / 100
