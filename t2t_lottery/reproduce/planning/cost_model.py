"""What a graph of runs costs: steps, the longest chain of runs that wait for one another, and the time on several devices.

Pure functions; standard library only. A device is what trains one run by itself: a GPU, all GPUs of a box, a TPU.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from t2t_lottery.reproduce.planning.run_graph import PlannedRun


class Slot(NamedTuple):
  """When and where a run is trained; time is counted in steps of training.

  Attributes:
    run: the run.
    device: number of the device, from 0 on.
    start, end: steps that a device has trained by then.
  """

  run: PlannedRun
  device: int
  start: int
  end: int


class Cost(NamedTuple):
  """What a graph costs.

  Attributes:
    runs: how many there are to train.
    steps: of all of them.
    chain: the longest chain: runs of which each needs the one before. No number of devices makes this shorter.
    chain_steps: its steps.
    devices: how many train side by side.
    wall_steps: steps that one device trains, or waits, from the first run's start to the last one's end.
  """

  runs: int
  steps: int
  chain: tuple[PlannedRun, ...]
  chain_steps: int
  devices: int
  wall_steps: int

  @property
  def busy(self) -> float:
    """The share of the devices' time that is training."""
    return self.steps / (self.devices * self.wall_steps) if self.wall_steps else 1.0


def estimate(runs: Sequence[PlannedRun], lengths: Sequence[int], devices: int) -> Cost:
  """What a graph costs on N devices.

  Args:
    runs: the graph, parents first.
    lengths: steps that each run still takes; a run of none is done.
    devices: how many train side by side, one run each.
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
  """Of the chains in which each run needs the one before, the one that takes the most steps; the first of equal ones.

  Runs of no steps are left out.
  """
  by_key = {run.key: run for run in runs}
  # Key of a run -> steps until its end if nothing but its parents held it up, and the parent that it waits for longest.
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
  """The runs in another order, parents first as well: those first that the longest chains wait for."""
  below: dict[tuple[int, str], int] = {run.key: 0 for run in runs}
  for run in reversed(runs):
    for parent in run.parents:
      below[run.seed, parent] = max(below[run.seed, parent], 1 + below[run.key])
  return sorted(runs, key=lambda run: -below[run.key])


def schedule(runs: Sequence[PlannedRun], lengths: Sequence[int], devices: int) -> list[Slot]:
  """List scheduling: a free device takes the first run, in the graph's order, whose parents are done.

  Args:
    runs: the graph, parents first.
    lengths: steps that each run still takes; runs of none are done from the start, and get no slot.
    devices: how many there are, at least 1.

  Returns:
    A slot for each run, in the order of their starts.
  """
  waiting = [(run, steps) for run, steps in zip(runs, lengths) if steps]
  done = {run.key for run, steps in zip(runs, lengths) if not steps}
  free = list(range(devices))
  busy: list[tuple[int, int, tuple[int, str]]] = []
  now, slots = 0, []
  while waiting:
    able = [one for one in waiting if all((one[0].seed, parent) in done for parent in one[0].parents)]
    for (run, steps), device in zip(able, free[:]):
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
