"""Reads, compares and writes TensorFlow checkpoints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers
from t2t_lottery.utils.errors import UserError


class Checkpoint:
  """A checkpoint, read one variable at a time.

  Args:
    path: the prefix (`.../model.ckpt-25000`), or a run's folder, for its newest checkpoint.
    role: purpose of the checkpoint, for errors (`mask_checkpoint`).

  Raises:
    UserError: if there is no checkpoint, or it cannot be read.
  """

  def __init__(self, path: str, role: str = "checkpoint"):
    path = os.path.expanduser(path)
    prefix = path
    if tf.io.gfile.isdir(path):
      prefix = tf.train.latest_checkpoint(path)
      if not prefix:
        raise UserError(f"{role}: the folder {path} holds no checkpoint")
    elif not tf.io.gfile.exists(path + ".index"):
      raise UserError(f"{role}: no checkpoint {path} (there is no {path}.index)")
    self.prefix = prefix
    self.role = role
    try:
      self._reader = tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError) as error:
      raise UserError(f"{role}: cannot read {prefix}: {_first_line(error)}") from error
    self.shapes: dict[str, tuple[int, ...]] = {
      name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()
    }

  def read(self, name: str) -> np.ndarray:
    """The value of one variable.

    Raises:
      UserError: if it is missing or its bytes are damaged.
    """
    if name not in self.shapes:
      raise UserError(f"{self.role}: {self.prefix} has no variable {name}")
    try:
      return self._reader.get_tensor(name)  # This verifies the checksum of its bytes.
    except (tf.errors.OpError, ValueError, IndexError) as error:
      raise tensor_bundle.Damaged(f"{self.role}: cannot read {name} of {self.prefix}: {_first_line(error)}") from error

  @property
  def layers(self) -> list[str]:
    """Names of its prunable layers."""
    return layers.prunable(self.shapes)

  @property
  def is_pruned(self) -> bool:
    """Whether it contains masks."""
    return any(layers.is_mask(name) for name in self.shapes)

  def mask(self, layer: str) -> np.ndarray | None:
    """The bool mask of a layer; None in the checkpoint of a dense run."""
    name = layers.mask_name(layer)
    return self.read(name) if name in self.shapes else None

  def require(self, shapes: Mapping[str, Sequence[int]], whose: str) -> None:
    """Rejects a checkpoint of another model or vocabulary.

    Args:
      shapes: name -> shape of the required variables.
      whose: owner of these variables, for the error.

    Raises:
      UserError: naming the first variable that is missing or has another shape.
    """
    for name, shape in shapes.items():
      if name not in self.shapes:
        other = [mine for mine in sorted(self.shapes) if _same_place(mine, name)]
        instead = f"it has {other[0]}" if other else "it has none like it"
        raise UserError(
          f"{self.role}: {self.prefix} is from another model or vocabulary: {whose} has {name}, {instead}"
        )
      if self.shapes[name] != tuple(shape):
        raise UserError(
          f"{self.role}: {self.prefix} is from another model or vocabulary: {name} has shape "
          f"{list(self.shapes[name])}, in {whose} {list(shape)}"
        )


def write(prefix: str, variables: Mapping[str, np.ndarray]) -> None:
  """Writes variables as a checkpoint into a new folder, atomically.

  Args:
    prefix: `FOLDER/NAME`; FOLDER must not exist.
    variables: name -> value.

  Raises:
    UserError: if it cannot be written.
  """
  folder, name = os.path.split(prefix)
  unfinished = f"{folder}.unfinished"
  shutil.rmtree(unfinished, ignore_errors=True)
  names = sorted(variables)
  try:
    os.makedirs(unfinished)
    with tf.Graph().as_default(), tf.Session() as session:
      tensors = [tf.placeholder(variables[n].dtype, variables[n].shape) for n in names]
      save = tf.raw_ops.SaveV2(
        prefix=os.path.join(unfinished, name),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=tensors,
      )
      session.run(save, dict(zip(tensors, (variables[n] for n in names))))
    os.replace(unfinished, folder)
  except (OSError, tf.errors.OpError) as error:
    raise UserError(f"cannot write {prefix}: {_cause(error)}") from error
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)


def _same_place(name: str, other: str) -> bool:
  """Whether two names are equal up to the sizes that t2t includes in a modality's name."""

  def strip(text: str) -> list[str]:
    return ["symbol_modality" if part.startswith("symbol_modality_") else part for part in text.split("/")]

  return strip(name) == strip(other)


def _cause(error: OSError | tf.errors.OpError) -> str:
  """The operating system's message, which TensorFlow appends to a path: `/a/path; No space left on device`."""
  if isinstance(error, OSError):
    return error.strerror or str(error)
  causes = [line for line in str(error).splitlines() if "; " in line]
  return causes[0].rpartition("; ")[2] if causes else _first_line(error)


def _first_line(error: Exception) -> str:
  return str(error).strip().splitlines()[0]
