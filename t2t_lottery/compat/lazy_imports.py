"""Imports that wait for their first use, so that a command of t2t starts in about half the time.

t2t imports all of its models and problems, and with them libraries that training a Transformer never calls (sympy,
tensorflow-datasets, gym, ...). `install` comes before the first import of t2t. What a run asks for is there all the same:
a module is executed at the first look into it, the rest of the models and problems at the first name that the registry
does not know, or when the registry is listed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

# Importing these registers what is in them.
_REGISTERING = ("tensor2tensor.models", "tensor2tensor.problems")
# Imported at the top of t2t modules (or of TensorFlow's), used in few functions.
_LIBRARIES = ("googleapiclient.discovery", "scipy.signal", "tensorflow_addons", "tensorflow_probability")


def install() -> None:
  """Makes this process's later imports of these modules late."""
  sys.meta_path.insert(0, _Finder())


def register_rest() -> None:
  """Imports the rest of t2t's models and problems; after the first call there is none."""
  for name in _REGISTERING:
    _execute(importlib.import_module(name))


def load_on_demand() -> None:
  """Makes t2t's registry register the rest when it is listed, or a name is requested that it does not have."""
  from tensor2tensor.utils import registry  # pylint: disable=import-outside-toplevel

  class _Registry(registry.Registry):
    """A registry that is complete whenever it matters."""

    _adding = False

    def __setitem__(self, key, value):
      self._adding = True
      try:
        super().__setitem__(key, value)
      finally:
        self._adding = False

    def __contains__(self, key):
      # t2t has bound `__getitem__` to other names already; it asks here.
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
  for one in (
    registries.models,
    registries.hparams,
    registries.ranged_hparams,
    registries.problems,
    registries.env_problems,
    registries.mtf_layers,
  ):
    one.__class__ = _Registry


class _LateModule(types.ModuleType):
  """A module that is found, but executed only when an attribute is requested that it does not have yet."""

  def __getattr__(self, name):
    if self.__name__ in _REGISTERING and self.__spec__.submodule_search_locations:
      # `from tensor2tensor.models import transformer` wants one model, not all.
      try:
        return importlib.import_module(f"{self.__name__}.{name}")
      except ModuleNotFoundError:
        pass
    _execute(self)
    return getattr(self, name)


def _execute(module: types.ModuleType) -> None:
  if isinstance(module, _LateModule):
    module.__class__ = types.ModuleType
    spec = module.__spec__
    if spec.submodule_search_locations is not None:
      module.__path__ = spec.submodule_search_locations
    spec.loader.exec_module(module)


class _Loader(importlib.abc.Loader):
  """Puts a `_LateModule` in a module's place."""

  def __init__(self, loader: importlib.abc.Loader):
    self._loader = loader

  def create_module(self, spec):
    """See `importlib.abc.Loader`."""
    return None

  def exec_module(self, module) -> None:
    """See `importlib.abc.Loader`; leaves the work to the first look into the module."""
    module.__spec__.loader = module.__loader__ = self._loader
    if module.__name__ not in _REGISTERING:
      # A submodule of a library wants its package executed; the import system asks for this attribute.
      module.__dict__.pop("__path__", None)
    module.__class__ = _LateModule


class _Finder(importlib.abc.MetaPathFinder):
  """Finds the late modules where Python would."""

  def find_spec(self, fullname, path, target=None):
    """See `importlib.abc.MetaPathFinder`."""
    if fullname not in _REGISTERING + _LIBRARIES:
      return None
    spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
    if spec is not None:
      spec.loader = _Loader(spec.loader)
    return spec
