"""The steps of a run as processes of their own, as the drivers call them."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

from t2t_lottery.reproduce.planning.resource_split import Share
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, t2t_process
from t2t_lottery.utils.errors import UserError

_ALL = Share()


class Shared(NamedTuple):
  """What the steps of all runs are called with.

  Attributes:
    flags: of every step, but the seed.
    training, evaluation, datagen: more flags, of each of these.
  """

  flags: tuple[str, ...]
  training: tuple[str, ...]
  evaluation: tuple[str, ...]
  datagen: tuple[str, ...] = ()


class Outcome(NamedTuple):
  """What a step has come to: its exit status, and the last lines that it wrote to stderr."""

  status: int
  said: list[str]

  @property
  def error(self) -> str:
    """The line that says what is wrong: this library's own message, if there is one."""
    lines = [line.strip() for line in self.said if line.strip()]
    own = [line for line in lines if line.startswith("t2t-lottery: ")]
    if self.status < 0 and not own:
      return t2t_process.killed(-self.status)
    return (own or lines or [f"it ended with status {self.status}"])[-1].replace("t2t-lottery: ", "", 1)


def command(step: str, flags: Sequence[str]) -> list[str]:
  """A step's command."""
  return [*t2t_process.module(f"t2t_lottery.{step}"), *flags]


def of_run(run: PlannedRun, shared: Shared) -> dict[str, list[str]]:
  """A run's steps in turn: name -> command."""
  flags = [*shared.flags, f"--seed={run.seed}", f"--run={run.name}"]
  return {
    "train": command("train", [*flags, *shared.training, *run.flags]),
    "evaluate": command("evaluate", [*flags, *shared.evaluation]),
  }


class Steps:
  """Calls steps, those of several runs side by side, each with its share of the machine.

  Args:
    shares: one for each run at a time. With more than one, each line that a run's steps print says whose it is.
  """

  def __init__(self, shares: Sequence[Share] = (_ALL,)):
    _made.add(self)
    self._are_alone = len(shares) == 1
    self._shares: queue.SimpleQueue[Share] = queue.SimpleQueue()
    for share in shares:
      self._shares.put(share)
    self._at_work: set[subprocess.Popen] = set()
    self._lock = threading.Lock()
    self._is_over = False

  def do(self, run: PlannedRun, folder: str, shared: Shared) -> str:
    """Trains and evaluates a run; if a step fails, leaves a mark of that in its folder.

    Args:
      run: the run.
      folder: where it is stored.
      shared: what its steps are called with.

    Returns:
      What went wrong, on one line; nothing if it is done.
    """
    share = self._shares.get()
    try:
      with contextlib.suppress(FileNotFoundError):
        os.remove(paths.last_error(folder))
      for step, arguments in of_run(run, shared).items():
        outcome = self.call(arguments, share, "" if self._are_alone else f"seed {run.seed}, ")
        if outcome.status:
          return "ended" if self._is_over else _mark(folder, step, outcome)
      return ""
    finally:
      self._shares.put(share)

  def call(self, arguments: Sequence[str], share: Share = _ALL, prefix: str = "") -> Outcome:
    """Runs a step to its end; ends it if this thread is interrupted.

    Args:
      arguments: its command.
      share: of the machine.
      prefix: put before each line that it prints; without one, it prints to where this process does.
    """
    said: deque[str] = deque(maxlen=100)
    process = self._start(arguments, share, subprocess.PIPE if prefix else None)
    if process is None:
      return Outcome(1, ["this command got a signal to end"])
    with process:
      try:
        assert process.stderr is not None
        printing = threading.Thread(target=_copy, args=(process.stdout or (), sys.stdout, prefix))
        printing.start()
        _copy(_noted(process.stderr, said), sys.stderr, prefix)
        printing.join()
        return Outcome(process.wait(), list(said))
      except BaseException:
        process.terminate()
        process.wait()
        raise
      finally:
        with self._lock:
          self._at_work.discard(process)

  def _start(self, arguments: Sequence[str], share: Share, stdout: int | None) -> subprocess.Popen | None:
    with self._lock:
      if self._is_over:
        return None
      process = subprocess.Popen(
        arguments, stdout=stdout, stderr=subprocess.PIPE, text=True, errors="replace", env=share.environment
      )
      self._at_work.add(process)
    if share.cores is not None:
      with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(process.pid, share.cores)
    return process

  def end(self) -> None:
    """Ends the running steps, and starts no more; called again, it signals them again."""
    with self._lock:
      self._is_over = True
      for process in self._at_work:
        process.terminate()


_made: weakref.WeakSet[Steps] = weakref.WeakSet()


def end_again() -> None:
  """Signals all running steps again to end; for a signal's handler, so it waits for no lock."""
  for steps in list(_made):
    for process in list(steps._at_work):
      process.terminate()


def _copy(lines: Iterable[str], to: IO[str], prefix: str) -> None:
  for line in lines:
    to.write(prefix + line)
    to.flush()


def _noted(lines: Iterable[str], said: deque[str]) -> Iterable[str]:
  for line in lines:
    said.append(line.rstrip("\n"))
    yield line


def _mark(folder: str, step: str, outcome: Outcome) -> str:
  log = paths.steps_log(folder)
  error = f"{step}: {outcome.error}" + ("" if "(full log: " in outcome.error else f" (full log: {log})")
  # On a disk that is full there is no mark; the caller knows.
  with contextlib.suppress(UserError):
    atomic_files.write_json(paths.last_error(folder), {"error": error, "status": outcome.status})
    atomic_files.write_lines(log, outcome.said)
  return error
