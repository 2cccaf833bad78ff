"""The sparse engine computes t2t's function: random small Transformers of unusual shapes, against t2t's graph."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.data import manifest
from t2t_lottery.inference import transformer_weights, translator
from t2t_lottery.inference.sparse import engine, network
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.inference import translator_test
from tests.support import small_model


@pytest.mark.slow
class EngineTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    # Neither hidden size nor heads are a multiple of a vector.
    "hidden_size=36,num_heads=3,filter_size=50,num_hidden_layers=1",
    # Matrices of several blocks, and encoder and decoder of different depth.
    "hidden_size=520,num_heads=2,filter_size=530,num_encoder_layers=1,num_decoder_layers=2",
  )
  def test_agrees_with_t2t(self, overrides):
    model = small_model.SmallModel(self.create_tempdir().full_path, overrides)
    hparams = os.path.join(self.create_tempdir().full_path, "hparams.json")
    changed = dict(pair.split("=") for pair in overrides.split(","))
    values = atomic_files.read_json(paths.hparams(model.folder))
    atomic_files.write_json(hparams, {**values, **{name: int(value) for name, value in changed.items()}})
    vocabulary = manifest.vocabulary(small_model.PROBLEM, model.data_dir)
    sentences = [*model.sentences, "", "a"]
    for loaded in translator_test.assert_agree(
      self, model.checkpoint, hparams, vocabulary, small_model.PROBLEM, model.data_dir, sentences
    ):
      expected = translator_test.t2t_loss(
        model.checkpoint, hparams, small_model.PROBLEM, model.data_dir, list(zip(sentences, sentences[::-1]))
      )
      self.assertNear(loaded.loss(sentences, sentences[::-1]), expected, 1e-5)


class BatchesTest(parameterized.TestCase, tf.test.TestCase):
  """What does not depend on a model's weights."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    model = small_model.SmallModel(cls.create_tempdir(cls()).full_path)
    cls.sentences = model.sentences
    vocabulary = manifest.vocabulary(small_model.PROBLEM, model.data_dir)
    cls.make = lambda _, *options: translator.Translator(
      model.checkpoint,
      atomic_files.read_json(paths.hparams(model.folder)),
      vocabulary,
      translator.SPARSE,
      translator.Options(*options),
    )

  @parameterized.parameters((1, 1), (1, 5), (3, 2), (2, 100))
  def test_batches_and_threads_do_not_change_translations(self, threads, batch_size):
    expected = self.make(1, 7).search(self.sentences)
    self.assertEqual(self.make(threads, batch_size).search(self.sentences), expected)

  def test_scores_are_those_of_the_translations(self):
    loaded = self.make()
    for beam_size in (1, 4):
      for sentence in self.sentences[:4]:
        ((ids, score),) = loaded.engine.search(loaded.encode([sentence]), beam_size, 0.6)
        log_probability = loaded.engine.log_probability(loaded.encode([sentence]), [ids])
        ended = ids[-1] == 1
        penalty = ((5 + len(ids)) / 6) ** 0.6 if ended and beam_size > 1 else 1
        self.assertNear(score, log_probability / penalty, 1e-4)

  def test_log_probs_of_each_subword_sum_to_that_of_all(self):
    loaded = self.make()
    sources = loaded.encode(self.sentences)
    each = network.log_probs(loaded.engine._network, sources, sources[::-1])
    self.assertEqual([len(values) for values in each], [len(target) for target in sources[::-1]])
    self.assertNear(sum(map(np.sum, each)), loaded.engine.log_probability(sources, sources[::-1]), 1e-3)

  def test_nothing_to_translate(self):
    self.assertEqual(self.make().translate([]), [])

  def test_padded_heads_change_nothing(self):
    # Zeros fill a head's channels up to a whole vector; the scale of its queries stays that of its own channels.
    # Of integers, whose sums are exact in any order: numpy adds those of another shape in another order on some CPUs.
    random = np.random.default_rng(0)
    norm = transformer_weights.LayerNorm(np.ones(6, np.float32), np.zeros(6, np.float32))
    kernels = [random.integers(-9, 10, (6, 6)).astype(np.float32) for _ in range(4)]
    q, k, v, output = network._attention_matrices(transformer_weights.Attention(norm, *kernels), 2)
    x = random.integers(-9, 10, 6).astype(np.float32)
    self.assertEqual(len(q) % 2, 0)
    for padded, kernel in zip((q, k, v), kernels):
      self.assertAllEqual((padded @ x).reshape(2, -1)[:, :3].ravel(), kernel.T @ x)
      self.assertAllEqual((padded @ x).reshape(2, -1)[:, 3:], np.zeros((2, len(q) // 2 - 3)))
    self.assertAllEqual(output @ (v @ x), kernels[3].T @ (kernels[2].T @ x))

  def test_version_is_part_of_the_signature(self):
    self.assertEndsWith(translator.signature(engine=translator.SPARSE), f"decoder:{engine.version()}")


if __name__ == "__main__":
  tf.test.main()
