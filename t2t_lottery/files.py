"""Files that are whole or absent. Standard library only."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from t2t_lottery.errors import UserError

_UNFINISHED = ".unfinished"


def write_bytes(path: str, parts: Iterable[bytes]) -> None:
  """Writes a file whole or not at all, with the folders it needs.

  Args:
    path: where to.
    parts: its content, one after the other.

  Raises:
    UserError: if it cannot be written.
  """
  unfinished = f"{path}.{os.getpid()}{_UNFINISHED}"
  try:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(unfinished, "wb") as file:
      file.writelines(parts)
      file.flush()
      os.fsync(file.fileno())
    os.replace(unfinished, path)
  except OSError as error:
    if os.path.exists(unfinished):
      os.remove(unfinished)
    raise UserError(f"cannot write {path}: {error.strerror}") from error


def write_text(path: str, text: str) -> None:
  """Writes a UTF-8 file whole or not at all, with the folders it needs.

  Raises:
    UserError: if it cannot be written.
  """
  write_bytes(path, [text.encode("utf-8")])


def write_lines(path: str, lines: Iterable[str]) -> None:
  """Writes a text file whole or not at all, a line each, as `read_lines` reads it.

  Raises:
    UserError: if it cannot be written.
  """
  write_text(path, "".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
  """A folder that is whole or absent.

  Args:
    path: where it is to lie; must not exist.

  Yields:
    An empty folder to fill, which takes its place at the end, if no exception comes before.

  Raises:
    UserError: if it exists already or cannot be written.
  """
  path = os.path.normpath(path)
  if os.path.lexists(path):
    raise UserError(f"{path} exists already: choose another place, or delete it")
  unfinished = f"{path}.{os.getpid()}{_UNFINISHED}"
  try:
    os.makedirs(unfinished)
    yield unfinished
    os.replace(unfinished, path)
  except OSError as error:
    raise UserError(f"cannot write {path}: {error.strerror}") from error
  finally:
    shutil.rmtree(unfinished, ignore_errors=True)


def remove_unfinished(where: str) -> None:
  """Removes what a killed process was writing; for a process that keeps others from writing there.

  Args:
    where: a file, or a folder with all that is below it.
  """
  inside = os.path.join(glob.escape(where), "**", f"*{_UNFINISHED}")
  for path in (*glob.glob(f"{glob.escape(where)}.*{_UNFINISHED}"), *glob.glob(inside, recursive=True)):
    if os.path.isdir(path):
      shutil.rmtree(path, ignore_errors=True)
    else:
      with contextlib.suppress(OSError):
        os.remove(path)


def to_json(value: Any) -> str:
  """JSON on one line."""
  return json.dumps(value, ensure_ascii=False)


def write_json(path: str, value: Any) -> None:
  """Writes JSON whole or not at all, one line."""
  write_text(path, to_json(value) + "\n")


def read_json(path: str) -> Any:
  """Reads a JSON file.

  Raises:
    UserError: if it is missing or damaged.
  """
  try:
    with open(path, encoding="utf-8") as file:
      return json.load(file)
  except OSError as error:
    raise UserError(f"cannot read {path}: {error.strerror}") from error
  except ValueError as error:
    raise UserError(f"{path} is damaged ({error}): delete it to have it made again") from error


def read_lines(path: str) -> list[str]:
  r"""The lines of a text file, split at "\n" only."""
  with open(path, encoding="utf-8", newline="\n") as file:
    return file.read().split("\n")[:-1]
