"""Determinism of training: `python benchmarks/reproducible.py [--steps=60]`.

Trains the tiny model on the grammar in four processes with the same seed, two on one core and two on two cores. Prints
the step at which the weights of each pair start to differ, and the difference at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers
from t2t_lottery.runs import paths

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PROBLEM = "translate_ende_grammar"


def _step(name: str, cores: int, *flags: str) -> None:
  # The number of threads is the number of available cores.
  wanted = sorted(os.sched_getaffinity(0))[:cores]
  code = f"import os, runpy, sys; os.sched_setaffinity(0, {wanted}); runpy.run_module('t2t_lottery.{name}', None, '__main__')"
  command = [sys.executable, "-c", code, f"--problem={_PROBLEM}", "--size=tiny", *flags]
  subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)


def _compare(one: str, other: str) -> str:
  """Describes the difference between the checkpoints of two runs."""
  first = largest = None
  for step in [0, *paths.checkpoint_steps(one)]:
    ours, theirs = (tensor_bundle.read(paths.stored(folder, step), layers.is_prunable) for folder in (one, other))
    largest = max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)
    first = step if first is None and largest else first
  return "bitwise equal" if first is None else f"differ from step {first}, by up to {largest:.1e} at the end"


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--steps", type=int, default=60)
  steps = parser.parse_args().steps
  with tempfile.TemporaryDirectory() as folder:
    data = [f"--data_dir={folder}/data", f"--tmp_dir={folder}/tmp"]
    _step("datagen", 2, *data)
    runs = {}
    for cores in (1, 2):
      for again in (1, 2):
        runs_dir = f"{folder}/{cores}.{again}"
        given = [f"--steps={steps}", "--checkpoints=10", "--hparams=batch_size=512", f"--runs_dir={runs_dir}"]
        _step("train", cores, "--run=dense", *data, *given)
        runs[cores, again] = paths.Runs(runs_dir, _PROBLEM, "tiny", 1).folder("dense")
      print(f"{cores} cores, twice: {_compare(runs[cores, 1], runs[cores, 2])}", flush=True)
    print(f"1 core and 2: {_compare(runs[1, 1], runs[2, 1])}")


if __name__ == "__main__":
  main()
