"""Format of the lock files, and consistency with installed packages."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import sysconfig

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from packaging import requirements, utils

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "requirements")
LOCKS = ("build", "base", "cpu", "gpu", "dev", "base-2.21", "cpu-2.21", "gpu-2.21")

# The first CPython of the locks that are not for every one.
FIRST = {"base-2.21": (3, 10), "cpu-2.21": (3, 10), "gpu-2.21": (3, 10)}

NAME_AND_VERSION = r"[a-z0-9-]+==[0-9a-z.]+"
MARKER = r" ; (python_[a-z_]+ [<>=]+ '[0-9.*]+'|platform_machine [!=]= 'aarch64')"
HASH = r" --hash=sha256:[0-9a-f]{64}"


def lock_lines(name: str) -> list[str]:
  """The requirements of a lock file, each on one line with its hashes."""
  with open(os.path.join(FOLDER, f"{name}.txt"), encoding="utf-8") as file:
    text = re.sub(r"\\\n\s*", "", file.read())
  return [line for line in text.splitlines() if not line.startswith("#")]


def applies(requirement: requirements.Requirement, machine: str) -> bool:
  """Whether this interpreter would install it on such a machine."""
  return requirement.marker is None or requirement.marker.evaluate({"platform_machine": machine})


def requirement_lines(name: str) -> dict[str, requirements.Requirement]:
  """The requirements of a `.in` file, by package."""
  with open(os.path.join(FOLDER, f"{name}.in"), encoding="utf-8") as file:
    lines = [line for line in file.read().splitlines() if line and not line.startswith("#")]
  return {utils.canonicalize_name(each.name): each for each in map(requirements.Requirement, lines)}


def lock_versions(name: str, machine: str) -> dict[str, str]:
  """The version of each package of a lock file, for this interpreter on such a machine."""
  locked = [requirements.Requirement(line.split(" --hash")[0]) for line in lock_lines(name)]
  return {
    utils.canonicalize_name(each.name): str(each.specifier).removeprefix("==")
    for each in locked
    if applies(each, machine)
  }


class LockTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(*LOCKS)
  def test_contains_only_names_versions_markers_and_hashes(self, name):
    for line in lock_lines(name):
      self.assertRegex(line, f"^{NAME_AND_VERSION}({MARKER})?({HASH})+$")

  @parameterized.product(name=LOCKS, machine=("x86_64", "aarch64"))
  def test_matches_its_requirements(self, name, machine):
    if sys.version_info < FIRST.get(name, (3, 9)):
      self.skipTest(f"{name} is not for CPython {sys.version_info[0]}.{sys.version_info[1]}")
    required = requirement_lines(name)
    if name == "base-2.21":
      # What it names replaces that of base.in.
      required = {**requirement_lines("base"), **required}
    required = {package: each.specifier for package, each in required.items() if applies(each, machine)}
    locked = lock_versions(name, machine)
    self.assertSameElements(required, locked)
    for package, specifier in required.items():
      self.assertTrue(specifier.contains(locked[package]), package)

  def test_matches_the_installed_packages(self):
    made_from = os.path.join(sys.prefix, "made-from")
    if not os.path.exists(os.path.join(made_from, "root")):
      self.skipTest("this environment was not made by run_scripts/setup.sh")
    locked = {}
    for name in LOCKS:
      if os.path.exists(os.path.join(made_from, f"{name}.txt")):
        locked.update(lock_versions(name, platform.machine()))
    # Not sys.path, to which setuptools adds its vendored packages.
    found = importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])
    installed = {utils.canonicalize_name(each.metadata["Name"]): each.version for each in found}
    del installed["t2t-lottery"]
    self.assertEqual(installed, locked)


if __name__ == "__main__":
  tf.test.main()
