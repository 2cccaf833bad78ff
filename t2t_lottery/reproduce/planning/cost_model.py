"""The cost of a graph of runs: steps, the longest chain of dependent runs, and the time on several devices.

Pure functions; standard library only. A device trains one run at a time: a GPU, all GPUs of a machine, a TPU.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from t2t_lottery.reproduce.planning.run_graph import PlannedRun


class Slot(NamedTuple):
  """When and where a run is trained.

  Attributes:
    run: the run.
    device: number of the device, from 0.
    start, end: times, in steps of training.
  """

  run: PlannedRun
  device: int
  start: int
  end: int


class Cost(NamedTuple):
  """The cost of a graph.

  Attributes:
    runs: number of runs to train.
    steps: of all of them.
    chain: the longest chain of runs in which each needs the previous one; more devices do not shorten it.
    chain_steps: its steps.
    devices: number of devices that train in parallel.
    wall_steps: time from the first run's start to the last one's end, in steps.
  """

  runs: int
  steps: int
  chain: tuple[PlannedRun, ...]
  chain_steps: int
  devices: int
  wall_steps: int

  @property
  def busy(self) -> float:
    """The fraction of the devices' time spent training."""
    return self.steps / (self.devices * self.wall_steps) if self.wall_steps else 1.0


def estimate(runs: Sequence[PlannedRun], lengths: Sequence[int], devices: int) -> Cost:
  """The cost of a graph on N devices.

  Args:
    runs: the graph, parents first.
    lengths: remaining steps of each run; 0 if it is done.
    devices: how many train in parallel, one run each.
  """
  chain = longest_chain(runs, lengths)
  steps_of = {run.key: steps for run, steps in zip(runs, lengths)}
  return Cost(
    runs=sum(steps > 0 for steps in lengths),
    steps=sum(lengths),
    chain=chain,
    chain_steps=sum(steps_of[run.key] for run in chain),
    devices=devices,
    wall_steps=max((slot.end for slot in schedule(runs, lengths, devices)), default=0),
  )


def longest_chain(runs: Sequence[PlannedRun], lengths: Sequence[int]) -> tuple[PlannedRun, ...]:
  """The chain of dependent runs with the most steps; the first of equal ones.

  Runs without remaining steps are left out.
  """
  by_key = {run.key: run for run in runs}
  # Key of a run -> steps until its end if it waits only for its parents, and the parent that ends last.
  ends: dict[tuple[int, str], int] = {}
  before: dict[tuple[int, str], PlannedRun | None] = {}
  last, steps_of = None, {}
  for run, steps in zip(runs, lengths):
    parents = [by_key[run.seed, name] for name in run.parents]
    slowest = max(parents, key=lambda parent: ends[parent.key], default=None)
    before[run.key], steps_of[run.key] = slowest, steps
    ends[run.key] = steps + (ends[slowest.key] if slowest else 0)
    if last is None or ends[run.key] > ends[last.key]:
      last = run
  chain = []
  while last is not None:
    if steps_of[last.key]:
      chain.append(last)
    last = before[last.key]
  return tuple(reversed(chain))


def longest_first(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
  """The runs reordered, still parents first, so that the longest chains start first."""
  below: dict[tuple[int, str], int] = {run.key: 0 for run in runs}
  for run in reversed(runs):
    for parent in run.parents:
      below[run.seed, parent] = max(below[run.seed, parent], 1 + below[run.key])
  return sorted(runs, key=lambda run: -below[run.key])


def schedule(runs: Sequence[PlannedRun], lengths: Sequence[int], devices: int) -> list[Slot]:
  """List scheduling: a free device takes the first run, in the graph's order, whose parents are done.

  Args:
    runs: the graph, parents first.
    lengths: remaining steps of each run; runs with 0 are done and get no slot.
    devices: number of devices, at least 1.

  Returns:
    A slot for each remaining run, in order of their starts.
  """
  waiting = [(run, steps) for run, steps in zip(runs, lengths) if steps]
  done = {run.key for run, steps in zip(runs, lengths) if not steps}
  free = list(range(devices))
  busy: list[tuple[int, int, tuple[int, str]]] = []
  now, slots = 0, []
  while waiting:
    ready = [pair for pair in waiting if all((pair[0].seed, parent) in done for parent in pair[0].parents)]
    for (run, steps), device in zip(ready, free[:]):
      slots.append(Slot(run, device, now, now + steps))
      heapq.heappush(busy, (now + steps, device, run.key))
      waiting.remove((run, steps))
      free.remove(device)
    now = busy[0][0]
    while busy and busy[0][0] == now:
      _, device, key = heapq.heappop(busy)
      done.add(key)
      free.append(device)
    free.sort()
  return slots
