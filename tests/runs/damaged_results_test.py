"""Results that are truncated, damaged, or written to a full disk."""

import os
import resource
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, t2t_process
from tests.support import damaged, made_up_runs
from tests.support.trained import ROOT, command

LIMIT = 100_000


def on_a_full_disk(code, *arguments):
  """Runs Python code that may write files of at most LIMIT bytes, to simulate a full disk."""
  limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {resource.RLIM_INFINITY}))\n"
  environment = {**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "2"}
  return subprocess.run(
    [sys.executable, "-c", limit + code, *arguments], check=False, capture_output=True, text=True, env=environment
  )


class DamagedResultsTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.runs = made_up_runs.Runs(self.create_tempdir().full_path)
    self.runs.evaluated("dense", "dense", 0, 30.0, 50.0)
    self.runs.evaluated("slt-50", "slt", 50, 29.0, 51.0, "dense")
    self.flags = [f"--problem={made_up_runs.PROBLEM}", "--size=tiny", f"--runs_dir={self.runs.folder}"]

  @parameterized.parameters(damaged.truncate, damaged.empty, damaged.flip, os.remove)
  def test_the_results_of_all_runs_are_rebuilt(self, how):
    self.assertEqual(command("results", *self.flags).returncode, 0)
    path = paths.results(self.runs.folder)
    intact = atomic_files.read_lines(path)
    self.assertLen(intact, 2)
    how(path)
    self.assertEqual(command("results", *self.flags).returncode, 0)
    self.assertEqual(atomic_files.read_lines(path), intact)

  @parameterized.parameters(damaged.truncate, damaged.empty)
  def test_a_damaged_result_is_reported(self, how):
    path = paths.result(self.runs.path("slt-50"))
    how(path)
    done = command("results", *self.flags)
    self.assertEqual(done.returncode, 0)
    self.assertRegex(
      done.stderr, rf"^t2t-lottery: left out: {path} is damaged \([^\n]*\): delete it to regenerate it\n$"
    )
    self.assertRegex(done.stdout, r"30\.0 +50\.0 +dense\n")
    self.assertNotIn("slt-50", done.stdout)

  @parameterized.parameters(
    ("bleu", 10**400, "test.bleu is too large"),
    ("bleu", float("nan"), "test.bleu is not a finite number"),
    ("ter", float("inf"), "test.ter is not a finite number"),
    ("sparsity", 2.5, "sparsity is not between 0 and 1"),
    ("sparsity", float("nan"), "sparsity is not a finite number"),
    ("sparsity_asked", -0.5, "sparsity_asked is not between 0 and 1"),
    ("sparsity_asked", True, "sparsity_asked is not an integer or a number"),
    ("on_target", 1, "on_target is not true or false"),
  )
  def test_a_number_that_no_evaluation_gives_is_reported(self, name, value, why):
    path = paths.result(self.runs.path("slt-50"))
    result = atomic_files.read_json(path)
    (result["test"] if name in result["test"] else result)[name] = value
    atomic_files.write_json(path, result)
    done = command("results", *self.flags)
    self.assertEqual(done.returncode, 0)
    self.assertRegex(done.stderr, rf"^t2t-lottery: left out: {path} is damaged \({why}[^\n]*\n$")
    self.assertRegex(done.stdout, r"30\.0 +50\.0 +dense\n")
    self.assertNotIn("slt-50", done.stdout)

  @parameterized.parameters(damaged.truncate, damaged.empty)
  def test_a_damaged_description_is_reported(self, how):
    path = paths.description(self.runs.path("dense"))
    how(path)
    done = command("train", "--run=dense", *self.flags)
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, rf"^t2t-lottery: {path} is damaged \([^\n]*\): delete it to regenerate it\n$")


class FullDiskTest(tf.test.TestCase):
  """A failed write leaves no partial file, and existing files stay."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.folder, "file")

  def assert_fails(self, code):
    done = on_a_full_disk(f"from t2t_lottery.utils import errors\nwith errors.one_line():\n  {code}", self.path)
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr.splitlines()[-1], f"^t2t-lottery: cannot write {self.path}[^\n]*: File too large")
    self.assertNotIn("Traceback", done.stderr)

  def test_a_result(self):
    atomic_files.write_text(self.path, "before")
    self.assert_fails(
      "import sys; from t2t_lottery.utils import atomic_files; atomic_files.write_json(sys.argv[1], 'x' * 200_000)"
    )
    self.assertEqual(os.listdir(self.folder), ["file"])
    with open(self.path, encoding="utf-8") as file:
      self.assertEqual(file.read(), "before")

  def test_a_sparse_file(self):
    self.assert_fails(
      "import sys; import numpy as np; from t2t_lottery.checkpoints import sparse_file; sparse_file.write(sys.argv[1], "
      "{'transformer/body/encoder/layer_0/ffn/conv1/kernel': np.random.randn(300, 300).astype('float32')})"
    )
    self.assertEmpty(os.listdir(self.folder))

  @pytest.mark.slow
  def test_a_checkpoint(self):
    self.assert_fails(
      "import sys; import numpy as np; from t2t_lottery.checkpoints import tf_checkpoint; "
      "tf_checkpoint.write(sys.argv[1] + '/model.ckpt-1', {'a': np.zeros(200_000, 'float32')})"
    )
    self.assertEmpty(os.listdir(self.folder))

  def test_a_checkpoint_of_t2t_trainer(self):
    cause = "/runs/dense/model.ckpt-1_temp/part-00001-of-00002.data; No space left on device"
    log = ["$ t2t-trainer", "Traceback (most recent call last):", cause, "", "File ops.py, in from_node_def"]
    atomic_files.write_text(self.path, "".join(f"{line}\n" for line in log))
    self.assertEqual(t2t_process.last_line(self.path), cause)

  def test_a_log(self):
    self.assert_fails(
      "import sys; from t2t_lottery.utils import t2t_process; "
      "t2t_process.run([sys.executable, '-c', '[print(\"x\" * 99) for _ in range(2000)]'],"
      " sys.argv[1])"
    )


if __name__ == "__main__":
  tf.test.main()
