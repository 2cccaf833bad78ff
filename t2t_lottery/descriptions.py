"""Whether a folder's description (`run.json`) and result are of the run asked for. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
