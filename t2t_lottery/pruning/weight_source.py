"""What a ticket is drawn from: weights and masks by name. Standard library and numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class WeightSource(Protocol):
  """The weights of one model, wherever they are stored; a checkpoint is one.

  Attributes:
    prefix: its path, for errors.
    role: what it is for, named in errors (`mask_checkpoint`).
    shapes: name -> shape of every variable.
  """

  prefix: str
  role: str
  shapes: dict[str, tuple[int, ...]]

  @property
  def layers(self) -> list[str]:
    """Names of its layers."""

  def read(self, name: str) -> np.ndarray:
    """The value of one variable; a UserError if it is missing."""

  def mask(self, layer: str) -> np.ndarray | None:
    """The bool mask of a layer; None of a dense model."""

  def require(self, shapes: Mapping[str, Sequence[int]], whose: str) -> None:
    """Refuses, by a UserError, a model whose variables are not of these shapes."""
