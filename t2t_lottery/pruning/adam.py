"""Adam (Kingma and Ba 2015) for scores that are learned outside of the graph. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Adam's, but for its epsilon: the gradient of one weight of a large model may be below theirs, 1e-8.
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-15


class Adam:
  """The optimizer of some float32 arrays, which it changes in place.

  Args:
    values: name -> array.
    learning_rate: constant.
  """

  def __init__(self, values: Mapping[str, np.ndarray], learning_rate: float):
    self._values = values
    self._learning_rate = learning_rate
    self._first, self._second = ({name: np.zeros_like(value) for name, value in values.items()} for _ in range(2))
    self._steps = 0

  def step(self, slopes: Mapping[str, np.ndarray]) -> None:
    """One step.

    Args:
      slopes: name -> gradient, float32.
    """
    self._steps += 1
    # Adam's correction of both means for their start at 0.
    rate = np.float32(self._learning_rate * (1 - _BETA2**self._steps) ** 0.5 / (1 - _BETA1**self._steps))
    for name, value in self._values.items():
      first, second, slope = self._first[name], self._second[name], slopes[name]
      first += np.float32(1 - _BETA1) * (slope - first)
      second += np.float32(1 - _BETA2) * (slope * slope - second)
      value -= rate * first / (np.sqrt(second) + np.float32(_EPSILON))
