"""Names that TensorFlow, t2t and the file system take as they are."""

from __future__ import annotations

from typing import Any

from t2t_lottery.utils.errors import UsageError


def is_name(text: Any) -> bool:
  """Whether a text can be the name of one file or folder inside another, as that of a run, a problem or a size must be."""
  return isinstance(text, str) and text not in ("", ".", "..") and "/" not in text and text.isprintable()


def check_name(what: str, text: str) -> str:
  """The text, if it can be the name of a file or folder.

  Args:
    what: the flag that gives it, for the error.
    text: what it gives.

  Raises:
    UsageError: if it cannot.
  """
  if not is_name(text):
    raise UsageError(f"--{what}={text!r} is not a name: it must be one folder's, without /")
  return text


def check_folder(what: str, path: str) -> str:
  """The path, if TensorFlow and t2t can work with a folder of that name.

  Args:
    what: the flag that gives it, for the error.
    path: what it gives.

  Raises:
    UsageError: if they would look for something else: TensorFlow takes a checkpoint's or a record file's path for a pattern,
      t2t ends a hparam's value at a comma.
  """
  odd = sorted({character for character in path if character in "[*?\\," or not character.isprintable()})
  if odd or path != path.strip() or not path:
    why = f"holds {' '.join(map(repr, odd))}" if odd else "is empty" if not path else "starts or ends with a space"
    raise UsageError(f"--{what}={path!r} {why}, which TensorFlow or t2t would misread: choose a folder of another name")
  return path
