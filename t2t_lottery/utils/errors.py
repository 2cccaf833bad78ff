"""One clear line for the user, at the edge; a plain exception inside the library."""

import contextlib
import signal
import sys
from collections.abc import Iterator


class UserError(Exception):
  """Input that the user can mend. Its message is one line: what is wrong, where, what to do."""


class UsageError(UserError):
  """A command that cannot be meant so, whatever lies where it points to; ends a process with status 2, as a bad flag does."""


class Interrupted(UserError):
  """The user, or the machine, wants the process to end.

  Attributes:
    signal: the signal's number.
    is_cut_off: whether something was killed that did not end by itself, so that it saved nothing.
  """

  def __init__(self, message: str, number: int, is_cut_off: bool = False):
    super().__init__(message)
    self.signal = number
    self.is_cut_off = is_cut_off


@contextlib.contextmanager
def one_line() -> Iterator[None]:
  """Ends the process with the one line of a `UserError` and exit status 1, without a traceback; a `UsageError` with 2;
  interrupted, with 128 + the signal, as shells do.

  For the edges only: the `main` of a command, and the places where t2t calls into this library.

  Raises:
    SystemExit: with the message, in place of a `UserError`.
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
