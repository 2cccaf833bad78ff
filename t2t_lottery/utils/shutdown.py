"""Graceful shutdown on a signal: a process gets time to save, then is killed. Standard library only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

# Enough for a step of a large model on a slow machine, and its checkpoint.
GRACE_SECONDS = 120.0
# A terminal, a driver and a parent command may each forward the same signal: within this time they count as one.
DUPLICATE_SECONDS = 2.0


def signals() -> tuple[signal.Signals, ...]:
  """Signals that stop a process; without SIGHUP under nohup."""
  is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
  return (signal.SIGTERM, signal.SIGINT, *(() if is_ignored else (signal.SIGHUP,)))


class GracePeriod:
  """Waits for something to stop after a signal; kills it on a second signal or after `GRACE_SECONDS`.

  Args:
    kill: kills it; called from a thread or a signal handler, possibly more than once.
    on_wait: called `DUPLICATE_SECONDS` after the first signal, if it has not stopped by then.
  """

  def __init__(self, kill: Callable[[], None], on_wait: Callable[[], None] = lambda: None):
    self._kill = kill
    self._on_wait = on_wait
    self._first: float | None = None
    self._timers: list[threading.Timer] = []
    self._has_ended = False
    # A thread may receive a signal just as `end` is called.
    self._lock = threading.RLock()
    self.has_killed = False

  def on_signal(self) -> bool:
    """Records a signal; returns whether it is the first."""
    with self._lock:
      if self._has_ended:
        return False
      now = time.monotonic()
      if self._first is None:
        self._first = now
        for seconds, action in ((DUPLICATE_SECONDS, self._on_wait), (GRACE_SECONDS, self._kill_now)):
          timer = threading.Timer(seconds, action)
          timer.daemon = True
          timer.start()
          self._timers.append(timer)
        return True
      if now - self._first > DUPLICATE_SECONDS:
        self._kill_now()
      return False

  def _kill_now(self) -> None:
    self.has_killed = True
    self._kill()

  def end(self) -> None:
    """Ends the period: later signals kill nothing."""
    with self._lock:
      self._has_ended = True
      for timer in self._timers:
        timer.cancel()


def watch(wakeup: int, grace: GracePeriod, on_signal: Callable[[int], None] = lambda number: None) -> threading.Thread:
  """Handles the signals reported by `signal.set_wakeup_fd` in a thread: a Python handler would wait for the current step.

  Args:
    wakeup: the read end of a pipe; the thread ends when the write end is closed.
    grace: receives each signal that stops the process.
    on_signal: called with each of them afterwards.
  """
  stopping = {int(number) for number in signals()}

  def read_signals() -> None:
    while read := os.read(wakeup, 1):
      if read[0] in stopping:
        grace.on_signal()
        on_signal(read[0])
    os.close(wakeup)

  thread = threading.Thread(target=read_signals, daemon=True)
  thread.start()
  return thread
