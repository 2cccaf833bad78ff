"""Plots of scores, sizes and magnitudes, and heat maps and learning curves: functions from entries to figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from t2t_lottery.report import heatmaps, plot_style
from t2t_lottery.report.aggregates import PLOTTED, Entry, test_set


class Plot(NamedTuple):
  """A figure with its texts.

  Attributes:
    name: of its files.
    figure: the figure.
    caption: its caption.
    alternative: its alternative text, for readers who cannot see it.
  """

  name: str
  figure: Figure
  caption: str
  alternative: str


def all_plots(entries: Sequence[Entry], learning_curves: bool = False) -> list[Plot]:
  """The plots that the entries of the main table have data for.

  Args:
    entries: in the table's order.
    learning_curves: whether to draw dev BLEU over steps as well.
  """
  entries = [entry for entry in entries if entry.figures]
  if not entries:
    return []
  with plot_style.settings():
    made: list[Plot | None] = [
      _scores(entries, metric) for metric in PLOTTED if any(metric in entry.figures for entry in entries)
    ]
    made += [_sizes(entries), _magnitudes(entries)]
    made += [
      _heat(entries, "sparsity", "Sparsity of each layer"),
      _heat(entries, "signs", "Sign survival: share of signs as at step 0"),
    ]
    made += [_curves(entries)] if learning_curves else []
  return [plot for plot in made if plot is not None]


def _columns(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
  found: dict[str, list[Entry]] = {}
  for entry in entries:
    found.setdefault(entry.column, []).append(entry)
  return found


def _line(
  axes: Axes, column: str, x: list[float], y: list[float], bars: list[tuple[float, float]] | None = None
) -> None:
  look = plot_style.LINES[column]
  axes.plot(x, y, color=look.color, marker=look.marker, linestyle=look.dashes, label=column)
  if bars:
    # An interval of resampled sentences need not contain the score itself.
    below = [max(0.0, value - low) for value, (low, _) in zip(y, bars)]
    above = [max(0.0, high - value) for value, (_, high) in zip(y, bars)]
    axes.errorbar(x, y, yerr=[below, above], fmt="none", ecolor=look.color, elinewidth=0.9, capsize=2.5)


def _sparsity_axis(axes: Axes, entries: Sequence[Entry]) -> None:
  levels = sorted({entry.place.level * 100 for entry in entries})
  axes.set_xticks(levels, [f"{level:g}" for level in levels], fontsize=8)
  axes.set_xlabel("sparsity [%]")


def _scores(entries: Sequence[Entry], metric: str) -> Plot:
  made = plot_style.figure(6.4, 4)
  axes = made.subplots()
  scored = [entry for entry in entries if metric in entry.figures]
  several = any(len(entry.runs) > 1 for entry in scored)
  where = test_set(scored)
  for column, ours in _columns(scored).items():
    figures = [entry.figures[metric] for entry in ours]
    spread = [(f.low, f.high) if several else f.interval or (f.mean, f.mean) for f in figures]
    _line(axes, column, [entry.place.level * 100 for entry in ours], [f.mean for f in figures], spread)
  _sparsity_axis(axes, scored)
  axes.set_ylabel(f"{PLOTTED[metric]} [%]")
  axes.legend()
  bars = (
    "from the lowest to the highest seed"
    if several
    else f"95% intervals over {'test sentences' if where == 'test' else 'examples'}, for one seed"
  )
  if not several and not any(entry.figures[metric].interval for entry in scored):
    bars = "none, because there is one seed without sentence statistics"
  name = PLOTTED[metric]
  return Plot(
    metric,
    made,
    f"{name} on {where} against sparsity. Bars: {bars}.",
    f"Lines of {name} against sparsity for {', '.join(_columns(scored))}; the table contains the numbers.",
  )


def _sizes(entries: Sequence[Entry]) -> Plot | None:
  metric = next((name for name in PLOTTED if any(name in entry.figures for entry in entries)), "")
  scored = [entry for entry in entries if entry.mean("megabytes", "paper") is not None and metric in entry.figures]
  if not scored:
    return None
  name = PLOTTED[metric]
  made = plot_style.figure(6.4, 4)
  axes = made.subplots()
  for column, ours in _columns(scored).items():
    pairs = sorted((entry.mean("megabytes", "paper") or 0.0, entry.figures[metric].mean) for entry in ours)
    _line(axes, column, [size for size, _ in pairs], [bleu for _, bleu in pairs])
  axes.set_xscale("log")
  _plain_ticks(axes.xaxis)
  axes.set_xlabel("size as the paper counts it [MB]")
  axes.set_ylabel(f"{name} [%]")
  axes.legend()
  return Plot(
    "size",
    made,
    f"{name} on {test_set(scored)} against the size of the model (compressed CSC files; logarithmic).",
    f"Lines of {name} against megabytes for {', '.join(_columns(scored))}; the table contains the numbers.",
  )


def _plain_ticks(axis) -> None:
  """Labels 1, 2 and 5 times each power of ten on a logarithmic axis, as plain numbers."""
  axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
  axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
  axis.set_minor_formatter(NullFormatter())


def _magnitudes(entries: Sequence[Entry]) -> Plot | None:
  made = plot_style.figure(8, 3.6)
  panels = made.subplots(1, 2)
  drawn = False
  for axes, (figure, title) in zip(
    panels, (("mean", "mean magnitude of the kept weights"), ("largest", "largest magnitude"))
  ):
    scored = [entry for entry in entries if entry.mean("weights", figure)]
    for column, ours in _columns(scored).items():
      drawn = True
      _line(axes, column, [e.place.level * 100 for e in ours], [e.mean("weights", figure) or 0.0 for e in ours])
    if scored:
      _sparsity_axis(axes, scored)
      low, high = axes.get_ylim()
      if high > 10 * low > 0:
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis)
    axes.set_title(title, fontsize=9)
  if not drawn:
    return None
  panels[0].legend()
  return Plot(
    "magnitudes",
    made,
    "Magnitudes of the weights after training against sparsity, all layers together.",
    "Two panels of lines against sparsity: the mean magnitude of the kept weights, and the largest.",
  )


def _heat(entries: Sequence[Entry], figure: str, caption: str) -> Plot | None:
  panels = {
    column: found
    for column, ours in _columns(entries).items()
    if (found := heatmaps.panel([(entry.place.level, [run.layers() for run in entry.runs]) for entry in ours], figure))
  }
  if not panels:
    return None
  return Plot(
    f"layers_{figure}",
    heatmaps.draw(panels, caption.partition(":")[0].lower()),
    f"{caption}, at each level.",
    f"Heat maps with a row per layer and a column per sparsity level, for {', '.join(panels)}: {caption.lower()}.",
  )


def _curves(entries: Sequence[Entry]) -> Plot | None:
  scored = [entry for entry in entries if all(result.get("dev_bleu_by_step") for result in entry.results)]
  if not scored:
    return None
  by_column = _columns(scored)
  made = plot_style.figure(8, 2.8 * ((len(by_column) + 1) // 2))
  panels = made.subplots((len(by_column) + 1) // 2, 2, squeeze=False, sharex=True, sharey=True).flat
  colors: Callable[[float], tuple[float, ...]] = matplotlib.colormaps[plot_style.MAP]
  for (column, ours), axes in zip(by_column.items(), panels):
    for number, entry in enumerate(ours):
      curves = [result["dev_bleu_by_step"] for result in entry.results]
      steps = sorted(set.intersection(*(set(map(int, curve)) for curve in curves)))
      means = [sum(curve[str(step)] for curve in curves) / len(curves) for step in steps]
      # The yellow end of the map is too light for a line.
      color = colors(0.85 * number / max(1, len(ours) - 1))
      dashes, marker = ("-", "--", "-.", ":")[number % 4], "osD^vPX*<>"[number % 10]
      axes.plot(
        steps, means, color=color, linestyle=dashes, marker=marker, markersize=3, label=f"{entry.place.level * 100:g}%"
      )
    axes.set_title(column, fontsize=9)
    axes.set_xlabel("step")
    axes.set_ylabel("dev BLEU [%]")
    axes.legend(ncols=2, fontsize=7)
  for axes in panels:
    axes.set_axis_off()
  return Plot(
    "learning_curves",
    made,
    "BLEU on dev of each checkpoint, mean over seeds.",
    f"Lines of dev BLEU against training steps, a panel each for {', '.join(by_column)}, a line for each sparsity.",
  )
