"""Selects the checkpoints that compete for a run's result, and checks their sparsity. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from t2t_lottery.pruning import layers, methods, structures, weight_statistics
from t2t_lottery.runs import paths, retention
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError


def steps(folder: str, description: Mapping[str, Any]) -> list[int]:
  """Steps of the competing checkpoints, ascending: for a gradually pruned run, those after its last pruning.

  Args:
    folder: the run's.
    description: content of `run.json`.

  Raises:
    UserError: if training is not complete.
  """
  run, last = description["run"], description["train_steps"]
  found = [step for step in retention.steps(folder) if step > 0]
  if last not in found:
    raise UserError(f"{run} is not trained: {folder} has no checkpoint of step {last}")
  if not methods.METHODS[description["method"]].gradual:
    return found
  until = _hparam(folder, "prune_until")
  # The checkpoint of step `until` itself is saved before the pruning after that step.
  found = [step for step in found if step > until]
  if not found:
    raise UserError(f"{run} is pruned until step {until} and has no later checkpoint: its last one is of step {last}")
  return found


def covers(line: Mapping[str, Any], description: Mapping[str, Any]) -> bool:
  """Whether a line of results is of the whole run: training by hand may have been continued after it was made.

  Args:
    line: of results.
    description: of the run as it is.
  """
  return line.get("train_steps") == description["train_steps"]


def is_on_target(folder: str, description: Mapping[str, Any], variables: Mapping[str, np.ndarray]) -> bool:
  """Whether the layers of a checkpoint have the run's requested sparsity, to within one weight per layer; of a ticket of
  structures, whether each block has lost as many of them as requested.

  Args:
    folder: the run's.
    description: content of `run.json`.
    variables: name -> value, of the checkpoint.
  """
  if not methods.METHODS[description["method"]].prunes:
    return True
  scope = _hparam(folder, "ticket_scope")
  if (structure := ticket_structure(folder)) != methods.WEIGHTS:
    return structures.on_target(removed(folder, structure, variables), description["sparsity_asked"], scope)
  found = weight_statistics.model_statistics(variables)
  pruned = {name: found[name] for name in layers.prunable(found, _hparam(folder, "prune_embedding"))}
  return weight_statistics.on_target(pruned, description["sparsity_asked"], scope == methods.GLOBAL)


def ticket_structure(folder: str) -> str:
  """What a run keeps or removes as a whole: one of `methods.STRUCTURES`."""
  return _hparam(folder, "ticket_structure", methods.WEIGHTS)


def removed(folder: str, structure: str, variables: Mapping[str, np.ndarray]) -> dict[str, structures.Removed]:
  """How many members of a structure a checkpoint of a run has lost (`structures.removed`)."""
  num_heads = _hparam(folder, "num_heads") if methods.HEADS in structures.kinds(structure) else 0
  return structures.removed(structure, variables, num_heads)


def _hparam(folder: str, name: str, default: Any = None) -> Any:
  """An hparam of a run, as saved by t2t-trainer; the default is for runs that are older than the hparam."""
  path = paths.hparams(folder)
  hparams = atomic_files.read_json(path)
  if default is not None and isinstance(hparams, dict):
    return hparams.get(name, default)
  if not isinstance(hparams, dict) or name not in hparams:
    raise UserError(f"{path} has no hparam {name}, so it is not from a run of lottery_transformer")
  return hparams[name]
