"""Goes through a graph of runs: what is ready next, and what has become of each. Standard library only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures

from t2t_lottery.reproduce.planning.run_graph import PlannedRun

Key = tuple[int, str]


class End(enum.Enum):
  """What has become of a run."""

  DONE = "done"
  FAILED = "failed"
  LEFT_OUT = "left out"  # depends on one that failed


def ready(runs: Sequence[PlannedRun], ended: Mapping[Key, End]) -> list[PlannedRun]:
  """The runs whose parents are done and that have not ended, in the order given."""
  return [
    run
    for run in runs
    if run.key not in ended and all(ended.get((run.seed, parent)) == End.DONE for parent in run.parents)
  ]


def left_out(runs: Sequence[PlannedRun], ended: Mapping[Key, End]) -> list[PlannedRun]:
  """The runs that have not ended and cannot begin, for want of a parent."""
  lost = {key for key, end in ended.items() if end != End.DONE}
  return [run for run in runs if run.key not in ended and any((run.seed, parent) in lost for parent in run.parents)]


def follow(
  runs: Sequence[PlannedRun],
  do: Callable[[PlannedRun], bool],
  is_busy: Callable[[PlannedRun], bool],
  room: Callable[[], int] = lambda: 1,
  on_stop: Callable[[], None] = lambda: None,
) -> dict[Key, End]:
  """Does every run after its parents; what does not depend on a failed one continues.

  Args:
    runs: the graph, in the order of preference.
    do: does a run, and returns whether it is done; called from threads, one for each running one.
    is_busy: whether another process works on a run; others are preferred to it, so that two go through one graph
      side by side.
    room: for how many runs side by side there is room.
    on_stop: called when this thread is interrupted; makes every `do` return soon.

  Returns:
    What has become of each run.
  """
  ended: dict[Key, End] = {}
  at_work: dict[futures.Future[bool], PlannedRun] = {}

  def start() -> None:
    able = [run for run in ready(runs, ended) if run not in at_work.values()]
    for run in sorted(able, key=is_busy):
      if at_work and (len(at_work) >= room() or is_busy(run)):
        break
      at_work[pool.submit(do, run)] = run

  with futures.ThreadPoolExecutor(max_workers=len(runs)) as pool:
    try:
      start()
      while at_work:
        done, _ = futures.wait(at_work, return_when=futures.FIRST_COMPLETED)
        for future in done:
          ended[at_work.pop(future).key] = End.DONE if future.result() else End.FAILED
        while lost := left_out(runs, ended):
          ended.update({run.key: End.LEFT_OUT for run in lost})
        start()
    except BaseException:
      on_stop()
      raise
  return ended
