"""The runs of a table as one graph, in which a run shared by several methods appears once. Standard library only.

Only the drivers in `run_scripts/`, the methods' recipes, describe a chain of runs: each prints its runs for `--plan`.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from t2t_lottery.reproduce.planning import driver_flags
from t2t_lottery.runs import paths
from t2t_lottery.utils.errors import UsageError, UserError

DENSE = "dense"
# The paper's methods; the others are compared with them. Each has a driver with its name.
PAPERS = (DENSE, "mp", "lt", "slt", "clt", "slt_mp", "mp_slt")
METHODS = (*PAPERS, "lrr", "finetune", "snip", "synflow", "supermask", "units", "heads", "imp")


# Those that fine-tune a pre-trained BERT (`--checkpoint`); all others train a Transformer for translation.
OF_BERT = ("imp",)


class PlannedRun(NamedTuple):
  """A run of the graph.

  Attributes:
    name: its name, which states its lineage.
    method: of `methods.METHODS`.
    level: sparsity in percent.
    parents: names of the runs with the same seed whose checkpoints it needs.
    flags: of `python -m t2t_lottery.train`, in addition to the flags that all steps share.
    seed: its random seed.
  """

  name: str
  method: str
  level: str
  parents: tuple[str, ...]
  flags: tuple[str, ...]
  seed: int = 0

  def flag(self, name: str) -> str | None:
    """The value of one of its flags; None if it does not have it."""
    return next(iter(self._values(name)), None)

  @property
  def controls(self) -> list[str]:
    """Its controls and variants."""
    return self._values("control")

  def _values(self, name: str) -> list[str]:
    return [flag.partition("=")[2] for flag in self.flags if flag.startswith(f"--{name}=")]

  def length(self, usual: int) -> int:
    """Its length in steps, given that of runs without a length of their own (`--equal_training`)."""
    return int(self.flag("steps") or usual)

  @property
  def key(self) -> tuple[int, str]:
    """Its key in the graph."""
    return self.seed, self.name


class _Plan(NamedTuple):
  """The output of a driver: its runs, and the flags without effect."""

  runs: tuple[PlannedRun, ...]
  unused: frozenset[str]


def graph(methods: Sequence[str], seeds: Sequence[int] = (1,), flags: Sequence[str] = ()) -> list[PlannedRun]:
  """The runs, each once, parents before children: seed by seed, those with the most descendants first.

  Args:
    methods: of `METHODS`; the dense run is always included.
    seeds: random seeds.
    flags: flags of a driver that define the runs (`driver_flags.of_chain`), such as "--levels=50 80".

  Raises:
    UsageError: a flag is invalid, or has no effect on any of the methods.
    UserError: a driver cannot be run.
  """
  plans = [_plan(method, tuple(flags)) for method in methods]
  if useless := frozenset.intersection(*(plan.unused for plan in plans)):
    raise UsageError(f"{min(useless)} has no effect on {', '.join(methods)}: leave it out")
  runs: dict[str, PlannedRun] = {}
  for plan in plans:
    for run in plan.runs:
      # SLT at several t makes the dense run keep more checkpoints than other methods do.
      if len(run.flags) >= len(runs.setdefault(run.name, run).flags):
        runs[run.name] = run
  descendants: dict[str, set[str]] = {name: set() for name in runs}
  for run in runs.values():
    for ancestor in _ancestors(run, runs):
      descendants[ancestor].add(run.name)
  # A parent has more descendants than its child, so the order is topological.
  ordered = sorted(runs.values(), key=lambda run: -len(descendants[run.name]))
  return [run._replace(seed=seed) for seed in seeds for run in ordered]


def _ancestors(run: PlannedRun, runs: dict[str, PlannedRun]) -> set[str]:
  found = set(run.parents)
  for parent in run.parents:
    found |= _ancestors(runs[parent], runs)
  return found


@functools.cache
def _plan(method: str, flags: tuple[str, ...]) -> _Plan:
  """Calls the driver of a method for its runs."""
  driver = os.path.join(driver_flags.ROOT, "run_scripts", f"{method}.sh")
  try:
    done = subprocess.run([driver, "--plan=table", *flags], capture_output=True, text=True, check=False)
  except OSError as error:
    raise UserError(f"{driver} cannot be run: {error.strerror}") from error
  if done.returncode:
    message = done.stderr.strip().removeprefix(f"{method}.sh: ").replace("this method", method)
    raise UsageError(message) if done.returncode == 2 else UserError(f"{driver} failed: {message}")
  (_, *unused), *runs = (line.split("\t") for line in done.stdout.splitlines())
  return _Plan(tuple(_run(name, flags) for name, *flags in runs), frozenset(unused))


def _run(name: str, flags: list[str]) -> PlannedRun:
  of = dict(flag[2:].split("=", 1) for flag in flags)
  # A mask that comes from another problem's run is of another graph.
  named = (of[parent] for parent in ("mask_from", "rewind_from", "ticket_of") if parent in of)
  parents = dict.fromkeys(name for name in named if not paths.is_of_other_problem(name))
  return PlannedRun(name, of.get("method", DENSE), of.get("level", "0"), tuple(parents), tuple(flags))
