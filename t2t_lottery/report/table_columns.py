"""Where each run is in the paper's tables: a column per method, a row per sparsity level."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from t2t_lottery.pruning import methods, structures
from t2t_lottery.runs import run_spec

# Methods that `--equal_training` trains longer -> their columns of runs with as many steps in all as SLT's.
EQUAL = {"mp": "mp_equal", "slt_mp": "slt_mp_equal"}
# What the name of such a longer run has before its level.
_LONGER = re.compile(r"\+steps_\d+(?=-[\d.]+$)")
# What names have after a "+": how runs differ, and which of these are the choice of a sweep.
_PART = re.compile(r"\+([a-z_0-9]+)")
_SWEPT = re.compile(r"(t|steps)_\d+")
# Methods that prune at initialization: runs of LT with this control.
_AT_INITIALIZATION = ("snip", "synflow", "supermask")
# LT's runs that start from a pre-trained model are those of `imp.sh`.
_OF_PRETRAINED = "imp"
# Method -> its name: in the order of the paper's columns, then those of Renda, Frankle and Carbin (2020), then the others.
COLUMNS = {
  "mp": "MP",
  "lt": "LT",
  "slt": "SLT",
  "clt": "CLT",
  "slt_mp": "SLT-MP",
  "mp_slt": "MP-SLT",
  "lrr": "LRR",
  "finetune": "FT",
  "snip": "SNIP",
  "synflow": "SynFlow",
  "supermask": "Supermask",
  "imp": "IMP",
  "mp_equal": "MP (equal training)",
  "slt_mp_equal": "SLT-MP (equal training)",
}
DENSE = "dense"
# Two-stage method -> the method of its first stage.
FIRST_STAGE = {"slt_mp": "slt", "mp_slt": "mp"}
# The paper's s_i, and the drivers' (`--switch`).
_USUAL_SWITCH = 0.6
# Marks in SLT-MP's column: trained by SLT, by MP.
DAGGER, DOUBLE_DAGGER = "†", "‡"

About = Mapping[str, Mapping[str, Any]]


class Place(NamedTuple):
  """A run in a column.

  Attributes:
    run: its name.
    level: its sparsity, in [0, 1).
    mark: `DAGGER`, `DOUBLE_DAGGER` or empty.
  """

  run: str
  level: float
  mark: str = ""


class Relative(NamedTuple):
  """A run outside of the columns.

  Attributes:
    run: its name.
    level: its sparsity; of a run that removes structures, their share, which is not that of the weights.
    differs: what differs: its controls and other parts of its name after a "+", or that it belongs to another chain.
    varied: the run that it varies; None if there is none.
    of_structures: whether it removes structures, not single weights.
  """

  run: str
  level: float
  differs: str
  varied: str | None
  of_structures: bool = False


def is_plain(name: str, about: Mapping[str, Any]) -> bool:
  """Whether a run is one of the paper's, not a control or relative."""
  return "+" not in name and not about.get("controls")


def usual(name: str) -> str:
  """The name of a run of usual length in place of a longer one."""
  return _LONGER.sub("", name)


def chain_of(name: str) -> tuple[str, ...] | None:
  """How the whole chain of a run differs, but for its t and its length, such as ("rewind_dense",); None for a control or another
  order of batches, which differ after the chain.
  """
  if not re.search(r"-[\d.]+$", name):
    return None
  return tuple(part for part in _PART.findall(name) if not _SWEPT.fullmatch(part))


def column_of(about: Mapping[str, Any]) -> str:
  """The key of `COLUMNS` that a run's method has."""
  return _OF_PRETRAINED if about["method"] == "lt" and "pretrained" in about else str(about["method"])


def lineage(name: str, about: About) -> list[str]:
  """A run and those that it is drawn from, as far as they are known, in order; the run itself is last."""
  line = [name]
  while (parent := _parent(line[0], about)) in about and parent not in line:
    line.insert(0, parent)
  return line


def steps_in_all(name: str, about: About) -> int | None:
  """Those of a run of the study (`run_spec.steps_in_all`)."""
  return run_spec.steps_in_all(about[name], about.get)


def _parent(name: str, about: About) -> str:
  return about[name].get("mask_from", "").partition("@")[0]


def assign(about: About) -> dict[str, list[Place]]:
  """Assigns runs to columns.

  Of several runs of a method at one level, the column has the one on the method's longest chain. The columns of SLT-MP
  and MP-SLT each follow one switch: the paper's, 60%, or without a run of it the one with the most levels above it. The columns
  of equal training have the runs of MP and SLT-MP, at this switch, whose steps in all are those of SLT's run at the level.

  Args:
    about: name of a run -> its description (`run.json`, of any seed).

  Returns:
    The paper's name of a method -> places, in order of levels; the dense run is in each. Without a run of any method, the
    only column is `dense`.
  """
  plain = {name: what for name, what in about.items() if is_plain(name, what)}
  of = {method: [name for name in plain if column_of(plain[name]) == method] for method in (DENSE, *COLUMNS)}
  found: dict[str, dict[float, Place]] = {method: {} for method in COLUMNS}
  for method in ("mp", "lt", "slt", "clt", "lrr", "finetune", "imp"):
    fill(found[method], of[method], plain)
  for method in _AT_INITIALIZATION:
    names = [name for name, what in about.items() if "+" not in name and what.get("controls") == [method]]
    fill(found[method], names, about)
  for method, first in FIRST_STAGE.items():
    head = _head(of[method], first, plain)
    above = [name for name in of[method] if switch(name, first, plain) == head]
    if method == "slt_mp" and head:
      line = [name for name in lineage(head, plain) if plain[name]["method"] == first]
      fill(found[method], line, plain, DAGGER)
    elif head:
      below = {level: place for level, place in found["mp"].items() if level < plain[head]["sparsity_asked"]}
      found[method].update(below)
      fill(found[method], [head], plain)
    fill(found[method], above, plain, DOUBLE_DAGGER if method == "slt_mp" else "")
    if method == "slt_mp":
      found[EQUAL[method]] = _as_long(method, found, about, head)
  found[EQUAL["mp"]] = _as_long("mp", found, about)
  dense = [Place(name, plain[name]["sparsity_asked"]) for name in of[DENSE]][:1]
  columns = {
    title: dense + [found[method][level] for level in sorted(found[method])]
    for method, title in COLUMNS.items()
    if found[method]
  }
  return columns or ({DENSE: dense} if dense else {})


def _as_long(
  method: str, found: Mapping[str, Mapping[float, Place]], about: About, head: str | None = None
) -> dict[float, Place]:
  """A method's column at equal training: at each level its usual run, or a longer one, with as many steps in all as SLT's.

  Args:
    method: of the runs.
    found: method -> level -> place, of SLT and this method.
    about: name of a run -> its description.
    head: the switch of the method's column, if it has one.

  Returns:
    Level -> place; empty without a longer run.
  """
  longer = [
    name
    for name, what in about.items()
    if what["method"] == method and "+" in name and is_plain(usual(name), what)
    if method == "mp" or switch(name, "slt", about) == head
  ]
  mark = DOUBLE_DAGGER if method == "slt_mp" else ""
  places = [Place(name, about[name]["sparsity_asked"], mark) for name in sorted(longer, reverse=True)]
  places += found[method].values()
  fitting = as_long_as_slt([place.run for place in places], about)
  column = {place.level: place for place in places if place.run in fitting}
  return column if {place.run for place in column.values()} & {*longer} else {}


def as_long_as_slt(names: Sequence[str], about: About) -> list[str]:
  """Those runs whose steps in all are those of SLT's run at their level.

  Args:
    names: of the runs.
    about: name of a run -> its description.
  """
  of_slt: dict[float, Place] = {}
  fill(of_slt, [name for name, what in about.items() if is_plain(name, what) and column_of(what) == "slt"], about)
  steps = {level: steps_in_all(place.run, about) for level, place in of_slt.items()}
  found = {name: steps.get(about[name]["sparsity_asked"]) for name in names}
  return [name for name, wanted in found.items() if wanted and steps_in_all(name, about) == wanted]


# Methods whose levels each start from the one before.
_ITERATIVE = ("lt", "slt", "clt", "lrr", "finetune", _OF_PRETRAINED)


def unlike_chains(columns: Mapping[str, Sequence[Place]], about: About) -> list[str]:
  """A sentence for each level at which iterative methods have chains of other levels, so that more than the method differs.

  Args:
    columns: title -> places.
    about: name of a run -> its description.
  """
  at: dict[float, dict[str, list[str]]] = {}
  for title, places in columns.items():
    for place in places:
      if column_of(about[place.run]) in _ITERATIVE:
        levels = [about[name]["sparsity_asked"] for name in lineage(place.run, about)]
        chain = "-".join(f"{level * 100:g}" for level in levels if level)
        at.setdefault(place.level, {}).setdefault(chain, []).append(title)
  join = ", ".join
  return [
    f"At {level * 100:g}%, the levels are {' and '.join(f'{chain} of {join(titles)}' for chain, titles in found.items())}: "
    "more than the method differs."
    for level, found in sorted(at.items())
    if len(found) > 1
  ]


def fill(column: dict[float, Place], names: list[str], about: About, mark: str = "") -> None:
  """Adds to each level of a column the run on the longest chain.

  Args:
    column: level -> place; changed.
    names: of the runs.
    about: name of a run -> its description.
    mark: of the places.
  """
  chain = _lengths(names, about)
  for name in sorted(names, key=lambda name: (chain[name], name)):
    level = about[name]["sparsity_asked"]
    column[level] = Place(name, level, mark)


def _lengths(names: list[str], about: About) -> dict[str, int]:
  """Name of a run -> number of runs in the longest chain of its method that contains it."""
  longest = dict.fromkeys(names, 0)
  for name in names:
    chain = [ancestor for ancestor in lineage(name, about) if ancestor in longest]
    for ancestor in chain:
      longest[ancestor] = max(longest[ancestor], len(chain))
  return longest


def switch(name: str, first: str, about: About) -> str | None:
  """The run at which a two-stage method switches: the last run of the first stage in a run's lineage."""
  line = [ancestor for ancestor in lineage(name, about) if about[ancestor]["method"] == first]
  return line[-1] if line else None


def _head(names: list[str], first: str, about: About) -> str | None:
  """The switch at the usual level, or else with the most runs above it; of equals, the one with the longest lineage."""
  heads = [switch(name, first, about) for name in names]

  def rank(head: str) -> tuple[bool, int, int, str]:
    is_usual = about[head]["sparsity_asked"] == _USUAL_SWITCH
    return is_usual, heads.count(head), len(lineage(head, about)), head

  return max({head for head in heads if head}, key=rank, default=None)


def switch_levels(about: About, columns: Mapping[str, list[Place]]) -> dict[str, float]:
  """The titles of two-stage methods -> the level at which the runs of their columns change methods, as far as it is known.

  Args:
    about: name of a run -> its description.
    columns: as `assign` returns them.
  """
  found = {}
  for method, first in FIRST_STAGE.items():
    for place in columns.get(COLUMNS[method], ()):
      head = switch(place.run, first, about) if about[place.run]["method"] == method else None
      if head:
        found[COLUMNS[method]] = about[head]["sparsity_asked"]
  return found


def _ticket(name: str, what: Mapping[str, Any]) -> str:
  """The name of the run that a control, or another order of batches, varies; of other runs their own."""
  ticket, _, last = name.rpartition("+")
  if last == f"data_seed_{what.get('data_seed')}":
    return ticket
  while (parts := name.rpartition("+"))[2] in what.get("controls", []):
    name = parts[0]
  return name


def relatives(about: About, columns: Mapping[str, list[Place]]) -> list[Relative]:
  """All runs without a place in a column, each with the run that it varies, in order of levels.

  Controls, one or several at once, vary the ticket of its name, as does another order of batches; another run the one with its name without the
  parts after a "+", or else the run of its method at its level.
  """
  placed = {place.run for column in columns.values() for place in column}
  found = []
  for name, what in about.items():
    if name in placed:
      continue
    level, controls = what["sparsity_asked"], what.get("controls", [])
    more = [part for part in _PART.findall(name) if part not in controls]
    differs = ", ".join([*controls, *more]).replace("_", " ")
    structure = methods.structure_of(controls)
    if structure != methods.WEIGHTS:
      differs = f"{level * 100:.6g}% of the {structures.NAMES[structure]}, {differs}"
    base, ticket = _PART.sub("", name), _ticket(name, what)
    if ticket != name and ticket in about:
      varied = ticket
    elif structure != methods.WEIGHTS:
      varied = None  # A run of single weights at the same number has lost more weights.
    elif base in placed or (base != name and base in about):
      varied = base
    else:
      column = columns.get(COLUMNS.get(column_of(what), ""), [])
      varied = next((place.run for place in column if place.level == level), None)
    found.append(Relative(name, level, differs or "another chain", varied, structure != methods.WEIGHTS))
  return sorted(found, key=lambda relative: (relative.level, relative.varied or "", relative.run))
