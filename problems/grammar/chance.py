"""Random choices from one uniform number each, so that they are the same on every Python version."""

from __future__ import annotations

import bisect
import functools
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")


@functools.cache
def _zipf(length: int) -> tuple[float, ...]:
  """Cumulative weights of ranks: the first are frequent, the last still common enough to be learned.

  Products and quotients only: a power may differ by a bit between machines.
  """
  return tuple(itertools.accumulate(1 / ((rank + 2) * (rank + 14)) for rank in range(length)))


@functools.cache
def _weights(weights: tuple[float, ...]) -> tuple[float, ...]:
  return tuple(itertools.accumulate(weights))


class Chance:
  """A random number generator for choices.

  Args:
    seed: determines all choices.
  """

  def __init__(self, seed: int):
    self._uniform = random.Random(seed).random

  def happens(self, probability: float) -> bool:
    """True with the given probability."""
    return self._uniform() < probability

  def _at(self, cumulative: tuple[float, ...]) -> int:
    return min(bisect.bisect_right(cumulative, self._uniform() * cumulative[-1]), len(cumulative) - 1)

  def frequent(self, items: Sequence[_T]) -> _T:
    """One of the items; earlier ones are more likely."""
    return items[self._at(_zipf(len(items)))]

  def of(self, weights: Mapping[_T, float]) -> _T:
    """One of the keys, with probability proportional to its weight."""
    return list(weights)[self._at(_weights(tuple(weights.values())))]

  def number(self, low: int, high: int) -> int:
    """An integer from low to high, inclusive, uniformly."""
    return low + int(self._uniform() * (high - low + 1))
