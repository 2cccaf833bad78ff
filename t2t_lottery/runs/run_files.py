"""Reads the JSON files of a run's folder and checks their schemas. Standard library only."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from t2t_lottery.runs import paths, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

_NUMBER = (int, float)
_NUMBERS = {"*": _NUMBER}
_MAYBE = (int, float, type(None))
_LAYER = {"*": _MAYBE}
_SHARE = atomic_files.Between(0, 1)
# Fields of runs of all versions; older ones lack some.
_ABOUT = {
  "run?": str,
  "problem?": str,
  "size?": str,
  "seed?": int,
  "method?": str,
  "sparsity_asked?": _SHARE,
  "train_steps?": int,
  "rewind_step?": int,
  "rewind_also?": [int],
  "hparams?": (str, type(None)),
  "controls?": [str],
  "mask_from?": str,
  "rewind_to?": str,
  "data?": (str, type(None)),
  "pretrained?": str,
}
_RESULT = {
  **_ABOUT,
  "best_step?": int,
  "sparsity?": _SHARE,
  "on_target?": bool,
  "steps_in_all?": int,
  "decoder?": str,
  "dev_bleu?": _NUMBER,
  "dev_bleu_by_step?": _NUMBERS,
  "dev_loss_by_step?": _LAYER,
  "test?": _NUMBERS,
  "test_set?": str,
  "other_test_sets?": {"*": _NUMBERS},
  "megabytes?": _NUMBERS,
  "removed?": {"kind": str, "share": _SHARE},
  "weights?": _LAYER,
  "signatures?": {"*": str},
  "versions?": {"*": str},
  "int8?": {"test": _NUMBERS, "signature": str, "megabytes?": _NUMBER},
  "average?": {"checkpoints": int, "test_bleu": _NUMBER, "dev_bleu?": _NUMBER, "largest?": _MAYBE},
}
# `sha256sum --check` skips such a line.
_COMMENT = "# "
# Fields that a line of a table requires.
_IDENTITY = {"run": str, "problem": str, "size": str, "seed": int, "method": str, "sparsity_asked": _SHARE}


def description(folder: str) -> dict[str, Any]:
  """The description of a run (`run.json`).

  Raises:
    UserError: as in all functions here, if the file is missing, damaged, or has another shape.
  """
  return atomic_files.read_json(paths.description(folder), _ABOUT)


def require_trained(folder: str, description: dict[str, Any]) -> None:
  """Raises UserError if a description lacks a field that an evaluation needs."""
  atomic_files.require_shape(paths.description(folder), description, {"run": str, "method": str, "train_steps": int})


def result(folder: str) -> dict[str, Any]:
  """A run's line of results."""
  return atomic_files.read_json(paths.result(folder), _RESULT)


def identified(path: str, content: dict[str, Any]) -> dict[str, Any]:
  """Returns a description or a line of results if it identifies its run, by names that are valid folder names.

  Raises:
    UserError: if it does not.
  """
  atomic_files.require_shape(path, content, _IDENTITY)
  run_spec.check(path, content)
  return content


def hparams(folder: str) -> dict[str, Any]:
  """The hparams that t2t-trainer saved; if they are missing, the error suggests a cause."""
  try:
    return atomic_files.read_json(paths.hparams(folder), {})
  except atomic_files.Missing:
    raise UserError(without_hparams(folder)) from None


def without_hparams(folder: str) -> str:
  """The error message for a run's folder without the file that a trainer writes first."""
  return (
    f"{folder} holds no hparams.json, which the trainer writes first: if the folder was moved or emptied during training, "
    "move its content back, or delete it to train the run again"
  )


def translation(path: str) -> list[str]:
  """A stored translation, one sentence per line. One without a checksum is from an older version and is not checked.

  Raises:
    UserError: as above, and if it was changed since it was made.
  """
  lines = atomic_files.read_lines(path)
  note = _note(path)
  if note and note[0] != _checksum(path, lines):
    raise UserError(f"{path} was changed since it was made: delete it to regenerate it")
  return lines


def made_by(path: str) -> str | None:
  """The signature of a translation's decoder; None if it was not recorded, as by older versions."""
  note = _note(path)
  return note[1].removeprefix(_COMMENT) if len(note) > 1 else None


def write_translation(path: str, lines: list[str], signature: str) -> None:
  """Writes what `translation` and `made_by` read; the checksum first, so that no translation lacks one."""
  atomic_files.write_lines(paths.checksum(path), [_checksum(path, lines), _COMMENT + signature])
  atomic_files.write_lines(path, lines)


def _note(path: str) -> list[str]:
  """The lines stored with a translation: its checksum and its signature; empty if there are none."""
  try:
    return atomic_files.read_lines(paths.checksum(path)) or [""]
  except atomic_files.Missing:
    return []
  except UserError:
    return [""]


def _checksum(path: str, lines: list[str]) -> str:
  text = "".join(f"{line}\n" for line in lines).encode("utf-8")
  return f"{hashlib.sha256(text).hexdigest()}  {os.path.basename(path)}"


def loss(path: str) -> tuple[float, str | None]:
  """A stored loss, and the signature of what computed it; None if that was not recorded."""
  found = atomic_files.read_json(path)
  if isinstance(found, dict):
    atomic_files.require_shape(path, found, {"loss": _NUMBER, "signature": str})
    return found["loss"], found["signature"]
  return atomic_files.require_shape(path, found, _NUMBER), None


def failed(folder: str) -> dict[str, Any]:
  """The marker of a permanently failed run."""
  return atomic_files.read_json(paths.failed(folder), {"step": int, "reason": str, "loss?": str})


def last_error(folder: str) -> dict[str, Any]:
  """The error of a run's last failed step."""
  return atomic_files.read_json(paths.last_error(folder), {"error": str, "status": int})


def steps_before_deletion(folder: str) -> list[int]:
  """Steps of all checkpoints of a run before intermediate ones were deleted."""
  return atomic_files.read_json(paths.thinned(folder), {"steps": [int]})["steps"]


def peak_memory(folder: str) -> int:
  """Peak memory of a run's trainer, in bytes."""
  return atomic_files.read_json(paths.usage(folder), {"peak_memory": int})["peak_memory"]


def layers(folder: str) -> dict[str, dict[str, float | None]]:
  """Statistics of each layer of the best checkpoint."""
  return atomic_files.read_json(paths.layers(folder), {"total": _LAYER, "*": _LAYER})


def hosts(folder: str) -> dict[str, Any]:
  """The hosts of a run in distributed training."""
  return atomic_files.read_json(paths.joined(folder), {"hosts": [str]})
