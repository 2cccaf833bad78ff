"""Where each run is in the paper's tables: a column per method, a row per sparsity level."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# A method's name in the paper, in the order of its columns.
COLUMNS = {"mp": "MP", "lt": "LT", "slt": "SLT", "clt": "CLT", "slt_mp": "SLT-MP", "mp_slt": "MP-SLT"}
DENSE = "dense"
# Of SLT-MP's column: trained by SLT, by MP.
DAGGER, DOUBLE_DAGGER = "†", "‡"

About = Mapping[str, Mapping[str, Any]]


class Place(NamedTuple):
  """A run in a column.

  Attributes:
    run: its name.
    level: its sparsity, in [0, 1).
    mark: `DAGGER`, `DOUBLE_DAGGER` or nothing.
  """

  run: str
  level: float
  mark: str = ""


class Relative(NamedTuple):
  """A run next to the columns.

  Attributes:
    run: its name.
    level: its sparsity.
    differs: in what: its controls and whatever else its name has behind a "+", or that it is of another chain.
    varied: the run of the columns that it varies; None if there is none.
  """

  run: str
  level: float
  differs: str
  varied: str | None


def is_plain(name: str, about: Mapping[str, Any]) -> bool:
  """Whether a run is one of the paper's, not a control or relative."""
  return "+" not in name and not about.get("controls")


def lineage(name: str, about: About) -> list[str]:
  """A run and those it is drawn from, in turn, as far as they are known: the run itself last."""
  line = [name]
  while (parent := _parent(line[0], about)) in about and parent not in line:
    line.insert(0, parent)
  return line


def _parent(name: str, about: About) -> str:
  return about[name].get("mask_from", "").partition("@")[0]


def assign(about: About) -> dict[str, list[Place]]:
  """The columns that there are runs for.

  Of several runs of a method at one level, the one on the method's longest chain has the place. The columns of
  SLT-MP and MP-SLT each follow one switch, the one with the most levels above it.

  Args:
    about: name of a run -> what it is (`run.json`, of any seed).

  Returns:
    The paper's name of a method -> places, levels rising; the dense run is in each. Without any run of a method, there is
    a column `dense`.
  """
  plain = {name: what for name, what in about.items() if is_plain(name, what)}
  of = {method: [name for name in plain if plain[name]["method"] == method] for method in (DENSE, *COLUMNS)}
  found: dict[str, dict[float, Place]] = {method: {} for method in COLUMNS}
  for method in ("mp", "lt", "slt", "clt"):
    _fill(found[method], of[method], plain)
  for method, first in (("slt_mp", "slt"), ("mp_slt", "mp")):
    head = _head(of[method], first, plain)
    above = [name for name in of[method] if _switch(name, first, plain) == head]
    if method == "slt_mp" and head:
      line = [name for name in lineage(head, plain) if plain[name]["method"] == first]
      _fill(found[method], line, plain, DAGGER)
    elif head:
      below = {level: place for level, place in found["mp"].items() if level < plain[head]["sparsity_asked"]}
      found[method].update(below)
      _fill(found[method], [head], plain)
    _fill(found[method], above, plain, DOUBLE_DAGGER if method == "slt_mp" else "")
  dense = [Place(name, plain[name]["sparsity_asked"]) for name in of[DENSE]][:1]
  columns = {
    title: dense + [found[method][level] for level in sorted(found[method])]
    for method, title in COLUMNS.items()
    if found[method]
  }
  return columns or ({DENSE: dense} if dense else {})


def _fill(column: dict[float, Place], names: list[str], about: About, mark: str = "") -> None:
  """Gives each level of a column the run on the longest chain."""
  chain = _lengths(names, about)
  for name in sorted(names, key=lambda name: (chain[name], name)):
    level = about[name]["sparsity_asked"]
    column[level] = Place(name, level, mark)


def _lengths(names: list[str], about: About) -> dict[str, int]:
  """Of each run, how many runs the longest chain of its method has that goes through it."""
  longest = dict.fromkeys(names, 0)
  for name in names:
    chain = [one for one in lineage(name, about) if one in longest]
    for one in chain:
      longest[one] = max(longest[one], len(chain))
  return longest


def _switch(name: str, first: str, about: About) -> str | None:
  """The run in whose place a method of two halves changes over: the last of a run's lineage that is of the first half."""
  line = [one for one in lineage(name, about) if about[one]["method"] == first]
  return line[-1] if line else None


def _head(names: list[str], first: str, about: About) -> str | None:
  """The switch with the most runs above it; of equals the one of the longest lineage."""
  heads = [_switch(name, first, about) for name in names]
  known = {head for head in heads if head}
  return max(known, key=lambda head: (heads.count(head), len(lineage(head, about)), head), default=None)


def relatives(about: About, columns: Mapping[str, list[Place]]) -> list[Relative]:
  """All runs that have no place in a column, each with the run that it varies; levels rising.

  That is the run of its name without what follows a "+", or else its method's at its level.
  """
  placed = {place.run for column in columns.values() for place in column}
  found = []
  for name, what in about.items():
    if name in placed:
      continue
    level = what["sparsity_asked"]
    column = columns.get(COLUMNS.get(what["method"], ""), [])
    same_level = [place.run for place in column if place.level == level]
    base = re.sub(r"\+[a-z_]+", "", name)
    varied = base if base in placed else next(iter(same_level), None)
    more = [part for part in re.findall(r"\+([a-z_]+)", name) if part not in what.get("controls", [])]
    differs = ", ".join([*what.get("controls", []), *more]).replace("_", " ")
    found.append(Relative(name, level, differs or "another chain", varied))
  return sorted(found, key=lambda one: (one.level, one.varied or "", one.run))
