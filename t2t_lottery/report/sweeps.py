"""The sweeps of the paper's future work in the report: SLT at each t, SLT-MP and MP-SLT at each switch s_i."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib

from t2t_lottery.report import plot_style, table_columns
from t2t_lottery.report.aggregates import Entry
from t2t_lottery.report.plots import Plot
from t2t_lottery.report.table_columns import About, Place

# A run of `slt.sh --rewind_steps` or of `imp.sh --rewind_steps`, not a control or variant of it.
_AT_T = re.compile(r"(slt|imp)\+t_(\d+)(-[\d.]+)+")


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
  found = [
    _over_t(about),
    *(_over_switch(method, first, about) for method, first in (("slt_mp", "slt"), ("mp_slt", "mp"))),
  ]
  return [sweep for sweep in found if len(sweep.columns) > 1]


def _over_t(about: About) -> Sweep:
  """SLT at each t, or a BERT's iterative tickets; LT is t = 0, learning-rate rewinding t = T. Without a run at another t than
  the usual one, it is empty: the main table has these three.
  """
  at: dict[int, list[str]] = {}
  for name, what in about.items():
    if what.get("controls"):
      continue
    if _AT_T.fullmatch(name):
      at.setdefault(what["rewind_step"], []).append(name)
    elif table_columns.is_plain(name, what) and what["method"] in ("lt", "slt", "lrr"):
      steps = {"lt": 0, "slt": what.get("rewind_step", 0), "lrr": what.get("train_steps", 0)}
      at.setdefault(steps[what["method"]], []).append(name)
  if not any(_AT_T.fullmatch(name) for names in at.values() for name in names):
    at = {}
  columns = {f"t = {step}": _column(at[step], about) for step in sorted(at)}
  of_bert = any("pretrained" in about[name] for names in at.values() for name in names)
  return Sweep(f"{'IMP' if of_bert else 'SLT'} at each t", "rewind_steps", "t [steps]", columns)


def _over_switch(method: str, first: str, about: About) -> Sweep:
  """SLT-MP or MP-SLT: a column for each level at which it switches."""
  at: dict[float, list[str]] = {}
  for name, what in about.items():
    if what["method"] == method and table_columns.is_plain(name, what):
      head = table_columns.switch(name, first, about)
      if head:
        at.setdefault(about[head]["sparsity_asked"], []).append(name)
  title = table_columns.COLUMNS[method]
  columns = {f"s_i = {level * 100:g}%": _column(at[level], about) for level in sorted(at)}
  return Sweep(f"{title} at each switch", f"switches_{method}", "s_i, the sparsity at the switch", columns)


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
