"""Interface to the weights and masks that a ticket is drawn from. Standard library and numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class WeightSource(Protocol):
  """The weights of one model, such as a checkpoint.

  Attributes:
    prefix: path, for errors.
    role: its purpose, for errors (`mask_checkpoint`).
    shapes: name -> shape of each variable.
  """

  prefix: str
  role: str
  shapes: dict[str, tuple[int, ...]]

  @property
  def layers(self) -> list[str]:
    """Names of the layers."""

  def read(self, name: str) -> np.ndarray:
    """The value of one variable; a UserError if it is missing."""

  def mask(self, layer: str) -> np.ndarray | None:
    """The bool mask of a layer; None for a dense model."""

  def require(self, shapes: Mapping[str, Sequence[int]], whose: str) -> None:
    """Raises UserError unless the model has variables of these shapes."""
