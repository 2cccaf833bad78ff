"""Settings shared by all steps of a driver."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from t2t_lottery.pruning import masks
from t2t_lottery.runs import paths, presets
from t2t_lottery.utils import tf_config
from t2t_lottery.utils.errors import UserError


class Settings(NamedTuple):
  """Settings shared by all steps of a driver.

  Attributes:
    runs: folders of the runs of this problem, size and seed.
    size: the model's size.
    steps: step counts of each run.
    overrides: t2t hparams that differ from the size's hparams set because of the run length.
    hparams: additional ones, as the user specified them.
    data_dir, tmp_dir: t2t's.
    hosts: the hosts of a distributed training; none if only this machine trains.
  """

  runs: paths.Runs
  size: presets.Size
  steps: presets.Steps
  overrides: dict[str, float | str]
  hparams: str
  data_dir: str
  tmp_dir: str
  hosts: tf_config.Hosts = tf_config.Hosts()

  def hparams_set(self, method: str) -> str:
    """Name of a method's hparams set at this size."""
    return f"transformer_{method}" + ("" if self.runs.size == "base" else f"_{self.runs.size}")


# t2t hparams that have their own flag or driver: set by --hparams, a run would contradict its name and its line of results.
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
  "schedule_from": "--schedule_from",
  "data_seed": "--data_seed",
}
# As t2t parses them (`hparam.parse_values`).
_HPARAM = re.compile(r"([A-Za-z][\w.]*(?:\[\s*\d+\s*\])?)\s*=\s*([^,\[]*|\[[^\]]*\])(?:$|,\s*)")


def given_hparams(text: str) -> dict[str, str]:
  """Parses a list of hparams: name -> value, as text.

  Args:
    text: in the format of t2t's `--hparams`, such as "batch_size=1024,dropout=0.1".

  Raises:
    UserError: if it is malformed, repeats an hparam, or sets one that has a flag.
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
  """Rejects levels at which the smallest matrices of the model would keep no weight.

  Args:
    config: the runs' settings.
    levels: in percent.

  Raises:
    UserError: naming the first such level.
  """
  given = given_hparams(config.hparams)
  widths = {name: given.get(name, str(getattr(config.size, name))) for name in ("hidden_size", "filter_size")}
  if not all(re.fullmatch("[1-9][0-9]*", width) for width in widths.values()):
    return  # t2t-trainer reports the error.
  hidden, ffn = map(int, widths.values())
  for level in levels:
    try:
      masks.kept_count(hidden * min(hidden, ffn), parse_level(level))
    except UserError as error:
      raise UserError(f"level {level}: {error}") from error


def parse_level(text: str) -> float:
  """Converts a level in percent to a sparsity.

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
