"""COMET by stand-ins that have the command lines of the real tools."""

import hashlib
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.evaluation import comet, metrics
from t2t_lottery.utils import errors
from tests.support import comet_tools

SOURCES = ["ein Haus", "zwei", ""]
HYPOTHESES = ["a house", "too", ""]
REFERENCES = ["a house", "two!", ""]


class CometTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.python = comet_tools.install(os.path.join(self.folder, "bin"))

  def model(self, name, content=b"weights", vocabulary=True):
    path = os.path.join(self.folder, "models", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
      file.write(content)
    if vocabulary:
      with open(os.path.join(os.path.dirname(path), "vocab.spm"), "wb"):
        pass
    return path

  def marian_model(self, kind):
    path = self.model("metric.npz")
    np.savez(path, **{"special:model.yml": np.frombuffer(f"dim: 8\ntype: {kind}\n\0".encode(), np.int8)})
    return path

  @parameterized.parameters("unbabel", "unbabel_folder", "comet", "comet-qe", "bin")
  def test_score_is_the_mean_over_sentences_and_its_statistics_give_it_again(self, kind):
    if kind == "unbabel_folder":
      self.model("wmt/checkpoints/model.ckpt")
      path = os.path.join(self.folder, "models", "wmt")
    else:
      path = {"unbabel": "model.ckpt", "bin": "metric.bin"}.get(kind)
      path = self.model(path) if path else self.marian_model(kind)
    found = comet.find(path, self.python).score(SOURCES, HYPOTHESES, REFERENCES)
    each = [comet_tools.expected(*pair) for pair in zip(HYPOTHESES, REFERENCES)]
    self.assertAlmostEqual(found.value, 100 * sum(each) / 3, places=3)
    self.assertAllClose(metrics.corpus_scores(metrics.COMET, found.segments), 100 * np.array(each), atol=1e-3)

  def test_signature_names_model_checksum_and_tool(self):
    checksum = hashlib.sha256(b"weights").hexdigest()[:12]
    found = comet.find(self.model("wmt/checkpoints/model.ckpt"), self.python).signature
    self.assertEqual(found, f"COMET|model:wmt|sha256:{checksum}|tool:unbabel-comet-unknown")
    found = comet.find(self.model("metric.bin"), self.python).signature
    self.assertEqual(found, f"COMET|model:metric.bin|sha256:{checksum}|tool:pymarian-unknown")

  def test_the_tool_is_found_on_path(self):
    with mock.patch.dict(os.environ, {"PATH": os.path.join(self.folder, "bin")}):
      self.assertEqual(comet.find(self.model("model.ckpt")).command, (os.path.join(self.folder, "bin", "comet-score"),))

  def test_what_is_missing_is_named(self):
    with self.assertRaisesRegex(errors.UsageError, "none.ckpt does not exist: give the path of a model"):
      comet.find(os.path.join(self.folder, "none.ckpt"), self.python)
    with self.assertRaisesRegex(errors.UsageError, "is no model: give a .ckpt of unbabel-comet"):
      comet.find(self.model("model.txt"), self.python)
    with self.assertRaisesRegex(errors.UsageError, "its vocabulary is missing"):
      comet.find(self.model("m/model.bin", vocabulary=False), self.python)
    with mock.patch.dict(os.environ, {"PATH": self.folder}):
      with self.assertRaisesRegex(errors.UserError, "needs comet-score of the package unbabel-comet, .* on PATH: give"):
        comet.find(self.model("model.ckpt"))
    with self.assertRaisesRegex(errors.UserError, "needs pymarian-eval of the package pymarian, .* next to --comet_p"):
      comet.find(self.model("model.bin"), os.path.join(self.folder, "python"))

  def test_a_failure_of_the_tool_is_one_line(self):
    tool = comet.find(self.model("model.ckpt"), self.python)
    with mock.patch.dict(os.environ, {"COMET_FAILS": "yes"}):
      with self.assertRaisesRegex(errors.UserError, "comet-score ended with status 1: out of memory$"):
        tool.score(SOURCES, HYPOTHESES, REFERENCES)


if __name__ == "__main__":
  tf.test.main()
