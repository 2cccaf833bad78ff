"""Reads a model from a run's folder, a checkpoint or a sparse file. No TensorFlow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from t2t_lottery.checkpoints import sparse_file, tensor_bundle
from t2t_lottery.pruning import layers, weight_statistics
from t2t_lottery.runs import paths, run_files, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

GLOBAL_STEP = "global_step"
# Of a sparse file.
_ABOUT = {
  **{"problem?": str, "data?": str, "vocabulary?": str},
  **{"hparams?": {"data_dir?": (str, type(None)), "*": object}, "*": object},
}


def find(path: str) -> str:
  """Resolves a path to a checkpoint's prefix or a sparse file.

  Args:
    path: one of these, returned as is; or a folder, for the best checkpoint of an evaluated run, else the newest.

  Raises:
    UserError: if a folder holds no checkpoint.
  """
  if not path:
    raise UserError("the path of the checkpoint is empty")
  path = os.path.expanduser(path)
  if not os.path.isdir(path):
    return path
  if os.path.exists(paths.result(path)):
    result = run_files.result(path)
    if "best_step" not in result:
      raise UserError(f"{paths.result(path)} does not contain the best step: delete it and evaluate the run again")
    return paths.stored(path, result["best_step"])
  return newest(path)


def newest(folder: str) -> str:
  """The newest checkpoint in a folder.

  Raises:
    UserError: if there is none.
  """
  steps = paths.checkpoint_steps(folder)
  if not steps:
    raise UserError(f"the folder {folder} holds no checkpoint model.ckpt-STEP")
  return paths.checkpoint(folder, steps[-1])


def read(path: str, with_masks: bool = False) -> dict[str, np.ndarray]:
  """The model's variables, and `global_step` if known; without optimizer slots.

  Args:
    path: a checkpoint's prefix, or a sparse file.
    with_masks: whether to return the mask variables too, as bool arrays of their layers' shapes, True for kept weights; of
      a sparse file, those of layers with a pruned weight.

  Raises:
    UserError: if it cannot be read, is not of a Transformer, or is not pruned according to its masks.
  """

  def wanted(name: str) -> bool:
    return tensor_bundle.is_model_variable(name) or name == GLOBAL_STEP

  if os.path.isfile(path):
    found = {name: value for name, value in sparse_file.read(path).items() if wanted(name)}
    masks = _stored_masks(found) if with_masks else {}
  else:
    both = tensor_bundle.read(path, lambda name: wanted(name) or layers.is_mask(name))
    require_zeros(path, both)
    found = {name: value for name, value in both.items() if wanted(name)}
    masks = {name: value.astype(bool) for name, value in both.items() if with_masks and layers.is_mask(name)}
  if not layers.prunable(found):
    raise UserError(f"{path} holds no layer of a Transformer")
  return {**found, **masks}


def _stored_masks(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The masks that a sparse file's positions define, of the layers with a pruned weight."""
  # A kept weight may be -0.0.
  kept = {layers.mask_name(name): variables[name].view(np.uint32) != 0 for name in layers.prunable(variables)}
  return {name: mask for name, mask in kept.items() if not mask.all()}


def require_zeros(path: str, variables: dict[str, np.ndarray]) -> None:
  """Rejects a checkpoint in which pruned weights are not zero.

  Raises:
    UserError: naming the first layer and the number of weights.
  """
  if wrong := weight_statistics.describe_nonzero_pruned(variables):
    raise UserError(
      f"{path}: {wrong}; it was changed outside of training: delete it and train from the previous checkpoint"
    )


def about(path: str) -> dict[str, Any]:
  """Known metadata of a model.

  Args:
    path: a checkpoint's prefix, or a sparse file.

  Returns:
    "hparams": of the run, as saved by t2t-trainer; "problem": t2t's name; "data": fingerprint of the data
    (`manifest.fingerprint`). Unknown ones are absent.

  Raises:
    UserError: if one of the files is damaged.
  """
  if os.path.isfile(path):
    return atomic_files.require_shape(path, sparse_file.about(path), _ABOUT, "export the run again")
  known: dict[str, Any] = {}
  # A kept or averaged checkpoint is in a subfolder of its run.
  for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
    if "hparams" not in known and os.path.exists(paths.hparams(folder)):
      known["hparams"] = run_files.hparams(folder)
      if os.path.exists(paths.description(folder)):
        about = run_files.description(folder)
        run_spec.check(paths.description(folder), about, complete=False)
        known.update({name: about[name] for name in ("problem", "data") if about.get(name)})
  return known
