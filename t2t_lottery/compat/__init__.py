"""Patches of stock tensor2tensor 1.15.7 on TensorFlow 2.15.1; nothing of t2t is edited on disk or copied.

`apply_patches` is the first thing that `usr_dir/__init__.py` calls. t2t's commands import t2t before a `usr_dir`, so every patch
works on modules that are loaded already. Each patch is one function whose docstring names the symptom it cures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_done: set[Callable[[], None]] = set()


def apply_patches(functions: Iterable[Callable[[], None]] | None = None) -> None:
  """Patches t2t in this process, before it builds a graph. Each patch is done once, however often it is requested.

  Args:
    functions: the patches to do, for measuring what the others bring; None: all of them.
  """
  # Not at the top: this imports TensorFlow and t2t, and `python -m t2t_lottery.compat` has to come before them.
  from t2t_lottery.compat import patch_list  # pylint: disable=import-outside-toplevel

  every = patch_list.NEEDED + patch_list.COMPLETE + patch_list.REPRODUCIBLE + patch_list.FAST
  for function in every if functions is None else functions:
    if function not in _done:
      function()
      _done.add(function)
