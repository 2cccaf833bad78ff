"""One line of progress per run: steps, speed, loss, time left. Standard library only."""

from __future__ import annotations

import re
import sys
import time

# What t2t-trainer says: loss and step; steps a second, every 100 steps.
LOSS = re.compile(r"^INFO:tensorflow:loss = (\S+), step = (\d+)")
SPEED = re.compile(r"^INFO:tensorflow:global_step/sec: (\S+)")
# What this library says of the training text (`hparams_check.check_lengths`).
_TEXT = re.compile(r"^INFO:tensorflow:(\d+ of \d+ training pairs .*)$")
_FINAL_LOSS = re.compile(r"^INFO:tensorflow:Loss for final step: (\S+)\.$")
# What t2t-datagen says of this project's problems.
_PART = re.compile(r"^INFO:tensorflow:((?:Downloading|Building) .*)")
_FAR = re.compile(r"^INFO:tensorflow:((?:Downloaded|Encoded) .*)")
# Where nothing can be written over, so many seconds at least lie between two lines.
SECONDS_BETWEEN_LINES = 60.0


def overwrite(line: str) -> None:
  """Shows a line on a terminal in place of the one before; nowhere else."""
  if sys.stdout.isatty():
    print(f"\r{line}\x1b[K", end="", flush=True)


class NowAndThen:
  """Shows a line in place of the one before; where that cannot be, now and then one."""

  def __init__(self):
    self._last = time.monotonic()

  def show(self, line: str) -> bool:
    """Shows it, if it is time; returns whether it was."""
    if sys.stdout.isatty():
      overwrite(line)
    elif time.monotonic() - self._last < SECONDS_BETWEEN_LINES:
      return False
    else:
      self._last = time.monotonic()
      print(line, flush=True)
    return True


def end(line: str) -> None:
  """Prints the line that stays."""
  print(f"\r{line}\x1b[K" if sys.stdout.isatty() else line, flush=True)


class Progress:
  """Reads t2t-trainer's output and keeps one line about it.

  On a terminal the line is written over; elsewhere it is printed at the start, at the end, and at most once a minute
  between, when another twentieth of the run is done.

  Args:
    run: the run's name.
    train_steps: its length.
  """

  def __init__(self, run: str, train_steps: int):
    self._run = run
    self._train_steps = train_steps
    self._step = 0
    self._speed = 0.0
    # None before the first: it must not be taken for one that is no number.
    self._loss: float | None = None
    self._start = time.monotonic()
    self._now_and_then = NowAndThen()
    self._shown_step = 0
    if sys.stdout.isatty():
      overwrite(f"{run}: starting {train_steps} steps")
    else:
      print(f"{run}: starting {train_steps} steps", flush=True)

  def read(self, line: str) -> None:
    """Takes one line of t2t-trainer's output."""
    if match := LOSS.match(line):
      self._loss, self._step = float(match[1]), int(match[2])
    elif match := _FINAL_LOSS.match(line):
      self._loss, self._step = float(match[1]), self._train_steps
    elif match := SPEED.match(line):
      self._speed = float(match[1])
    elif match := _TEXT.match(line):
      end(f"{self._run}: {match[1]}")
    else:
      return
    if sys.stdout.isatty() or (self._step - self._shown_step) * 20 >= self._train_steps:
      if self._now_and_then.show(self.text()):
        self._shown_step = self._step

  def text(self) -> str:
    """The line."""
    left = (self._train_steps - self._step) / self._speed if self._speed else 0
    times = f"{clock(left)} left" if left else f"{clock(time.monotonic() - self._start)} in all"
    # t2t tells the speed every 100 steps.
    speed = f"{self._speed:.1f} steps/s, " if self._speed else ""
    loss = "" if self._loss is None else f"loss {self._loss:.2f}, "
    return f"{self._run}: step {self._step}/{self._train_steps}, {speed}{loss}{times}"

  def close(self) -> None:
    """Ends the line."""
    end(self.text())


class DataProgress:
  """Shows what t2t-datagen says of this project's problems: each part as it begins, how far it is now and then.

  Args:
    problem: whose data is made.
  """

  def __init__(self, problem: str):
    self._problem = problem
    self._now_and_then = NowAndThen()

  def read(self, line: str) -> None:
    """Takes one line of t2t-datagen's output."""
    if match := _PART.match(line):
      end(f"{self._problem}: {match[1]}")
    elif match := _FAR.match(line):
      self._now_and_then.show(f"{self._problem}: {match[1]}")


def clock(seconds: float) -> str:
  """Seconds as hours:minutes:seconds."""
  hours, rest = divmod(int(seconds), 3600)
  return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
