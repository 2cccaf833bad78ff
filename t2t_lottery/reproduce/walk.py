"""Goes through a graph of runs: what is ready next, and what has become of each. Standard library only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence

from t2t_lottery.plan import Run

Key = tuple[int, str]


class End(enum.Enum):
  """What has become of a run."""

  DONE = "done"
  FAILED = "failed"
  LEFT_OUT = "left out"  # depends on one that failed


def ready(runs: Sequence[Run], ended: Mapping[Key, End]) -> list[Run]:
  """The runs whose parents are done and that have not ended, in the order given."""
  return [
    run
    for run in runs
    if run.key not in ended and all(ended.get((run.seed, parent)) == End.DONE for parent in run.parents)
  ]


def left_out(runs: Sequence[Run], ended: Mapping[Key, End]) -> list[Run]:
  """The runs that have not ended and cannot begin, for want of a parent."""
  lost = {key for key, end in ended.items() if end != End.DONE}
  return [run for run in runs if run.key not in ended and any((run.seed, parent) in lost for parent in run.parents)]


def follow(runs: Sequence[Run], do: Callable[[Run], bool], is_busy: Callable[[Run], bool]) -> dict[Key, End]:
  """Does every run after its parents; what does not depend on a failed one goes on.

  Args:
    runs: the graph, in the order of preference.
    do: does a run, and tells whether it is done.
    is_busy: whether another process is at work on a run; others are preferred to it, so that two go through one graph
      side by side.

  Returns:
    What has become of each run.
  """
  ended: dict[Key, End] = {}
  while able := ready(runs, ended):
    run = next((run for run in able if not is_busy(run)), able[0])
    ended[run.key] = End.DONE if do(run) else End.FAILED
    while lost := left_out(runs, ended):
      ended.update({one.key: End.LEFT_OUT for one in lost})
  return ended
