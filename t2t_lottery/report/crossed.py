"""Signs crossed with magnitudes in the report: what tickets of a method reach if their signs are kept or random, and their magnitudes
kept, equal in each layer (as CLT's), or redrawn. It asks why CLT works (Brix, Bahar and Ney 2020, sections 5 and 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from t2t_lottery.pruning import methods
from t2t_lottery.report import table_columns
from t2t_lottery.report.aggregates import COMPARED, Entry, shown
from t2t_lottery.report.paper_tables import FEWER, NONE, Cell, Table, meanings, percent
from t2t_lottery.report.table_columns import COLUMNS, About, Place

# Those whose tickets keep weights of a dense run, or their signs.
_METHODS = ("lt", "slt", "clt", "lrr", "finetune", "imp")
# Heads of the columns: signs -> (magnitudes, value of ticket_values).
_SIGNS = {methods.KEPT: "signs kept", methods.RANDOM: "random signs"}
_VALUES = {methods.REWOUND: "kept", methods.CONSTANT: "constant", methods.REDRAWN: "redrawn"}


class Cross(NamedTuple):
  """The runs of a ticket and of its controls.

  Attributes:
    method: key of `table_columns.COLUMNS`.
    level: its sparsity, in [0, 1).
    runs: (signs, values) -> name of the run, with the hparams' values.
  """

  method: str
  level: float
  runs: dict[tuple[str, str], str]


def find(about: About, placed: Mapping[str, Sequence[Place]]) -> list[Cross]:
  """Tickets with at least two of these controls, by method and level.

  Args:
    about: name of a run -> its description (`run.json`, of any seed).
    placed: title of a method -> its runs (`table_columns.assign`).
  """
  found = []
  for method in _METHODS:
    for place in placed.get(COLUMNS[method], ()):
      runs = {}
      for name, what in about.items():
        ticket, _, _ = name.partition("+")
        if ticket == place.run and what["method"] != table_columns.DENSE and (key := _key(name, what)):
          runs[key] = name
      if len(runs) > 2:
        found.append(Cross(method, place.level, runs))
  return found


def _key(name: str, what: Mapping[str, Any]) -> tuple[str, str] | None:
  """Signs and values of a run; None if it differs from its ticket in anything else."""
  controls = what.get("controls", [])
  if name.split("+")[1:] != controls:
    return None
  changed = {"ticket_signs": methods.KEPT, "ticket_values": methods.METHODS[what["method"]].values}
  for control in controls:
    hparams = methods.CONTROLS.get(control, {})
    if not hparams.keys() <= changed.keys():
      return None
    changed.update((hparam, str(value)) for hparam, value in hparams.items())
  signs, values = changed["ticket_signs"], changed["ticket_values"]
  return (signs, values) if values in _VALUES else None


def table(caption: str, found: Sequence[Cross], entries: Mapping[str, Entry]) -> Table:
  """For each metric a row for each method and level, with a score for each combination.

  Args:
    caption: of the table.
    found: at least one.
    entries: name of a run -> its entry.
  """
  keys = [(signs, values) for signs in _SIGNS for values in _VALUES]
  groups = []
  for metric in shown([*entries.values()]):
    rows = []
    for one in found:
      row = [Cell(text, text) for text in (COMPARED[metric], COLUMNS[one.method])]
      row += [Cell(percent(one.level), one.level)]
      rows.append(row + [_score(entries.get(one.runs.get(key, "")), metric) for key in keys])
    groups.append(rows)
  heads = [("", "metric"), ("", "method"), ("", "sparsity")]
  heads += [(_SIGNS[signs], _VALUES[values]) for signs, values in keys]
  return Table(caption, heads, groups, meanings(groups, {}))


def _score(entry: Entry | None, metric: str) -> Cell:
  figure = entry.figures.get(metric) if entry else None
  if entry is None or figure is None:
    return Cell(NONE)
  return Cell(f"{figure.mean:.1f}", figure.mean, marks=(FEWER,) if entry.fewer else ())
