"""Executes a graph of runs in order of their dependencies. Standard library only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures

from t2t_lottery.reproduce.planning.run_graph import PlannedRun

Key = tuple[int, str]


class End(enum.Enum):
  """How a run ended."""

  DONE = "done"
  FAILED = "failed"
  SKIPPED = "skipped"  # depends on one that failed


def ready(runs: Sequence[PlannedRun], ends: Mapping[Key, End]) -> list[PlannedRun]:
  """The runs that have not ended and whose parents are done, in the given order."""
  return [
    run
    for run in runs
    if run.key not in ends and all(ends.get((run.seed, parent)) == End.DONE for parent in run.parents)
  ]


def blocked(runs: Sequence[PlannedRun], ends: Mapping[Key, End]) -> list[PlannedRun]:
  """The runs that have not ended and cannot start, because a parent failed or was skipped."""
  lost = {key for key, end in ends.items() if end != End.DONE}
  return [run for run in runs if run.key not in ends and any((run.seed, parent) in lost for parent in run.parents)]


def execute(
  runs: Sequence[PlannedRun],
  do: Callable[[PlannedRun], bool],
  is_busy: Callable[[PlannedRun], bool],
  capacity: Callable[[], int] = lambda: 1,
  on_stop: Callable[[], None] = lambda: None,
) -> dict[Key, End]:
  """Executes every run after its parents; when a run fails, those that do not depend on it continue.

  Args:
    runs: the graph, in order of preference.
    do: executes a run and returns whether it is done; called in one thread per parallel run.
    is_busy: whether another process trains or evaluates a run; such runs come last, so that two processes can share a
      graph.
    capacity: returns how many runs may be executed in parallel.
    on_stop: called when this thread is interrupted; makes every `do` return soon.

  Returns:
    How each run ended.
  """
  ends: dict[Key, End] = {}
  running: dict[futures.Future[bool], PlannedRun] = {}

  def start() -> None:
    startable = [run for run in ready(runs, ends) if run not in running.values()]
    for run in sorted(startable, key=is_busy):
      if running and (len(running) >= capacity() or is_busy(run)):
        break
      running[pool.submit(do, run)] = run

  with futures.ThreadPoolExecutor(max_workers=len(runs)) as pool:
    try:
      start()
      while running:
        done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
        for future in done:
          ends[running.pop(future).key] = End.DONE if future.result() else End.FAILED
        while skipped := blocked(runs, ends):
          ends.update({run.key: End.SKIPPED for run in skipped})
        start()
    except BaseException:
      on_stop()
      raise
  return ends
