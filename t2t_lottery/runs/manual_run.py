"""Describes a run of a manually called t2t-trainer, from the files in its folder. Standard library only."""

from __future__ import annotations

import os
import re
from typing import Any

from t2t_lottery.data import manifest
from t2t_lottery.pruning import methods
from t2t_lottery.runs import config, paths, presets, run_files, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

# What a driver's flags must say of a run, as in its description.
_BY_FLAG = {
  "size": "--size, or --hparams_set",
  "hparams_set": "--size, or --hparams_set",
  "train_steps": "--steps",
  "rewind_step": "--rewind_step",
  "seed": "--seed",
}
# Hparams that are the checkpoints a ticket is drawn from.
_SOURCES = ("mask_checkpoint", "rewind_checkpoint")
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
  if hparams_set in presets.BERT_SIZES:
    # A driver's dense run has the same hparams, of SET+METHOD.
    hparams_set += f"{presets.PLUS}{method}"
  about: dict[str, Any] = {
    "run": os.path.basename(os.path.abspath(folder)),
    "problem": problem,
    "size": _size(hparams_set, method),
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
  for name in _SOURCES:
    if hparams.get(name):
      about[name] = os.path.expanduser(hparams[name])
  return about, hparams.get("data_dir")


def adopt(settings: config.Settings, folder: str, run: str) -> None:
  """Adds a run to the runs of the drivers, which then report it and draw from it: links its folder, and describes it in
  `run.json` as `train` would.

  Args:
    settings: of the drivers' runs.
    folder: t2t-trainer's --output_dir.
    run: the run's name among them, such as dense or slt-50.

  Raises:
    UserError: it is another run than a driver with these settings would train, or the run that it is drawn from is not
      among them.
  """
  found, data_dir = describe(folder, settings.runs.problem)
  manifest.check_same(folder, found["data"] or None, settings.runs.problem, settings.data_dir)
  hparams, method = run_files.hparams(folder), methods.METHODS[found["method"]]
  mask_from, rewind_from = (_parent(settings, found[name]) if name in method.sources else None for name in _SOURCES)
  options = run_spec.Options(
    run,
    found["method"],
    f"{100 * found['sparsity_asked']:.10g}" if method.prunes else "0",
    mask_from=mask_from,
    mask_step=_step(found["mask_checkpoint"]) if mask_from else None,
    rewind_from=rewind_from,
    schedule_from=run_spec.SCHEDULE_FROM_T if method.may_continue_schedule and hparams["schedule_from"] else "0",
    data_seed=found.get("data_seed"),
    initial_level=f"{100 * found['initial_sparsity']:.10g}" if method.prunes_further else "0",
  )
  requested = run_spec.describe(settings, options)
  del requested["code"]
  for name, flag in _BY_FLAG.items():
    if (name != "seed" or _flags(folder).get("random_seed")) and found[name] != requested[name]:
      raise UserError(f"{folder} was trained with {name}={found[name]}, not {requested[name]}: give {flag}")
  _check_hparams(settings, folder, hparams, requested)
  link = settings.runs.folder(run)
  if os.path.realpath(link) != os.path.realpath(folder):
    if os.path.lexists(link):
      raise UserError(f"{link} already exists: choose another --run, or another --runs_dir")
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(os.path.realpath(folder), link)
  atomic_files.write_json(paths.description(link), requested)


def _parent(settings: config.Settings, checkpoint: str) -> str:
  """The name, among the drivers' runs, of the run that a checkpoint is from."""
  of_run = os.path.dirname(os.path.abspath(checkpoint))
  of_run = os.path.realpath(os.path.dirname(of_run) if os.path.basename(of_run) == "rewind" else of_run)
  runs = os.path.dirname(settings.runs.folder("x"))
  for name in sorted(os.listdir(runs)) if os.path.isdir(runs) else []:
    if os.path.realpath(os.path.join(runs, name)) == of_run:
      return name
  raise UserError(
    f"{checkpoint} is of no run in {runs}: add its run first, by evaluate --model_dir={of_run} --run=NAME"
  )


def _check_hparams(settings: config.Settings, folder: str, hparams: dict[str, Any], requested: dict[str, Any]) -> None:
  """Raises UserError if the requested run, as a driver trains it, has other hparams than that of the folder."""
  method = methods.METHODS[requested["method"]]
  wanted = {**methods.default_hparams(requested["method"], hparams), **run_spec.hparams(settings, requested)}
  unused = [
    *methods.without_effect(method, hparams),
    *(name for name, (_, uses) in methods.HPARAMS.items() if not uses(method)),
  ]
  for name, value in wanted.items():
    if name not in (*unused, *_SOURCES, "rewind_also") and not _is_same(hparams.get(name, value), value):
      raise UserError(f"{folder} was trained with {name}={hparams[name]}; a driver with these flags uses {value}")
  for name in _SOURCES:
    step = _step(hparams.get(name, ""))
    if name in wanted and step is not None and step != _step(wanted[name]):
      raise UserError(
        f"{folder} was trained with {name}={hparams[name]}; a driver with these flags uses step {_step(wanted[name])}"
      )
  by_hand = re.findall(r"(\w+)=", _flags(folder).get("hparams", ""))
  if more := [name for name in by_hand if name not in (*wanted, "rewind_step", *unused)]:
    raise UserError(f"{folder} was trained with --hparams={more[0]}={hparams.get(more[0])}: give it in --hparams")


def _step(checkpoint: str) -> int | None:
  """The step of a checkpoint's prefix; None of a folder, which stands for its last one."""
  found = re.search(r"model\.ckpt-([0-9]+)$", checkpoint)
  return int(found[1]) if found else None


def _is_same(found: Any, value: Any) -> bool:
  try:
    return abs(float(found) - float(value)) <= 1e-9 * abs(float(value))
  except (TypeError, ValueError):
    return str(found) == str(value)


def _size(hparams_set: str, method: str) -> str:
  """The size of this project's hparams sets; the name of any other set."""
  known = {presets.hparams_set(method, size): size for size in presets.SIZES}
  return known.get(hparams_set, hparams_set.partition(presets.PLUS)[0])


def _flags(folder: str) -> dict[str, str]:
  found: dict[str, str] = {}
  for name in _FLAGS:
    path = os.path.join(folder, name)
    if os.path.exists(path):
      with open(path, encoding="utf-8", errors="replace") as file:
        given = re.findall(r"^--(\w+)=(.*)$", file.read(), re.MULTILINE)
      found = {**{flag: value for flag, value in given if value != "None"}, **found}
  return found
