"""Datagen's worker processes.

Forked, so that they inherit problem and vocabulary and need not import TensorFlow again. They exit
with their parent.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import process
from typing import Any, TypeVar

from t2t_lottery.utils import errors

PROCESSES_VARIABLE = "T2T_LOTTERY_PROCESSES"

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def count() -> int:
  """The number of processes: $T2T_LOTTERY_PROCESSES, else the number of cores available to this process.

  Raises:
    errors.UserError: the variable is not a positive integer.
  """
  value = os.environ.get(PROCESSES_VARIABLE)
  if value is None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
  if not value.isdecimal() or int(value) < 1:
    raise errors.UserError(f"{PROCESSES_VARIABLE}={value}: must be a number, 1 or more")
  return int(value)


_shared: Any = None


def _start(shared: Any, parent: int) -> None:
  """Passes the job to a worker, and exits the worker when its parent is killed.

  An orphan would continue to write, and hold the inherited lock on the data.
  """
  global _shared
  _shared = shared

  def watch() -> None:
    while os.getppid() == parent:
      time.sleep(0.5)
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()


def _call(function: Callable[[Any, Any], Any], task: Any) -> Any:
  return function(_shared, task)


def each(
  function: Callable[[Any, _Task], _Result], shared: Any, tasks: Iterable[_Task], processes: int
) -> Iterator[_Result]:
  """Yields function(shared, task) for every task, in the order of the tasks.

  Args:
    function: a module-level function; task and result must be picklable.
    shared: argument of every call; inherited by the processes, never pickled.
    tasks: the tasks.
    processes: number of processes; 1 means this one.

  Raises:
    errors.UserError: a process was killed, usually because of lack of memory.
  """
  if processes == 1:
    for task in tasks:
      yield function(shared, task)
    return
  pool = concurrent.futures.ProcessPoolExecutor(
    processes, multiprocessing.get_context("fork"), _start, (shared, os.getpid())
  )
  try:
    futures = [pool.submit(_call, function, task) for task in tasks]
    for future in futures:
      yield future.result()
  except process.BrokenProcessPool:
    raise errors.UserError(
      "a datagen process was killed (out of memory?): run again with fewer,"
      f" {PROCESSES_VARIABLE}={max(1, processes // 2)}"
    ) from None
  finally:
    pool.shutdown(cancel_futures=True)
