"""Errors for users: plain exceptions inside the library, one line on stderr at the entry points."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class UserError(Exception):
  """An error that the user can fix. Its message is one line: what is wrong, where, what to do."""


class UsageError(UserError):
  """An invalid command line, whatever the files are; exits with status 2, like a bad flag."""


class Interrupted(UserError):
  """The process received a signal to stop.

  Attributes:
    signal: the signal's number.
    was_killed: whether a child process did not exit in time and was killed without saving.
  """

  def __init__(self, message: str, number: int, was_killed: bool = False):
    super().__init__(message)
    self.signal = number
    self.was_killed = was_killed


@contextlib.contextmanager
def one_line() -> Iterator[None]:
  """Turns a `UserError` into one line on stderr, without a traceback, and exit status 1; `UsageError` exits with 2,
  `Interrupted` with 128 + the signal, as shells do.

  For entry points only: the `main` of a command, and the places where t2t calls this library.

  Raises:
    SystemExit: in place of a `UserError`.
  """
  try:
    yield
  except Interrupted as interrupted:
    print(f"t2t-lottery: {interrupted}", file=sys.stderr)
    raise SystemExit(128 + interrupted.signal) from interrupted
  except KeyboardInterrupt as interrupted:
    print("t2t-lottery: interrupted", file=sys.stderr)
    raise SystemExit(128 + signal.SIGINT) from interrupted
  except UsageError as error:
    print(f"t2t-lottery: {error}", file=sys.stderr)
    raise SystemExit(2) from error
  except UserError as error:
    raise SystemExit(f"t2t-lottery: {error}") from error
