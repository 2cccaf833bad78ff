"""What each of several runs side by side gets of the machine: cores, GPUs, memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import psutil

from t2t_lottery.utils import t2t_process

# Of a trainer whose like has not been measured: TensorFlow with t2t's graph (measured, tiny), and for each parameter its
# value, its gradient and what an optimizer makes of them (a guess on the safe side).
_BASE_BYTES, _BYTES_PER_PARAMETER = 1_100_000_000, 40

_Item = TypeVar("_Item")


class Share(NamedTuple):
  """A share of the machine.

  Attributes:
    cores: those that its processes may run on; None for all.
    gpus: numbers or names of GPUs as in CUDA_VISIBLE_DEVICES; None for all.
  """

  cores: frozenset[int] | None = None
  gpus: tuple[str, ...] | None = None

  @property
  def environment(self) -> dict[str, str]:
    """Of its processes."""
    return {**os.environ, **({} if self.gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)})}


def of_machine(jobs: int) -> list[Share]:
  """Shares of this machine for N jobs; a single one gets all."""
  return [Share()] if jobs == 1 else split(jobs, sorted(os.sched_getaffinity(0)), _gpus())


def split(jobs: int, cores: Sequence[int], gpus: Sequence[str]) -> list[Share]:
  """As even shares as can be; with more jobs than there are cores or GPUs, some share one."""
  return [Share(frozenset(_part(cores, i, jobs)), tuple(_part(gpus, i, jobs)) if gpus else None) for i in range(jobs)]


def _part(items: Sequence[_Item], i: int, count: int) -> Sequence[_Item]:
  return items[i * len(items) // count : (i + 1) * len(items) // count] or [items[i % len(items)]]


def _gpus() -> list[str]:
  if "CUDA_VISIBLE_DEVICES" in os.environ:
    return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
  return [str(number) for number in range(t2t_process.count_gpus())]


def available_memory() -> int:
  """Bytes that processes can take without anything being swapped out."""
  return psutil.virtual_memory().available


def trainer_bytes(parameters: int) -> int:
  """About how much memory a trainer takes."""
  return _BASE_BYTES + _BYTES_PER_PARAMETER * parameters
