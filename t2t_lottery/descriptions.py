"""What a run is (`run.json`, and the same in `result.json`): whether it is well formed, whether it is the run asked for, and
whether its result is what was asked for. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from t2t_lottery import paths
from t2t_lottery.errors import UserError

# Runs of before tell neither.
_MAY_LACK = ("code", "data")
# Of a result that does not say whether it is on target: more than rounding each layer to whole weights makes of it.
_ROUNDING = 1e-4


def difference(folder: str, there: Mapping[str, Any], asked: Mapping[str, Any], names: Iterable[str]) -> str | None:
  """In what the run of a folder is another one: the first of the names whose values differ, with both; None if in nothing."""
  for name in names:
    if there.get(name, asked.get(name) if name in _MAY_LACK else None) != asked.get(name):
      return f"{folder} holds a run with {name}={there.get(name)}, asked for is {asked.get(name)}"
  return None


def missed(result: Mapping[str, Any]) -> str | None:
  """What a result says of a sparsity that is not the one asked for, as "reached 78.76%, asked for was 80%"; None if its
  layers have as many weights as they should, to within one each.

  Args:
    result: a line of results.
  """
  asked: float = result["sparsity_asked"]
  reached: float = result.get("sparsity", asked)
  on_target = result.get("on_target")
  if on_target is None:
    # Older ones say only how many of all weights are pruned, of which a dense embedding is not to be.
    has_dense_layers = "dense_embedding" in result.get("controls", []) or "prune_embedding" in result.get("hparams", "")
    on_target = has_dense_layers or abs(reached - asked) <= _ROUNDING
  return None if on_target else f"reached {reached * 100:.6g}%, asked for was {asked * 100:g}%"


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
