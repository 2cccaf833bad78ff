"""Deletes the intermediate checkpoints of a finished run. No TensorFlow."""

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


def delete_intermediate(folder: str, best: int) -> None:
  """Deletes all checkpoints but a run's best and last, and those of step 0 and t in `rewind/`; translations stay. Resumes
  if it was interrupted.

  Args:
    folder: of a trained and evaluated run.
    best: step of its best checkpoint.

  Raises:
    UserError: if a file cannot be written or removed.
  """
  saved = paths.checkpoint_steps(folder)
  removed = [step for step in saved if step not in (best, saved[-1])]
  averages = glob.glob(os.path.join(glob.escape(folder), "average-*"))
  if not removed and not averages:
    return
  # First, so that a deleted checkpoint is never mistaken for one that was never saved.
  atomic_files.write_json(paths.thinned(folder), {"steps": steps(folder)})
  try:
    recovery.write_state(folder, sorted({best, saved[-1]}))
    for step in removed:
      # Remove the index first: without it there is no checkpoint.
      prefix = glob.escape(paths.checkpoint(folder, step))
      for path in sorted(glob.glob(f"{prefix}.*"), key=lambda path: not path.endswith(".index")):
        os.remove(path)
    for average in averages:
      shutil.rmtree(average)
  except OSError as error:
    raise UserError(f"cannot remove {error.filename}: {error.strerror}") from error


def steps(folder: str) -> list[int]:
  """Steps of all checkpoints of a run, including those deleted since, ascending."""
  before = run_files.steps_before_deletion(folder) if os.path.exists(paths.thinned(folder)) else []
  return sorted({*before, *paths.checkpoint_steps(folder)})


def require(folder: str, wanted: Iterable[int]) -> None:
  """Raises UserError if the checkpoint of one of these steps was removed."""
  for step in wanted:
    if not paths.checkpoint_exists(paths.checkpoint(folder, step)):
      raise UserError(
        f"{folder}: the checkpoint of step {step} was removed (--keep={ESSENTIAL}): request what was evaluated before, "
        "or train the run again in another --runs_dir"
      )
