"""Files that are either complete or absent. Standard library only."""

from __future__ import annotations

import contextlib
import glob
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from t2t_lottery.utils.errors import UserError


class Missing(UserError):
  """A file does not exist."""


_UNFINISHED = ".unfinished"
_REGENERATE = "delete it to regenerate it"


def write_bytes(path: str, parts: Iterable[bytes]) -> None:
  """Writes a file atomically; creates missing folders.

  Args:
    path: the file.
    parts: its content, in order.

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
  """Writes a UTF-8 file atomically; creates missing folders.

  Raises:
    UserError: if it cannot be written.
  """
  write_bytes(path, [text.encode("utf-8")])


def write_lines(path: str, lines: Iterable[str]) -> None:
  """Writes a text file atomically, one item per line; inverse of `read_lines`.

  Raises:
    UserError: if it cannot be written.
  """
  write_text(path, "".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def new_folder(path: str) -> Iterator[str]:
  """Creates a folder atomically.

  Args:
    path: the folder; must not exist.

  Yields:
    An empty folder to fill. It is moved to `path` on exit, unless an exception was raised.

  Raises:
    UserError: if it already exists or cannot be written.
  """
  path = os.path.normpath(path)
  if os.path.lexists(path):
    raise UserError(f"{path} already exists: choose another path, or delete it")
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
  """Removes partial files of a killed process. The caller must keep others from writing there.

  Args:
    where: a file, or a folder and everything below it.
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
  """Writes JSON atomically, on one line."""
  write_text(path, to_json(value) + "\n")


def read_json(path: str, shape: Any = object, remedy: str = _REGENERATE) -> Any:
  """Reads a JSON file.

  Args:
    path: the file.
    shape: the required schema: a type or a tuple of types; `Between`, a number in a range; `[shape]`, a list of that
      shape; or a mapping of names to shapes, an object with these names. A name that ends with "?" is optional; "*" matches
      all others. Numbers must be finite. Default: anything.
    remedy: what to do with a damaged file, for the error.

  Raises:
    UserError: if it is missing (`Missing`), damaged, or has another shape.
  """
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
  except FileNotFoundError as error:
    raise Missing(f"cannot read {path}: {error.strerror}") from error
  except OSError as error:
    raise UserError(f"cannot read {path}: {error.strerror}") from error
  except RecursionError as error:
    raise _damaged(path, "nested too deeply", remedy) from error
  except ValueError as error:
    raise _damaged(path, str(error), remedy) from error
  return require_shape(path, content, shape, remedy)


def require_shape(path: str, content: Any, shape: Any, remedy: str = _REGENERATE) -> Any:
  """Returns the content of a JSON file if it has the given shape (`read_json`).

  Raises:
    UserError: if it does not; names the file and what is wrong in it.
  """
  if wrong := shape_error(content, shape):
    raise _damaged(path, wrong, remedy)
  return content


def _damaged(path: str, why: str, remedy: str) -> UserError:
  return UserError(f"{path} is damaged ({why}): {remedy}")


_NAMES: dict[type, str] = {
  bool: "true or false",
  int: "an integer",
  float: "a number",
  str: "a string",
  type(None): "null",
  dict: "an object",
  list: "a list",
}
_LARGEST = sys.float_info.max


class Between(NamedTuple):
  """The schema of a number in a range, its ends included."""

  least: float
  most: float


def shape_error(content: Any, shape: Any, where: str = "") -> str | None:
  """Why JSON content does not have the given shape (`read_json`), on one line; None if it does."""
  if isinstance(shape, list):
    if not isinstance(content, list):
      return f"{where or 'it'} is not a list"
    return next(filter(None, (shape_error(one, shape[0], f"{where}[{i}]") for i, one in enumerate(content))), None)
  if isinstance(shape, dict):
    if not isinstance(content, dict):
      return f"{where or 'it'} is not an object"
    missing = [name for name in shape if name != "*" and not name.endswith("?") and name not in content]
    if missing:
      return f"{where + ' ' if where else ''}lacks {missing[0]}"
    known = {name.rstrip("?"): one for name, one in shape.items()}
    inner = ((name, one, known.get(name, known.get("*", object))) for name, one in content.items())
    return next(filter(None, (shape_error(one, of, f"{where}.{name}".lstrip(".")) for name, one, of in inner)), None)
  if isinstance(shape, Between):
    is_within = isinstance(content, (int, float)) and shape.least <= content <= shape.most
    wrong = f"{where or 'it'} is not between {shape.least:g} and {shape.most:g}"
    return shape_error(content, (int, float), where) or (None if is_within else wrong)
  kinds = shape if isinstance(shape, tuple) else (shape,)
  # In Python, bool is a subclass of int.
  if not isinstance(content, kinds) or (isinstance(content, bool) and not {bool, object} & {*kinds}):
    return f"{where or 'it'} is not {' or '.join(_NAMES[kind] for kind in kinds)}"
  # JSON's integers have no limit.
  if float in kinds and isinstance(content, int) and abs(content) > _LARGEST:
    return f"{where or 'it'} is too large for a number"
  # Not JSON, but Python reads them.
  if float in kinds and isinstance(content, float) and not math.isfinite(content):
    return f"{where or 'it'} is not a finite number"
  return None


def read_lines(path: str) -> list[str]:
  r"""The lines of a text file, split at "\n" only.

  Raises:
    UserError: if it is missing (`Missing`), cannot be read, or is not UTF-8.
  """
  try:
    with open(path, "rb") as file:
      content = file.read()
    return content.decode("utf-8").split("\n")[:-1]
  except FileNotFoundError as error:
    raise Missing(f"cannot read {path}: {error.strerror}") from error
  except OSError as error:
    raise UserError(f"cannot read {path}: {error.strerror}") from error
  except UnicodeDecodeError as error:
    line = content.count(b"\n", 0, error.start) + 1
    raise UserError(f"{path} is damaged (line {line} is not UTF-8): delete it to regenerate it") from error
