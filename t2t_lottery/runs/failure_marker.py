"""The marker of a permanently failed run. Standard library only."""

from __future__ import annotations

import os

from t2t_lottery.runs import paths, run_files
from t2t_lottery.utils import atomic_files


def mark(model_dir: str, step: int, reason: str, loss: float | None = None) -> None:
  """Marks a run whose loss or weights are not finite.

  Raises:
    UserError: if the marker cannot be written.
  """
  # JSON has no NaN or infinity.
  content = {"step": step, "reason": reason, **({} if loss is None else {"loss": str(loss)})}
  atomic_files.write_json(paths.failed(model_dir), content)


def describe(model_dir: str) -> str | None:
  """Why a run failed, and what to do; None if it has not failed.

  Raises:
    UserError: if the marker is damaged.
  """
  path = paths.failed(model_dir)
  if not os.path.exists(path):
    return None
  failure = run_files.failed(model_dir)
  loss = f" ({failure['loss']})" if "loss" in failure else ""
  return (
    f"failed at step {failure['step']}: {failure['reason']}{loss}; delete {path} to resume from its last checkpoint, or "
    "train with other --hparams in another --runs_dir"
  )
