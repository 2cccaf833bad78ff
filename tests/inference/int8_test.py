"""CTranslate2 with matrices in int8: another function, with its own signature."""

import os

import pytest
import tensorflow.compat.v1 as tf

from problems.grammar import corpus
from t2t_lottery.data import manifest
from t2t_lottery.evaluation import model_size
from t2t_lottery.inference import ctranslate2_model, translator
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import small_model

SENTENCES = 200


@pytest.mark.slow
class Int8Test(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    model = small_model.SmallModel(cls.create_tempdir(cls()).full_path)
    vocabulary = manifest.vocabulary(small_model.PROBLEM, model.data_dir)
    cls.model = model.checkpoint, atomic_files.read_json(paths.hparams(model.folder)), vocabulary
    cls.sentences = [source for (source, _), _ in zip(corpus.pairs("de", "test"), range(SENTENCES))]

  def exported(self, compute_type):
    folder = self.create_tempdir().full_path
    translator.save(folder, *self.model, compute_type)
    return folder

  def test_an_export_keeps_its_type_and_is_smaller(self):
    by_type = {}
    for compute_type, engine in (
      (ctranslate2_model.FLOAT32, translator.CTRANSLATE2),
      (ctranslate2_model.INT8, translator.INT8),
    ):
      folder = self.exported(compute_type)
      found = translator.Translator.load(folder).translate(self.sentences)
      self.assertEqual(found, translator.Translator(*self.model, engine).translate(self.sentences))
      by_type[compute_type] = found, os.path.getsize(os.path.join(folder, "model.bin"))
    self.assertAlmostEqual(model_size.int8_megabytes(*self.model), by_type["int8"][1] / 1e6, delta=0.01)
    (exact, large), (rounded, small) = by_type.values()
    # Position encodings, norms and biases stay in float32.
    self.assertLess(small, 0.6 * large)
    self.assertNotEqual(exact, rounded)

  def test_the_signature_says_so(self):
    exact, rounded = (translator.signature(engine=engine) for engine in (translator.CTRANSLATE2, translator.INT8))
    self.assertEqual(exact.replace("type:float32", "type:int8"), rounded)
    self.assertNotEqual(exact, rounded)


if __name__ == "__main__":
  tf.test.main()
