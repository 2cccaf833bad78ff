"""How a run stands, by what lies in its folder. Standard library only."""

from __future__ import annotations

import enum
import os
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from t2t_lottery.runs import paths, run_files, run_lock, run_spec, training_log
from t2t_lottery.utils.errors import UserError

# Of a log, so much from its end tells how a run is doing.
_TAIL_BYTES = 1 << 17


class State(enum.Enum):
  """What can be said of a run in a word; what one wants to see of many comes first."""

  RUNNING = "running"
  EVALUATING = "being evaluated"
  FAILED = "failed"
  OTHER = "another run"
  STOPPED = "stopped"
  TRAINED = "trained"
  DONE = "done"
  WAITING = "waiting"


class Standing(NamedTuple):
  """How a run stands.

  Attributes:
    state: in a word.
    step: how far it is trained.
    speed: steps a second, of late; None if that is not told.
    bleu: on test, if it is done.
    error: what is wrong, if something is.
  """

  state: State
  step: int = 0
  speed: float | None = None
  bleu: float | None = None
  error: str = ""


class Requirements(NamedTuple):
  """What a finished run must be.

  Attributes:
    about: of its description (`run.json`), what it must say.
    translation: signature of the decoder.
    average: how many last checkpoints' mean is evaluated as well, or 0.
  """

  about: Mapping[str, Any]
  translation: str
  average: int

  @property
  def train_steps(self) -> int:
    """Its length."""
    return self.about["train_steps"]


def look(folder: str, asked: Requirements) -> Standing:
  """How a run stands.

  Args:
    folder: where it lies, or would lie.
    asked: what it must be.
  """
  try:
    return _look(folder, asked)
  except UserError as error:
    return Standing(State.FAILED, error=str(error))


def _look(folder: str, asked: Requirements) -> Standing:
  is_busy = run_lock.is_held(folder)
  failure = run_files.last_error(folder) if os.path.exists(paths.last_error(folder)) else None
  failed = Standing(State.FAILED, error=failure["error"]) if failure else None
  if not os.path.exists(paths.description(folder)):
    return Standing(State.RUNNING) if is_busy else failed or Standing(State.WAITING)
  about = run_files.description(folder)
  if other := run_spec.difference(folder, about, asked.about, asked.about):
    # Where nothing came of the other one, this one can begin.
    is_open = not is_busy and not paths.holds_training(folder)
    return failed or Standing(State.WAITING) if is_open else Standing(State.OTHER, error=other)
  step = max(paths.checkpoint_steps(folder), default=0)
  bleu = _bleu(folder, asked)
  if bleu is not None:
    return Standing(State.DONE, step, bleu=bleu)
  if step >= asked.train_steps:
    return Standing(State.EVALUATING, step) if is_busy else (failed or Standing(State.TRAINED))._replace(step=step)
  if is_busy:
    told, speed = told_by(paths.train_log(folder))
    return Standing(State.RUNNING, max(step, told), speed)
  return (failed or Standing(State.STOPPED))._replace(step=step)


def _bleu(folder: str, asked: Requirements) -> float | None:
  if not os.path.exists(paths.result(folder)):
    return None
  result = run_files.result(folder)
  same = result.get("signatures", {}).get("translation") == asked.translation
  averaged = not asked.average or result.get("average", {}).get("checkpoints") == asked.average
  return result.get("test", {}).get("bleu") if same and averaged else None


def told_by(log: str) -> tuple[int, float | None]:
  """The last step and the last speed that t2t-trainer told since it was last started."""
  step, speed = 0, None
  for line in _tail(log):
    if line.startswith("$ "):
      step, speed = 0, None
    elif match := training_log.LOSS.match(line):
      step = int(match[2])
    elif match := training_log.SPEED.match(line):
      speed = float(match[1])
  return step, speed


def speed_of(folder: str) -> float | None:
  """A run's usual speed in steps a second: by what t2t-trainer told, else by the times of its checkpoints; None if neither
  says anything.
  """
  told = [float(match[1]) for line in _tail(paths.train_log(folder)) if (match := training_log.SPEED.match(line))]
  if not told:
    # Of times between checkpoints the one in the middle is of a run that went on, whatever interrupted it.
    saved = _saved(folder)
    told = [(to - step) / (end - start) for (step, start), (to, end) in zip(saved, saved[1:]) if end > start]
  return statistics.median(told) if told else None


def _saved(folder: str) -> list[tuple[int, float]]:
  """Steps and times of a run's checkpoints; none if t2t rotates one away meanwhile."""
  try:
    steps = paths.checkpoint_steps(folder)
    return [(step, os.path.getmtime(paths.checkpoint(folder, step) + ".index")) for step in steps]
  except FileNotFoundError:
    return []


def _tail(path: str) -> list[str]:
  try:
    with open(path, "rb") as file:
      file.seek(max(0, os.path.getsize(path) - _TAIL_BYTES))
      return file.read().decode("utf-8", errors="replace").splitlines()
  except OSError:
    return []
