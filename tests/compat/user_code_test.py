"""A user's own usr_dir, imported in addition to this project's."""

from __future__ import annotations

import os
import sys
from unittest import mock

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry

from t2t_lottery.compat import user_code
from t2t_lottery.utils import errors, t2t_process

PROBLEM = """
from tensor2tensor.data_generators import text_problems
from tensor2tensor.utils import registry

@registry.register_problem
class UserProblem{number}(text_problems.Text2TextProblem):
  pass
"""


class UserCodeTest(tf.test.TestCase):
  def load(self, name, number, init="from . import mine"):
    folder = self.create_tempdir(f"{number}").full_path
    package = os.path.join(folder, name)
    os.mkdir(package)
    for file, content in (("__init__.py", init), ("mine.py", PROBLEM.format(number=number))):
      with open(os.path.join(package, file), "w", encoding="utf-8") as stream:
        stream.write(content)
    with mock.patch.dict(os.environ):
      t2t_process.use_user_dir(package)
      user_code.load()
      user_code.load()

  def test_its_problems_are_registered(self):
    self.load("my_code", 1)
    self.assertIn("user_problem1", registry.Registries.problems)
    self.assertIn("my_code", sys.modules)

  def test_its_folder_may_be_named_usr_dir(self):
    self.load("usr_dir", 2)
    self.assertIn("user_problem2", registry.Registries.problems)
    self.assertIn("user_usr_dir.mine", sys.modules)

  def test_failed_import_is_reported_in_one_line(self):
    with self.assertRaisesRegex(
      errors.UserError, "broken: importing it fails with ModuleNotFoundError: .*no_such_module"
    ):
      self.load("broken", 3, "import no_such_module")
    self.assertNotIn("broken", sys.modules)
    with self.assertRaisesRegex(errors.UserError, "has no __init__.py"):
      t2t_process.use_user_dir(self.create_tempdir().full_path)

  def test_without_a_folder_nothing_is_imported(self):
    with mock.patch.dict(os.environ, {t2t_process.USER_DIR: ""}):
      user_code.load()


if __name__ == "__main__":
  tf.test.main()
