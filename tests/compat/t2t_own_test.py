"""t2t's own tests, from its wheel, with the patches: each module in its own process."""

import concurrent.futures
import importlib
import tempfile
import unittest

import tensorflow.compat.v1 as tf
from absl import flags
from absl.testing import parameterized

from t2t_lottery import compat
from tests.support import fresh

# Slow modules come first, to keep two processes busy to the end.
MODULES = (
  "models.transformer_test",
  "bin.t2t_trainer_test",
  "utils.trainer_lib_test",
  "utils.beam_search_test",
  "data_generators.text_problems_test",
  "utils.t2t_model_test",
  "data_generators.problem_test",
  "utils.metrics_test",
  "layers.modalities_test",
  "utils.data_reader_test",
  "utils.hparam_test",
  "utils.optimize_test",
)
# Tests that no patch can make pass: test -> why. It is an error if one of these passes or any other fails.
CANNOT_PASS = {
  "utils.trainer_lib_test": {
    "TrainerLibTest.testCreateHparams": "reads test_data/transformer_test_ckpt/hparams.json, which t2t's wheel lacks",
  },
}


class _Outcomes(unittest.TestResult):
  """Collects the outcome of each test: "passed", or why not."""

  def __init__(self):
    super().__init__()
    self.by_test = {}

  def _note(self, test, outcome):
    # `tensor2tensor.models.transformer_test.TransformerTest.testEval` -> `TransformerTest.testEval`; a failing
    # setUpClass is `setUpClass (tensor2tensor....TransformerTest)`.
    name = test.id() if " " in test.id() else ".".join(test.id().split(".")[-2:])
    self.by_test.setdefault(name, outcome)

  def addSuccess(self, test):
    self._note(test, "passed")

  def addError(self, test, err):
    self._note(test, self._exc_info_to_string(err, test))

  addFailure = addError

  def addSubTest(self, test, subtest, err):
    if err is not None:
      self.addError(test, err)

  def addSkip(self, test, reason):
    # `tf.test.TestCase.test_session` is not a test.
    if not test.id().endswith(".test_session"):
      self._note(test, f"skipped: {reason}")


def run(name):
  """Runs one of t2t's test modules; returns the outcome of each test."""
  compat.apply_patches()
  importlib.import_module("tests.support.unoptimized")
  # And its own sessions.
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
  outcomes = _Outcomes()
  module = importlib.import_module("tensor2tensor." + name)
  flags.FLAGS([name, f"--test_tmpdir={tempfile.mkdtemp()}"])
  unittest.defaultTestLoader.loadTestsFromModule(module).run(outcomes)
  return outcomes.by_test


class T2TOwnTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
    cls.addClassCleanup(pool.shutdown)
    cls.running = {name: pool.submit(fresh.call, run, name) for name in MODULES}

  @parameterized.parameters(*MODULES)
  def test_module(self, name):
    outcomes = self.running[name].result()
    excused = CANNOT_PASS.get(name, {})
    self.assertContainsSubset(excused, outcomes)
    self.assertIn("passed", outcomes.values())
    for test, outcome in outcomes.items():
      with self.subTest(test):
        if test in excused:
          self.assertNotEqual(outcome, "passed", f"remove it from CANNOT_PASS: {excused[test]}")
        else:
          self.assertEqual(outcome, "passed", outcome)


if __name__ == "__main__":
  tf.test.main()
