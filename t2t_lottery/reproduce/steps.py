"""The steps of a run as processes of their own, as the drivers call them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from t2t_lottery import files, paths
from t2t_lottery.errors import UserError
from t2t_lottery.plan import Run


class Shared(NamedTuple):
  """What the steps of all runs are called with.

  Attributes:
    flags: of every step, but the seed.
    average, decoder: of evaluation.
  """

  flags: tuple[str, ...]
  average: int
  decoder: str


class Outcome(NamedTuple):
  """What a step has come to: its exit status, and the last lines that it wrote to stderr."""

  status: int
  said: list[str]

  @property
  def error(self) -> str:
    """The line that says what is wrong: this library's own message, if there is one."""
    lines = [line.strip() for line in self.said if line.strip()]
    told = [line for line in lines if line.startswith("t2t-lottery: ")]
    return (told or lines or [f"it ended with status {self.status}"])[-1].replace("t2t-lottery: ", "", 1)


def command(step: str, flags: Sequence[str]) -> list[str]:
  """A step's command."""
  return [sys.executable, "-m", f"t2t_lottery.{step}", *flags]


def of_run(run: Run, shared: Shared) -> dict[str, list[str]]:
  """A run's steps in turn: name -> command."""
  flags = [*shared.flags, f"--seed={run.seed}", f"--run={run.name}"]
  return {
    "train": command("train", [*flags, *run.flags]),
    "evaluate": command("evaluate", [*flags, f"--average={shared.average}", f"--decoder={shared.decoder}"]),
  }


def call(arguments: Sequence[str]) -> Outcome:
  """Runs a step in the foreground; ends it if this process is told to end."""
  said: deque[str] = deque(maxlen=100)
  with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, errors="replace") as process:
    try:
      assert process.stderr is not None
      for line in process.stderr:
        said.append(line.rstrip("\n"))
        print(line, end="", file=sys.stderr, flush=True)
      return Outcome(process.wait(), list(said))
    except BaseException:
      process.terminate()
      process.wait()
      raise


def do(run: Run, folder: str, shared: Shared) -> str:
  """Trains and evaluates a run; if a step fails, leaves a mark of that in its folder.

  Args:
    run: the run.
    folder: where it lies.
    shared: what its steps are called with.

  Returns:
    What went wrong, on one line; nothing if it is done.
  """
  with contextlib.suppress(FileNotFoundError):
    os.remove(paths.last_error(folder))
  for step, arguments in of_run(run, shared).items():
    outcome = call(arguments)
    if outcome.status:
      return _mark(folder, step, outcome)
  return ""


def _mark(folder: str, step: str, outcome: Outcome) -> str:
  log = paths.steps_log(folder)
  error = f"{step}: {outcome.error}" + ("" if "(full log: " in outcome.error else f" (full log: {log})")
  # On a disk that is full there is no mark; the caller knows.
  with contextlib.suppress(UserError):
    files.write_json(paths.last_error(folder), {"error": error, "status": outcome.status})
    files.write_lines(log, outcome.said)
  return error
