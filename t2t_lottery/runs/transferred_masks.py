"""Masks that are transferred from another task (Chen et al. 2020, section 4): those of finished runs, named PROBLEM/RUN."""

from __future__ import annotations

import os

from t2t_lottery.runs import config, paths, pretrained, run_files
from t2t_lottery.utils.errors import UserError


def last_step(settings: config.Settings, name: str) -> int:
  """The last step of such a run.

  Args:
    settings: of the run that gets the mask.
    name: PROBLEM/RUN.

  Raises:
    UserError: if it is not finished, or started from another pre-trained BERT.
  """
  problem, _, run = name.rpartition("/")
  folder = settings.runs.folder(name)
  seed = settings.runs.seed
  if not os.path.exists(paths.result(folder)):
    raise UserError(
      f"no finished run {run} of {problem}, seed {seed}, in {folder}: first give the same flags with --problem={problem} "
      "and without --ticket_from"
    )
  found = run_files.description(folder)
  if (own := pretrained.fingerprint(settings.pretrained)) != found.get("pretrained"):
    raise UserError(f"{folder} is of the pre-trained BERT {found.get('pretrained')}, not of --checkpoint's {own}")
  return found["train_steps"]
