"""The mark of a run that failed for good. Standard library only."""

from __future__ import annotations

import os

from t2t_lottery.runs import paths, run_files
from t2t_lottery.utils import atomic_files


def mark(model_dir: str, step: int, reason: str, loss: float | None = None) -> None:
  """Marks a run whose numbers are none any more.

  Raises:
    UserError: if the mark cannot be written.
  """
  # JSON knows no NaN and no infinity.
  there = {"step": step, "reason": reason, **({} if loss is None else {"loss": str(loss)})}
  atomic_files.write_json(paths.failed(model_dir), there)


def told(model_dir: str) -> str | None:
  """Why a run failed, and what to do; None if it has not.

  Raises:
    UserError: if the mark is damaged.
  """
  path = paths.failed(model_dir)
  if not os.path.exists(path):
    return None
  there = run_files.failed(model_dir)
  loss = f" ({there['loss']})" if "loss" in there else ""
  return (
    f"failed at step {there['step']}: {there['reason']}{loss}; delete {path} to go on from its last checkpoint, or train "
    "with other --hparams in another --runs_dir"
  )
