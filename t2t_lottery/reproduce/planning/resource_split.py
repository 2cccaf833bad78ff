"""Splits the machine's cores, GPUs and memory among parallel runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import psutil

from t2t_lottery.utils import t2t_process

# Estimate for a trainer without measurements: TensorFlow with t2t's graph (measured, tiny), and for each parameter its
# value, its gradient and optimizer state (a conservative guess).
_BASE_BYTES, _BYTES_PER_PARAMETER = 1_100_000_000, 40

_Item = TypeVar("_Item")


class Share(NamedTuple):
  """A share of the machine.

  Attributes:
    cores: numbers of the allowed cores; None for all.
    gpus: numbers or names of GPUs as in CUDA_VISIBLE_DEVICES; None for all.
  """

  cores: frozenset[int] | None = None
  gpus: tuple[str, ...] | None = None

  @property
  def environment(self) -> dict[str, str]:
    """The environment of its processes."""
    return {**os.environ, **({} if self.gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)})}


def of_machine(jobs: int) -> list[Share]:
  """Shares of this machine for N jobs; a single job gets all of it."""
  return [Share()] if jobs == 1 else split(jobs, sorted(os.sched_getaffinity(0)), _gpus())


def split(jobs: int, cores: Sequence[int], gpus: Sequence[str]) -> list[Share]:
  """Shares as even as possible; with more jobs than cores or GPUs, some jobs use the same one."""
  return [Share(frozenset(_part(cores, i, jobs)), tuple(_part(gpus, i, jobs)) if gpus else None) for i in range(jobs)]


def _part(items: Sequence[_Item], i: int, count: int) -> Sequence[_Item]:
  return items[i * len(items) // count : (i + 1) * len(items) // count] or [items[i % len(items)]]


def _gpus() -> list[str]:
  if "CUDA_VISIBLE_DEVICES" in os.environ:
    return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
  return [str(number) for number in range(t2t_process.count_gpus())]


def available_memory() -> int:
  """Bytes of memory that processes can use without swapping."""
  return psutil.virtual_memory().available


def trainer_bytes(parameters: int) -> int:
  """The approximate memory of a trainer, in bytes."""
  return _BASE_BYTES + _BYTES_PER_PARAMETER * parameters
