"""Modules and names of TensorFlow that tensorflow-estimator imports."""

from __future__ import annotations

import importlib
import sys
import types

from tensorflow.python.util import tf_export

from t2t_lottery.compat.estimator import host_training
from t2t_lottery.compat.patches.versions import since


def _provide(name: str, module: types.ModuleType) -> None:
  """Makes a module importable as `name`, whose parent package exists."""
  parent, _, leaf = name.rpartition(".")
  sys.modules[name] = module
  setattr(importlib.import_module(parent), leaf, module)


@since("2.16")
def restore_export_names() -> None:
  """Symptom: `module 'tensorflow.python.util.tf_export' has no attribute 'ESTIMATOR_API_NAME'`."""
  name = "estimator"
  tf_export.ESTIMATOR_API_NAME = name
  tf_export.SUBPACKAGE_NAMESPACES = [*tf_export.SUBPACKAGE_NAMESPACES, name]
  for table, suffix in ((tf_export.API_ATTRS, ""), (tf_export.API_ATTRS_V1, "_v1")):
    attributes = type(table[tf_export.TENSORFLOW_API_NAME])
    table[name] = attributes(f"_estimator_api_names{suffix}", f"_estimator_api_constants{suffix}")


@since("2.16")
def restore_host_training() -> None:
  """Symptom: `cannot import name 'estimator_training' from 'tensorflow.python.distribute'`."""
  _provide("tensorflow.python.distribute.estimator_training", host_training)


class _TpuModule(types.ModuleType):
  """A module of which nothing can be used, but whose names can be imported: a host of real TPUs needs TF 2.15."""

  def __getattr__(self, name: str):
    if name.startswith("__"):
      raise AttributeError(name)
    module = self.__name__

    def unavailable(*args, **kwargs):
      del args, kwargs
      raise NotImplementedError(f"TensorFlow has removed {module}.{name}; TensorFlow 2.15 has it")

    # A class, since tensorflow-estimator derives from some of these names.
    return type(name, (), {"__new__": unavailable})


@since("2.16")
def restore_tpu_modules() -> None:
  """Symptom: `cannot import name 'tpu_embedding' from 'tensorflow.python.tpu'`; likewise `tpu_embedding_gradient` and
  `session_support`.

  Only the watchdog of a TPU's host and embeddings stored on TPUs use them.
  """
  for leaf in ("session_support", "tpu_embedding", "tpu_embedding_gradient"):
    name = f"tensorflow.python.tpu.{leaf}"
    _provide(name, _TpuModule(name))
