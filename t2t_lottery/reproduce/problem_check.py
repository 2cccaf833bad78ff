"""Whether a problem is one whose runs can be scored, told before anything is downloaded or trained."""

from __future__ import annotations

import difflib
import importlib

from t2t_lottery.data import manifest
from t2t_lottery.reproduce import validation
from t2t_lottery.utils.errors import UsageError, UserError


def check(problem: str, data_dir: str) -> None:
  """Checks a problem's name, and that translations into its language can be scored here.

  Args:
    problem: the name.
    data_dir: where its data lie, or will lie.

  Raises:
    UsageError: there is no such problem; the nearest names are given.
    UserError: it is one of t2t's own, which keep no text to score translations by; or a tokenizer is not installed.
  """
  # Of these two, much is known without importing t2t, which takes seconds.
  if problem not in validation.PROBLEMS and not manifest.is_whole(problem, data_dir):
    _look_up(problem)
  from t2t_lottery.evaluation import metrics  # pylint: disable=import-outside-toplevel

  metrics.check(manifest.target_language(problem))


def _look_up(problem: str) -> None:
  from t2t_lottery import compat  # pylint: disable=import-outside-toplevel

  compat.mend()
  import tensor2tensor.problems  # pylint: disable=import-outside-toplevel,unused-import  # noqa: F401
  from tensor2tensor.utils import registry  # pylint: disable=import-outside-toplevel

  importlib.import_module("problems")
  base = importlib.import_module("problems.text").ParallelTextProblem
  found = registry.Registries.problems
  ours = [name for name in found if isinstance(found[name], type) and issubclass(found[name], base)]
  if problem in ours:
    return
  if problem in found:
    raise UserError(
      f"{problem} is one of t2t's own problems, which keep no dev and test text to score translations by: choose one of "
      f"{', '.join(ours)}, or train by t2t-trainer alone"
    )
  near = difflib.get_close_matches(problem, ours, n=3, cutoff=0.5) or difflib.get_close_matches(problem, [*found], n=3)
  raise UsageError(
    f"unknown problem {problem}: " + (f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(ours)}")
  )
