"""Checks what is asked for, before anything starts. Standard library only."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from t2t_lottery.pruning import methods
from t2t_lottery.reproduce.planning import run_graph
from t2t_lottery.utils.errors import UserError

# Problem -> what its vocabulary's size comes near to, as `problems/` says; importing that costs seconds.
PROBLEMS = {
  **dict.fromkeys(("translate_ende_grammar", "translate_enfr_grammar"), 3 * 2**10),
  **dict.fromkeys(("translate_ende_multi30k", "translate_enfr_multi30k"), 2**12),
  **dict.fromkeys(("translate_ende_wmt14", "translate_enfr_wmt14"), 2**15),
  **dict.fromkeys(("translate_ende_wmt14_packed", "translate_enfr_wmt14_packed"), 2**15),
}
# Controls as the drivers take them: beside each ticket, and of every ticket.
CONTROLS = ("random_signs", "redrawn_values", "permuted_values", "reinitialized", "random_mask", "shuffled_mask")
VARIANTS = ("global_magnitude", "dense_embedding")
assert {*CONTROLS, *VARIANTS} <= set(methods.CONTROLS)


def known(what: str, name: str, names: Iterable[str]) -> str:
  """The name, if it is among those.

  Raises:
    UserError: naming the nearest one, or all.
  """
  names = list(names)
  if name in names:
    return name
  near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
  raise UserError(
    f"unknown {what} {name}: " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}")
  )


def once(what: str, words: Sequence[str]) -> tuple[str, ...]:
  """The words, of which there must be at least one, and none twice.

  Raises:
    UserError: if it is not so.
  """
  if not words:
    raise UserError(f"--{what} is empty")
  for i, word in enumerate(words):
    if word in words[:i]:
      raise UserError(f"--{what} names {word} twice")
  return tuple(words)


def check_levels(levels: Sequence[str]) -> None:
  """Raises UserError if levels are not percentages that rise from above 0 to below 100."""
  if not levels:
    raise UserError("--levels is empty")
  before = 0.0
  for level in levels:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", level):
      raise UserError(f"level {level} is not a percentage")
    if not before < float(level) < 100:
      raise UserError(f"levels must rise from above 0 to below 100: {' '.join(levels)}")
    before = float(level)


def seeds(text: str) -> tuple[int, ...]:
  """Seeds of a list with blanks between.

  Raises:
    UserError: if one is no number from 0 on, or is there twice.
  """
  words = text.split()
  for word in words:
    if not re.fullmatch(r"[0-9]+", word):
      raise UserError(f"seed {word} is not a number from 0 on")
  return tuple(int(word) for word in once("seeds", [str(int(word)) for word in words]))


def check(problem: str, choices: run_graph.Selection) -> None:
  """Raises UserError if what is asked for makes no sense."""
  known("problem", problem, PROBLEMS)
  once("methods", choices.methods)
  for method in choices.methods:
    known("method", method, run_graph.METHODS)
  if choices.levels is not None:
    check_levels(choices.levels)
  check_levels([choices.switch])
  if choices.prune_each is not None and not 0 < choices.prune_each < 100:
    raise UserError(f"--prune_each={choices.prune_each:g} is not a share of weights in percent")
  if choices.variant:
    known("variant", choices.variant, VARIANTS)
  for control in choices.controls:
    known("control", control, CONTROLS)
  if choices.controls:
    once("controls", choices.controls)
  run_graph.graph(choices)
  if "shuffled_mask" in choices.controls and not choices.rewind_dense:
    raise UserError("the control shuffled_mask needs weights that no level has pruned: --rewind=dense")


def check_used(given: Iterable[str], choices: run_graph.Selection) -> None:
  """Raises UserError if a flag that was given says nothing to any of the methods."""
  for name in given:
    if all(name in run_graph.UNUSED[method] for method in choices.methods):
      raise UserError(f"--{name} changes nothing here: {', '.join(choices.methods)} have no use for it")
