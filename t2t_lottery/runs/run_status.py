"""The status of a run, from the files in its folder. Standard library only."""

from __future__ import annotations

import enum
import os
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from t2t_lottery.runs import paths, run_files, run_lock, run_spec, training_log
from t2t_lottery.utils.errors import UserError

# Bytes at the end of a log that are read.
_TAIL_BYTES = 1 << 17


class State(enum.Enum):
  """The state of a run; in the order in which runs are listed."""

  RUNNING = "running"
  EVALUATING = "being evaluated"
  FAILED = "failed"
  OTHER = "another run"
  STOPPED = "stopped"
  TRAINED = "trained"
  DONE = "done"
  WAITING = "waiting"


class Status(NamedTuple):
  """The status of a run.

  Attributes:
    state: its state.
    step: the last step.
    speed: current steps per second; None if unknown.
    bleu: on test, if it is done; of a classification or regression run its first score, on dev.
    error: what is wrong, if anything.
    metric: name of that score.
  """

  state: State
  step: int = 0
  speed: float | None = None
  bleu: float | None = None
  error: str = ""
  metric: str = "BLEU"


class Requirements(NamedTuple):
  """Requirements for a finished run.

  Attributes:
    about: required fields of its description (`run.json`).
    translation: signature of the decoder; empty for a run without translations.
    average: number of last checkpoints whose average is evaluated too, or 0.
    tokenizer: of BLEU; empty for any.
    comet: signature of COMET; empty if it is not required.
    int8: signature of the translation in int8; empty if it is not required.
    predictions: signature of the predictions of a classification or regression run; empty for a run with translations.
  """

  about: Mapping[str, Any]
  translation: str
  average: int
  tokenizer: str = ""
  comet: str = ""
  int8: str = ""
  predictions: str = ""

  @property
  def train_steps(self) -> int:
    """Its length in steps."""
    return self.about["train_steps"]


def read(folder: str, required: Requirements) -> Status:
  """Reads the status of a run.

  Args:
    folder: the run's, which need not exist.
    required: what the run must be.
  """
  try:
    return _read(folder, required)
  except UserError as error:
    return Status(State.FAILED, error=str(error))


def _read(folder: str, required: Requirements) -> Status:
  is_busy = run_lock.is_held(folder)
  failure = run_files.last_error(folder) if os.path.exists(paths.last_error(folder)) else None
  failed = Status(State.FAILED, error=failure["error"]) if failure else None
  if not os.path.exists(paths.description(folder)):
    return Status(State.RUNNING) if is_busy else failed or Status(State.WAITING)
  about = run_files.description(folder)
  if other := run_spec.difference(folder, about, required.about, required.about):
    # If the other run has no output, this one can start.
    is_open = not is_busy and not paths.has_output(folder)
    return failed or Status(State.WAITING) if is_open else Status(State.OTHER, error=other)
  step = max(paths.checkpoint_steps(folder), default=0)
  score = _score_of_predictions(folder, required) if required.predictions else _bleu(folder, required)
  if score is not None:
    metric, value = score
    return Status(State.DONE, step, bleu=value, metric=metric)
  if step >= required.train_steps:
    return Status(State.EVALUATING, step) if is_busy else (failed or Status(State.TRAINED))._replace(step=step)
  if is_busy:
    logged, speed = last_progress(paths.train_log(folder))
    return Status(State.RUNNING, max(step, logged), speed)
  return (failed or Status(State.STOPPED))._replace(step=step)


def _score_of_predictions(folder: str, required: Requirements) -> tuple[str, float] | None:
  """The first score of a classification or regression run, with its name; None without a current result."""
  if not os.path.exists(paths.result(folder)):
    return None
  result = run_files.result(folder)
  is_current = result.get("signatures", {}).get("predictions") == required.predictions
  return next(iter(result["test"].items())) if is_current and result.get("test") else None


def _bleu(folder: str, required: Requirements) -> tuple[str, float] | None:
  if not os.path.exists(paths.result(folder)):
    return None
  result = run_files.result(folder)
  signatures = result.get("signatures", {})
  same = (
    signatures.get("translation") == required.translation
    and (not required.tokenizer or run_spec.has_tokenizer(signatures, required.tokenizer))
    and required.comet in ("", signatures.get("comet"))
    and required.int8 in ("", result.get("int8", {}).get("signature"))
  )
  averaged = not required.average or result.get("average", {}).get("checkpoints") == required.average
  bleu = result.get("test", {}).get("bleu")
  return ("BLEU", bleu) if same and averaged and bleu is not None else None


def last_progress(log: str) -> tuple[int, float | None]:
  """The last step and speed that t2t-trainer logged since it was last started."""
  step, speed = 0, None
  for line in _tail(log):
    if line.startswith("$ "):
      step, speed = 0, None
    elif match := training_log.LOSS.match(line):
      step = int(match[2])
    elif match := training_log.SPEED.match(line):
      speed = float(match[1])
  return step, speed


def median_speed(folder: str) -> float | None:
  """A run's median speed in steps per second, from t2t-trainer's log, else from the times of its checkpoints; None if
  unknown.
  """
  speeds = [float(match[1]) for line in _tail(paths.train_log(folder)) if (match := training_log.SPEED.match(line))]
  if not speeds:
    # The median over intervals between checkpoints is robust to interruptions.
    saved = _saved(folder)
    speeds = [(to - step) / (end - start) for (step, start), (to, end) in zip(saved, saved[1:]) if end > start]
  return statistics.median(speeds) if speeds else None


def _saved(folder: str) -> list[tuple[int, float]]:
  """Steps and times of a run's checkpoints; none if t2t rotates one out meanwhile."""
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
