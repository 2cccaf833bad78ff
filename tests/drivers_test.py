"""The drivers in run_scripts/: their flags, before anything starts."""

import os
import subprocess

import tensorflow.compat.v1 as tf
import trained
from absl.testing import parameterized


def driver(name, *arguments):
  return subprocess.run(
    [os.path.join(trained.ROOT, "run_scripts", name), *arguments], check=False, capture_output=True, text=True
  )


class DriversTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters("dense.sh", "lt.sh", "slt.sh", "quickstart.sh")
  def test_help_names_every_flag(self, name):
    done = driver(name, "--help")
    self.assertEqual(done.returncode, 0)
    for flag in ("problem", "size", "levels", "seed", "steps", "hparams", "rewind", "runs_dir", "data_dir", "tmp_dir"):
      self.assertIn(f"--{flag}=", done.stdout)

  @parameterized.parameters(
    ("--method=slt", "unknown flag --method=slt"),
    ("--rewind=first", "unknown flag --rewind=first"),
    ("--levels=50 40", "levels must rise from above 0 to below 100: 50 40"),
    ("--levels=50 100", "levels must rise from above 0 to below 100"),
    ("--levels=0 50", "levels must rise from above 0"),
    ("--levels=half", "level half is not a percentage"),
    ("--levels=", "--levels is empty"),
  )
  def test_a_bad_flag_is_one_line(self, flag, message):
    done = driver("slt.sh", flag)
    self.assertEqual(done.returncode, 2)
    self.assertLen(done.stderr.splitlines(), 1)
    self.assertStartsWith(done.stderr, f"slt.sh: {message}")


if __name__ == "__main__":
  tf.test.main()
