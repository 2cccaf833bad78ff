"""What a TensorFlow without estimators gets: what fails without each patch, and that nothing else changes."""

import os
import subprocess
import sys

import pytest
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


# Imports TensorFlow, which prints to stderr, as Python and as C do, and fails if so requested.
IMPORT_NOISY = """
import os, sys
from t2t_lottery.compat import tf_support
from t2t_lottery.compat.patches import versions
applies = versions.applies
versions.applies = lambda patch: patch.__name__ != sys.argv[1] and applies(patch)
tf_support.install()
class Finder:
  def find_spec(self, name, path, target=None):
    if name == "tensorflow.python":
      os.write(2, b"from C\\n")
      print("from Python", file=sys.stderr)
      if sys.argv[2]:
        raise ImportError(sys.argv[2])
sys.meta_path.insert(0, Finder())
import tensorflow
print("the end", file=sys.stderr)
"""


def run(code, *arguments, log_level="2"):
  """Runs Python; returns its exit status and the lines of its stderr."""
  # This process has chosen its Keras.
  environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
  environment["TF_CPP_MIN_LOG_LEVEL"] = log_level
  # By default, TensorFlow uses oneDNN, and prints that it does, on some CPUs only.
  environment["TF_ENABLE_ONEDNN_OPTS"] = "1"
  done = subprocess.run(
    [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=environment
  )
  return done.returncode, done.stderr.splitlines()


def import_without(name):
  """The last line of stderr, if the import fails."""
  status, lines = run(IMPORT_WITHOUT, name)
  return (lines or [""])[-1] if status else ""


@pytest.mark.slow
class TfSupportTest(parameterized.TestCase, tf.test.TestCase):
  def test_every_patch_is_tested(self):
    self.assertEqual([patch.__name__ for patch in patch_list.IMPORTABLE], list(SYMPTOMS))

  @parameterized.parameters("", *SYMPTOMS)
  def test_patch_fixes_its_symptom(self, name):
    if name and package_versions.tensorflow() < (2, 16):
      self.skipTest(f"TensorFlow {tf.__version__} has estimators")
    error = import_without(name)
    self.assertIn(SYMPTOMS[name], error) if name else self.assertEqual(error, "")

  def test_the_import_prints_no_notices_of_its_own(self):
    if package_versions.tensorflow() < (2, 16):
      self.skipTest(f"TensorFlow {tf.__version__} obeys TF_CPP_MIN_LOG_LEVEL")
    self.assertEqual(run(IMPORT_NOISY, "", ""), (0, ["from C", "from Python", "the end"]))
    for without, log_level in (("hide_notices", "2"), ("", "0")):
      status, lines = run(IMPORT_NOISY, without, "", log_level=log_level)
      self.assertEqual(status, 0)
      self.assertContainsSubset(["from C", "from Python", "the end"], lines)
      self.assertIn("oneDNN custom operations are on", "".join(lines))

  def test_an_import_that_fails_prints_why(self):
    status, lines = run(IMPORT_NOISY, "", "no such library")
    self.assertEqual(status, 1)
    self.assertEqual(lines[:2], ["from C", "from Python"])
    self.assertEqual(lines[-1], "ImportError: no such library")

  def test_a_tensorflow_with_estimators_is_left_alone(self):
    for patch in patch_list.IMPORTABLE + patch_list.QUIET:
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
