"""How a process ends that is told to: what it saves, it may save, but not for ever. Standard library only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

# A step of a large model on a slow machine, and its checkpoint.
GRACE_SECONDS = 120.0
# A terminal, a driver and a command above may each hand the same signal on: within this time they are one.
SAME_SECONDS = 2.0


def signals() -> tuple[signal.Signals, ...]:
  """Those that tell a process to end, but for a closed terminal's under nohup."""
  is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
  return (signal.SIGTERM, signal.SIGINT, *(() if is_ignored else (signal.SIGHUP,)))


class Patience:
  """Waits for something to end that was told to; ends it at once when it is told again, or after a time.

  Args:
    kill: ends it at once; called from a thread, or a signal handler, and maybe more than once.
    say: called a while after the first signal, if it has not ended by then.
  """

  def __init__(self, kill: Callable[[], None], say: Callable[[], None] = lambda: None):
    self._kill = kill
    self._say = say
    self._first: float | None = None
    self._timers: list[threading.Timer] = []
    self._is_over = False
    # A signal may be noted by a thread just when what it tells to end has ended.
    self._lock = threading.RLock()
    self.is_lost = False

  def told(self) -> bool:
    """Takes a signal; returns whether it is the first."""
    with self._lock:
      if self._is_over:
        return False
      now = time.monotonic()
      if self._first is None:
        self._first = now
        for seconds, action in ((SAME_SECONDS, self._say), (GRACE_SECONDS, self._lose)):
          timer = threading.Timer(seconds, action)
          timer.daemon = True
          timer.start()
          self._timers.append(timer)
        return True
      if now - self._first > SAME_SECONDS:
        self._lose()
      return False

  def _lose(self) -> None:
    self.is_lost = True
    self._kill()

  def over(self) -> None:
    """It has ended: what comes now kills nothing."""
    with self._lock:
      self._is_over = True
      for timer in self._timers:
        timer.cancel()


def watch(wakeup: int, patience: Patience, noted: Callable[[int], None] = lambda number: None) -> threading.Thread:
  """Counts the signals that `signal.set_wakeup_fd` notes, in a thread: a Python handler would wait for the step at hand.

  Args:
    wakeup: the end of a pipe to read from; the thread ends when the other end is closed.
    patience: told of each signal that tells the process to end.
    noted: called with each of them afterwards.
  """
  ends = {int(number) for number in signals()}

  def look() -> None:
    while read := os.read(wakeup, 1):
      if read[0] in ends:
        patience.told()
        noted(read[0])
    os.close(wakeup)

  thread = threading.Thread(target=look, daemon=True)
  thread.start()
  return thread
