"""One datagen at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from t2t_lottery import errors


@contextlib.contextmanager
def exclusive(folder: str, name: str) -> Iterator[None]:
  """Waits for, then holds, a lock; it goes with the process, so a killed one leaves none.

  Args:
    folder: made if missing; holds the (empty, hidden) lock file.
    name: what is locked.

  Raises:
    errors.UserError: the folder cannot be written.
  """
  try:
    os.makedirs(folder, exist_ok=True)
    lock = open(os.path.join(folder, f".{name}.lock"), "w")  # noqa: SIM115
  except OSError as error:
    raise errors.UserError(f"{folder} cannot be written: {error.strerror}") from error
  with lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield
