"""Makes an interrupted run go on from its newest whole checkpoint. No TensorFlow."""

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

_OF_A_STEP = re.compile(r"(?:model\.ckpt-|(?:dev|test)\.(?:average-\d+\.)?)(\d+)\.")


def prepare(folder: str) -> str | None:
  """Prepares a run's folder for t2t-trainer, which restores whatever checkpoint the file `checkpoint` names.

  Damaged checkpoints are set aside, and with them all that was made of steps after the newest whole one, for the run
  takes these steps again, not in the same way. No checkpoint is deleted.

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
      damage = damage or str(error)
      continue
    if not unfit:
      newest = step
      break
    damage = damage or f"{prefix} is of no use: {unfit} holds NaN or infinity"
  for unfinished in glob.glob(os.path.join(glob.escape(folder), "model.ckpt-*_temp*")):
    shutil.rmtree(unfinished, ignore_errors=True)  # TensorFlow's, when it was killed or the disk was full.
  try:
    aside = _set_aside(folder, newest)
    _mend_state(folder, newest)
  except OSError as error:
    raise UserError(f"cannot set damaged checkpoints of {folder} aside: {error}") from error
  if not damage:
    return None
  told = re.sub(": delete this checkpoint.*", "", damage)
  return f"{told}: set aside in {aside}; goes on from " + (f"step {newest}" if newest >= 0 else "its start, step 0")


def begin_anew(folder: str) -> None:
  """Sets aside what a run has left of which nothing came, so that another can begin in its folder: marks of its failure, and
  above all its hparams.json, which t2t-trainer would take for the other's. Logs stay.

  Raises:
    UserError: if a file cannot be moved.
  """
  aside = _new_aside(folder)
  asides = os.path.basename(os.path.dirname(aside))
  try:
    for name in sorted(os.listdir(folder)):
      if not name.startswith(".") and not name.endswith(".log") and name != asides:
        os.makedirs(aside, exist_ok=True)
        os.replace(os.path.join(folder, name), os.path.join(aside, name))
  except OSError as error:
    raise UserError(f"cannot set aside what {folder} holds: {error}") from error


def _new_aside(folder: str) -> str:
  asides = (paths.set_aside(folder, number) for number in itertools.count(1))
  return next(path for path in asides if not os.path.exists(path))


def _set_aside(folder: str, newest: int) -> str | None:
  """Moves what is of steps after the newest whole checkpoint into a folder of its own, and returns that."""
  found = glob.glob(os.path.join(glob.escape(folder), "model.ckpt-*"))
  for inner in ("rewind", "translations", "average-*"):
    found += glob.glob(os.path.join(glob.escape(folder), inner, "*"))
  matches = ((path, _OF_A_STEP.match(os.path.basename(path))) for path in found)
  later = [path for path, match in matches if match and int(match[1]) > newest]
  if not later:
    return None
  later += filter(os.path.exists, [paths.result(folder), paths.segments(folder), paths.layers(folder)])
  aside = _new_aside(folder)
  # An index comes first: without it, an interruption here leaves no checkpoint that seems to be one.
  for path in sorted(later, key=lambda path: not path.endswith(".index")):
    there = os.path.join(aside, os.path.relpath(path, folder))
    os.makedirs(os.path.dirname(there), exist_ok=True)
    os.replace(path, there)
  return aside


def _mend_state(folder: str, newest: int) -> None:
  """Writes the file `checkpoint` anew if it does not name the newest whole checkpoint, as after a crash."""
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
    steps: of its checkpoints; the run goes on from the last.

  Raises:
    UserError: if it cannot be written.
  """
  names = [os.path.basename(paths.checkpoint(folder, step)) for step in steps]
  lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
  atomic_files.write_lines(paths.state(folder), lines)
