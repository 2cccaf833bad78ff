"""One process at a time trains or evaluates a run. Standard library only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from t2t_lottery import files, locks

_NAME = "run"


@contextlib.contextmanager
def held(folder: str) -> Iterator[int]:
  """Waits until no other process is at work on a run, saying so, and then keeps others out; removes what a killed one
  left half written.

  Args:
    folder: the run's.

  Yields:
    As `locks.exclusive`.

  Raises:
    UserError: the folder cannot be written.
  """
  run = os.path.basename(folder)

  def say(holder: str) -> None:
    print(f"{run}: {holder or 'another process'} is at work on it, waiting for its end", flush=True)

  with locks.exclusive(folder, _NAME, say) as lock:
    files.remove_unfinished(folder)
    yield lock


def is_held(folder: str) -> bool:
  """Whether a process is at work on a run."""
  return locks.is_held(folder, _NAME)
