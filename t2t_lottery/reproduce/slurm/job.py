"""What a job of Slurm does on its node: calls a command, and goes back into the queue when there is reason to.

`python -m t2t_lottery.reproduce.slurm.job RESTARTS RECORD FOLDER COMMAND...` is called by Slurm each time that the job comes to a
node, its id always the same. Standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, command_line, errors, file_lock
from t2t_lottery.utils.errors import UserError


class Record(NamedTuple):
  """What a job's stay on one node leaves for the next.

  Attributes:
    job: its id.
    killed: how often the command has been killed.
    at_work: whether it is on a node; if it is so when the next stay begins, the one before was cut off.
  """

  job: str
  killed: int = 0
  at_work: bool = True


def begun(path: str, job: str) -> Record:
  """A job's record as its stay on a node begins."""
  shape = {"job": str, "killed": int, "at_work": bool}
  last = Record("")
  if os.path.exists(path):
    there = atomic_files.read_json(path, shape)
    last = Record(*(there[name] for name in Record._fields))
  return Record(job) if last.job != job else last._replace(killed=last.killed + last.at_work, at_work=True)


def reached(folder: str) -> tuple[int, int]:
  """How far a run is: its newest checkpoint's step, and how many translations there are."""
  if not folder or not os.path.isdir(folder):
    return -1, 0
  translations = os.path.join(folder, "translations")
  count = len(os.listdir(translations)) if os.path.isdir(translations) else 0
  return max(paths.checkpoint_steps(folder), default=-1), count


def call(command: Sequence[str]) -> tuple[int, list[int]]:
  """Calls a command; hands SIGUSR1 (the time limit is near) and SIGTERM on to it as SIGTERM.

  Returns:
    Its exit status, 128 + the signal if it was killed, and the signals that came.
  """
  received: list[int] = []
  started: list[subprocess.Popen] = []

  def hand_on(number, frame) -> None:
    del frame
    received.append(number)
    for process in started:
      process.terminate()

  for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, hand_on)
  with subprocess.Popen(command) as process:
    started.append(process)
    if received:
      process.terminate()
    status = process.wait()
  return (status if status >= 0 else 128 - status), received


def stay(restarts: int, path: str, folder: str, command: Sequence[str]) -> int:
  """One stay of a job on a node.

  Args:
    restarts: how often a command that is killed is started again.
    path: of the job's record.
    folder: of the run, or nothing.
    command: what the job is to do.

  Returns:
    The exit status.

  Raises:
    UserError: if it is not to be called again.
  """
  record = begun(path, os.environ["SLURM_JOB_ID"])
  atomic_files.write_json(path, record._asdict())
  _check(record, restarts, folder)
  before = reached(folder)
  status, received = call(command)
  near_limit = signal.SIGUSR1 in received
  is_killed = status >= 128 and not received
  record = record._replace(killed=record.killed + is_killed, at_work=False)
  atomic_files.write_json(path, record._asdict())
  # Slurm itself requeues a job that it preempts.
  if not status or signal.SIGTERM in received or not (near_limit or is_killed):
    return status
  _check(record, restarts, folder)
  if near_limit and reached(folder) == before:
    _give_up(folder, "its job's time was too short for a single step: ask for more (--slurm_time)")
  why = "near its time limit" if near_limit else f"killed (status {status})"
  print(f"{why}, put back into the queue", flush=True)
  if subprocess.run(["scontrol", "requeue", record.job], check=False).returncode:
    _give_up(folder, f"Slurm does not put job {record.job} back into the queue: the same command submits it again")
  return status


def _check(record: Record, restarts: int, folder: str) -> None:
  if record.killed > restarts:
    _give_up(folder, f"killed {record.killed} times, not started again (--restarts={restarts})")


def _give_up(folder: str, why: str) -> None:
  if folder:
    atomic_files.write_json(paths.last_error(folder), {"error": why, "status": 1})
  raise UserError(why)


if __name__ == "__main__":
  command_line.exit_on_help(sys.argv)
  file_lock.hold_environment()
  with errors.one_line():
    sys.exit(stay(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
