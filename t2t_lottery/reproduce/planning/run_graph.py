"""The runs of a whole table as one graph, in which a run that methods share appears once. Standard library only.

Names and flags are those that the drivers in `run_scripts/` give, so a run that one has trained is found by the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from t2t_lottery.utils.errors import UserError

# The paper's (section 4, table 1). SLT-MP goes straight to 50%.
LEVELS = tuple("10 20 30 40 50 60 70 80 85 90 95 98".split())
LEVELS_OF = {"slt_mp": tuple("50 60 70 80 85 90 95 98".split())}
SWITCH = "60"
DENSE = "dense"
GLOBAL_MAGNITUDE = "global_magnitude"
# The methods of which each level is a ticket of the level before.
TICKETS = ("lt", "slt", "clt")


class Selection(NamedTuple):
  """What is asked for.

  Attributes:
    methods: of `METHODS`.
    seeds: of the runs.
    levels: sparsities in percent, rising; None for the paper's.
    switch: the level at which SLT-MP and MP-SLT change over.
    prune_each: percent of the remaining weights to prune at each level, up to the last of `levels`.
    rewind_dense: whether tickets rewind to the dense run, not to the run of the level before.
    one_shot: whether every ticket is drawn from the dense run.
    variant: a control by which every ticket is drawn, and every run pruned, or nothing.
    controls: controls trained beside each ticket.
  """

  methods: tuple[str, ...]
  seeds: tuple[int, ...] = (1,)
  levels: tuple[str, ...] | None = None
  switch: str = SWITCH
  prune_each: float | None = None
  rewind_dense: bool = False
  one_shot: bool = False
  variant: str = ""
  controls: tuple[str, ...] = ()


class PlannedRun(NamedTuple):
  """A run of the graph.

  Attributes:
    name: its line of descent.
    method: of `methods.METHODS`.
    level: sparsity in percent.
    parents: names of the runs whose checkpoints it needs, of the same seed.
    flags: what `python -m t2t_lottery.train` gets beside the flags that all steps share.
    seed: its random seed.
  """

  name: str
  method: str
  level: str
  parents: tuple[str, ...]
  flags: tuple[str, ...]
  seed: int = 0

  @property
  def key(self) -> tuple[int, str]:
    """What tells it from all other runs of the graph."""
    return self.seed, self.name


def graph(choices: Selection) -> list[PlannedRun]:
  """The runs, each once, parents before children: seed by seed, those first on which the most others depend.

  Raises:
    UserError: if a method has no such variant.
  """
  for method in choices.methods:
    if choices.variant == GLOBAL_MAGNITUDE and method not in (DENSE, *TICKETS):
      raise UserError(f"--variant={GLOBAL_MAGNITUDE} is for {', '.join(TICKETS)} alone: {method} does not prune so")
  levels = None if choices.levels is None else tuple(map(level, choices.levels))
  choices = choices._replace(levels=levels, switch=level(choices.switch))
  runs = {DENSE: PlannedRun(DENSE, DENSE, "0", (), ())}
  for method in choices.methods:
    for run in METHODS[method](choices):
      runs.setdefault(run.name, run)
  heirs: dict[str, set[str]] = {name: set() for name in runs}
  for run in runs.values():
    for ancestor in _ancestors(run, runs):
      heirs[ancestor].add(run.name)
  # All that depends on a run's child depends on the run, and the child as well, so the order is topological.
  ordered = sorted(runs.values(), key=lambda run: -len(heirs[run.name]))
  return [run._replace(seed=seed) for seed in choices.seeds for run in ordered]


def level(text: str) -> str:
  """A sparsity in percent as the names of runs have it: 50 for 050 and 50.0; what is no number stays."""
  match = re.fullmatch(r"0*([0-9]+)(?:\.([0-9]*?)0*)?", text)
  return text if not match or text.endswith(".") else match[1] + (f".{match[2]}" if match[2] else "")


def _ancestors(run: PlannedRun, runs: dict[str, PlannedRun]) -> set[str]:
  found = set(run.parents)
  for parent in run.parents:
    found |= _ancestors(runs[parent], runs)
  return found


def levels_of(choices: Selection, method: str) -> tuple[str, ...]:
  """The levels of a method."""
  levels = LEVELS_OF.get(method, LEVELS) if choices.levels is None else choices.levels
  return levels if choices.prune_each is None else tuple(_remaining(choices.prune_each, levels[-1]))


def _remaining(share: float, last: str) -> Iterator[str]:
  kept = 100 - share
  while 100 - kept < float(last):
    yield f"{100 - kept:.6g}"
    kept *= 1 - share / 100
  yield last


def _up_to_switch(choices: Selection, method: str) -> list[str]:
  """The levels up to the one where two methods change over, that one included."""
  found = {float(level): level for level in (choices.switch, *levels_of(choices, method))}
  return [found[level] for level in sorted(found) if level <= float(choices.switch)]


def _above_switch(choices: Selection, method: str) -> list[str]:
  return [level for level in levels_of(choices, method) if float(level) > float(choices.switch)]


def _named(choices: Selection, name: str) -> str:
  """A name that says by which variant the run is pruned, once."""
  return name if not choices.variant or f"+{choices.variant}" in name else f"{name}+{choices.variant}"


def _variant(choices: Selection) -> list[str]:
  return [f"--control={choices.variant}"] if choices.variant else []


def _iterative(
  choices: Selection, method: str, levels: Iterable[str], before: str, name: str
) -> tuple[list[PlannedRun], str]:
  """Levels of one method, each a ticket drawn from the run before; the last one's name."""
  name = _named(choices, name) + ("+rewind_dense" if choices.rewind_dense else "")
  first, runs = name, []
  for level in levels:
    name = f"{first if choices.one_shot else name}-{level}"
    flags = [f"--method={method}", f"--level={level}", f"--mask_from={before}"]
    parents = [before]
    if choices.rewind_dense:
      flags.append("--rewind_from=dense")
      parents.append(DENSE)
    flags += _variant(choices)
    for suffix, more in [("", []), *((f"+{control}", [f"--control={control}"]) for control in choices.controls)]:
      runs.append(PlannedRun(name + suffix, method, level, tuple(dict.fromkeys(parents)), (*flags, *more)))
    before = before if choices.one_shot else name
  return runs, name


def _apart(
  choices: Selection, method: str, levels: Iterable[str], name: str, parents: tuple[str, ...], flags: list[str]
) -> list[PlannedRun]:
  """Levels of which none needs another one's run."""
  name, flags = _named(choices, name), flags + _variant(choices)
  return [
    PlannedRun(f"{name}-{level}", method, level, parents, (f"--method={method}", f"--level={level}", *flags))
    for level in levels
  ]


def _tickets(method: str) -> Callable[[Selection], list[PlannedRun]]:
  return lambda choices: _iterative(choices, method, levels_of(choices, method), DENSE, method)[0]


def _mp(choices: Selection) -> list[PlannedRun]:
  return _apart(choices, "mp", levels_of(choices, "mp"), "mp", (), [])


def _slt_mp(choices: Selection) -> list[PlannedRun]:
  runs, ticket = _iterative(choices, "slt", _up_to_switch(choices, "slt_mp"), DENSE, "slt")
  flags, parents = [f"--initial_level={choices.switch}", f"--mask_from={ticket}"], [ticket]
  if choices.rewind_dense:
    flags.append("--rewind_from=dense")
    parents.append(DENSE)
  return runs + _apart(choices, "slt_mp", _above_switch(choices, "slt_mp"), f"{ticket}-mp", tuple(parents), flags)


def _mp_slt(choices: Selection) -> list[PlannedRun]:
  runs = _apart(choices, "mp", _up_to_switch(choices, "mp_slt"), "mp", (), [])
  ticket = runs[-1].name
  return runs + _iterative(choices, "mp_slt", _above_switch(choices, "mp_slt"), ticket, f"{ticket}-slt")[0]


def _at_start(score: str) -> Callable[[Selection], list[PlannedRun]]:
  """Levels each drawn from the initial weights by a score."""
  flags = ["--mask_from=dense", "--mask_step=0", f"--control={score}"]
  return lambda choices: _apart(choices, "lt", levels_of(choices, score), score, (DENSE,), flags)


# Method -> its runs but the dense one, as the driver of its name chains them.
METHODS: dict[str, Callable[[Selection], list[PlannedRun]]] = {
  DENSE: lambda choices: [],
  "mp": _mp,
  **{method: _tickets(method) for method in TICKETS},
  "slt_mp": _slt_mp,
  "mp_slt": _mp_slt,
  "snip": _at_start("snip"),
  "synflow": _at_start("synflow"),
}
# Method -> flags of a table that say nothing to it.
_CHAIN = ("rewind", "one_shot", "controls", "switch")
UNUSED: dict[str, tuple[str, ...]] = {
  **dict.fromkeys(METHODS, ()),
  DENSE: ("levels", "prune_each", "variant", *_CHAIN),
  **dict.fromkeys(("mp", "snip", "synflow"), _CHAIN),
  **dict.fromkeys(TICKETS, ("switch",)),
}
# The paper's own; the others are what its tickets are compared with.
PAPERS = (DENSE, "mp", "lt", "slt", "clt", "slt_mp", "mp_slt")
