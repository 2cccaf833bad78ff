"""Describes a run of a manually called t2t-trainer, from the files in its folder. Standard library only."""

from __future__ import annotations

import os
import re
from typing import Any

from t2t_lottery.data import manifest
from t2t_lottery.pruning import methods
from t2t_lottery.runs import paths, presets, run_files
from t2t_lottery.utils.errors import UserError

# Files in which t2t-trainer saves its flags, one per line: its own, and all.
_FLAGS = ("flags_t2t.txt", "flags.txt")


def describe(folder: str, problem: str) -> tuple[dict[str, Any], str | None]:
  """The content that `train` would write to `run.json`, as far as it is known.

  Args:
    folder: t2t-trainer's --output_dir.
    problem: the problem that it was trained on.

  Returns:
    The description, with the path of the mask's checkpoint as `mask_checkpoint`; and the data folder of the training, for
    comparison with the data of the evaluation.

  Raises:
    UserError: if the folder is not one of t2t-trainer, or not of a model of this project.
  """
  if not os.path.isdir(folder):
    raise UserError(f"{folder} is not a folder: set --model_dir to the --output_dir of a training")
  flags = _flags(folder)
  hparams = run_files.hparams(folder)
  method = hparams.get("pruning_method")
  if method not in methods.METHODS:
    raise UserError(
      f"{folder} holds no run of --hparams_set=transformer_dense, transformer_slt, ...: its hparams name no method"
    )
  trained_on = flags.get("problem", problem)
  if trained_on != problem:
    raise UserError(f"{folder} was trained on {trained_on}, not on the requested --problem={problem}")
  steps = paths.checkpoint_steps(folder)
  hparams_set = flags.get("hparams_set", f"transformer_{method}")
  about: dict[str, Any] = {
    "run": os.path.basename(os.path.abspath(folder)),
    "problem": problem,
    "size": next((size for size in presets.SIZES if hparams_set.endswith(f"_{size}")), "base"),
    "seed": int(flags.get("random_seed") or 0),
    "method": method,
    "sparsity_asked": hparams["sparsity"],
    "hparams_set": hparams_set,
    "train_steps": int(flags.get("train_steps") or max(steps, default=0)),
    "rewind_step": hparams["rewind_step"],
    "data": manifest.fingerprint(problem, hparams.get("data_dir") or ""),
  }
  if methods.METHODS[method].gradual:
    about["initial_sparsity"] = hparams["initial_sparsity"]
  if hparams.get("data_seed", -1) >= 0:
    about["data_seed"] = hparams["data_seed"]
  if hparams.get("schedule_from"):
    about["schedule_from"] = hparams["schedule_from"]
  for name in ("mask_checkpoint", "rewind_checkpoint"):
    if hparams.get(name):
      about[name] = os.path.expanduser(hparams[name])
  return about, hparams.get("data_dir")


def _flags(folder: str) -> dict[str, str]:
  found: dict[str, str] = {}
  for name in _FLAGS:
    path = os.path.join(folder, name)
    if os.path.exists(path):
      with open(path, encoding="utf-8", errors="replace") as file:
        given = re.findall(r"^--(\w+)=(.*)$", file.read(), re.MULTILINE)
      found = {**{flag: value for flag, value in given if value != "None"}, **found}
  return found
