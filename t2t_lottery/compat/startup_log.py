"""What TensorFlow prints while it is imported. Imports nothing of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from t2t_lottery.compat.patches.versions import since

_STDERR = 2
# Its notice about itself, and a message of level INFO: `I0000 00:00:1795721664.512618   14782 port.cc:153] ...`.
_NOTICES = (b"WARNING: All log messages before absl::InitializeLog()", b"I0000 ")


@since("2.16")
@contextlib.contextmanager
def hide_notices() -> Iterator[None]:
  """Symptom: `port.cc:153] oneDNN custom operations are on.` in spite of TF_CPP_MIN_LOG_LEVEL=2, twice in each process.

  A context manager for the import: what else is printed to stderr meanwhile appears at its end. Without that variable,
  TensorFlow prints as it does.
  """
  with contextlib.ExitStack() as stack:
    # TensorFlow's C++ code writes to the file descriptor, whatever `sys.stderr` is.
    stderr = _copy_of_stderr() if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") != "0" else None
    if stderr is not None:
      output = stack.enter_context(open(os.memfd_create("stderr"), "w+b"))
      stack.callback(os.close, stderr)
      stack.callback(_print_rest, output, stderr)
      stack.callback(os.dup2, stderr, _STDERR)
      _flush()
      os.dup2(output.fileno(), _STDERR)
      stack.callback(_flush)
    yield


def _copy_of_stderr() -> int | None:
  """A file descriptor; None if there is no stderr."""
  try:
    return os.dup(_STDERR)
  except OSError:
    return None


def _flush() -> None:
  if sys.stderr is not None:
    with contextlib.suppress(OSError, ValueError):
      sys.stderr.flush()


def _print_rest(output: BinaryIO, stderr: int) -> None:
  """Prints what was written to a file, without the notices."""
  output.seek(0)
  with contextlib.suppress(OSError):
    for line in output:
      if not line.startswith(_NOTICES):
        os.write(stderr, line)
