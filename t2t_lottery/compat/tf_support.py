"""Makes t2t importable on every supported TensorFlow: what to do when a package is imported. Cheap to import.

TensorFlow to 2.15 has what t2t is built on. For a later one, `run_scripts/setup.sh` has every Python of `.venv` call
`install` at its start (a `.pth` file), so that stock scripts, t2t's and a user's, work as they do on 2.15.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterable

from t2t_lottery.compat.patches import versions


def install() -> None:
  """Makes later imports of TensorFlow and tensorflow-estimator complete, in this process; a second call does nothing."""
  if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())


def _before_tensorflow() -> tuple[Callable, ...]:
  from t2t_lottery.compat.estimator import namespace  # pylint: disable=import-outside-toplevel

  return (namespace.use_keras_2,)


def _around_tensorflow() -> tuple[Callable, ...]:
  from t2t_lottery.compat import startup_log  # pylint: disable=import-outside-toplevel

  return (startup_log.hide_notices,)


def _after_tensorflow() -> tuple[Callable, ...]:
  from t2t_lottery.compat.estimator import namespace  # pylint: disable=import-outside-toplevel

  return (namespace.restore_namespace, namespace.replace_addons)


def _before_estimator() -> tuple[Callable, ...]:
  from t2t_lottery.compat.estimator import removed_modules  # pylint: disable=import-outside-toplevel

  return (
    removed_modules.restore_export_names,
    removed_modules.restore_host_training,
    removed_modules.restore_tpu_modules,
  )


# Package -> what its import needs before its code runs, around it (context managers), and after.
_NEEDS: dict[str, tuple[Callable[[], tuple[Callable, ...]], ...]] = {
  "tensorflow": (_before_tensorflow, _around_tensorflow, _after_tensorflow),
  "tensorflow_estimator": (_before_estimator, tuple, tuple),
}


def _needed(get: Callable[[], tuple[Callable, ...]]) -> Iterable[Callable]:
  """The patches for the installed TensorFlow."""
  return filter(versions.applies, get())


class _Loader(importlib.abc.Loader):
  """Loads a package with what it needs."""

  def __init__(self, loader: importlib.abc.Loader):
    self._loader = loader

  def create_module(self, spec):
    """See `importlib.abc.Loader`."""
    return self._loader.create_module(spec)

  def exec_module(self, module) -> None:
    """See `importlib.abc.Loader`."""
    module.__spec__.loader = module.__loader__ = self._loader
    before, around, after = _NEEDS[module.__name__]
    for patch in _needed(before):
      patch()
    with contextlib.ExitStack() as stack:
      for manager in _needed(around):
        stack.enter_context(manager())
      self._loader.exec_module(module)
    for patch in _needed(after):
      patch()


class _Finder(importlib.abc.MetaPathFinder):
  """Finds the packages where Python would."""

  def find_spec(self, fullname, path, target=None):
    """See `importlib.abc.MetaPathFinder`."""
    if fullname not in _NEEDS:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None:
      spec.loader = _Loader(spec.loader)
    return spec
