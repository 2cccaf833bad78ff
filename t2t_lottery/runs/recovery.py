"""Resumes an interrupted run from its newest intact checkpoint. No TensorFlow."""

from __future__ import annotations

import glob
import itertools
import os
import re
import shutil

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

_STEP_IN_NAME = re.compile(r"(?:model\.ckpt-|(?:dev|test)\.(?:average-\d+\.)?)(\d+)\.")


def prepare(folder: str) -> str | None:
  """Prepares a run's folder for t2t-trainer, which restores the checkpoint named in the file `checkpoint`.

  Damaged checkpoints are quarantined, with all files made from steps after the newest intact one, because the run repeats
  these steps, and not in the same way. No checkpoint is deleted.

  Args:
    folder: the run's.

  Returns:
    One line for the user if a checkpoint was damaged.

  Raises:
    UserError: if a file cannot be moved or written.
  """
  if not os.path.isdir(folder):
    return None
  damage = None
  newest = -1
  for step in reversed(paths.checkpoint_steps(folder)):
    prefix = paths.checkpoint(folder, step)
    try:
      unfit = tensor_bundle.check(prefix)
    except UserError as error:
      damage = damage or (error.what if isinstance(error, tensor_bundle.Damaged) else str(error))
      continue
    if not unfit:
      newest = step
      break
    damage = damage or f"{prefix} is unusable: {unfit} contains NaN or infinity"
  for unfinished in glob.glob(os.path.join(glob.escape(folder), "model.ckpt-*_temp*")):
    shutil.rmtree(unfinished, ignore_errors=True)  # Left by TensorFlow when it was killed or the disk was full.
  try:
    target = _quarantine(folder, newest)
    _repair_state(folder, newest)
  except OSError as error:
    raise UserError(f"cannot quarantine damaged checkpoints of {folder}: {error}") from error
  if not damage:
    return None
  return f"{damage}: quarantined in {target}; " + (
    f"resumes from step {newest}" if newest >= 0 else "restarts from step 0"
  )


def start_over(folder: str) -> None:
  """Quarantines the files of a run without output, so that another run can start in its folder: markers of its failure, and
  above all its hparams.json, which t2t-trainer would reuse. Logs stay.

  Raises:
    UserError: if a file cannot be moved.
  """
  target = _new_quarantine(folder)
  parent = os.path.basename(os.path.dirname(target))
  try:
    for name in sorted(os.listdir(folder)):
      if not name.startswith(".") and not name.endswith(".log") and name != parent:
        os.makedirs(target, exist_ok=True)
        os.replace(os.path.join(folder, name), os.path.join(target, name))
  except OSError as error:
    raise UserError(f"cannot quarantine the files of {folder}: {error}") from error


def _new_quarantine(folder: str) -> str:
  candidates = (paths.quarantine(folder, number) for number in itertools.count(1))
  return next(path for path in candidates if not os.path.exists(path))


def _quarantine(folder: str, newest: int) -> str | None:
  """Moves files of steps after the newest intact checkpoint into a new folder; returns that, or None if there are none."""
  found = glob.glob(os.path.join(glob.escape(folder), "model.ckpt-*"))
  for inner in ("rewind", "translations", "average-*"):
    found += glob.glob(os.path.join(glob.escape(folder), inner, "*"))
  matches = ((path, _STEP_IN_NAME.match(os.path.basename(path))) for path in found)
  later = [path for path, match in matches if match and int(match[1]) > newest]
  if not later:
    return None
  later += filter(os.path.exists, [paths.result(folder), paths.segments(folder), paths.layers(folder)])
  target = _new_quarantine(folder)
  # Move an index first: without it, an interruption here leaves no seemingly valid checkpoint.
  for path in sorted(later, key=lambda path: not path.endswith(".index")):
    moved = os.path.join(target, os.path.relpath(path, folder))
    os.makedirs(os.path.dirname(moved), exist_ok=True)
    os.replace(path, moved)
  return target


def _repair_state(folder: str, newest: int) -> None:
  """Rewrites the file `checkpoint` if it does not name the newest intact checkpoint, as after a crash."""
  path = paths.state(folder)
  named = None
  if os.path.exists(path):
    with open(path, encoding="utf-8", errors="replace") as file:
      match = re.search(r'^model_checkpoint_path: "(.*)"$', file.read(), re.MULTILINE)
    named = os.path.basename(match[1]) if match else ""
  if newest < 0:
    if named is not None:
      os.remove(path)
  elif named != os.path.basename(paths.checkpoint(folder, newest)):
    write_state(folder, [step for step in paths.checkpoint_steps(folder) if step <= newest])


def write_state(folder: str, steps: list[int]) -> None:
  """Writes the file `checkpoint`.

  Args:
    folder: the run's.
    steps: of its checkpoints; the run resumes from the last.

  Raises:
    UserError: if it cannot be written.
  """
  names = [os.path.basename(paths.checkpoint(folder, step)) for step in steps]
  lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
  atomic_files.write_lines(paths.state(folder), lines)
