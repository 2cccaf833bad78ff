"""Shows a checkpoint's layers, compared with another one's if given: `python -m t2t_lottery.inspect CHECKPOINT [OTHER] [--json]`.

A line a layer and one for all: sparsity, largest and mean magnitude of the kept weights; and compared with another checkpoint
the share of equal signs among the weights that both keep, and how much of the two masks is in common (both / either).
Below them what is pruned completely, if anything: embeddings of subwords, layers, heads, feed-forward units.
A weight counts as pruned if the mask says so and it is zero; where it is not, that is reported, and the exit status is 1.
"""

from __future__ import annotations

import os

import numpy as np
from absl import flags

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers, weight_statistics
from t2t_lottery.runs import model_source
from t2t_lottery.utils import atomic_files, command_line, errors, text_table
from t2t_lottery.utils.errors import UserError

_JSON = flags.DEFINE_bool(
  "json", False, "One JSON object: layer, or `total`, -> figures; `emptied` -> how much is pruned completely."
)


def read_layers(path: str) -> dict[str, np.ndarray]:
  """Layers and masks of a checkpoint.

  Args:
    path: its prefix, or a run's folder, which means its newest checkpoint.

  Raises:
    UserError: if there is none, or it has no layers.
  """
  path = _checkpoint(path)
  found = tensor_bundle.read(path, layers.is_prunable_or_mask)
  if not layers.prunable(found):
    raise UserError(f"{path} holds no layer of a Transformer")
  return found


def _checkpoint(path: str) -> str:
  path = os.path.expanduser(path)
  return model_source.newest(path) if os.path.isdir(path) else path


def emptied(path: str) -> weight_statistics.Emptied:
  """What of a checkpoint is pruned completely; heads only where hparams.json, which says how many, is next to it.

  Raises:
    UserError: as `read_layers`.
  """
  hparams = model_source.about(_checkpoint(path)).get("hparams", {})
  return weight_statistics.emptied(read_layers(path), hparams.get("num_heads"))


def figures(path: str, other_path: str | None = None) -> dict[str, dict[str, float | None]]:
  """Layer -> figures, and `total` last (`weight_statistics.figures`).

  Raises:
    UserError: if a checkpoint cannot be read, or the two are of different models.
  """
  variables = read_layers(path)
  other = read_layers(other_path) if other_path else None
  if other is not None:
    for name in layers.prunable({*variables, *other}):
      shapes = [model[name].shape if name in model else "missing" for model in (variables, other)]
      if shapes[0] != shapes[1]:
        raise UserError(f"{path} and {other_path} are of different models: {name} is {shapes[0]} and {shapes[1]}")
  return weight_statistics.figures(variables, other)


def table(found: dict[str, dict[str, float | None]]) -> str:
  """The figures as text."""
  formats = {"sparsity": "{:.2%}", "largest": "{:.4g}", "mean": "{:.4g}", "signs": "{:.2%}", "mask": "{:.2%}"}
  columns = [name for name in formats if any(row[name] is not None for row in found.values())]
  rows = [[*columns, "layer"]]
  for layer, row in found.items():
    rows.append([*("-" if row[n] is None else formats[n].format(row[n]) for n in columns), layer])
  return text_table.aligned(rows)


def main(argv: list[str]) -> None:
  """The command."""
  with errors.one_line():
    found = figures(*argv[1:])
    pruned = emptied(argv[1])
    if _JSON.value:
      print(atomic_files.to_json({**found, "emptied": pruned.to_json()}), flush=True)
    else:
      print("\n".join([table(found), *pruned.in_words()]), flush=True)
    for path in argv[1:]:
      if wrong := weight_statistics.astray(read_layers(path)):
        raise UserError(f"{path}: {wrong}")


if __name__ == "__main__":
  command_line.run(main, arguments=range(1, 3))
