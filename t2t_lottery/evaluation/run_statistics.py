"""Statistics that accompany a run's scores: of its layers, compared with its own first weights and with the run that its mask
comes from, and of each example.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers, weight_statistics
from t2t_lottery.runs import config, paths
from t2t_lottery.utils import atomic_files

Figures = dict[str, dict[str, float | None]]


def figures(settings: config.Settings, folder: str, description: dict[str, Any], variables: dict[str, Any]) -> Figures:
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


def describe(total: dict[str, float | None], description: dict[str, Any]) -> str:
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
