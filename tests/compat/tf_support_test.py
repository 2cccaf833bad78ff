"""What a TensorFlow without estimators gets: what fails without each patch, and that nothing else changes."""

import os
import subprocess
import sys

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.compat import patch_list
from t2t_lottery.compat.patches import versions
from t2t_lottery.utils import package_versions

# Imports t2t, and uses what it builds models and sessions with; without the patch of this name, if any.
IMPORT_WITHOUT = """
import sys
from t2t_lottery.compat import tf_support
from t2t_lottery.compat.patches import versions
applies = versions.applies
versions.applies = lambda patch: patch.__name__ != sys.argv[1] and applies(patch)
tf_support.install()
import tensorflow.compat.v1 as tf
tf.keras.layers.Dense
import tensor2tensor.bin.t2t_trainer
tf.disable_v2_behavior()
tf.layers.dense(tf.ones([1, 1]), 1)
tf.estimator.RunConfig, tf.estimator.tpu.TPUEstimator
"""
SYMPTOMS = {
  "use_keras_2": "Keras cannot be imported",
  "restore_namespace": "module 'tensorflow.compat.v1' has no attribute 'estimator'",
  "replace_addons": "No module named 'tensorflow_addons'",
  "restore_export_names": "module 'tensorflow.python.util.tf_export' has no attribute 'ESTIMATOR_API_NAME'",
  "restore_host_training": "cannot import name 'estimator_training' from 'tensorflow.python.distribute'",
  "restore_tpu_modules": "cannot import name 'tpu_embedding' from 'tensorflow.python.tpu'",
}


def import_without(name):
  """The last line of stderr."""
  # This process has chosen its Keras.
  environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
  done = subprocess.run(
    [sys.executable, "-c", IMPORT_WITHOUT, name], capture_output=True, text=True, check=False, env=environment
  )
  return (done.stderr.splitlines() or [""])[-1] if done.returncode else ""


class TfSupportTest(parameterized.TestCase, tf.test.TestCase):
  def test_every_patch_is_tested(self):
    self.assertEqual([patch.__name__ for patch in patch_list.IMPORTABLE], list(SYMPTOMS))

  @parameterized.parameters("", *SYMPTOMS)
  def test_patch_fixes_its_symptom(self, name):
    if name and package_versions.tensorflow() < (2, 16):
      self.skipTest(f"TensorFlow {tf.__version__} has estimators")
    error = import_without(name)
    self.assertIn(SYMPTOMS[name], error) if name else self.assertEqual(error, "")

  def test_a_tensorflow_with_estimators_is_left_alone(self):
    for patch in patch_list.IMPORTABLE:
      self.assertEqual(versions.applies(patch), package_versions.tensorflow() >= (2, 16))

  def test_a_removed_name_of_a_tpu_host_says_which_version_has_it(self):
    if package_versions.tensorflow() < (2, 16):
      self.skipTest(f"TensorFlow {tf.__version__} has it")
    self.assertIsNotNone(tf.estimator.Estimator)
    from tensorflow.python.tpu import session_support

    with self.assertRaisesRegex(
      NotImplementedError, r"session_support\.start_worker_watchdog; TensorFlow 2\.15 has it"
    ):
      session_support.start_worker_watchdog(None)


if __name__ == "__main__":
  tf.test.main()
