"""The sparse engine compiled for other CPUs than this one: AVX2 and vectors of four lanes are run, NEON is compiled."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.inference.sparse import network
from tests.support import other_cpu

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# Name -> (environment for numba, lanes).
CPUS = {
  "AVX2": ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}, 8),
  "four lanes, as NEON": ({"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, 4),
}


@pytest.mark.slow
@unittest.skipUnless(platform.machine() == "x86_64", "code for other x86 CPUs runs on x86")
class OtherCpusTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # Compiled code of each CPU, apart from this machine's.
    cls.caches = {cpu: tempfile.mkdtemp(dir=cls.get_temp_dir(cls())) for cpu in CPUS}

  def run_for(self, cpu, *command):
    """A module's output, run with code for a CPU."""
    environment = {**os.environ, **CPUS[cpu][0], "XDG_CACHE_HOME": self.caches[cpu]}
    done = subprocess.run(
      [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return done.stdout

  @parameterized.parameters(*CPUS)
  def test_computes_the_same(self, cpu):
    found = json.loads(self.run_for(cpu, "tests.support.other_cpu", "aarch64"))
    self.assertEqual(found["lanes"], CPUS[cpu][1])
    expected = other_cpu.losses(network.pack(other_cpu.model()))
    self.assertEqual(list(map(len, found["losses"])), list(map(len, expected)))
    # Sums of other lanes round differently.
    self.assertAllClose(np.concatenate(found["losses"]), np.concatenate(expected), 1e-5, 1e-5)
    for name, (multiplications, calls) in found["aarch64"].items():
      self.assertGreater(multiplications, 0, name)
      self.assertEqual(calls, 0, name)

  def test_products_equal_scipy_with_avx2(self):
    self.run_for("AVX2", "tests.inference.sparse.products_test")


if __name__ == "__main__":
  tf.test.main()
