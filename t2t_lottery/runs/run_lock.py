"""One process at a time trains or evaluates a run. Standard library only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from t2t_lottery.utils import atomic_files, file_lock

_NAME = "run"


@contextlib.contextmanager
def held(folder: str) -> Iterator[int]:
  """Waits until no other process is at work on a run, saying so, and then keeps others out; removes what a killed one
  left half written.

  Args:
    folder: the run's.

  Yields:
    As `file_lock.exclusive`.

  Raises:
    UserError: the folder cannot be written.
  """
  run = os.path.basename(folder)

  def say(holder: str) -> None:
    print(f"{run}: {holder or 'another process'} is at work on it, waiting for its end", flush=True)

  with file_lock.exclusive(folder, _NAME, say) as lock:
    atomic_files.remove_unfinished(folder)
    yield lock


def is_held(folder: str) -> bool:
  """Whether a process is at work on a run."""
  return file_lock.is_held(folder, _NAME)
