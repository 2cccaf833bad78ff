"""The studies in docs/studies: their tables match the results stored there."""

import os
import pathlib

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.report import builder
from t2t_lottery.report import study as studies
from t2t_lottery.utils import atomic_files

STUDIES = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "studies"


@pytest.mark.slow
class StudiesTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*((path.parent.name,) for path in sorted(STUDIES.glob("*/runs"))))
  def test_tables_match_results(self, name):
    study = studies.read(str(STUDIES / name / "runs"))
    self.assertEqual(studies.unfinished(study), [])
    out = self.get_temp_dir()
    builder.write_tables(study, out, samples=10_000)
    tables = [path for path in os.listdir(out) if path.endswith(".md")]
    self.assertIn("table.md", tables)
    for table in tables:
      self.assertEqual(
        atomic_files.read_lines(os.path.join(out, table)),
        atomic_files.read_lines(str(STUDIES / name / "report" / table)),
      )


if __name__ == "__main__":
  tf.test.main()
