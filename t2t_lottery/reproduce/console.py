"""A graph of runs as text: forecast, status and failures. Standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from t2t_lottery.reproduce.planning.forecast import Forecast, remaining_steps
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.reproduce.scheduler import End, Key
from t2t_lottery.runs import retention, training_log
from t2t_lottery.runs.run_status import State, Status


def describe(current: Status, train_steps: int) -> str:
  """The status of a run as text."""
  state = current.state
  if state == State.DONE:
    return f"done, {current.metric} {current.bleu:.1f}"
  if state == State.RUNNING and current.speed:
    left = training_log.clock((train_steps - current.step) / current.speed)
    return f"running, step {current.step:,} of {train_steps:,}, {current.speed:.1f} steps/s, {left} left"
  if state in (State.RUNNING, State.STOPPED):
    return f"{state.value}, step {current.step:,} of {train_steps:,}"
  return f"{state.value}: {current.error}" if current.error else state.value


def status(runs: Sequence[PlannedRun], statuses: Sequence[Status], train_steps: int) -> str:
  """How many runs have each status, and a line for each run: running ones first, then failed ones."""
  order = list(State)
  both = sorted(zip(runs, statuses), key=lambda pair: order.index(pair[1].state))
  rows = [(str(run.seed), run.name, describe(current, run.length(train_steps))) for run, current in both]
  return "\n".join([counts(statuses), "", *_aligned([("seed", "run", ""), *rows])])


def counts(statuses: Sequence[Status]) -> str:
  """How many runs have each status."""
  by_state = Counter(current.state for current in statuses)
  return f"{len(statuses)} runs: " + ", ".join(f"{by_state[state]} {state.value}" for state in State if by_state[state])


def dry_run(runs: Sequence[PlannedRun], statuses: Sequence[Status], train_steps: int, forecast: Forecast) -> str:
  """The runs in their order, each with its remaining steps, and the forecast for all of them."""
  rows = [
    (str(run.seed), run.name, f"{steps:,}", describe(current, run.length(train_steps)))
    for run, current, steps in zip(runs, statuses, remaining_steps(runs, statuses, train_steps))
  ]
  wide = max(len("steps remaining"), *(len(row[2]) for row in rows))
  aligned = [(seed, name, steps.rjust(wide), state) for seed, name, steps, state in rows]
  return "\n".join(
    [*_aligned([("seed", "run", "steps remaining", ""), *aligned]), "", counts(statuses), *_remaining(forecast)]
  )


def _remaining(forecast: Forecast) -> list[str]:
  if forecast.seconds is None:
    time = "time unknown until a similar run has logged its speed"
  else:
    speed = f" at {forecast.speed:.1f} steps/s, measured on similar runs" if forecast.speed and forecast.steps else ""
    time = f"{training_log.clock(forecast.seconds)} for one run at a time{speed}"
  origin = "measured on similar runs" if forecast.measured else "computed from the model's size"
  return [
    f"training remaining: {forecast.steps:,} steps, {time}",
    f"disk still needed: about {gigabytes(forecast.disk[retention.ALL])}, with --keep=essential "
    f"{gigabytes(forecast.disk[retention.ESSENTIAL])} ({origin}), of {gigabytes(forecast.free)} free",
  ]


def too_little_disk(forecast: Forecast, keep: str, folder: str) -> str:
  """The message that the remaining runs do not fit on the disk."""
  less = forecast.disk[retention.ESSENTIAL]
  advice = "free some" if keep == retention.ESSENTIAL else f"free some, or give --keep=essential ({gigabytes(less)})"
  return (
    f"the remaining runs need about {gigabytes(forecast.disk[keep])}, but the disk of {folder} has "
    f"{gigabytes(forecast.free)} left: {advice}"
  )


def too_little_memory(memory: int, need: int, fit: int) -> str:
  """The message that fewer runs than requested are trained in parallel."""
  return f"a run needs about {gigabytes(need)} of memory, {gigabytes(memory)} are free: {fit} in parallel"


def gigabytes(count: int) -> str:
  """Bytes as GB of 10^9, with two decimals below 10 GB and none above."""
  return f"{count / 1e9:,.{2 if count < 1e10 else 0}f} GB"


def failures(runs: Sequence[PlannedRun], ends: Mapping[Key, End], errors: Mapping[Key, str]) -> str:
  """A line for each run that failed, with its error, and for each that was skipped because of it; empty if none."""
  lines = []
  for run in runs:
    if ends[run.key] == End.FAILED:
      lines.append(f"failed: seed {run.seed}, {run.name}: {errors[run.key]}")
    elif ends[run.key] == End.SKIPPED:
      lines.append(f"skipped, because it depends on a failed run: seed {run.seed}, {run.name}")
  return "\n".join(lines)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """The rows as lines with aligned columns."""
  wide = [max(map(len, column)) for column in zip(*rows)]
  return ["  ".join(cell.ljust(w) for cell, w in zip(row, wide)).rstrip() for row in rows]
