"""Two independent runs: one after the other, and in parallel (`reproduce.sh --jobs=2`).

python benchmarks/jobs.py [--steps=N] [--rounds=N]; prints the times of each round and the median ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _command(folder: str, jobs: int, runs_dir: str, steps: int) -> list[str]:
  # The dense run and an MP run both start from random weights.
  return [
    *(sys.executable, "-m", "t2t_lottery.reproduce", "--problem=translate_ende_grammar", "--size=tiny"),
    *("--methods=mp", "--levels=50", "--seeds=1", f"--steps={steps}", "--checkpoints=5", "--hparams=batch_size=512"),
    *(f"--data_dir={folder}/data", f"--runs_dir={folder}/{runs_dir}", f"--jobs={jobs}"),
  ]


def _seconds(command: list[str]) -> float:
  start = time.perf_counter()
  subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  return time.perf_counter() - start


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--steps", type=int, default=300)
  parser.add_argument("--rounds", type=int, default=3)
  given = parser.parse_args()
  ratios = []
  with tempfile.TemporaryDirectory() as folder:
    data = ["--problem=translate_ende_grammar", f"--data_dir={folder}/data", f"--tmp_dir={folder}/tmp"]
    subprocess.run([sys.executable, "-m", "t2t_lottery.datagen", *data], cwd=_ROOT, check=True)
    for i in range(given.rounds):
      # In alternating order, because the speed of a machine varies over time.
      order = (1, 2) if i % 2 == 0 else (2, 1)
      took = {jobs: _seconds(_command(folder, jobs, f"runs-{i}-{jobs}", given.steps)) for jobs in order}
      ratios.append(took[1] / took[2])
      print(f"one after the other {took[1]:.1f} s, in parallel {took[2]:.1f} s", flush=True)
  print(f"two runs, {given.steps} steps each, on {len(os.sched_getaffinity(0))} cores:")
  print(f"in parallel {statistics.median(ratios):.2f} times as fast (median of {given.rounds})")


if __name__ == "__main__":
  main()
