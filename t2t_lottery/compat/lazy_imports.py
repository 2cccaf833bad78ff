"""Lazy imports, so that a t2t command starts in about half the time.

t2t imports all of its models and problems, and with them libraries that training a Transformer never calls (sympy,
tensorflow-datasets, gym, ...). Call `install` before the first import of t2t. A lazy module is executed when an attribute
is first read from it; the remaining models and problems are imported when the registry is listed or lacks a requested
name.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

from t2t_lottery.utils import quiet

# Importing these packages registers their models and problems.
_REGISTERING = ("tensor2tensor.models", "tensor2tensor.problems")
# These classify every code point when they are imported, for most of a second. All letters, digits, punctuation and symbols
# lie in the first four of 17 planes.
_CLASSIFYING = ("tensor2tensor.data_generators.tokenizer", "tensor2tensor.utils.bleu_hook")
_LAST_CLASSIFIED = 0x3FFFF
# Imported at the top of modules of t2t or TensorFlow, used by few functions.
_LIBRARIES = ("googleapiclient.discovery", "scipy.signal", "tensorflow_addons", "tensorflow_probability")


def install() -> None:
  """Makes later imports of these modules lazy, in this process; a second call does nothing."""
  if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Finder())


def register_rest() -> None:
  """Imports the remaining models and problems of t2t; a second call does nothing."""
  with quiet.libraries():
    for name in _REGISTERING:
      _execute(importlib.import_module(name))


def load_on_demand() -> None:
  """Makes t2t's registry import the remaining modules when it is listed or lacks a requested name, also those that were
  not lazy.
  """
  from tensor2tensor.utils import registry  # pylint: disable=import-outside-toplevel

  class _Registry(registry.Registry):
    """A registry that completes itself on demand."""

    _adding = False

    def __setitem__(self, key, value):
      self._adding = True
      try:
        super().__setitem__(key, value)
      finally:
        self._adding = False

    def __contains__(self, key):
      # t2t has already bound `__getitem__` to other names; all of them call this.
      if not self._adding and not super().__contains__(key):
        register_rest()
      return super().__contains__(key)

    def __iter__(self):
      register_rest()
      return super().__iter__()

    def __len__(self):
      register_rest()
      return super().__len__()

    def keys(self):
      """See `Registry`."""
      register_rest()
      return super().keys()

  registries = registry.Registries
  for each in (
    registries.models,
    registries.hparams,
    registries.ranged_hparams,
    registries.problems,
    registries.env_problems,
    registries.mtf_layers,
  ):
    each.__class__ = _Registry


def list_only_named(datagen: types.ModuleType) -> None:
  """Makes t2t_datagen, which lists all problems to find the one of `--problem`, list only that one if it is registered.

  Args:
    datagen: the imported command.
  """
  from absl import flags  # pylint: disable=import-outside-toplevel

  registry = datagen.registry

  def is_named() -> bool:
    return flags.FLAGS.problem in registry.Registries.problems

  # A copy: other modules' registry stays complete.
  listed = types.SimpleNamespace(**vars(registry))
  listed.list_base_problems = lambda: [flags.FLAGS.problem] if is_named() else registry.list_base_problems()
  listed.list_env_problems = lambda: [] if is_named() else registry.list_env_problems()
  datagen.registry = listed


class _LazyModule(types.ModuleType):
  """A module that is executed when an attribute that it lacks is first requested."""

  def __getattr__(self, name):
    if self.__name__ in _REGISTERING and self.__spec__.submodule_search_locations:
      # `from tensor2tensor.models import transformer` needs one model, not all.
      try:
        return importlib.import_module(f"{self.__name__}.{name}")
      except ModuleNotFoundError:
        pass
    _execute(self)
    return getattr(self, name)


def _execute(module: types.ModuleType) -> None:
  if isinstance(module, _LazyModule):
    module.__class__ = types.ModuleType
    spec = module.__spec__
    if spec.submodule_search_locations is not None:
      module.__path__ = spec.submodule_search_locations
    spec.loader.exec_module(module)


class _Loader(importlib.abc.Loader):
  """Replaces a module with a `_LazyModule`."""

  def __init__(self, loader: importlib.abc.Loader):
    self._loader = loader

  def create_module(self, spec):
    """See `importlib.abc.Loader`."""
    return None

  def exec_module(self, module) -> None:
    """See `importlib.abc.Loader`; defers execution to the first attribute access."""
    module.__spec__.loader = module.__loader__ = self._loader
    if module.__name__ not in _REGISTERING:
      # Importing a submodule of a library must execute its package; the import system reads this attribute.
      module.__dict__.pop("__path__", None)
    module.__class__ = _LazyModule


class _ClassifyingLoader(importlib.machinery.SourceFileLoader):
  """Executes a module that classifies every code point, up to the last one that can matter."""

  def exec_module(self, module) -> None:
    """See `importlib.abc.Loader`."""
    # What the module imports is not to see another `sys.maxunicode`.
    importlib.import_module("tensorflow.compat.v1")
    last, sys.maxunicode = sys.maxunicode, _LAST_CLASSIFIED
    try:
      super().exec_module(module)
    finally:
      sys.maxunicode = last


class _Finder(importlib.abc.MetaPathFinder):
  """Finds the lazy modules, and those that classify code points, where Python would."""

  def find_spec(self, fullname, path, target=None):
    """See `importlib.abc.MetaPathFinder`."""
    if fullname not in _REGISTERING + _LIBRARIES + _CLASSIFYING:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None:
      spec.loader = _ClassifyingLoader(fullname, spec.origin) if fullname in _CLASSIFYING else _Loader(spec.loader)
    return spec
