"""The results of all runs in one file, and the table that a driver ends with."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from typing import Any

from absl import app, flags

from t2t_lottery import errors, files, paths, settings

_METHODS = flags.DEFINE_list("methods", [], "Methods to show. Default: all that have results.")


def collect(runs_dir: str) -> list[dict[str, Any]]:
  """Gathers each run's line of results into one file, and returns the lines.

  The file is made anew from the runs' own results, so it is whole however often a run was interrupted.
  """
  found = sorted(glob.glob(paths.result(os.path.join(glob.escape(runs_dir), "*", "*", "*", "*"))))
  lines = [files.read_json(path) for path in found]
  lines.sort(
    key=lambda line: (
      line["problem"],
      line["size"],
      line["seed"],
      line["method"],
      line["sparsity_asked"],
    )
  )
  files.write_text(paths.results(runs_dir), "".join(files.to_json(line) + "\n" for line in lines))
  return lines


def table(lines: list[dict[str, Any]], methods: list[str]) -> str:
  """A table in the shape of the paper's Table 1: a row a level, BLEU of each method, size.

  Args:
    lines: results of one problem and size; runs that differ in the seed alone are averaged.
    methods: columns, in this order; the dense model stands in each of them at 0%.
  """
  cells: dict[tuple[str, float], list[dict[str, Any]]] = defaultdict(list)
  for line in lines:
    cells[line["method"], line["sparsity_asked"]].append(line)
  levels = sorted({level for method, level in cells if method in (*methods, "dense")})
  rows = [["level", "MB", *(f"{method.upper()} BLEU" for method in methods)]]
  for level in levels:
    there = {m: cells.get((m, level)) or (cells.get(("dense", level)) if not level else None) for m in methods}
    megabytes = [line["megabytes"] for found in there.values() for line in found or []]
    rows.append(
      [
        f"{level * 100:g}%",
        f"{_mean(megabytes):.2f}",
        *(f"{_mean([line['test_bleu'] for line in found]):.1f}" if found else "-" for found in there.values()),
      ]
    )
  widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
  return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows)


def _mean(values: list[float]) -> float:
  return sum(values) / len(values)


def main(argv: list[str]) -> None:
  """The command: prints the table of one problem and size, over all seeds."""
  del argv
  with errors.one_line():
    runs = settings.from_flags().runs
    lines = [line for line in collect(runs.runs_dir) if (line["problem"], line["size"]) == (runs.problem, runs.size)]
    methods = _METHODS.value or sorted({line["method"] for line in lines} - {"dense"})
    seeds = sorted({line["seed"] for line in lines})
    print(
      f"\n{runs.problem}, {runs.size}, test BLEU of the checkpoint with the best dev BLEU, "
      f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    )
    print(table(lines, methods))
    print(f"\nResults: {paths.results(runs.runs_dir)}\nRuns:    {os.path.dirname(runs.folder('x'))}")


if __name__ == "__main__":
  app.run(main)
