"""Runs each step of a run in its own process, as the drivers do."""

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


class SharedFlags(NamedTuple):
  """Flags that the steps of all runs share.

  Attributes:
    flags: of every step, without the seed.
    training, evaluation, datagen: more flags, of each of these steps.
  """

  flags: tuple[str, ...]
  training: tuple[str, ...]
  evaluation: tuple[str, ...]
  datagen: tuple[str, ...] = ()


class Outcome(NamedTuple):
  """The outcome of a step: its exit status, and the last lines that it wrote to stderr."""

  status: int
  stderr: list[str]

  @property
  def error(self) -> str:
    """The line that says what is wrong: this library's own message, if there is one."""
    lines = [line.strip() for line in self.stderr if line.strip()]
    own = [line for line in lines if line.startswith("t2t-lottery: ")]
    if self.status < 0 and not own:
      return t2t_process.killed(-self.status)
    return (own or lines or [f"ended with status {self.status}"])[-1].replace("t2t-lottery: ", "", 1)


def command(step: str, flags: Sequence[str]) -> list[str]:
  """The command of a step."""
  return [*t2t_process.module(f"t2t_lottery.{step}"), *flags]


def of_run(run: PlannedRun, shared: SharedFlags) -> dict[str, list[str]]:
  """The steps of a run, in order: name -> command."""
  flags = [*shared.flags, f"--seed={run.seed}", f"--run={run.name}"]
  return {
    "train": command("train", [*flags, *shared.training, *run.flags]),
    "evaluate": command("evaluate", [*flags, *shared.evaluation]),
  }


class Steps:
  """Runs steps, those of several runs in parallel, each with its share of the machine.

  Args:
    shares: one for each parallel run. With more than one, the seed is put before each line that a step prints.
  """

  def __init__(self, shares: Sequence[Share] = (_ALL,)):
    _instances.add(self)
    self._is_sequential = len(shares) == 1
    self._shares: queue.SimpleQueue[Share] = queue.SimpleQueue()
    for share in shares:
      self._shares.put(share)
    self._running: set[subprocess.Popen] = set()
    self._lock = threading.Lock()
    self._is_stopped = False

  def do(self, run: PlannedRun, folder: str, shared: SharedFlags) -> str:
    """Trains and evaluates a run; if a step fails, records that in the run's folder.

    Args:
      run: the run.
      folder: where it is stored.
      shared: flags of its steps.

    Returns:
      The error, on one line; empty if the run is done.
    """
    share = self._shares.get()
    try:
      with contextlib.suppress(FileNotFoundError):
        os.remove(paths.last_error(folder))
      for step, arguments in of_run(run, shared).items():
        outcome = self.call(arguments, share, "" if self._is_sequential else f"seed {run.seed}, ")
        if outcome.status:
          return "stopped" if self._is_stopped else _record_failure(folder, step, outcome)
      return ""
    finally:
      self._shares.put(share)

  def call(self, arguments: Sequence[str], share: Share = _ALL, prefix: str = "") -> Outcome:
    """Runs a step to its end; stops it if this thread is interrupted.

    Args:
      arguments: its command.
      share: of the machine.
      prefix: put before each line that it prints; if empty, the step inherits this process's stdout.
    """
    stderr: deque[str] = deque(maxlen=100)
    process = self._start(arguments, share, subprocess.PIPE if prefix else None)
    if process is None:
      return Outcome(1, ["this command received a signal, stopping"])
    with process:
      try:
        assert process.stderr is not None
        printing = threading.Thread(target=_copy, args=(process.stdout or (), sys.stdout, prefix))
        printing.start()
        _copy(_recorded(process.stderr, stderr), sys.stderr, prefix)
        printing.join()
        return Outcome(process.wait(), list(stderr))
      except BaseException:
        process.terminate()
        process.wait()
        raise
      finally:
        with self._lock:
          self._running.discard(process)

  def _start(self, arguments: Sequence[str], share: Share, stdout: int | None) -> subprocess.Popen | None:
    with self._lock:
      if self._is_stopped:
        return None
      process = subprocess.Popen(
        arguments, stdout=stdout, stderr=subprocess.PIPE, text=True, errors="replace", env=share.environment
      )
      self._running.add(process)
    if share.cores is not None:
      with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(process.pid, share.cores)
    return process

  def stop(self) -> None:
    """Terminates the running steps and starts no more; a second call signals them again."""
    with self._lock:
      self._is_stopped = True
      for process in self._running:
        process.terminate()


_instances: weakref.WeakSet[Steps] = weakref.WeakSet()


def terminate_again() -> None:
  """Sends SIGTERM to all running steps again; takes no lock, for use in a signal handler."""
  for steps in list(_instances):
    for process in list(steps._running):
      process.terminate()


def _copy(lines: Iterable[str], to: IO[str], prefix: str) -> None:
  for line in lines:
    to.write(prefix + line)
    to.flush()


def _recorded(lines: Iterable[str], record: deque[str]) -> Iterable[str]:
  for line in lines:
    record.append(line.rstrip("\n"))
    yield line


def _record_failure(folder: str, step: str, outcome: Outcome) -> str:
  log = paths.steps_log(folder)
  error = f"{step}: {outcome.error}" + ("" if "(full log: " in outcome.error else f" (full log: {log})")
  # On a full disk nothing is recorded, but the caller gets the error.
  with contextlib.suppress(UserError):
    atomic_files.write_json(paths.last_error(folder), {"error": error, "status": outcome.status})
    atomic_files.write_lines(log, outcome.stderr)
  return error
