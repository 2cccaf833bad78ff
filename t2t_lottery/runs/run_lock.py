"""The lock of a run: one process at a time trains or evaluates it. Standard library only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from t2t_lottery.utils import atomic_files, file_lock

_NAME = "run"


@contextlib.contextmanager
def held(folder: str) -> Iterator[int]:
  """Locks a run; if another process holds the lock, prints that and waits. Removes partial files of a killed process.

  Args:
    folder: the run's.

  Yields:
    As `file_lock.exclusive`.

  Raises:
    UserError: the folder cannot be written.
  """
  run = os.path.basename(folder)

  def report_wait(holder: str) -> None:
    print(f"{run}: locked by {holder or 'another process'}; waiting for it to finish", flush=True)

  with file_lock.exclusive(folder, _NAME, report_wait) as lock:
    atomic_files.remove_unfinished(folder)
    yield lock


def is_held(folder: str) -> bool:
  """Whether a process holds the lock of a run."""
  return file_lock.is_held(folder, _NAME)
