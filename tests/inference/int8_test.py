"""CTranslate2 with matrices in int8: another function, with its own signature."""

import os

import pytest
import tensorflow.compat.v1 as tf

from problems.grammar import corpus
from t2t_lottery.checkpoints import tensor_bundle, tf_checkpoint
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.evaluation import model_size
from t2t_lottery.inference import ctranslate2_model, transformer_weights, translator
from t2t_lottery.pruning import layers
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
      exported = model_size.exported_megabytes(*self.model, compute_type)
      self.assertAlmostEqual(exported, by_type[compute_type][1] / 1e6, delta=0.01)
    (exact, large), (rounded, small) = by_type.values()
    # Position encodings, norms and biases stay in float32.
    self.assertLess(small, 0.6 * large)
    self.assertNotEqual(exact, rounded)

  def test_a_model_without_an_embedding_of_the_end_of_sentence_is_nearly_that_in_float32(self):
    """Two specifications are then made of the same weights, and CTranslate2 quantizes in place."""
    variables = tensor_bundle.read(self.model[0], lambda name: name.startswith("transformer/"))
    (embedding,) = filter(layers.is_embedding, layers.prunable(variables))
    variables[embedding][subword_vocabulary.EOS] = 0
    pruned = os.path.join(self.create_tempdir().full_path, "pruned", "model.ckpt-1")
    tf_checkpoint.write(pruned, variables)
    references = self.sentences[1:41]
    exact, rounded = (
      translator.Translator(pruned, *self.model[1:], engine).loss(self.sentences[:40], references)
      for engine in (translator.CTRANSLATE2, translator.INT8)
    )
    self.assertAllClose(exact, rounded, rtol=0.01)
    self.assertNotEqual(exact, rounded)
    model = transformer_weights.read(pruned, self.model[1], len(variables[embedding]))
    ctranslate2_model.convert(model, ctranslate2_model.INT8)
    self.assertAllEqual(model.embedding, variables[embedding])

  def test_the_signature_says_so(self):
    exact, rounded = (translator.signature(engine=engine) for engine in (translator.CTRANSLATE2, translator.INT8))
    self.assertEqual(exact.replace("type:float32", "type:int8"), rounded)
    self.assertNotEqual(exact, rounded)


if __name__ == "__main__":
  tf.test.main()
