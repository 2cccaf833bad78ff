"""Collects the results of all runs in one file and prints a table: `python -m t2t_lottery.results --problem=...`."""

from __future__ import annotations

import os
from typing import Any

from absl import flags

from t2t_lottery.evaluation import class_metrics
from t2t_lottery.runs import command_flags, paths, results_file, run_spec
from t2t_lottery.utils import command_line, errors

_RUNS = flags.DEFINE_list("runs", [], "Runs to show, in this order. Default: all with results.")


def _what(lines: list[dict[str, Any]]) -> str:
  """What the scores are of."""
  if any(map(class_metrics.has_predictions, lines)):
    return "dev scores of the last checkpoint"
  return "test scores of the checkpoint with the best dev BLEU"


def main(argv: list[str]) -> None:
  """The command: prints the table of one problem and size, over all seeds."""
  del argv
  with errors.one_line():
    settings = command_flags.read()
    if not settings.hosts.is_chief:
      return
    runs = settings.runs
    if not os.path.isdir(runs.runs_dir):
      raise errors.UserError(f"there is no --runs_dir={runs.runs_dir}")
    lines = [
      line
      for line in results_file.collect(runs.runs_dir)
      if (line["problem"], line["size"]) == (runs.problem, runs.size)
    ]
    known = {line["run"] for line in lines}
    if not known.intersection(_RUNS.value or known):
      of = f" of {', '.join(_RUNS.value)}" if _RUNS.value else ""
      present = f", only of {', '.join(sorted(known))}" if known else ""
      raise errors.UserError(f"{runs.runs_dir} contains no result{of} of {runs.problem}, {runs.size}{present}")
    lines, others = results_file.split_by_data(lines)
    for line in others:
      print(f"{line['run']}, seed {line['seed']}: left out: trained on other data ({line['data']})")
    names = _RUNS.value or list(dict.fromkeys(line["run"] for line in lines))
    seeds = sorted({line["seed"] for line in lines})
    print(f"\n{runs.problem}, {runs.size}, {_what(lines)}, {run_spec.named_seeds(seeds)}")
    print(results_file.table(lines, names))
    print(f"\nResults: {paths.results(runs.runs_dir)}\nRuns:    {os.path.dirname(runs.folder('x'))}")


if __name__ == "__main__":
  command_line.run(main)
