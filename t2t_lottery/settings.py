"""The flags that all steps of a driver share, and what they say together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from absl import flags

from t2t_lottery import hosts, masks, paths, schedule
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
  if _CHECKPOINTS.value > train_steps:
    raise UserError(f"--checkpoints={_CHECKPOINTS.value} are more than a run of {train_steps} steps can save")
  steps = schedule.for_length(train_steps)
  steps = steps._replace(checkpoint_steps=max(1, round(train_steps / _CHECKPOINTS.value)))
  overrides = {} if train_steps == size.train_steps else schedule.overrides(train_steps, size)
  if _REWIND_STEP.value:
    if _REWIND_STEP.value > train_steps:
      raise UserError(f"--rewind_step={_REWIND_STEP.value} lies after the end of a run of {train_steps} steps")
    steps = steps._replace(rewind_step=_REWIND_STEP.value)
    overrides["rewind_step"] = _REWIND_STEP.value
  given = given_hparams(_HPARAMS.value)
  _check_pruning(given, steps)
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


# t2t's hparams that have a flag of their own, or a driver: by --hparams a run would be another one than its name and its line
# of results say.
_HAVE_FLAGS = {
  "pruning_method": "the driver of the method, such as slt.sh",
  "mask_checkpoint": "the driver of a method",
  "rewind_checkpoint": "--rewind",
  "rewind_step": "--rewind_step",
  "sparsity": "--levels",
  "initial_sparsity": "--switch",
  "ticket_score": "snip.sh, synflow.sh or --controls=random_mask",
  "ticket_scope": "--variant=global_magnitude",
  "ticket_values": "clt.sh, or --controls=redrawn_values or permuted_values",
  "ticket_signs": "--controls=random_signs",
  "shuffle_mask": "--controls=shuffled_mask",
  "prune_embedding": "--variant=dense_embedding",
}
# As t2t parses them (`hparam.parse_values`).
_HPARAM = re.compile(r"([A-Za-z][\w.]*(?:\[\s*\d+\s*\])?)\s*=\s*([^,\[]*|\[[^\]]*\])(?:$|,\s*)")


def _check_pruning(given: dict[str, str], steps: schedule.Steps) -> None:
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


def given_hparams(text: str) -> dict[str, str]:
  """Name -> value, as text, of a list of hparams.

  Args:
    text: as of t2t's `--hparams`, such as "batch_size=1024,dropout=0.1".

  Raises:
    UserError: if it is none, names one twice, or one that has a flag.
  """
  found: dict[str, str] = {}
  end = 0
  for match in _HPARAM.finditer(text):
    if match.start() != end:
      break
    end = match.end()
    name, value = match.groups()
    if name in found:
      raise UserError(f"--hparams gives {name} twice")
    if name in _HAVE_FLAGS:
      raise UserError(f"--hparams={name}={value}: {name} is given by {_HAVE_FLAGS[name]}")
    found[name] = value
  if end != len(text):
    raise UserError(f"--hparams: {text[end:]} is not NAME=VALUE,NAME=VALUE,...")
  return found


def check_levels(config: Settings, levels: Iterable[str]) -> None:
  """Refuses levels at which the smallest matrices of the model would keep no weight.

  Args:
    config: of the runs.
    levels: in percent.

  Raises:
    UserError: naming the first such level.
  """
  given = given_hparams(config.hparams)
  widths = {name: given.get(name, str(getattr(config.size, name))) for name in ("hidden_size", "filter_size")}
  if not all(re.fullmatch("[1-9][0-9]*", width) for width in widths.values()):
    return  # t2t-trainer refuses it.
  hidden, ffn = map(int, widths.values())
  for level in levels:
    try:
      masks.kept_count(hidden * min(hidden, ffn), parse_level(level))
    except UserError as error:
      raise UserError(f"level {level}: {error}") from error


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
