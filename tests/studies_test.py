"""The studies in docs/studies: their tables are what their command makes of the results that are kept there."""

import os
import pathlib

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery import files
from t2t_lottery.report import runs, writing

STUDIES = pathlib.Path(__file__).resolve().parent.parent / "docs" / "studies"


class StudiesTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*((path.parent.name,) for path in sorted(STUDIES.glob("*/runs"))))
  def test_tables_are_made_of_the_results(self, name):
    study = runs.read(str(STUDIES / name / "runs"))
    self.assertEqual(runs.unfinished(study), [])
    out = self.get_temp_dir()
    writing.write_tables(study, out, samples=10_000)
    tables = [path for path in os.listdir(out) if path.endswith(".md")]
    self.assertIn("table.md", tables)
    for table in tables:
      self.assertEqual(
        files.read_lines(os.path.join(out, table)), files.read_lines(str(STUDIES / name / "report" / table))
      )


if __name__ == "__main__":
  tf.test.main()
