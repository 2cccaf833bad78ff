"""A Slurm job on its node: runs a command, and requeues itself if the command was killed or its time runs out.

Slurm calls `python -m t2t_lottery.reproduce.slurm.job RESTARTS RECORD FOLDER COMMAND...` each time that it starts the job on a
node, always with the same job id. Standard library only.
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
  """What one start of a job records for the next.

  Attributes:
    job: its id.
    killed: how often the command has been killed.
    at_work: whether it is running; if still set at the next start, the node died or the job was killed.
  """

  job: str
  killed: int = 0
  at_work: bool = True


def start_record(path: str, job: str) -> Record:
  """The record of a job that starts now, from the file of its last record."""
  shape = {"job": str, "killed": int, "at_work": bool}
  last = Record("")
  if os.path.exists(path):
    content = atomic_files.read_json(path, shape)
    last = Record(*(content[name] for name in Record._fields))
  return Record(job) if last.job != job else last._replace(killed=last.killed + last.at_work, at_work=True)


def progress(folder: str) -> tuple[int, int]:
  """The progress of a run: the step of its newest checkpoint, and its number of translations."""
  if not folder or not os.path.isdir(folder):
    return -1, 0
  translations = os.path.join(folder, "translations")
  count = len(os.listdir(translations)) if os.path.isdir(translations) else 0
  return max(paths.checkpoint_steps(folder), default=-1), count


def call(command: Sequence[str]) -> tuple[int, list[int]]:
  """Calls a command; forwards SIGUSR1 (the time limit is near) and SIGTERM to it as SIGTERM.

  Returns:
    Its exit status, 128 + the signal if it was killed, and the signals received.
  """
  received: list[int] = []
  started: list[subprocess.Popen] = []

  def forward(number, frame) -> None:
    del frame
    received.append(number)
    for process in started:
      process.terminate()

  for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, forward)
  with subprocess.Popen(command) as process:
    started.append(process)
    if received:
      process.terminate()
    status = process.wait()
  return (status if status >= 0 else 128 - status), received


def run(restarts: int, path: str, folder: str, command: Sequence[str]) -> int:
  """Runs a job from its start on a node to its end there, and requeues it if needed.

  Args:
    restarts: how often to restart a killed command.
    path: of the job's record.
    folder: of the run, or empty.
    command: of the job.

  Returns:
    The exit status.

  Raises:
    UserError: the command must not be restarted.
  """
  record = start_record(path, os.environ["SLURM_JOB_ID"])
  atomic_files.write_json(path, record._asdict())
  _check(record, restarts, folder)
  before = progress(folder)
  status, received = call(command)
  near_limit = signal.SIGUSR1 in received
  is_killed = status >= 128 and not received
  record = record._replace(killed=record.killed + is_killed, at_work=False)
  atomic_files.write_json(path, record._asdict())
  # Slurm itself requeues a job that it preempts.
  if not status or signal.SIGTERM in received or not (near_limit or is_killed):
    return status
  _check(record, restarts, folder)
  if near_limit and progress(folder) == before:
    _fail(folder, "its job's time limit was too short for a single step: increase --slurm_time")
  why = "near its time limit" if near_limit else f"killed (status {status})"
  print(f"{why}, requeued", flush=True)
  if subprocess.run(["scontrol", "requeue", record.job], check=False).returncode:
    _fail(folder, f"Slurm cannot requeue job {record.job}: run the same command to submit it again")
  return status


def _check(record: Record, restarts: int, folder: str) -> None:
  if record.killed > restarts:
    _fail(folder, f"killed {record.killed} times, not restarted (--restarts={restarts})")


def _fail(folder: str, why: str) -> None:
  if folder:
    atomic_files.write_json(paths.last_error(folder), {"error": why, "status": 1})
  raise UserError(why)


if __name__ == "__main__":
  command_line.exit_on_help(sys.argv)
  file_lock.hold_environment()
  with errors.one_line():
    sys.exit(run(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
