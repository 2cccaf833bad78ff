"""What a process of a distributed run does when another one dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensorflow.python.training import monitored_session

_DEATHS = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.CancelledError)


@contextlib.contextmanager
def exit_on_peer_failure(message: str) -> Iterator[None]:
  """Exits at once with one line and status 1, where TensorFlow would wait forever.

  TensorFlow takes a death for a preemption and reconnects, but no process restarts by itself. Nor can a session that the
  dead process took part in be closed, explicitly or at the interpreter's exit.

  Args:
    message: which process has died, and what to do.
  """
  monitored_session._PREEMPTION_ERRORS = ()
  close = monitored_session._MonitoredSession._close_internal

  def close_if_all_alive(self, exception_type=None):
    if not (exception_type and issubclass(exception_type, _DEATHS)):
      close(self, exception_type)

  monitored_session._MonitoredSession._close_internal = close_if_all_alive
  try:
    yield
  except _DEATHS as error:
    tf.logging.error("%s", error)
    print(
      f"t2t-lottery: {message}, to resume from the last checkpoint ({type(error).__name__}, see above)",
      file=sys.stderr,
      flush=True,
    )
    os._exit(1)
  finally:
    monitored_session._MonitoredSession._close_internal = close
