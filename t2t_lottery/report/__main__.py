"""Tables, plots and a page of all runs: `python -m t2t_lottery.report --runs_dir=runs --out=report`.

Writes index.html, which contains everything; table.{md,tex,csv}; controls.{md,tex,csv} if there are controls or relatives;
speed.{md,tex} with --measure_speed; and plots/*.{svg,png}. Runs that are missing or not finished are listed and left out.
"""

from __future__ import annotations

import os

# Before NumPy is imported. Products of significance tests are too small for several threads, which wait for each other if
# the machine is busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from absl import flags

from t2t_lottery.data import manifest
from t2t_lottery.report import archive, builder
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths
from t2t_lottery.utils import command_line, errors

_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where runs are stored.")
_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem; required if there are runs of several.")
_SIZE = flags.DEFINE_string("size", None, "Model size; required if there are runs of several.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where datagen stored the text, to show it next to translations.")
_OUT = flags.DEFINE_string("out", None, "Folder to write the report to. Default: RUNS_DIR/PROBLEM/SIZE/report.")
_ARCHIVE = flags.DEFINE_string("archive", None, "Copies to this folder the files of the runs that a report needs.")
_LEARNING_CURVES = flags.DEFINE_bool("learning_curves", False, "Plot dev BLEU by step as well.")
_MEASURE_SPEED = flags.DEFINE_bool(
  "measure_speed", False, "Translate the test set with each run and engine, to plot BLEU by sentences per second."
)
_SAMPLES = flags.DEFINE_integer("samples", 10_000, "Samples for intervals, shuffles for significance.", lower_bound=1)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    runs_dir = os.path.expanduser(_RUNS_DIR.value)
    data_dir = os.path.expanduser(_DATA_DIR.value) if _DATA_DIR.value else None
    if _MEASURE_SPEED.value and not data_dir:
      raise errors.UsageError("--measure_speed translates the test set: give --data_dir")
    study = studies.read(runs_dir, _PROBLEM.value, _SIZE.value)
    if _MEASURE_SPEED.value and data_dir:
      # Before the tables of an earlier report are replaced.
      manifest.raw_text(study.problem, data_dir, "test")
    out = os.path.expanduser(_OUT.value or paths.report(runs_dir, study.problem, study.size))
    if _ARCHIVE.value:
      size = archive.copy(study, os.path.expanduser(_ARCHIVE.value))
      print(f"Archive: {_ARCHIVE.value} ({size / 1e6:.1f} MB)")
    for line in builder.report(study, out, data_dir, _SAMPLES.value, _LEARNING_CURVES.value, _MEASURE_SPEED.value):
      print(line)
    print(f"Report:  {os.path.join(out, 'index.html')}")


if __name__ == "__main__":
  command_line.run(main)
