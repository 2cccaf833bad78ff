"""docs/patches.md lists every patch with the symptom that its docstring names."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMPAT = ROOT / "t2t_lottery" / "compat"


def listed():
  """Group -> names of its patches, MODULE.FUNCTION, as `patch_list.py` has them."""
  tree = ast.parse((COMPAT / "patch_list.py").read_text(encoding="utf-8"))
  groups = [node for node in tree.body if isinstance(node, ast.Assign)]
  return {group.targets[0].id: [ast.unparse(element) for element in group.value.elts] for group in groups}


def definition(patch):
  """The syntax tree of a patch."""
  module, name = patch.split(".")
  (path,) = [path for folder in ("", "patches/", "estimator/") for path in COMPAT.glob(f"{folder}{module}.py")]
  tree = ast.parse(path.read_text(encoding="utf-8"))
  (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
  return function


def versions(patch):
  """The versions of TensorFlow that a patch is for, by its decorator `since`."""
  for decorator in definition(patch).decorator_list:
    return f"{ast.literal_eval(decorator.args[0])} and later"
  return "all"


def symptom(patch):
  """The first paragraph of a patch's docstring, on one line."""
  return " ".join(ast.get_docstring(definition(patch)).split("\n\n")[0].split()).removeprefix("Symptom: ")


def rows(group):
  """The rows of a group's table, in Markdown."""
  return [
    f"| `{patch}` | {versions(patch)} | {symptom(patch).replace('|', chr(92) + '|')} |" for patch in listed()[group]
  ]


class PatchesPageTest(tf.test.TestCase):
  def test_lists_every_patch_with_its_symptom(self):
    page = (ROOT / "docs" / "patches.md").read_text(encoding="utf-8").splitlines()
    self.assertEqual(
      [line for line in page if line.startswith("| `")], [row for group in listed() for row in rows(group)]
    )


@pytest.mark.slow
class ListTest(tf.test.TestCase):
  def test_prints_every_patch_with_its_versions_and_symptom(self):
    done = subprocess.run(
      [sys.executable, "-m", "t2t_lottery.compat", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    expected = [
      f"{group.lower()} {patch} {versions(patch)} {symptom(patch)}" for group in listed() for patch in listed()[group]
    ]
    self.assertEqual(lines, ["group patch TensorFlow symptom", *expected])


if __name__ == "__main__":
  tf.test.main()
