"""What a run is (`run.json`, and the same in `result.json`): whether it is well formed, and whether it is the run asked for.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from t2t_lottery import paths
from t2t_lottery.errors import UserError

# Runs of before tell neither.
_MAY_LACK = ("code", "data")


def difference(folder: str, there: Mapping[str, Any], asked: Mapping[str, Any], names: Iterable[str]) -> str | None:
  """In what the run of a folder is another one: the first of the names whose values differ, with both; None if in nothing."""
  for name in names:
    if there.get(name, asked.get(name) if name in _MAY_LACK else None) != asked.get(name):
      return f"{folder} holds a run with {name}={there.get(name)}, asked for is {asked.get(name)}"
  return None


def check(path: str, about: Any, complete: bool = True) -> None:
  """Checks what a file says of a run: names in it become folders, here and wherever runs are copied to.

  Args:
    path: the file.
    about: its content.
    complete: whether it must say all that tells a run from others; otherwise what it says must be well formed.

  Raises:
    UserError: if it describes no run.
  """
  if why := _wrong(about, complete):
    raise UserError(f"{path} describes no run ({why}): delete it to have it made again")


def _wrong(about: Any, complete: bool) -> str | None:
  if not isinstance(about, dict):
    return "it is no JSON object"
  for name in ("run", "problem", "size", "method"):
    if (complete or name in about) and not paths.is_name(about.get(name)):
      return f"{name} is no name"
  absent = -1 if complete else 0
  seed: Any = about.get("seed", absent)
  asked: Any = about.get("sparsity_asked", absent)
  if type(seed) is not int or seed < 0:
    return "seed is no number from 0 on"
  if type(asked) not in (int, float) or not 0 <= asked < 1:
    return "sparsity_asked is no share in [0, 1)"
  for name in ("mask_from", "rewind_to"):
    parent, _, step = about[name].partition("@") if isinstance(about.get(name), str) else (None, None, "")
    if name in about and not (paths.is_name(parent) and step.isdecimal()):
      return f"{name} is not NAME@STEP"
  for name in ("best_step", "train_steps", "rewind_step"):
    if name in about and (type(about[name]) is not int or about[name] < 0):
      return f"{name} is no step"
  if "decoder" in about and not paths.is_name(about["decoder"]):
    return "decoder is no name"
  return None
