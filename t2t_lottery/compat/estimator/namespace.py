"""What is missing in `import tensorflow` itself. Imports nothing of TensorFlow before the user does."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types

from t2t_lottery.compat.patches.versions import since


@since("2.16")
def use_keras_2() -> None:
  """Symptom: `Keras cannot be imported. Check that it is installed.`: `tf.keras` has become Keras 3.

  TensorFlow reads this variable when it is imported, and takes Keras 2 from the package tf-keras.
  """
  os.environ["TF_USE_LEGACY_KERAS"] = "1"


@since("2.16")
def restore_namespace() -> None:
  """Symptom: `module 'tensorflow.compat.v1' has no attribute 'estimator'`.

  As in TensorFlow 2.15, the package tensorflow-estimator is imported when the attribute is first used.
  """
  tf = importlib.import_module("tensorflow")
  loader = importlib.import_module("tensorflow.python.util.lazy_loader").LazyLoader
  for module, api in ((tf, "_v2"), (tf.compat.v2, "_v2"), (tf.compat.v1, "_v1")):
    module.estimator = loader("estimator", vars(module), f"tensorflow_estimator.python.estimator.api.{api}.estimator")


@since("2.16")
def replace_addons() -> None:
  """Symptom: `No module named 'tensorflow_addons'`: it has no release for CPython 3.12.

  t2t imports it for an Adam, which `contrib.restore_adams` replaces in any case.
  """
  if importlib.util.find_spec("tensorflow_addons") is None:
    sys.modules["tensorflow_addons"] = types.ModuleType("tensorflow_addons", "Stands in for a package not installed.")
