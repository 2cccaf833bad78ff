"""The sweeps of the paper's future work in the report: SLT at each t, SLT-MP and MP-SLT at each switch s_i."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib

from t2t_lottery.report import plot_style, table_columns
from t2t_lottery.report.aggregates import Entry
from t2t_lottery.report.plots import Plot
from t2t_lottery.report.table_columns import About, Place

# A run of SLT, or of what is SLT at t = 0 or T, or of imp.sh; its t, if that is not the usual one.
_OVER_T = re.compile(r"(?:lt|slt|lrr|imp)(\+t_\d+)?[+-].*")


class Sweep(NamedTuple):
  """The runs that differ in one choice.

  Attributes:
    heading: of its table.
    name: of its files.
    axis: what is chosen, with its unit.
    columns: title of each choice -> its runs, in order of the choice.
  """

  heading: str
  name: str
  axis: str
  columns: dict[str, list[Place]]


def find(about: About) -> list[Sweep]:
  """The sweeps that have at least two columns.

  Args:
    about: name of a run -> its description (`run.json`, of any seed).
  """
  found = _over_t(about)
  for method, first in table_columns.FIRST_STAGE.items():
    found += _over_switch(method, first, about)
  return [sweep for sweep in found if len(sweep.columns) > 1]


def _over_t(about: About) -> list[Sweep]:
  """SLT at each t, or a BERT's iterative tickets, for each way in which whole chains differ; LT is t = 0, learning-rate rewinding
  t = T. Without a run at another t than the usual one, there is no sweep: the main table has these three.
  """
  at: dict[tuple[str, ...], dict[int, list[str]]] = {}
  swept = set()
  for name, what in about.items():
    match, chain = _OVER_T.fullmatch(name), table_columns.chain_of(name)
    if match and chain is not None and what["method"] in ("lt", "slt", "lrr"):
      steps = {"lt": 0, "slt": what.get("rewind_step", 0), "lrr": what.get("train_steps", 0)}
      at.setdefault(chain, {}).setdefault(steps[what["method"]], []).append(name)
      swept |= {chain} if match[1] else set()
  of_bert = any("pretrained" in what for what in about.values())
  return [
    _sweep(
      f"{'IMP' if of_bert else 'SLT'} at each t",
      "rewind_steps",
      chain,
      "t [steps]",
      {f"t = {step}": _column(at[chain][step], about) for step in sorted(at[chain])},
    )
    for chain in sorted(swept)
  ]


def _over_switch(method: str, first: str, about: About) -> list[Sweep]:
  """SLT-MP or MP-SLT: a column for each level at which it switches, for each way in which whole chains differ; and, of the paper's
  chains, with the runs of `--equal_training`, that have as many steps in all as SLT's run at their level.
  """
  at: dict[tuple[str, ...], dict[float, list[str]]] = {}
  longer: dict[float, list[str]] = {}
  for name, what in about.items():
    chain = table_columns.chain_of(name)
    head = table_columns.switch(name, first, about) if what["method"] == method else None
    if chain is None or not head:
      continue
    level, is_longer = about[head]["sparsity_asked"], table_columns.usual(name) != name
    if not is_longer:
      at.setdefault(chain, {}).setdefault(level, []).append(name)
    if not chain:
      longer.setdefault(level, []).append(name)
  title, file_name = f"{table_columns.COLUMNS[method]} at each switch", f"switches_{method}"
  axis = "s_i, the sparsity at the switch"
  found = [_sweep(title, file_name, chain, axis, _by_switch(at[chain], about)) for chain in sorted(at)]
  if any(table_columns.usual(name) != name for names in longer.values() for name in names):
    equal = {level: table_columns.as_long_as_slt(names, about) for level, names in longer.items()}
    found.append(_sweep(title, file_name, ("equal_training",), axis, _by_switch(equal, about)))
  return found


def _by_switch(at: Mapping[float, Sequence[str]], about: About) -> dict[str, list[Place]]:
  return {f"s_i = {level * 100:g}%": _column(at[level], about) for level in sorted(at) if at[level]}


def _sweep(heading: str, name: str, chain: Sequence[str], axis: str, columns: dict[str, list[Place]]) -> Sweep:
  """A sweep over chains that all differ in the same way."""
  words = ", ".join(chain).replace("_", " ")
  return Sweep(f"{heading} ({words})" if words else heading, "_".join([name, *chain]), axis, columns)


def _column(names: Sequence[str], about: About) -> list[Place]:
  found: dict[float, Place] = {}
  table_columns.fill(found, list(names), about)
  return [found[level] for level in sorted(found)]


def plot(sweep: Sweep, entries: Sequence[Entry]) -> Plot | None:
  """BLEU over the choices, a line for each sparsity, with the best of each marked; None if no run is evaluated.

  Args:
    sweep: its columns.
    entries: of its table.
  """
  scored = [entry for entry in entries if "bleu" in entry.figures]
  titles = [title for title in sweep.columns if any(entry.column == title for entry in scored)]
  levels = sorted({entry.place.level for entry in scored})
  if not titles:
    return None
  several = any(len(entry.runs) > 1 for entry in scored)
  with plot_style.settings():
    made = plot_style.figure(6.4, 4)
    axes = made.subplots()
    for number, level in enumerate(levels):
      ours = sorted((e for e in scored if e.place.level == level), key=lambda entry: titles.index(entry.column))
      # The yellow end of the map is too light for a line.
      color = matplotlib.colormaps[plot_style.MAP](0.85 * number / max(1, len(levels) - 1))
      x, y = [titles.index(entry.column) for entry in ours], [entry.figures["bleu"].mean for entry in ours]
      dashes, marker = ("-", "--", "-.", ":")[number % 4], "osD^vPX"[number % 7]
      axes.plot(x, y, color=color, linestyle=dashes, marker=marker, label=f"{level * 100:g}%")
      best = [(x, y) for x, y, entry in zip(x, y, ours) if entry.figures["bleu"].best]
      axes.plot([x for x, _ in best], [y for _, y in best], "*", color=color, markersize=12)
    axes.set_xticks(range(len(titles)), [title.partition(" = ")[2] for title in titles])
    axes.set_xlabel(sweep.axis)
    axes.set_ylabel("BLEU [%]")
    axes.legend(ncols=2, fontsize=7)
  mean = ", mean over seeds" if several else ""
  return Plot(
    sweep.name,
    made,
    f"{sweep.heading}: BLEU on test{mean}, a line for each sparsity. Star: its best.",
    f"Lines of BLEU against {sweep.axis}, one for each sparsity; the table contains the numbers.",
  )
