"""Damaged records are reported before a run starts."""

import os

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.data import manifest
from t2t_lottery.runs import paths
from t2t_lottery.utils.errors import UserError
from tests.support import damaged
from tests.support.trained import command

PROBLEM = "translate_ende_grammar"
TRAIN = f"{PROBLEM}-train-00000-of-00001"


class RecordsTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.data_dir = self.create_tempdir().full_path
    written = {}
    for name in ("vocab", TRAIN, f"{PROBLEM}-dev-00000-of-00001"):
      path = os.path.join(self.data_dir, name)
      with open(path, "wb") as file:
        file.write(os.urandom(5000))
      written[name] = manifest.file_info(path)
    manifest.write_manifest(PROBLEM, self.data_dir, written, {"vocabulary": "vocab"})

  @parameterized.product(name=("vocab", TRAIN), how=(damaged.flip, damaged.truncate, damaged.empty))
  def test_a_damaged_file_is_reported(self, name, how):
    manifest.check_unchanged(PROBLEM, self.data_dir)
    path = os.path.join(self.data_dir, name)
    how(path)
    with self.assertRaisesRegex(UserError, f"^{path} was changed since datagen .*: delete it and run t2t-datagen"):
      manifest.check_unchanged(PROBLEM, self.data_dir)

  def test_a_missing_file_is_reported(self):
    os.remove(os.path.join(self.data_dir, TRAIN))
    with self.assertRaisesRegex(UserError, f"^cannot read .*{TRAIN}: No such file or directory: run t2t-datagen"):
      manifest.check_unchanged(PROBLEM, self.data_dir)

  def test_data_of_t2ts_problems_are_not_checked(self):
    manifest.check_unchanged("translate_ende_wmt32k", self.data_dir)

  def test_a_run_does_not_start_on_damaged_records(self):
    path = os.path.join(self.data_dir, TRAIN)
    damaged.flip(path)
    runs = paths.Runs(self.create_tempdir().full_path, PROBLEM, "tiny", 1)
    flags = [f"--problem={PROBLEM}", "--size=tiny", f"--runs_dir={runs.runs_dir}", f"--data_dir={self.data_dir}"]
    done = command("train", "--run=dense", *flags)
    self.assertEqual(done.returncode, 1)
    self.assertEqual(
      done.stderr, f"t2t-lottery: {path} was changed since datagen wrote it: delete it and run t2t-datagen again\n"
    )
    self.assertFalse(os.path.exists(paths.train_log(runs.folder("dense"))))


if __name__ == "__main__":
  tf.test.main()
