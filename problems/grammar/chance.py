"""Random choices, one uniform number each, so that they are the same on every Python version."""

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
  """Cumulated weights of ranks: the first are frequent, the last still common enough to be learned.

  Products and quotients alone: a power may differ by a bit from one machine to the next.
  """
  return tuple(itertools.accumulate(1 / ((rank + 2) * (rank + 14)) for rank in range(length)))


@functools.cache
def _weights(weights: tuple[float, ...]) -> tuple[float, ...]:
  return tuple(itertools.accumulate(weights))


class Chance:
  """A source of random choices.

  Args:
    seed: the same seed makes the same choices.
  """

  def __init__(self, seed: int):
    self._uniform = random.Random(seed).random

  def happens(self, probability: float) -> bool:
    """True with a probability."""
    return self._uniform() < probability

  def _at(self, cumulated: tuple[float, ...]) -> int:
    return min(bisect.bisect_right(cumulated, self._uniform() * cumulated[-1]), len(cumulated) - 1)

  def frequent(self, items: Sequence[_T]) -> _T:
    """One of the items, the earlier the likelier."""
    return items[self._at(_zipf(len(items)))]

  def of(self, weights: Mapping[_T, float]) -> _T:
    """One of the keys, by its weight."""
    return list(weights)[self._at(_weights(tuple(weights.values())))]

  def number(self, low: int, high: int) -> int:
    """A whole number from low to high, all equally likely."""
    return low + int(self._uniform() * (high - low + 1))
