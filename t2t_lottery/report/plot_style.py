"""Style of the plots: methods differ in color, marker and line, so also without color; files are reproducible."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from t2t_lottery.report import table_columns

# A color map that is legible in grayscale and for color-blind readers.
MAP = "cividis"


class Line(NamedTuple):
  """The line style of a method."""

  color: str
  marker: str
  dashes: str | tuple[int, tuple[int, ...]]


# The palette of Okabe and Ito, and darker colors.
LINES = {
  "MP": Line("#0072b2", "o", "-"),
  "LT": Line("#d55e00", "s", "--"),
  "SLT": Line("#009e73", "^", "-."),
  "CLT": Line("#e69f00", "D", ":"),
  "SLT-MP": Line("#cc79a7", "v", (0, (6, 1, 1, 1, 1, 1))),
  "MP-SLT": Line("#56b4e9", "P", (0, (1, 1, 4, 1))),
  "LRR": Line("#7a4a1e", "X", (0, (8, 2))),
  "FT": Line("#777777", "*", (0, (3, 1, 1, 1))),
  "SNIP": Line("#4d4d00", "1", (0, (4, 2, 1, 2))),
  "SynFlow": Line("#5c4bb3", "2", (0, (2, 1, 1, 1))),
  "Supermask": Line("#b30000", "h", (0, (10, 1, 2, 1))),
  "IMP": Line("#3c7d22", "p", (0, (7, 1, 1, 1))),
  "MP (equal training)": Line("#00315c", "<", (0, (5, 1))),
  "SLT-MP (equal training)": Line("#8a2d63", ">", (0, (2, 2))),
  table_columns.DENSE: Line("#000000", "x", "-"),
}

_SETTINGS: Any = {
  "figure.dpi": 100,
  "savefig.dpi": 200,
  "font.family": "DejaVu Sans",
  "font.size": 9,
  # Dollar signs in names are not math.
  "text.parse_math": False,
  "axes.spines.top": False,
  "axes.spines.right": False,
  "axes.grid": True,
  "grid.color": "#dddddd",
  "grid.linewidth": 0.6,
  "axes.axisbelow": True,
  "legend.frameon": False,
  "lines.linewidth": 1.4,
  "lines.markersize": 5,
  # Text as shapes, so that it looks the same on machines without the font.
  "svg.fonttype": "path",
  # Without this, ids inside an SVG are random.
  "svg.hashsalt": "t2t-lottery",
}


def figure(width: float, height: float) -> Figure:
  """An empty figure of a size in inches, without a GUI backend."""
  with matplotlib.rc_context(_SETTINGS):
    return Figure(figsize=(width, height), layout="constrained")


def settings():
  """Context in which figures are drawn and saved."""
  return matplotlib.rc_context(_SETTINGS)


def save(made: Figure, folder: str, name: str) -> None:
  """Writes NAME.svg and NAME.png without a date or version, so that the same data give identical files."""
  os.makedirs(folder, exist_ok=True)
  with settings():
    made.savefig(os.path.join(folder, f"{name}.svg"), metadata={"Date": None, "Creator": None})
    made.savefig(os.path.join(folder, f"{name}.png"), metadata={"Software": None})
