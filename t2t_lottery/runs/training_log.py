"""One line of progress per run: step, speed, loss, time left. Standard library only."""

from __future__ import annotations

import re
import sys
import time

# Output of t2t-trainer: loss and step; steps per second, every 100 steps.
LOSS = re.compile(r"^INFO:tensorflow:loss = (\S+), step = (\d+)")
SPEED = re.compile(r"^INFO:tensorflow:global_step/sec: (\S+)")
# Output of this library about the training text (`hparams_check.check_lengths`).
_TEXT = re.compile(r"^INFO:tensorflow:(\d+ of \d+ training pairs .*)$")
_FINAL_LOSS = re.compile(r"^INFO:tensorflow:Loss for final step: (\S+)\.$")
# Output of t2t-datagen for this project's problems.
_PART = re.compile(r"^INFO:tensorflow:((?:Downloading|Building) .*)")
_DONE_SO_FAR = re.compile(r"^INFO:tensorflow:((?:Downloaded|Encoded) .*)")
# Without a terminal, minimum time between two lines.
SECONDS_BETWEEN_LINES = 60.0


def overwrite(line: str) -> None:
  """Overwrites the current line of a terminal; prints nothing if there is none."""
  if sys.stdout.isatty():
    print(f"\r{line}\x1b[K", end="", flush=True)


class Throttled:
  """Overwrites the current line of a terminal; without a terminal, prints a line at most once a minute."""

  def __init__(self):
    self._last = time.monotonic()

  def show(self, line: str) -> bool:
    """Shows a line, unless throttled; returns whether it did."""
    if sys.stdout.isatty():
      overwrite(line)
    elif time.monotonic() - self._last < SECONDS_BETWEEN_LINES:
      return False
    else:
      self._last = time.monotonic()
      print(line, flush=True)
    return True


def finish(line: str) -> None:
  """Replaces the current line by a final one."""
  print(f"\r{line}\x1b[K" if sys.stdout.isatty() else line, flush=True)


class Progress:
  """Shows one line of progress from t2t-trainer's output.

  On a terminal the line is overwritten; elsewhere a line is printed at the start, at the end, and in between at most once
  a minute, after each 5% of the run.

  Args:
    run: the run's name.
    train_steps: its length.
  """

  def __init__(self, run: str, train_steps: int):
    self._run = run
    self._train_steps = train_steps
    self._step = 0
    self._speed = 0.0
    # None before the first, to be distinguished from NaN.
    self._loss: float | None = None
    self._start = time.monotonic()
    self._throttled = Throttled()
    self._shown_step = 0
    if sys.stdout.isatty():
      overwrite(f"{run}: starting {train_steps} steps")
    else:
      print(f"{run}: starting {train_steps} steps", flush=True)

  def read(self, line: str) -> None:
    """Processes one line of t2t-trainer's output."""
    if match := LOSS.match(line):
      self._loss, self._step = float(match[1]), int(match[2])
    elif match := _FINAL_LOSS.match(line):
      self._loss, self._step = float(match[1]), self._train_steps
    elif match := SPEED.match(line):
      self._speed = float(match[1])
    elif match := _TEXT.match(line):
      finish(f"{self._run}: {match[1]}")
    else:
      return
    # The last line is for `close`.
    is_due = (self._step - self._shown_step) * 20 >= self._train_steps and self._step < self._train_steps
    if sys.stdout.isatty() or is_due:
      if self._throttled.show(self.text()):
        self._shown_step = self._step

  def text(self) -> str:
    """The current line of progress."""
    left = (self._train_steps - self._step) / self._speed if self._speed else 0
    times = f"{clock(left)} left" if left else f"{clock(time.monotonic() - self._start)} elapsed"
    # t2t logs the speed every 100 steps.
    speed = f"{self._speed:.1f} steps/s, " if self._speed else ""
    loss = "" if self._loss is None else f"loss {self._loss:.2f}, "
    return f"{self._run}: step {self._step}/{self._train_steps}, {speed}{loss}{times}"

  def close(self) -> None:
    """Prints the final line."""
    finish(self.text())


class DataProgress:
  """Shows the progress of t2t-datagen for this project's problems: each part as it starts, and a throttled count.

  Args:
    problem: whose data are generated.
  """

  def __init__(self, problem: str):
    self._problem = problem
    self._throttled = Throttled()

  def read(self, line: str) -> None:
    """Processes one line of t2t-datagen's output."""
    if match := _PART.match(line):
      finish(f"{self._problem}: {match[1]}")
    elif match := _DONE_SO_FAR.match(line):
      self._throttled.show(f"{self._problem}: {match[1]}")


def clock(seconds: float) -> str:
  """Formats seconds as hours:minutes:seconds."""
  hours, rest = divmod(int(seconds), 3600)
  return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
