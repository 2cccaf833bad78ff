"""Checks a request before anything starts. Standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from t2t_lottery.data import manifest, own_text
from t2t_lottery.reproduce.planning import run_graph
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError

# Problem -> approximate size of its vocabulary, copied from `problems/`, which is slow to import.
PROBLEMS = {
  **dict.fromkeys(("translate_ende_grammar", "translate_enfr_grammar"), 3 * 2**10),
  **dict.fromkeys(("translate_ende_multi30k", "translate_enfr_multi30k"), 2**12),
  **dict.fromkeys(
    (f"translate_{pair}_{text}_1k" for pair in ("ende", "enfr") for text in ("grammar", "multi30k")), 2**10
  ),
  **dict.fromkeys(("translate_ende_wmt14", "translate_enfr_wmt14"), 2**15),
  **dict.fromkeys(("translate_ende_wmt14_packed", "translate_enfr_wmt14_packed"), 2**15),
}

# Default for t2t's own problems, most of which are named ..32k.
_VOCAB_SIZE = 2**15


def seeds(text: str) -> tuple[int, ...]:
  """Parses space-separated seeds.

  Raises:
    UserError: one is not a nonnegative integer, or is repeated.
  """
  words = text.split()
  for word in words:
    if not re.fullmatch(r"[0-9]+", word):
      raise UserError(f"seed {word} is not a nonnegative integer")
  return tuple(int(word) for word in choices.once("seeds", [str(int(word)) for word in words]))


def is_known(problem: str, data_dir: str) -> bool:
  """Whether a problem belongs to this project, or data_dir contains its data or its description as own text."""
  is_own = os.path.exists(own_text.path(problem, data_dir))
  return problem in PROBLEMS or is_own or manifest.is_complete(problem, data_dir)


def check_methods(methods: Sequence[str]) -> None:
  """Raises UserError if a method is unknown or repeated."""
  for method in choices.once("methods", methods):
    choices.known("method", method, run_graph.METHODS)


def check_model(methods: Sequence[str], checkpoint: str) -> None:
  """Raises UserError unless the methods of a BERT, and they alone, come with a pre-trained one.

  Args:
    methods: known ones.
    checkpoint: the value of --checkpoint.
  """
  of_bert = [method for method in methods if method in run_graph.OF_BERT]
  others = [method for method in methods if method not in (run_graph.DENSE, *of_bert)]
  if of_bert and not checkpoint:
    raise UserError(f"--methods={of_bert[0]} needs --checkpoint=DIR, the folder of a pre-trained BERT")
  if checkpoint and (others or not of_bert):
    raise UserError(
      f"--checkpoint={checkpoint} is of a BERT: give --methods={' '.join(run_graph.OF_BERT)}, without {' '.join(methods)}"
      if not of_bert
      else f"--checkpoint={checkpoint} is of a BERT: leave {' '.join(others)} out of --methods"
    )


def check_data_seed(data_seed: str | None, seeds: Sequence[int]) -> None:
  """Raises UserError if the seed of the other order of batches is that of a run. The drivers check its format."""
  if data_seed and data_seed.isdecimal() and int(data_seed) in seeds:
    raise UserError(f"--data_seed={data_seed} is one of --seeds, which order the batches of their runs: give another")


def vocabulary_size(problem: str, data_dir: str, requested: str | None = None) -> int:
  """The approximate number of subwords in a problem's vocabulary.

  Args:
    problem: its name.
    data_dir: where its data, or its description if it is own text, may be.
    requested: the value of --vocab_size for own text that is not described there yet.
  """
  found = manifest.facts(problem, data_dir).get("vocab_size") or PROBLEMS.get(problem)
  if not found and os.path.exists(own_text.path(problem, data_dir)):
    found = own_text.read(problem, data_dir).vocab_size
  return int(found or requested or (own_text.VOCAB_SIZE if problem.endswith("8k") else _VOCAB_SIZE))
