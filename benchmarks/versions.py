"""What a TensorFlow costs compared with another: two environments, measured in turn on the same machine.

  python benchmarks/versions.py PYTHON OTHER_PYTHON [--times=3] [--blocks=30]

Time to the first step, steps per second and memory of t2t-trainer, as in `startup.py`; the time to draw a ticket of the
paper's model, as in `ticket.py`; the time to evaluate a tiny run, from start to end. Prints each of both, and the ratio
of the other Python to the first. Exit status 1 if the other one takes more than 1.1 of the time to the first step, or
makes less than 0.98 of the steps per second. Any Python runs this.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import startup

MAX_START_RATIO, MIN_SPEED_RATIO = 1.1, 0.98
VERSIONS = """
import platform
from t2t_lottery.utils import package_versions
print("Python", platform.python_version(), "TensorFlow", package_versions.installed(["tensorflow"])["tensorflow"])
"""
RUN = ("--problem=translate_enfr_grammar", "--size=tiny", "--seed=1", "--steps=40", "--run=dense")
# Measure -> format of its values.
FORMATS = {
  "seconds to the first step": ".1f",
  "steps per second": ".2f",
  "GB of memory, training": ".2f",
  "seconds to draw a ticket": ".2f",
  "seconds to evaluate": ".1f",
}


def _output(python: str, *arguments: str) -> str:
  """What a Python prints, run in the checkout."""
  done = subprocess.run([python, *arguments], cwd=startup.REPOSITORY, text=True, capture_output=True, check=False)
  if done.returncode:
    sys.exit(f"{python} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
  return done.stdout


def _launcher(python: str) -> tuple[str, ...]:
  return (python, "-m", "t2t_lottery.compat")


def _training(pythons: list[str], folder: str, times: int, blocks: int) -> dict[str, list[list[float]]]:
  """Measure -> for each Python, its values."""
  startup.make_data(folder, _launcher(pythons[0]))
  commands = [(*_launcher(python), "t2t_trainer") for python in pythons]
  starts: list[list[float]] = [[] for _ in pythons]
  for _ in range(times):
    for command, measured in zip(commands, starts):
      measured.append(startup.first_step(command, "all", folder))
  with contextlib.ExitStack() as stack:
    runs = {str(i): stack.enter_context(startup.Run(command, "all", folder)) for i, command in enumerate(commands)}
    speeds = startup.speeds(runs, blocks)
    memory = [[run.peak_memory() / 1e9] for run in runs.values()]
  return {
    "seconds to the first step": starts,
    "steps per second": [[speed] for speed in speeds.values()],
    "GB of memory, training": memory,
  }


def _tickets(pythons: list[str], times: int) -> list[list[float]]:
  """For each Python, the seconds to draw a ticket."""
  found: list[list[float]] = [[] for _ in pythons]
  for _ in range(times):
    for python, measured in zip(pythons, found):
      # Its exit status is about a limit of its own.
      printed = subprocess.run(
        [python, "benchmarks/ticket.py"],
        cwd=startup.REPOSITORY,
        env=startup.environment("all"),
        text=True,
        capture_output=True,
        check=False,
      ).stdout
      measured.append(float(re.search(r"\(([\d.]+) s / ", printed)[1]))
  return found


def _evaluations(pythons: list[str], folder: str, times: int) -> list[list[float]]:
  """For each Python, the seconds to evaluate the same run."""
  data = (f"--data_dir={folder}/data", f"--tmp_dir={folder}/tmp")
  _output(pythons[0], "-m", "t2t_lottery.datagen", *RUN[:1], *data)
  _output(pythons[0], "-m", "t2t_lottery.train", *RUN, *data, f"--runs_dir={folder}/runs")
  found: list[list[float]] = [[] for _ in pythons]
  for _ in range(times):
    for python, measured in zip(pythons, found):
      with tempfile.TemporaryDirectory(dir=folder) as copy:
        shutil.copytree(pathlib.Path(folder, "runs"), copy, dirs_exist_ok=True)
        start = time.monotonic()
        _output(python, "-m", "t2t_lottery.evaluate", *RUN, *data, f"--runs_dir={copy}")
        measured.append(time.monotonic() - start)
  return found


def main() -> None:
  """Measures, prints, exits."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("pythons", nargs=2, metavar="PYTHON", help="the Python of an environment that setup.sh has made")
  parser.add_argument("--times", type=int, default=3, help="number of starts, tickets and evaluations of each")
  parser.add_argument("--blocks", type=int, default=30, help="number of 2 s blocks of training of each")
  args = parser.parse_args()
  # Runs have their own working folders. A link is the environment's Python; what it points to is not.
  pythons = [os.path.abspath(python) for python in args.pythons]
  names = [" ".join(_output(python, "-c", VERSIONS).split()) for python in pythons]
  with tempfile.TemporaryDirectory(prefix="t2t_lottery_versions_") as folder:
    pathlib.Path(folder, "training").mkdir()
    measures = _training(pythons, f"{folder}/training", args.times, args.blocks)
    measures["seconds to draw a ticket"] = _tickets(pythons, args.times)
    measures["seconds to evaluate"] = _evaluations(pythons, folder, args.times)
  print(f"| | {names[0]} | {names[1]} | ratio |\n| --- | ---: | ---: | ---: |")
  ratios = {}
  for name, values in measures.items():
    first, other = (statistics.median(each) for each in values)
    ratios[name] = other / first
    print(f"| {name} | {first:{FORMATS[name]}} | {other:{FORMATS[name]}} | {ratios[name]:.2f} |")
  too_slow = ratios["steps per second"] < MIN_SPEED_RATIO
  sys.exit(too_slow or ratios["seconds to the first step"] > MAX_START_RATIO)


if __name__ == "__main__":
  main()
