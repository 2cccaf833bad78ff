"""The studies in docs/studies: their tables match the results stored there."""

import os
import pathlib

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.evaluation import significance
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

  def test_runs_that_differ_in_the_seed_alone_may_differ_significantly(self):
    one, other = studies.read(str(STUDIES / "claims" / "runs")).runs["dense"]
    ours, theirs = ([run.segments("bleu")] for run in (one, other))
    self.assertLess(significance.compare("bleu", ours, theirs).p, 0.001)


if __name__ == "__main__":
  tf.test.main()
