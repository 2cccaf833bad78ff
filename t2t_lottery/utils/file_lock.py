"""One process at a time in a folder. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import IO

from t2t_lottery.utils.errors import UserError


@contextlib.contextmanager
def exclusive(folder: str, name: str, on_wait: Callable[[str], None] = lambda holder: None) -> Iterator[int]:
  """Waits for a lock, then holds it; the lock ends with the process, even if that is killed.

  Args:
    folder: created if missing; contains the hidden lock file.
    name: what is locked.
    on_wait: called before waiting, with the holder of the lock, or "" if unknown.

  Yields:
    The lock's file descriptor. A child process that inherits it also holds the lock, until both have exited.

  Raises:
    UserError: the folder cannot be written.
  """
  with contextlib.ExitStack() as stack:
    try:
      os.makedirs(folder, exist_ok=True)
      lock = stack.enter_context(_acquire(_path(folder, name), on_wait))
    except OSError as error:
      raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    # Informational only, so a full disk is no reason to fail.
    with contextlib.suppress(OSError):
      lock.truncate(0)
      lock.write(f"process {os.getpid()} on {socket.gethostname()}")
      lock.flush()
    yield lock.fileno()


_environment: list[IO[str]] = []


def hold_environment() -> None:
  """Keeps `run_scripts/setup.sh` from changing the virtual environment while this process lives.

  Waits while setup.sh is changing it. Does nothing outside a virtual environment.
  """
  if _environment:
    return
  with contextlib.suppress(OSError):
    file = open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_SH)
    _environment.append(file)


def is_held(folder: str, name: str) -> bool:
  """Whether a process, this one or another, holds the lock; neither waits nor creates files."""
  try:
    with open(_path(folder, name), encoding="utf-8") as lock:
      fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  except OSError:
    return False
  return False


def _path(folder: str, name: str) -> str:
  return os.path.join(folder, f".{name}.lock")


def _acquire(path: str, on_wait: Callable[[str], None]) -> IO[str]:
  """Opens and locks the lock file."""
  while True:
    lock = open(path, "a+", encoding="utf-8")
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      lock.seek(0)
      on_wait(lock.read())
      fcntl.flock(lock, fcntl.LOCK_EX)
    # While this process waited, the folder may have been deleted and recreated with another lock file.
    with contextlib.suppress(FileNotFoundError):
      if os.path.samestat(os.fstat(lock.fileno()), os.stat(path)):
        return lock
    lock.close()
    os.makedirs(os.path.dirname(path), exist_ok=True)
