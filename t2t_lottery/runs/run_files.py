"""Reads the JSON files of a run's folder, each of the shape that its writer gives it. Standard library only."""

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
# What runs of all versions say, as far as they say it.
_ABOUT = {
  "run?": str,
  "problem?": str,
  "size?": str,
  "seed?": int,
  "method?": str,
  "sparsity_asked?": _NUMBER,
  "train_steps?": int,
  "rewind_step?": int,
  "hparams?": (str, type(None)),
  "controls?": [str],
  "mask_from?": str,
  "rewind_to?": str,
  "data?": (str, type(None)),
}
_RESULT = {
  **_ABOUT,
  "best_step?": int,
  "decoder?": str,
  "dev_bleu?": _NUMBER,
  "dev_bleu_by_step?": _NUMBERS,
  "dev_loss_by_step?": _LAYER,
  "test?": _NUMBERS,
  "test_set?": str,
  "other_test_sets?": {"*": _NUMBERS},
  "megabytes?": _NUMBERS,
  "weights?": _LAYER,
  "signatures?": {"*": str},
  "versions?": {"*": str},
  "average?": {"checkpoints": int, "test_bleu": _NUMBER, "dev_bleu?": _NUMBER, "largest?": _MAYBE},
}
# `sha256sum --check` passes over such a line.
_COMMENT = "# "
# What a line of a table cannot do without.
_IDENTITY = {"run": str, "problem": str, "size": str, "seed": int, "method": str, "sparsity_asked": _NUMBER}


def description(folder: str) -> dict[str, Any]:
  """What a run is (`run.json`).

  Raises:
    UserError: as for all functions here, if the file is missing, damaged, or of another shape.
  """
  return atomic_files.read_json(paths.description(folder), _ABOUT)


def require_trained(folder: str, description: dict[str, Any]) -> None:
  """Raises UserError if a description does not say what an evaluation needs of a run."""
  atomic_files.require_shape(paths.description(folder), description, {"run": str, "method": str, "train_steps": int})


def result(folder: str) -> dict[str, Any]:
  """A run's line of results."""
  return atomic_files.read_json(paths.result(folder), _RESULT)


def identified(path: str, content: dict[str, Any]) -> dict[str, Any]:
  """A description or a line of results that says which run it is of, in names that may become folders.

  Raises:
    UserError: if it does not.
  """
  atomic_files.require_shape(path, content, _IDENTITY)
  run_spec.check(path, content)
  return content


def hparams(folder: str) -> dict[str, Any]:
  """The hparams that t2t-trainer saved; where checkpoints are and these are not, the error says what may have happened."""
  try:
    return atomic_files.read_json(paths.hparams(folder), {})
  except atomic_files.Missing:
    raise UserError(without_hparams(folder)) from None


def without_hparams(folder: str) -> str:
  """What to do about a run's folder that lacks what a trainer writes first."""
  return (
    f"{folder} holds no hparams.json, with which its trainer began: if the folder was moved or emptied while it trained, "
    "move what was there back into it, or delete it to train the run anew"
  )


def translation(path: str) -> list[str]:
  """A translation that lies beside a run, a sentence a line; one without a checksum is of an older version, and believed.

  Raises:
    UserError: as the others, and if it was changed since it was made.
  """
  lines = atomic_files.read_lines(path)
  noted = _note(path)
  if noted and noted[0] != _checksum(path, lines):
    raise UserError(f"{path} was changed since it was made: delete it to have it made again")
  return lines


def made_by(path: str) -> str | None:
  """The signature of what made a translation; None where it was not noted, as by older versions."""
  noted = _note(path)
  return noted[1].removeprefix(_COMMENT) if noted and len(noted) > 1 else None


def write_translation(path: str, lines: list[str], signature: str) -> None:
  """Writes what `translation` and `made_by` read; the note first, so that none is without."""
  atomic_files.write_lines(paths.checksum(path), [_checksum(path, lines), _COMMENT + signature])
  atomic_files.write_lines(path, lines)


def _note(path: str) -> list[str]:
  """What is noted beside a translation: a line with its checksum, one with its signature; empty without a note."""
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
  """A loss that lies beside a run, and the signature of what computed it; None where that was not noted."""
  found = atomic_files.read_json(path)
  if isinstance(found, dict):
    atomic_files.require_shape(path, found, {"loss": _NUMBER, "signature": str})
    return found["loss"], found["signature"]
  return atomic_files.require_shape(path, found, _NUMBER), None


def failed(folder: str) -> dict[str, Any]:
  """The mark of a run that failed for good."""
  return atomic_files.read_json(paths.failed(folder), {"step": int, "reason": str, "loss?": str})


def last_error(folder: str) -> dict[str, Any]:
  """What a step ended with that failed."""
  return atomic_files.read_json(paths.last_error(folder), {"error": str, "status": int})


def steps_before_thinning(folder: str) -> list[int]:
  """Steps of the checkpoints that a run had before most were removed."""
  return atomic_files.read_json(paths.thinned(folder), {"steps": [int]})["steps"]


def peak_memory(folder: str) -> int:
  """Bytes that a run's trainer took at most."""
  return atomic_files.read_json(paths.usage(folder), {"peak_memory": int})["peak_memory"]


def layers(folder: str) -> dict[str, dict[str, float | None]]:
  """What each layer of the best checkpoint looks like."""
  return atomic_files.read_json(paths.layers(folder), {"total": _LAYER, "*": _LAYER})


def hosts(folder: str) -> dict[str, Any]:
  """The hosts that train a run together."""
  return atomic_files.read_json(paths.joined(folder), {"hosts": [str]})
