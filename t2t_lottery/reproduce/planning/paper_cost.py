"""The cost of the paper's tables: `python -m t2t_lottery.reproduce.planning.paper_cost` prints the tables of
`docs/scaling.md`.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from t2t_lottery.pruning import methods
from t2t_lottery.reproduce.planning import cost_model, device_speeds, forecast, run_graph
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.runs import presets, retention, training_log

Table = Sequence[Sequence[str]]

STEPS = presets.PAPER.train_steps
# The paper's model has 33,288 to 33,708 subwords; by default a run saves 20 checkpoints.
_VOCABULARY, _CHECKPOINTS = 33_288, 20
# Table 2 has neither LT nor MP-SLT.
METHODS = {"Table 1": run_graph.PAPERS, "Table 2": ("mp", "slt", "clt", "slt_mp")}
_DEVICES = (1, 2, 4, 8, 16, 24, 32)
_MACHINES = (
  (device_speeds.V3_8, 1),
  (device_speeds.V3_8, 8),
  (device_speeds.V100, 8),
  (device_speeds.A100, 8),
  (device_speeds.A100, 16),
  (device_speeds.A100, 32),
)


def table_graph(name: str, seeds: tuple[int, ...] = (1, 2)) -> list[PlannedRun]:
  """The runs of one of the paper's tables, or of both; for both, those of Table 2 get different seeds."""
  if name == "both":
    second = [run._replace(seed=run.seed + max(seeds)) for run in table_graph("Table 2", seeds)]
    return [*table_graph("Table 1", seeds), *second]
  return run_graph.graph(METHODS[name], seeds)


def rounds(runs: Sequence[PlannedRun], devices: int) -> cost_model.Cost:
  """The cost of a graph, in runs of equal length."""
  return cost_model.estimate(runs, [1] * len(runs), devices)


def disk(runs: Sequence[PlannedRun], keep: str) -> int:
  """Bytes of all finished runs of the paper's size; `keep` is one of `retention.CHOICES`."""
  prunes = [methods.METHODS[run.method].prunes for run in runs]
  return sum(forecast.run_bytes("base", _VOCABULARY, one, _CHECKPOINTS, keep) for one in prunes)


def speed_table() -> Table:
  """Devices, and the time of the paper's run on one."""
  rows: list[Sequence[str]] = [("device", "subwords/s", "steps/s", "hours a run", "source")]
  for device in device_speeds.DEVICES:
    kind = "extrapolated: " if device.extrapolated else ""
    hours = f"{device.hours(STEPS):.0f}"
    rows.append((device.name, f"{device.subwords:,.0f}", f"{device.steps_a_second():.2f}", hours, kind + device.source))
  return rows


def totals_table() -> Table:
  """Runs, steps and disk of the tables, independent of the device."""
  rows: list[Sequence[str]] = [
    ("", "seeds", "runs", "million steps", "longest chain", "TB, all checkpoints", "TB, essential")
  ]
  for name in ("Table 1", "Table 2", "both"):
    for seeds in ((1,), (1, 2)):
      runs = table_graph(name, seeds)
      costs = rounds(runs, 1)
      disks = [f"{disk(runs, keep) / 1e12:.2f}" for keep in retention.CHOICES]
      steps = f"{costs.steps * STEPS / 1e6:.1f}"
      rows.append((name, str(len(seeds)), str(costs.runs), steps, f"{costs.chain_steps} runs", *disks))
  return rows


def device_table() -> Table:
  """Device hours of the tables, two seeds."""
  names = ("Table 1", "Table 2", "both")
  rows: list[Sequence[str]] = [("device hours", *names)]
  for device in device_speeds.DEVICES:
    rows.append((device.name, *(f"{device.hours(len(table_graph(name)) * STEPS):,.0f}" for name in names)))
  return rows


def rounds_table() -> Table:
  """Sequential runs of the tables on several devices, two seeds, and how busy the devices are."""
  names = ("Table 1", "Table 2", "both")
  rows: list[Sequence[str]] = [("devices", *names, *(f"{name}, longest chain first" for name in names))]
  for devices in _DEVICES:
    graphs = [table_graph(name) for name in names]
    costs = [rounds(runs, devices) for runs in [*graphs, *map(cost_model.longest_first, graphs)]]
    rows.append((str(devices), *(f"{one.wall_steps} ({one.busy:.0%})" for one in costs)))
  return rows


def machine_table() -> Table:
  """Days of the tables on some machines, two seeds."""
  names = ("Table 1", "Table 2", "both")
  rows: list[Sequence[str]] = [("days", *names, "longest chain")]
  for device, count in _MACHINES:
    run = device.hours(STEPS) / 24
    costs = [rounds(table_graph(name), count) for name in names]
    days = [*(one.wall_steps for one in costs), costs[0].chain_steps]
    rows.append((f"{count} {device.name}", *(f"{one * run:,.0f}" for one in days)))
  return rows


def shorter_table() -> Table:
  """Flags that shorten the longest chain of Table 1, two seeds."""
  changes = (
    *("", "--rewind=dense", "--prune_each=20", "--levels=20 40 60 80 90 95 98", "--levels=50 80 90 95", "--one_shot"),
    "--one_shot --rewind=dense",
  )
  rows: list[Sequence[str]] = [("", "runs", "longest chain", "8 devices", "32 devices", "days on 8 A100", "on 32 A100")]
  run = device_speeds.A100.hours(STEPS) / 24
  for change in changes:
    flags = re.split(" (?=--)", change) if change else []
    graph = run_graph.graph(METHODS["Table 1"], (1, 2), flags)
    few, many = (rounds(graph, devices) for devices in (8, 32))
    name = "`" + re.sub("=(.* .*)", r'="\1"', change) + "`" if change else "as in the paper"
    days = [f"{one.wall_steps * run:.0f}" for one in (few, many)]
    rows.append((name, str(few.runs), str(few.chain_steps), str(few.wall_steps), str(many.wall_steps), *days))
  return rows


def markdown(rows: Table) -> str:
  """A Markdown table; the first row is its header."""
  head, *body = rows
  return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))


def dry_run(runs: Sequence[PlannedRun], lengths: Sequence[int], devices: int, size: str, speed: float | None) -> str:
  """The lines of a dry run about a graph's cost; empty if no steps remain.

  Args:
    runs, lengths: the graph, and the remaining steps of each run.
    devices: how many train in parallel.
    size: the model's.
    speed: steps per second of similar runs so far; None if there are none.
  """
  costs = cost_model.estimate(runs, lengths, devices)
  if not costs.steps:
    return ""
  chain = "1 run" if len(costs.chain) == 1 else f"{len(costs.chain)} runs in sequence"
  lines = [f"longest chain: {chain}, {costs.chain_steps:,} steps"]
  if devices > 1:
    clock = f", {training_log.clock(costs.wall_steps / speed)}" if speed else ""
    lines.append(
      f"on {devices} devices, one run each: as long as {costs.wall_steps:,} sequential steps{clock};"
      f" devices busy {costs.busy:.0%} of the time"
    )
  if size == "base":
    lines.append(
      f"at published speeds, with the paper's {device_speeds.SUBWORDS_A_STEP:,} subwords per step (docs/scaling.md):"
    )
    for device in device_speeds.DEVICES:
      side = f", {device.hours(costs.wall_steps) / 24:,.1f} days on {devices}" if devices > 1 else ""
      kind = ", extrapolated" if device.extrapolated else ""
      lines.append(f"  {device.name}: {device.hours(costs.steps):,.0f} device hours{side}{kind}")
  return "\n".join(lines)


def tables() -> list[str]:
  """All tables of `docs/scaling.md`, in Markdown."""
  made = (speed_table, totals_table, device_table, rounds_table, machine_table, shorter_table)
  return [markdown(make()) for make in made]


if __name__ == "__main__":
  print("\n\n".join(tables()))
