"""Statistics that accompany a run's scores: of its checkpoint's layers, compared with its own first weights and with the run
that its mask comes from, and of each example.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.evaluation import checkpoint_selection, model_size
from t2t_lottery.pruning import layers, methods, structures, weight_statistics
from t2t_lottery.runs import config, model_source, paths, run_files, run_spec
from t2t_lottery.utils import atomic_files

Figures = dict[str, dict[str, float | None]]


class Statistics(NamedTuple):
  """Of a checkpoint.

  Attributes:
    fields: of the run's line of results: what is pruned.
    megabytes: its size (`model_size.megabytes`).
    summary: a line for the user.
    emptied: a line for each kind of structure that is pruned as a whole.
  """

  fields: dict[str, Any]
  megabytes: dict[str, float]
  summary: str
  emptied: list[str]


def of_checkpoint(settings: config.Settings, folder: str, description: dict[str, Any], checkpoint: str) -> Statistics:
  """The statistics of a checkpoint; also writes those of its layers to the run's folder.

  Args:
    settings: of the runs.
    folder: the run's.
    description: content of `run.json`.
    checkpoint: its prefix.

  Raises:
    UserError: if a file is missing or damaged, or weights that the mask prunes are not 0.
  """
  variables = tensor_bundle.read(checkpoint)
  model_source.require_zeros(checkpoint, variables)
  found = _figures(settings, folder, description, variables)
  atomic_files.write_json(paths.layers(folder), found)
  emptied = weight_statistics.emptied(variables, run_files.hparams(folder).get("num_heads"))
  structure = checkpoint_selection.ticket_structure(folder)
  removed = {} if structure == methods.WEIGHTS else checkpoint_selection.removed(folder, structure, variables)
  fields = {
    "sparsity": found["total"]["sparsity"],
    "on_target": checkpoint_selection.is_on_target(folder, description, variables),
    **_steps_in_all(settings, description),
    **({"removed": {"kind": structure, "share": _share(removed)}} if removed else {}),
    "weights": found["total"],
    "emptied": emptied.to_json(),
  }
  summary = _describe(found["total"], description)
  for kind, count in structures.together(removed).items():
    summary += f"; {count.gone:,} of {count.size:,} {structures.NAMES[kind]} removed"
  return Statistics(fields, model_size.megabytes(variables), summary, emptied.describe())


def _steps_in_all(settings: config.Settings, description: dict[str, Any]) -> dict[str, int]:
  """Field of its line of results (`run_spec.steps_in_all`); none if a run that its mask comes from is not one of the settings'."""

  def of_run(name: str) -> dict[str, Any] | None:
    folder = settings.runs.folder(name)
    if not os.path.exists(paths.description(folder)):
      return None
    found = run_files.description(folder)
    # That of a run trained by hand comes from a checkpoint, not from a known run.
    return None if "mask_checkpoint" in found else found

  steps = None if "mask_checkpoint" in description else run_spec.steps_in_all(description, of_run)
  return {} if steps is None else {"steps_in_all": steps}


def _share(removed: Mapping[str, structures.Removed]) -> float:
  """Of the members of all groups together, the share that is removed."""
  return sum(one.gone for one in removed.values()) / sum(one.size for one in removed.values())


def _figures(settings: config.Settings, folder: str, description: dict[str, Any], variables: dict[str, Any]) -> Figures:
  """Layer, and `total`, -> figures (`weight_statistics.figures`): `signs` compared with the run's own theta_0, `mask`
  with the run that the mask was drawn from.
  """

  def compared_with(checkpoint: str) -> dict[str, dict[str, float | None]]:
    return weight_statistics.figures(variables, tensor_bundle.read(checkpoint, layers.is_prunable_or_mask))

  found = compared_with(paths.kept(folder, 0))
  masks: dict[str, float | None] = {}
  mask_from = description.get("mask_checkpoint")
  if "mask_from" in description:
    parent, _, step = description["mask_from"].partition("@")
    mask_from = paths.stored(settings.runs.folder(parent), int(step))
  if mask_from:
    masks = {name: figures["mask"] for name, figures in compared_with(mask_from).items()}
  return {name: {**figures, "mask": masks.get(name)} for name, figures in found.items()}


def _describe(total: dict[str, float | None], description: dict[str, Any]) -> str:
  """One line for the user: sparsity, magnitudes, signs as at step 0, overlap of masks."""
  text = (
    f"{total['sparsity']:.2%} sparse, |w| at most {total['largest']:.4g}, on average {total['mean']:.4g}; "
    f"{total['signs']:.1%} of the signs as at step 0"
  )
  if total["mask"] is not None:
    source = description.get("mask_from") or description["mask_checkpoint"]
    text += f"; {total['mask']:.1%} of the weights that it or {source} keeps are kept by both"
  return text


def write_segments(path: str, test: dict[str, np.ndarray]) -> None:
  """Writes the statistics for significance tests (`Score.segments`), one array per metric."""
  file = io.BytesIO()
  np.savez_compressed(file, **test)
  atomic_files.write_bytes(path, [file.getvalue()])
