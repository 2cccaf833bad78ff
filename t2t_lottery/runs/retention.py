"""Removes from a finished run's folder the checkpoints that nothing reads again. No TensorFlow."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterable

from t2t_lottery.runs import paths, recovery, run_files
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

ALL, ESSENTIAL = "all", "essential"
CHOICES = (ALL, ESSENTIAL)


def thin(folder: str, best: int) -> None:
  """Keeps a run's best and last checkpoint, those of step 0 and t in `rewind/` and the translations; called again, it
  goes on where it was interrupted.

  Args:
    folder: of a run that is trained and evaluated.
    best: step of its best checkpoint.

  Raises:
    UserError: if a file cannot be written or removed.
  """
  there = paths.checkpoint_steps(folder)
  removed = [step for step in there if step not in (best, there[-1])]
  averages = glob.glob(os.path.join(glob.escape(folder), "average-*"))
  if not removed and not averages:
    return
  # First, so that what is gone is never taken for what was never there.
  atomic_files.write_json(paths.thinned(folder), {"steps": steps(folder)})
  try:
    recovery.write_state(folder, sorted({best, there[-1]}))
    for step in removed:
      # An index comes first: what lacks it is no checkpoint.
      prefix = glob.escape(paths.checkpoint(folder, step))
      for path in sorted(glob.glob(f"{prefix}.*"), key=lambda path: not path.endswith(".index")):
        os.remove(path)
    for average in averages:
      shutil.rmtree(average)
  except OSError as error:
    raise UserError(f"cannot remove {error.filename}: {error.strerror}") from error


def steps(folder: str) -> list[int]:
  """Steps of the checkpoints that a run has, and of those that it had before it was thinned, rising."""
  before = run_files.steps_before_thinning(folder) if os.path.exists(paths.thinned(folder)) else []
  return sorted({*before, *paths.checkpoint_steps(folder)})


def require(folder: str, wanted: Iterable[int]) -> None:
  """Raises UserError if a checkpoint of one of these steps was removed."""
  for step in wanted:
    if not paths.is_there(paths.checkpoint(folder, step)):
      raise UserError(
        f"{folder}: the checkpoint of step {step} was removed (--keep={ESSENTIAL}): ask for what was evaluated before, or "
        "train the run again in another --runs_dir"
      )
