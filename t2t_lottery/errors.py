"""One clear line for the user, at the edge; a plain exception inside the library."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
  """Input that the user can mend. Its message is one line: what is wrong, where, what to do."""


@contextlib.contextmanager
def one_line() -> Iterator[None]:
  """Ends the process with the one line of a `UserError` and exit status 1, without a traceback.

  For the edges only: the `main` of a command, and the places where t2t calls into this library.

  Raises:
    SystemExit: with the message, in place of a `UserError`.
  """
  try:
    yield
  except UserError as error:
    raise SystemExit(f"t2t-lottery: {error}") from error
