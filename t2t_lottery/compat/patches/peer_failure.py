"""What a process of a training does when another one dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensorflow.python.training import monitored_session

_DEATHS = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.CancelledError)


@contextlib.contextmanager
def end_training(message: str) -> Iterator[None]:
  """Ends the process at once, with one line and exit status 1, where TensorFlow would wait for ever.

  TensorFlow takes a death for a preemption and connects again; but nobody comes back by itself. Nor can a session be
  closed, by hand or by the interpreter's end, that the dead process took part in.

  Args:
    message: who has gone, and what to do.
  """
  monitored_session._PREEMPTION_ERRORS = ()
  close = monitored_session._MonitoredSession._close_internal

  def close_if_all_live(self, exception_type=None):
    if not (exception_type and issubclass(exception_type, _DEATHS)):
      close(self, exception_type)

  monitored_session._MonitoredSession._close_internal = close_if_all_live
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
