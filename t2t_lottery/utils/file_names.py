"""Checks names that TensorFlow, t2t or the file system would misread."""

from __future__ import annotations

from typing import Any

from t2t_lottery.utils.errors import UsageError


def is_name(text: Any) -> bool:
  """Whether a text is valid as the name of one file or folder, as that of a run, problem or size must be."""
  return isinstance(text, str) and text not in ("", ".", "..") and "/" not in text and text.isprintable()


def check_name(what: str, text: str) -> str:
  """Returns the text if it is valid as the name of a file or folder.

  Args:
    what: the flag, for the error.
    text: the flag's value.

  Raises:
    UsageError: if it is not.
  """
  if not is_name(text):
    raise UsageError(f"--{what}={text!r} is not a valid name: give the name of one folder, without /")
  return text


def check_folder(what: str, path: str) -> str:
  """Returns the path if TensorFlow and t2t can use a folder of that name.

  Args:
    what: the flag, for the error.
    path: the flag's value.

  Raises:
    UsageError: if they would misread it: TensorFlow treats paths of checkpoints and record files as glob patterns, and t2t
      ends an hparam's value at a comma.
  """
  bad = sorted({character for character in path if character in "[*?\\," or not character.isprintable()})
  if bad or path != path.strip() or not path:
    why = f"contains {' '.join(map(repr, bad))}" if bad else "is empty" if not path else "starts or ends with a space"
    raise UsageError(f"--{what}={path!r} {why}, which TensorFlow or t2t would misread: choose another folder name")
  return path
