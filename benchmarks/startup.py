"""Time to the first step, and steps per second, compared with t2t with only the required patches.

Both train t2t's `transformer` (2+2 layers, width 128, the paper's optimizer and batches) on the same random text: the
stock `t2t-trainer` with `patch_list.NEEDED`, and `python -m t2t_lottery.compat t2t_trainer` with all patches; for
reference also the stock `t2t-trainer` with all patches. Starts are measured in turn; then both train, and are paused and
resumed in turn, so that other load on the machine affects both equally.

  python benchmarks/startup.py [--starts=3] [--blocks=40]

Exit status 1 if a requirement is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Sequence

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# At most this fraction of t2t's time to the first step, at least this fraction of its steps per second.
MAX_START_RATIO, MIN_SPEED_RATIO = 0.45, 0.98
USR_DIR = textwrap.dedent("""
    import os, random
    from t2t_lottery import compat
    from t2t_lottery.compat import patch_list
    compat.apply_patches(patch_list.NEEDED if os.environ["PATCHES"] == "needed" else None)
    from tensor2tensor.data_generators import text_problems
    from tensor2tensor.models import transformer
    from tensor2tensor.utils import registry

    @registry.register_problem
    class RandomText(text_problems.Text2TextProblem):
      approx_vocab_size = 2**9
      is_generate_per_split = False
      dataset_splits = [{"split": "train", "shards": 1}, {"split": "eval", "shards": 1}]

      def generate_samples(self, data_dir, tmp_dir, dataset_split):
        random.seed(1)
        for _ in range(20000):
          words = [f"w{random.randrange(2000)}" for _ in range(random.randint(3, 12))]
          yield {"inputs": " ".join(words), "targets": " ".join(words[::-1])}
    """)
FLAGS = ("--t2t_usr_dir=usr_dir", "--problem=random_text", "--data_dir=data", "--tmp_dir=tmp")
TRAIN = (
  "--model=transformer",
  "--hparams_set=transformer_tpu",
  "--hparams=hidden_size=128,num_hidden_layers=2,filter_size=512,num_heads=4,daisy_chain_variables=False",
  "--schedule=train",
  "--train_steps=1000000",
  "--worker_gpu=0",
  "--log_step_count_steps=1",
)
OURS = (sys.executable, "-m", "t2t_lottery.compat")
SCRIPT = (str(pathlib.Path(sys.executable).with_name("t2t-trainer")),)
# Launcher -> command, patches.
LAUNCHERS = {"t2t": (SCRIPT, "needed"), "patched": (SCRIPT, "all"), "compat": ((*OURS, "t2t_trainer"), "all")}


class Run:
  """A training run that records the time of each step; a context manager that kills it.

  Args:
    command: starts t2t-trainer.
    patches: those to apply, "all" or "needed".
    folder: contains the data (`make_data`); the run gets a subfolder.
  """

  def __init__(self, command: Sequence[str], patches: str, folder: str):
    output = tempfile.mkdtemp(dir=folder)
    self.steps: list[float] = []
    self._start = time.monotonic()
    self._tail: list[str] = []
    self._process = subprocess.Popen(
      (*command, *FLAGS, *TRAIN, f"--output_dir={output}"),
      cwd=folder,
      env=environment(patches),
      text=True,
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
    )
    threading.Thread(target=self._read, daemon=True).start()

  def _read(self) -> None:
    for line in self._process.stderr:
      self._tail = [*self._tail[-20:], line]
      if re.search(r"^INFO:tensorflow:loss = .*, step = ", line):
        self.steps.append(time.monotonic())

  def wait_for(self, step: int) -> float:
    """Waits until a step is done; returns its time in seconds since the start of the process."""
    while len(self.steps) < step:
      if self._process.poll() is not None:
        raise RuntimeError("training ended:\n" + "".join(self._tail))
      time.sleep(0.01)
    return self.steps[step - 1] - self._start

  def resume(self, seconds: float) -> tuple[int, float]:
    """Resumes the run for some seconds; returns the number of complete steps, and their total time in seconds."""
    before = len(self.steps)
    self._process.send_signal(signal.SIGCONT)
    time.sleep(seconds)
    self.pause()
    # The first one was running when the run was paused.
    done = self.steps[before + 1 :]
    if not done:
      return 0, 0.0
    return len(done) - 1, done[-1] - done[0]

  def pause(self) -> None:
    """Suspends the process."""
    self._process.send_signal(signal.SIGSTOP)

  def peak_memory(self) -> int:
    """The largest resident memory of the process so far, in bytes."""
    status = pathlib.Path("/proc", str(self._process.pid), "status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1]) * 1024

  def __enter__(self) -> Run:
    return self

  def __exit__(self, *error) -> None:
    self._process.kill()
    self._process.wait()


def environment(patches: str) -> dict[str, str]:
  """The environment of a process that imports this checkout, without a GPU."""
  return {**os.environ, "PATCHES": patches, "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""}


def make_data(folder: str, launcher: Sequence[str] = OURS) -> None:
  """Writes the problem, in `folder/usr_dir`, and its data.

  Args:
    folder: an empty one.
    launcher: starts t2t's commands.
  """
  usr_dir = pathlib.Path(folder, "usr_dir")
  usr_dir.mkdir()
  (usr_dir / "__init__.py").write_text(USR_DIR)
  subprocess.run(
    (*launcher, "t2t_datagen", *FLAGS), cwd=folder, env=environment("all"), check=True, capture_output=True
  )


def first_step(command: Sequence[str], patches: str, folder: str) -> float:
  """Time to a run's first step, in seconds (arguments: see `Run`)."""
  with Run(command, patches, folder) as run:
    return run.wait_for(1)


def speeds(runs: dict[str, Run], blocks: int, seconds: float = 2.0) -> dict[str, float]:
  """Steps per second of runs that train in turn.

  Args:
    runs: name -> run; paused at the end.
    blocks: number of times that each trains.
    seconds: duration of each.
  """
  totals = {name: [0, 0.0] for name in runs}
  for run in runs.values():
    # After graph optimization at the first steps and at the first summary.
    run.wait_for(110)
    run.pause()
  for block in range(blocks):
    for name in list(runs) if block % 2 else list(runs)[::-1]:
      for i, value in enumerate(runs[name].resume(seconds)):
        totals[name][i] += value
  return {name: steps / spent for name, (steps, spent) in totals.items()}


def _compare_starts(folder: str, count: int) -> dict[str, float]:
  """Launcher -> median time to the first step, as a fraction of t2t's."""
  times = {launcher: [] for launcher in LAUNCHERS}
  for _ in range(count):
    for launcher, measured in times.items():
      measured.append(first_step(*LAUNCHERS[launcher], folder))
  for launcher, measured in times.items():
    print(f"seconds to the first step, {launcher}: {', '.join(f'{t:.1f}' for t in measured)}", flush=True)
  medians = {launcher: statistics.median(measured) for launcher, measured in times.items()}
  return {launcher: median / medians["t2t"] for launcher, median in medians.items()}


def _compare_steps(folder: str, blocks: int) -> float:
  """Steps per second with all patches, as a fraction of t2t's."""
  with contextlib.ExitStack() as stack:
    runs = {name: stack.enter_context(Run(*LAUNCHERS[name], folder)) for name in ("t2t", "compat")}
    found = speeds(runs, blocks)
  print("steps per second:", ", ".join(f"{launcher} {speed:.2f}" for launcher, speed in found.items()))
  return found["compat"] / found["t2t"]


def main() -> None:
  """Measures, prints the ratios, exits."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--starts", type=int, default=3, help="number of starts of each")
  parser.add_argument("--blocks", type=int, default=40, help="number of 2 s blocks of training of each")
  args = parser.parse_args()
  folder = tempfile.mkdtemp(prefix="t2t_lottery_startup_")
  try:
    make_data(folder)
    starts = _compare_starts(folder, args.starts)
    steps = _compare_steps(folder, args.blocks)
  finally:
    shutil.rmtree(folder)
  print(
    f"time to the first step: {starts['compat']:.3f} of t2t's (required: at most {MAX_START_RATIO}); "
    f"by the script t2t-trainer: {starts['patched']:.3f}"
  )
  print(f"steps per second: {steps:.3f} of t2t's (required: at least {MIN_SPEED_RATIO})")
  sys.exit(starts["compat"] > MAX_START_RATIO or steps < MIN_SPEED_RATIO)


if __name__ == "__main__":
  main()
