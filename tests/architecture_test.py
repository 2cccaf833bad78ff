"""Packages import only lower packages, and commands without TensorFlow do not import it."""

from __future__ import annotations

import ast
import functools
import pathlib
import subprocess
import sys

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from tests import conftest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Lowest first: a package imports itself and those before it. Top-level modules of t2t_lottery/ are above all of them.
ORDER = (
  "t2t_lottery/utils",
  "t2t_lottery/pruning",
  "t2t_lottery/data",
  "t2t_lottery/compat/patches",
  "t2t_lottery/compat/estimator",
  "t2t_lottery/checkpoints",
  "problems",
  "t2t_lottery/compat",
  "t2t_lottery/runs",
  "t2t_lottery/training",
  "t2t_lottery/inference",
  "t2t_lottery/reproduce/planning",
  "hparams",
  "t2t_lottery/models",
  "t2t_lottery/evaluation",
  "t2t_lottery/reproduce/slurm",
  "usr_dir",
  "t2t_lottery/report",
  "t2t_lottery/reproduce",
  "t2t_lottery",
)
PROJECT_FILES = frozenset(
  path for top in ("hparams", "problems", "t2t_lottery", "usr_dir") for path in (ROOT / top).rglob("*.py")
)


def package_of(path: pathlib.Path) -> str:
  """The innermost package in `ORDER` that contains a file."""
  folder = path.relative_to(ROOT).parent.as_posix() + "/"
  return max((name for name in ORDER if folder.startswith(name + "/")), key=len)


@functools.cache
def is_docstring(path: pathlib.Path) -> bool:
  """Whether a file is an `__init__.py` that contains only a docstring."""
  return len(ast.parse(path.read_text(encoding="utf-8")).body) == 1 and path.name == "__init__.py"


@functools.cache
def imported(path: pathlib.Path) -> frozenset[pathlib.Path]:
  """The project's files that a file imports, anywhere in it."""
  names = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and not node.level:
      names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
  paths = [ROOT / name.replace(".", "/") for name in names if name is not None]
  found = {path.with_suffix(".py") for path in paths} | {path / "__init__.py" for path in paths}
  # Importing a module runs the __init__ of its parent packages, which does not count as a dependency.
  around = {folder / "__init__.py" for folder in path.parents}
  return frozenset(other for other in found & PROJECT_FILES - around if not is_docstring(other))


class ArchitectureTest(parameterized.TestCase, tf.test.TestCase):
  def test_packages_import_only_lower_packages(self):
    wrong = [
      f"{path.relative_to(ROOT)} imports {other.relative_to(ROOT)}"
      for path in sorted(PROJECT_FILES)
      for other in sorted(imported(path))
      if ORDER.index(package_of(other)) > ORDER.index(package_of(path))
    ]
    self.assertEqual(wrong, [])

  def test_no_import_cycles(self):
    remaining = {path: imported(path) - {path} for path in PROJECT_FILES}
    while free := {path for path, needs in remaining.items() if not needs & set(remaining)}:
      remaining = {path: needs for path, needs in remaining.items() if path not in free}
    self.assertEqual(sorted(str(path.relative_to(ROOT)) for path in remaining), [])

  def test_init_files_contain_only_a_docstring(self):
    # `usr_dir` calls `compat` before it imports anything else.
    packages = (ROOT / "t2t_lottery").rglob("__init__.py")
    self.assertEqual([path.parent.name for path in packages if not is_docstring(path)], ["compat"])

  @parameterized.parameters(
    *("datagen", "train", "evaluate", "results", "inspect", "connectivity", "export", "translate", "import_bert"),
    "report.__main__",
    "reproduce.__main__",
  )
  def test_a_command_does_not_import_tensorflow(self, name):
    code = f"import sys, t2t_lottery.{name}; sys.exit('tensorflow' in sys.modules)"
    self.assertEqual(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode, 0)

  def test_long_tests_are_modules_that_exist(self):
    modules = {path.stem for path in (ROOT / "tests").rglob("*_test.py")}
    self.assertEqual([name for name in conftest.LONG if name not in modules], [])


if __name__ == "__main__":
  tf.test.main()
