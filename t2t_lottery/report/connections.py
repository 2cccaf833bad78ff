"""Linear connectivity in the report: a table and a plot of the lines that `python -m t2t_lottery.connectivity` measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t2t_lottery.evaluation import connectivity
from t2t_lottery.report import plot_style
from t2t_lottery.report.paper_tables import Cell, Table, percent
from t2t_lottery.report.plots import Plot
from t2t_lottery.report.study import Study
from t2t_lottery.runs import paths
from t2t_lottery.utils.errors import UserError

# Colors, markers and dashes of the lines of a plot, by turns.
_LOOKS = list(plot_style.LINES.values())


def read(study: Study) -> tuple[list[dict[str, Any]], list[str]]:
  """The measured lines of a study's runs, in order of sparsity; and a line of text for each that is missing: between twins of
  `--data_seed`, or because it cannot be read, or one of its runs is gone or was trained again.
  """
  found, missing = [], []
  named: list[set[tuple[str, int]]] = []
  folders = {(run.about["run"], run.seed): run.folder for runs in study.runs.values() for run in runs}
  for runs in study.runs.values():
    for run in runs:
      for path in paths.connections(run.folder):
        try:
          line = connectivity.stored(path)
        except UserError as error:
          missing.append(str(error))
          continue
        ends = [*zip(line["runs"], line["seeds"])]
        # In the other direction it is the same line.
        is_again = {*ends} in named
        named.append({*ends})
        left_out = "the line from {} (seed {}) to {} (seed {}) is left out: ".format(*ends[0], *ends[1])
        if gone := [end for end in ends if end not in folders]:
          missing.append(left_out + "there is no {} (seed {})".format(*gone[0]))
        elif changed := [end for end, old in zip(ends, line.get("checksums", ())) if _is_other(folders[end], old)]:
          again = "{} (seed {}) was trained again: run t2t_lottery.connectivity again".format(*changed[0])
          missing.append(left_out + again)
        elif not is_again:
          found.append(line)
  evaluated = [
    (run.about["run"], run.seed) for runs in study.runs.values() for run in runs if run.result and run.translates
  ]
  for name, seed in evaluated:
    twin = name.rpartition("+data_seed_")[0]
    if (twin, seed) in evaluated and {(name, seed), (twin, seed)} not in named:
      missing.append(
        f"{name}, seed {seed}: its line to {twin} is not measured: run t2t_lottery.connectivity with both folders"
      )
  return sorted(found, key=lambda line: (line["sparsity_asked"], line["runs"], line["seeds"])), missing


def _is_other(folder: str, checksum: str) -> bool:
  """Whether a run has another last checkpoint than that with this checksum; False if it keeps none."""
  try:
    return connectivity.read(folder).checksum != checksum
  except UserError:
    return False


def start(line: dict[str, Any]) -> str:
  """How the starts of the two runs compare."""
  if line["same_start"] is None:
    return "unknown"
  if not line["same_start"]:
    return "other weights"
  return "same weights" if line["same_masks"] else "same weights, other masks"


def table(caption: str, lines: Sequence[dict[str, Any]]) -> Table:
  """One row per measured line: the two runs, their dev loss and BLEU, and both barriers.

  Args:
    caption: of the table.
    lines: as `read` returns them.
  """
  heads = [("", "sparsity"), ("", "from"), ("", "to"), ("", "start")]
  heads += [(over, name) for over in ("dev loss", "dev BLEU") for name in ("from", "to", "barrier")]
  groups = []
  for line in lines:
    names = [f"{name} (seed {seed})" for name, seed in zip(line["runs"], line["seeds"])]
    row = [Cell(percent(line["sparsity_asked"]), line["sparsity_asked"])]
    row += [Cell(text, text) for text in (*names, start(line))]
    for values, barrier, form in (("dev_loss", "loss_barrier", ".3f"), ("dev_bleu", "bleu_barrier", ".1f")):
      numbers = (line[values][0], line[values][-1], line[barrier])
      row += [Cell(f"{number:{form}}", number) for number in numbers]
    groups.append([row])
  note = (
    "Barrier: how much worse the worst point of the line between the final weights is than the mean of its ends "
    "(Frankle et al. 2020)."
  )
  return Table(caption, heads, groups, [note])


def plot(lines: Sequence[dict[str, Any]]) -> Plot:
  """Dev loss and BLEU along each line.

  Args:
    lines: as `read` returns them; at least one.
  """
  with plot_style.settings():
    made = plot_style.figure(8, 3.6)
    panels = made.subplots(1, 2)
    for number, line in enumerate(lines):
      look = _LOOKS[number % len(_LOOKS)]
      label = " – ".join(f"{name} (seed {seed})" for name, seed in zip(line["runs"], line["seeds"]))
      for axes, values in zip(panels, ("dev_loss", "dev_bleu")):
        axes.plot(line["alpha"], line[values], color=look.color, marker=look.marker, linestyle=look.dashes, label=label)
    for axes, title in zip(panels, ("dev loss [nats per subword]", "dev BLEU [%]")):
      axes.set_xlabel("position on the line: 0 first run, 1 second run")
      axes.set_ylabel(title)
    made.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", fontsize=7)
  return Plot(
    "connectivity",
    made,
    "Dev loss and BLEU on the line between the final weights of two runs.",
    "Two panels of lines against the position between two runs; the table of barriers contains the numbers.",
  )
