"""Dev loss and BLEU on the line between two runs' final weights: `python -m t2t_lottery.connectivity RUN_A RUN_B`.

RUN_A and RUN_B are the folders of two runs, such as those that a driver trains with --data_seed from the same weights on
other orders of batches. Prints a table and the error barriers (Frankle et al. 2020, "Linear Mode Connectivity and the
Lottery Ticket Hypothesis"), and stores both with a plot in RUN_A/connectivity/, where the report finds them.
"""

from __future__ import annotations

import os
from typing import Any

from absl import flags

from t2t_lottery.evaluation import connectivity, decoding
from t2t_lottery.report import connections, plot_style
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, command_line, errors, text_table

_POINTS = flags.DEFINE_integer("points", 11, "Number of points on the line, with both ends.", lower_bound=3)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the dev set. Default: that of RUN_A's training.")


def _measured(first: connectivity.Run, second: connectivity.Run) -> dict[str, Any]:
  """The result for two runs: stored, or measured now."""
  data_dir = os.path.expanduser(_DATA_DIR.value or first.hparams.get("data_dir") or "data")
  connectivity.check(first, second, data_dir)
  path = paths.connectivity(first.folder, second.about["seed"], second.name)
  if os.path.exists(path):
    found = connectivity.stored(path)
    signature = decoding.signature(decoding.CTRANSLATE2)
    # Another run may have the name and seed: in another folder of runs, or trained again.
    is_same = found.get("checksums") == [first.checksum, second.checksum]
    if is_same and len(found["alpha"]) == _POINTS.value and found["signature"] == signature:
      return found
  points = []
  for point in connectivity.measure(first, second, data_dir, _POINTS.value):
    points.append(point)
    print(
      f"{len(points)}/{_POINTS.value}: dev loss {point['dev_loss']:.4f}, BLEU {point['dev_bleu']:.2f} at alpha "
      f"{point['alpha']:.3g}",
      flush=True,
    )
  made = connectivity.result(first, second, points)
  atomic_files.write_json(path, made)
  return made


def main(argv: list[str]) -> None:
  """The command."""
  with errors.one_line():
    first, second = (connectivity.read(os.path.expanduser(folder)) for folder in argv[1:])
    found = _measured(first, second)
    path = paths.connectivity(first.folder, second.about["seed"], second.name)
    plot = connections.plot([found])
    plot_style.save(plot.figure, os.path.dirname(path), os.path.basename(path).removesuffix(".json"))
    rows = [["alpha", "dev loss", "dev BLEU"]]
    for alpha, loss, bleu in zip(found["alpha"], found["dev_loss"], found["dev_bleu"]):
      rows.append([f"{alpha:.3g}", f"{loss:.4f}", f"{bleu:.2f}"])
    print(text_table.aligned(rows))
    print(f"start: {connections.start(found)}")
    print(f"barrier: dev loss {found['loss_barrier']:.4f}, dev BLEU {found['bleu_barrier']:.2f}")
    print(f"Result: {path}\nPlot:   {path.removesuffix('.json')}.svg")


if __name__ == "__main__":
  command_line.run(main, arguments=range(2, 3))
