"""Heat maps of the layers: one row per layer, one column per level, one panel per method."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from t2t_lottery.report import plot_style

_ATTENTION = {"self_attention": "self", "encdec_attention": "cross"}
_PARTS = {"output_transform": "out", "conv1": "in", "conv2": "out"}
_BERT = re.compile(r"bert/encoder/layer_(\d+)/(.+)/kernel")
# In the order of the forward pass.
_BERT_PARTS = {
  "attention/self/query": "self q",
  "attention/self/key": "self k",
  "attention/self/value": "self v",
  "attention/output/dense": "self out",
  "intermediate/dense": "ffn in",
  "output/dense": "ffn out",
}


class Panel(NamedTuple):
  """The values of a method.

  Attributes:
    layers: names of the rows.
    levels: sparsities of the columns.
    values: float64 [layers, levels], NaN if missing.
  """

  layers: list[str]
  levels: list[float]
  values: np.ndarray


def panel(runs: Sequence[tuple[float, Sequence[Mapping[str, Mapping[str, Any]]]]], figure: str) -> Panel | None:
  """Values of a figure, means over seeds.

  Args:
    runs: for each level, layer -> figures (`layers.json`) of each seed.
    figure: its name, such as "sparsity".

  Returns:
    The panel; None without any value.
  """
  levels = [(level, [layers for layers in seeds if layers]) for level, seeds in runs]
  levels = [(level, seeds) for level, seeds in levels if seeds]
  names = sorted({name for _, seeds in levels for layers in seeds for name in layers if name != "total"}, key=_order)
  values = np.full((len(names), len(levels)), np.nan)
  for column, (_, seeds) in enumerate(levels):
    for row, name in enumerate(names):
      found = [layers[name][figure] for layers in seeds if name in layers and layers[name].get(figure) is not None]
      if found:
        values[row, column] = np.mean(found)
  return (
    None if np.isnan(values).all() else Panel([short(name) for name in names], [level for level, _ in levels], values)
  )


def short(name: str) -> str:
  """A short name of a layer, such as "dec 1 cross q"."""
  if match := _BERT.fullmatch(name):
    return f"enc {match[1]} {_BERT_PARTS[match[2]]}"
  place = re.search(r"/(enc|dec)oder/layer_(\d+)/(\w+)/", name)
  if place is None:
    shard = re.search(r"/weights_(\d+)$", name)
    return f"embedding {shard[1]}".removesuffix(" 0") if shard else name
  part = name.split("/")[-2]
  block = _ATTENTION.get(place[3], "ffn")
  return f"{place[1]} {place[2]} {block} {_PARTS.get(part, part)}"


def _order(name: str) -> tuple[Any, ...]:
  """Sort key in the order of the forward pass: embedding, encoder, decoder; layer by layer."""
  if match := _BERT.fullmatch(name):
    return (1, int(match[1]), 0, [*_BERT_PARTS].index(match[2]), name)
  place = re.search(r"/(enc|dec)oder/layer_(\d+)/(\w+)/", name)
  if place is None:
    return (3 if name.startswith("bert/") else 0, 0, 0, 0, name)
  blocks, parts = ("self_attention", "encdec_attention", "ffn"), ("q", "k", "v", "output_transform", "conv1", "conv2")
  block = blocks.index(place[3]) if place[3] in blocks else len(blocks)
  part = name.split("/")[-2]
  return (1 if place[1] == "enc" else 2, int(place[2]), block, parts.index(part) if part in parts else len(parts), name)


def draw(panels: Mapping[str, Panel], title: str) -> Figure:
  """A figure of panels next to each other, with one color scale.

  Args:
    panels: title of a panel -> its values.
    title: of the color scale.
  """
  rows = max(len(one.layers) for one in panels.values())
  width = 2 + sum(0.3 + 0.17 * len(one.levels) for one in panels.values())
  made = plot_style.figure(max(5.0, width), 1.2 + 0.145 * rows)
  ratios = [0.3 + 0.17 * len(one.levels) for one in panels.values()]
  every = made.subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
  low = min(np.nanmin(one.values) for one in panels.values())
  high = max(np.nanmax(one.values) for one in panels.values())
  for number, (axes, (name, one)) in enumerate(zip(every, panels.items())):
    image = axes.imshow(
      one.values * 100, aspect="auto", cmap=plot_style.MAP, vmin=low * 100, vmax=high * 100, interpolation="none"
    )
    axes.set_title(name, fontsize=9)
    axes.set_xticks(range(len(one.levels)), [f"{level * 100:g}" for level in one.levels], fontsize=7, rotation=90)
    labels = one.layers if number == 0 or one.layers != next(iter(panels.values())).layers else [""] * len(one.layers)
    axes.set_yticks(range(len(one.layers)), labels, fontsize=7.5)
    axes.tick_params(length=0)
    axes.grid(False)
  made.supxlabel("sparsity of the level [%]", fontsize=9)
  made.colorbar(image, ax=list(every), label=f"{title} [%]", fraction=0.05, pad=0.01)
  return made
