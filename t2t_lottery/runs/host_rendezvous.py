"""Coordinates the hosts of one training through the shared runs folder, their only channel.

The chief locks the run, prepares it, announces in a file that it trains, and trains. Every worker waits for that file,
trains, and waits until the chief has saved the last checkpoint; then, until the chief has evaluated the run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.runs import paths, run_files, run_lock, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from t2t_lottery.utils.tf_config import Hosts

_POLL_SECONDS = 0.5
# Longest pause of a chief between two steps of a driver.
_SECONDS_BETWEEN_STEPS = 60


@contextlib.contextmanager
def announcing(folder: str, here: Hosts) -> Iterator[None]:
  """Lets the workers start while the chief trains a run; the chief must hold the run's lock.

  Raises:
    UserError: if the folder cannot be written.
  """
  if not here.several:
    yield
    return
  atomic_files.write_json(paths.joined(folder), {"hosts": list(here.addresses)})
  try:
    yield
  finally:
    retract(folder)


def retract(folder: str) -> None:
  """Removes the announcement, also that of a killed chief."""
  with contextlib.suppress(FileNotFoundError):
    os.remove(paths.joined(folder))


def wait_for_chief(folder: str, run: dict[str, Any], here: Hosts) -> bool:
  """Waits until the chief trains a run, or has trained it.

  Returns:
    Whether there is anything left to train.

  Raises:
    UserError: if the chief trains another run in that folder, or with other hosts.
  """
  if not _is_trained(folder, run["train_steps"]):
    print(f"{run['run']}: waiting for {here.addresses[0]}", flush=True)
  _wait(lambda: _is_trained(folder, run["train_steps"]) or _is_announced(folder))
  if _is_trained(folder, run["train_steps"]):
    return False
  there = {**run_files.description(folder), **run_files.hosts(folder)}
  mine = {**run, "hosts": list(here.addresses)}
  for name in sorted({*there, *mine}):
    if there.get(name) != mine.get(name):
      raise UserError(
        f"{here.addresses[0]} trains {folder} {run_spec.with_field(there, name)}; this host requested "
        f"{mine.get(name, 'none')}: give all hosts the same command"
      )
  return True


def wait_for_last_checkpoint(folder: str, last: int) -> None:
  """Waits, after a worker's own training, until the chief's has ended.

  Raises:
    UserError: if the chief saved no last checkpoint.
  """
  _wait(lambda: paths.checkpoint_exists(paths.checkpoint(folder, last)) or not run_lock.is_held(folder))
  if not paths.checkpoint_exists(paths.checkpoint(folder, last)):
    raise UserError(f"the chief saved no checkpoint of step {last} in {folder}: its log is {paths.train_log(folder)}")


def wait_for_result(folder: str, here: Hosts) -> None:
  """Waits until the chief has evaluated a run.

  Raises:
    UserError: if the chief has exited without doing so.
  """
  seen = time.monotonic()

  def is_evaluated() -> bool:
    nonlocal seen
    now = time.monotonic()
    if run_lock.is_held(folder):
      seen = now
    elif now - seen > _SECONDS_BETWEEN_STEPS and not os.path.exists(paths.result(folder)):
      raise UserError(
        f"{here.addresses[0]} exited without a result in {folder}: start all of {','.join(here.addresses)} again to "
        "resume"
      )
    return os.path.exists(paths.result(folder))

  _wait(is_evaluated)


def _wait(condition: Callable[[], bool]) -> None:
  while not condition():
    time.sleep(_POLL_SECONDS)


def _is_announced(folder: str) -> bool:
  return os.path.exists(paths.joined(folder)) and run_lock.is_held(folder)


def _is_trained(folder: str, last: int) -> bool:
  """Whether the chief will accept the last checkpoint."""
  if not paths.checkpoint_exists(paths.checkpoint(folder, last)):
    return False
  if os.path.exists(paths.result(folder)):
    return True
  try:
    return not tensor_bundle.check(paths.checkpoint(folder, last))
  except UserError:
    return False
