"""Patches of stock tensor2tensor 1.15.7 on current TensorFlow; nothing of t2t is edited on disk or copied.

`usr_dir/__init__.py` calls `apply_patches` first. t2t's commands import t2t before a `usr_dir`, so every patch works on
modules that are already loaded. Each patch is one function whose docstring names the symptom it fixes, and says which
versions of TensorFlow it is for (`patches/versions.py`). What t2t's import itself needs is applied by `tf_support`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_applied: set[Callable[[], None]] = set()


def apply_patches(functions: Iterable[Callable[[], None]] | None = None) -> None:
  """Patches t2t in this process, before it builds a graph. Each patch is applied at most once.

  Args:
    functions: the patches to apply, to measure the effect of the others; None: all of them.
  """
  # Not at the top: this imports TensorFlow and t2t, and `python -m t2t_lottery.compat` must run before them.
  # pylint: disable=import-outside-toplevel
  from t2t_lottery.compat import patch_list
  from t2t_lottery.compat.patches import versions

  # pylint: enable=import-outside-toplevel

  every = patch_list.NEEDED + patch_list.COMPLETE + patch_list.REPRODUCIBLE + patch_list.FAST
  for function in every if functions is None else functions:
    if function not in _applied and versions.applies(function):
      function()
      _applied.add(function)
