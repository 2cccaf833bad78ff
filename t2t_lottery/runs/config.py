"""Settings shared by all steps of a driver."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from t2t_lottery.pruning import masks, methods, structures
from t2t_lottery.runs import given_hparams, paths, presets
from t2t_lottery.utils import tf_config
from t2t_lottery.utils.errors import UsageError, UserError


class Settings(NamedTuple):
  """Settings shared by all steps of a driver.

  Attributes:
    runs: folders of the runs of this problem, size and seed.
    size: the model's size. With `base_set`, it is unknown, and that of base here, until `set_check.complete`.
    steps: step counts of each run.
    overrides: t2t hparams that differ from the size's hparams set because of the run length. With `base_set`, only those
      of flags until `set_check.complete`.
    hparams: additional ones, as the user specified them.
    data_dir, tmp_dir: t2t's.
    hosts: the hosts of a distributed training; none if only this machine trains.
    base_set: an hparams set of t2t's or the user's, to which the methods' pruning is added; empty for those of this
      project.
    pretrained: folder of the pre-trained BERT that is fine-tuned (`pretrained`); empty for a Transformer, which starts from
      random weights.
  """

  runs: paths.Runs
  size: presets.Size
  steps: presets.Steps
  overrides: dict[str, float | str]
  hparams: str
  data_dir: str
  tmp_dir: str
  hosts: tf_config.Hosts = tf_config.Hosts()
  base_set: str = ""
  pretrained: str = ""

  def hparams_set(self, method: str) -> str:
    """Name of a method's hparams set at this size, or on top of `base_set`."""
    return f"{self.base_set}{presets.PLUS}{method}" if self.base_set else presets.hparams_set(method, self.runs.size)


def check_levels(config: Settings, levels: Iterable[str], structure: str = methods.WEIGHTS) -> None:
  """Rejects levels at which the smallest matrices of the model would keep no weight, or its blocks no unit, head or MLP; or at
  which no structure of a kind would be removed, or no more than at the level before.

  Args:
    config: the runs' settings.
    levels: in percent.
    structure: what is removed: one of `methods.STRUCTURES`.

  Raises:
    UserError: naming the first such level.
  """
  shape = _shape(config)
  if shape is None:
    return  # t2t-trainer reports the error.
  hidden, ffn, heads, encoder, decoder = shape
  blocks = encoder if config.pretrained else encoder + 2 * decoder
  removed: dict[tuple[int, ...], str] = {}
  for level in levels:
    sparsity = parse_level(level)
    try:
      if structure == methods.WEIGHTS:
        masks.kept_count(hidden * min(hidden, ffn), sparsity)
      else:
        before = removed.setdefault(structures.check_share(structure, sparsity, ffn, heads * blocks, blocks), level)
        if before != level:
          raise UserError(f"removes as many {structures.NAMES[structure]} as level {before}: leave one of them out")
    except UserError as error:
      raise UserError(f"level {level}: {error}") from error


def check_levels_after_heads(config: Settings, last: str, levels: Sequence[str], subwords: int) -> None:
  """Rejects a sparsity of all weights together that is less than that of a ticket of heads, which stay removed.

  Args:
    config: the runs' settings.
    last: the level of the ticket, in percent of the heads.
    levels: in percent, increasing.
    subwords: size of the vocabulary.

  Raises:
    UserError: the first level is too low.
  """
  shape = _shape(config)
  if shape is None or not levels:
    return
  hidden, ffn, heads, encoder, decoder = shape
  blocks = encoder + 2 * decoder
  (removed,) = structures.check_share(methods.HEADS, parse_level(last), ffn, heads * blocks, blocks)
  attention = blocks * 4 * hidden**2
  share = (
    removed / (heads * blocks) * attention / (attention + (encoder + decoder) * 2 * hidden * ffn + subwords * hidden)
  )
  if parse_level(levels[0]) <= share:
    raise UserError(
      f"--slt_levels must be above {share * 100:.4g}, the share of the weights that is in {last}% of the heads: {' '.join(levels)}"
    )


def _shape(config: Settings) -> tuple[int, int, int, int, int] | None:
  """Hidden size, filter size, heads, layers of encoder and decoder; None if one that the user gave is no number."""
  given = given_hparams.parse(config.hparams)
  names = ("hidden_size", "filter_size", "num_heads", "num_hidden_layers")
  asked = {name: given.get(name, str(getattr(config.size, name))) for name in names}
  both = asked.pop("num_hidden_layers")
  values = [*asked.values(), *(given.get(name, both) for name in ("num_encoder_layers", "num_decoder_layers"))]
  if not all(re.fullmatch("[1-9][0-9]*", value) for value in (*values, both)):
    return None
  hidden, ffn, heads, encoder, decoder = map(int, values)
  return hidden, ffn, heads, encoder, decoder


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
    raise UsageError(f"level {text} is not a percentage in [0, 100)")
  return level / 100
