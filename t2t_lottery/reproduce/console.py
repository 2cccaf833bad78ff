"""A graph of runs as text: before it is gone through, while it is, and after. Standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from t2t_lottery.reproduce.planning.forecast import Outlook, steps_remaining
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.reproduce.scheduler import End, Key
from t2t_lottery.runs import retention, training_log
from t2t_lottery.runs.run_status import State, Status


def in_words(current: Status, train_steps: int) -> str:
  """A run's status."""
  state = current.state
  if state == State.DONE:
    return f"done, BLEU {current.bleu:.1f}"
  if state == State.RUNNING and current.speed:
    left = training_log.clock((train_steps - current.step) / current.speed)
    return f"running, step {current.step:,} of {train_steps:,}, {current.speed:.1f} steps/s, {left} left"
  if state in (State.RUNNING, State.STOPPED):
    return f"{state.value}, step {current.step:,} of {train_steps:,}"
  return f"{state.value}: {current.error}" if current.error else state.value


def status(runs: Sequence[PlannedRun], statuses: Sequence[Status], train_steps: int) -> str:
  """How many runs have each status, and a line for each: running ones first, then failed ones."""
  order = list(State)
  both = sorted(zip(runs, statuses), key=lambda pair: order.index(pair[1].state))
  rows = [(str(run.seed), run.name, in_words(current, train_steps)) for run, current in both]
  return "\n".join([counts(statuses), "", *_aligned([("seed", "run", ""), *rows])])


def counts(statuses: Sequence[Status]) -> str:
  """How many runs have each status."""
  by_state = Counter(current.state for current in statuses)
  return f"{len(statuses)} runs: " + ", ".join(f"{by_state[state]} {state.value}" for state in State if by_state[state])


def dry_run(runs: Sequence[PlannedRun], statuses: Sequence[Status], train_steps: int, outlook: Outlook) -> str:
  """The runs in their order, with the steps that each still takes, and what all of them take."""
  rows = [
    (str(run.seed), run.name, f"{steps_remaining(current, train_steps):,}", in_words(current, train_steps))
    for run, current in zip(runs, statuses)
  ]
  wide = max(len("steps remaining"), *(len(row[2]) for row in rows))
  aligned = [(seed, name, steps.rjust(wide), state) for seed, name, steps, state in rows]
  return "\n".join(
    [*_aligned([("seed", "run", "steps remaining", ""), *aligned]), "", counts(statuses), *_remaining(outlook)]
  )


def _remaining(outlook: Outlook) -> list[str]:
  if outlook.seconds is None:
    time = "time unknown: no such run has shown its speed yet"
  else:
    speed = f" at {outlook.speed:.1f} steps/s, as such runs so far" if outlook.speed and outlook.steps else ""
    time = f"{training_log.clock(outlook.seconds)} one run after the other{speed}"
  origin = "as such runs so far" if outlook.measured else "computed from the model's size"
  return [
    f"training remaining: {outlook.steps:,} steps, {time}",
    f"disk still needed: about {gigabytes(outlook.disk[retention.ALL])}, with --keep=essential "
    f"{gigabytes(outlook.disk[retention.ESSENTIAL])} ({origin}), of {gigabytes(outlook.free)} that are free",
  ]


def too_little_disk(outlook: Outlook, keep: str, folder: str) -> str:
  """Says that the remaining runs do not fit."""
  less = outlook.disk[retention.ESSENTIAL]
  advice = "free some" if keep == retention.ESSENTIAL else f"free some, or give --keep=essential ({gigabytes(less)})"
  return (
    f"the remaining runs take about {gigabytes(outlook.disk[keep])}, but the disk of {folder} has {gigabytes(outlook.free)} "
    f"left: {advice}"
  )


def little_memory(memory: int, need: int, fit: int) -> str:
  """Says that fewer runs than requested are trained side by side."""
  return f"a run takes about {gigabytes(need)} of memory, {gigabytes(memory)} are free: {fit} side by side"


def gigabytes(count: int) -> str:
  """Bytes as GB of 10^9, with as many digits as say something."""
  return f"{count / 1e9:,.{2 if count < 1e10 else 0}f} GB"


def ends(runs: Sequence[PlannedRun], ended: Mapping[Key, End], errors: Mapping[Key, str]) -> str:
  """What has gone wrong: each run that failed, with its error, and those left out for it; empty if nothing has."""
  lines = []
  for run in runs:
    if ended[run.key] == End.FAILED:
      lines.append(f"failed: seed {run.seed}, {run.name}: {errors[run.key]}")
    elif ended[run.key] == End.LEFT_OUT:
      lines.append(f"left out, for a run that it depends on: seed {run.seed}, {run.name}")
  return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Lines of rows whose columns begin below one another."""
  wide = [max(map(len, column)) for column in zip(*rows)]
  return ["  ".join(cell.ljust(w) for cell, w in zip(row, wide)).rstrip() for row in rows]
