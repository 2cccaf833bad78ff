"""Prints a checkpoint's layers, or compares two: `python -m t2t_lottery.inspect CHECKPOINT [OTHER] [--json]`.

One line per layer and one for all: sparsity, largest and mean magnitude of the kept weights. With another checkpoint,
also the fraction of equal signs among the weights that both keep, and the overlap of the two masks (both / either).
Then the completely pruned structures, if any: embeddings of subwords, layers, heads, feed-forward units.
Weights that the mask prunes must be zero; otherwise this is reported, and the exit status is 1.

`--agreement CHECKPOINT CHECKPOINT...` prints how much the masks of several agree beyond chance, such as those of several seeds,
and the heads and MLPs that all of them keep.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers, mask_agreement, methods, structures, weight_statistics
from t2t_lottery.runs import model_source
from t2t_lottery.utils import atomic_files, command_line, errors, text_table
from t2t_lottery.utils.errors import UserError

_JSON = flags.DEFINE_bool(
  "json",
  False,
  "Print one JSON object: layer, or `total`, -> figures; `emptied` -> counts of completely pruned structures.",
)
_AGREEMENT = flags.DEFINE_bool(
  "agreement",
  False,
  "Print Fleiss' kappa of the masks of two or more checkpoints: of weights, heads, MLPs, feed-forward units; and the structures "
  "that all keep.",
)
# Kind of structure -> its name in the output.
_NAMES = {methods.WEIGHTS: "weights", **structures.NAMES}


class Layers(NamedTuple):
  """Layers and masks of a checkpoint.

  Attributes:
    path: as given, for errors.
    checkpoint: its prefix.
    variables: name -> value.
  """

  path: str
  checkpoint: str
  variables: dict[str, np.ndarray]


def read(path: str) -> Layers:
  """Reads the layers and masks of a checkpoint.

  Args:
    path: its prefix, a sparse file, or a run's folder, for its newest checkpoint.

  Raises:
    UserError: if there is none, or it has no layers.
  """
  checkpoint = os.path.expanduser(path)
  if os.path.isdir(checkpoint):
    checkpoint = model_source.newest(checkpoint)
  if os.path.isfile(checkpoint):
    read_all = model_source.read(checkpoint, with_masks=True)
    variables = {name: value for name, value in read_all.items() if layers.is_prunable_or_mask(name)}
  else:
    variables = tensor_bundle.read(checkpoint, layers.is_prunable_or_mask)
  if not layers.prunable(variables):
    raise UserError(f"{checkpoint} holds no layer of a Transformer")
  return Layers(path, checkpoint, variables)


def emptied(model: Layers) -> weight_statistics.Emptied:
  """The completely pruned structures; heads only if their number is known from a hparams.json next to the checkpoint.

  Raises:
    UserError: if hparams.json is damaged.
  """
  hparams = model_source.about(model.checkpoint).get("hparams", {})
  return weight_statistics.emptied(model.variables, hparams.get("num_heads"))


def _check_same_layers(model: Layers, other: Layers) -> None:
  """Raises UserError if the two are of different models."""
  for name in layers.prunable({*model.variables, *other.variables}):
    shapes = [one.variables[name].shape if name in one.variables else "missing" for one in (model, other)]
    if shapes[0] != shapes[1]:
      raise UserError(f"{model.path} and {other.path} are of different models: {name} is {shapes[0]} and {shapes[1]}")


def figures(model: Layers, other: Layers | None = None) -> dict[str, dict[str, float | None]]:
  """Layer -> figures; last, `total` (`weight_statistics.figures`).

  Raises:
    UserError: if the two are of different models.
  """
  if other is None:
    return weight_statistics.figures(model.variables)
  _check_same_layers(model, other)
  return weight_statistics.figures(model.variables, other.variables)


def table(found: dict[str, dict[str, float | None]]) -> str:
  """The figures as text."""
  formats = {"sparsity": "{:.2%}", "largest": "{:.4g}", "mean": "{:.4g}", "signs": "{:.2%}", "mask": "{:.2%}"}
  columns = [name for name in formats if any(row[name] is not None for row in found.values())]
  rows = [[*columns, "layer"]]
  for layer, row in found.items():
    rows.append([*("-" if row[n] is None else formats[n].format(row[n]) for n in columns), layer])
  return text_table.aligned(rows)


class Agreement(NamedTuple):
  """Of the masks of several models.

  Attributes:
    kappas: kind of structure -> Fleiss' kappa (`mask_agreement.kappas`).
    survivors: kind -> block -> bool [members], those that all keep (`mask_agreement.survivors`).
  """

  kappas: dict[str, float | None]
  survivors: dict[str, dict[str, np.ndarray]]

  def to_json(self) -> dict[str, Any]:
    """The kappas by kind; `survivors`: kind -> block -> numbers of members from 0."""
    numbers = {k: {b: np.flatnonzero(m).tolist() for b, m in found.items()} for k, found in self.survivors.items()}
    return {**self.kappas, "survivors": numbers}

  def describe(self) -> list[str]:
    """A line for each kappa, then one for the survivors of each kind."""
    lines = [f"{_NAMES[k]}: " + ("all masks keep all" if v is None else f"{v:.3f}") for k, v in self.kappas.items()]
    for kind, found in self.survivors.items():
      kept = sum(int(np.count_nonzero(members)) for members in found.values())
      where = [_place(block, members) for block, members in found.items() if members.any()]
      # Of thousands of units, the number is enough.
      listed = f": {'; '.join(where)}" if where and kind != methods.UNITS else ""
      lines.append(f"{kept} of {sum(m.size for m in found.values())} {_NAMES[kind]} survive in all masks{listed}")
    return lines


def _place(block: str, members: np.ndarray) -> str:
  """Where members of a block are: its name, and their numbers from 0 if there are several."""
  return block if members.size == 1 else f"{block} {', '.join(map(str, np.flatnonzero(members)))}"


def agreement(models: Sequence[Layers]) -> Agreement:
  """How the models' masks agree.

  Raises:
    UserError: if they are of different models.
  """
  for other in models[1:]:
    _check_same_layers(models[0], other)
  # A checkpoint outside of a run does not say how many heads it has.
  known = {model_source.about(model.checkpoint).get("hparams", {}).get("num_heads", 0) for model in models} - {0}
  if len(known) > 1:
    raise UserError(f"num_heads differs: {' and '.join(map(str, sorted(known)))}: give masks of one model")
  num_heads = max(known, default=0)
  variables = [model.variables for model in models]
  return Agreement(mask_agreement.kappas(variables, num_heads), mask_agreement.survivors(variables, num_heads))


def _print_agreement(models: Sequence[Layers]) -> None:
  found = agreement(models)
  if _JSON.value:
    print(atomic_files.to_json(found.to_json()), flush=True)
    return
  print("\n".join([f"Fleiss' kappa of {len(models)} masks", *found.describe()]), flush=True)


def _print_figures(models: Sequence[Layers]) -> None:
  found = figures(*models)
  whole = emptied(models[0])
  if _JSON.value:
    print(atomic_files.to_json({**found, "emptied": whole.to_json()}), flush=True)
  else:
    print("\n".join([table(found), *whole.describe()]), flush=True)


def main(argv: list[str]) -> None:
  """The command."""
  with errors.one_line():
    paths = argv[1:]
    if _AGREEMENT.value and len(paths) < 2:
      raise errors.UsageError("--agreement is of several masks: give two or more checkpoints")
    if not _AGREEMENT.value and len(paths) > 2:
      raise errors.UsageError(f"{len(paths)} checkpoints: give one, or two to compare, or --agreement")
    models = [read(path) for path in paths]
    (_print_agreement if _AGREEMENT.value else _print_figures)(models)
    for model in models:
      if wrong := weight_statistics.describe_nonzero_pruned(model.variables):
        raise UserError(f"{model.path}: {wrong}")


if __name__ == "__main__":
  command_line.run(main, arguments=range(1, 1000))
