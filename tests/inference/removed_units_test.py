"""Units that a ticket has removed are left out of what the engines compute and of what export writes; nothing else changes."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.inference import ctranslate2_engine, translator
from t2t_lottery.inference.sparse import engine as sparse_engine
from t2t_lottery.inference.transformer_weights import Attention, FeedForward, Layer, LayerNorm, Stack, Transformer

SUBWORDS, HIDDEN, HEADS, FILTER = 300, 64, 4, 96
# Units that are left in each block: all, odd widths, and none.
LEFT = (96, 95, 37, 0)
SENTENCES = 300


def model(random):
  """A Transformer of two layers in each stack whose blocks have zeros for the units that are gone."""
  left = iter(LEFT)

  def normal(*shape):
    return (random.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)

  def norm():
    # Signs, so that a subword does not repeat itself: input and output share their embedding.
    return LayerNorm(np.sign(normal(HIDDEN)), normal(HIDDEN))

  def attention():
    return Attention(norm(), *(normal(HIDDEN, HIDDEN) for _ in range(4)))

  def feed_forward():
    kept = random.permutation(FILTER) < next(left)
    return FeedForward(
      norm(),
      normal(HIDDEN, FILTER) * kept,
      normal(FILTER) * kept,
      normal(FILTER, HIDDEN) * kept[:, None],
      normal(HIDDEN),
    )

  def stack(attends):
    layers = [Layer(attention(), attention() if attends else None, feed_forward()) for _ in range(2)]
    return Stack(layers, norm())

  embedding = normal(HIDDEN, SUBWORDS).T.copy()
  return Transformer(embedding, normal(HIDDEN), stack(False), stack(True), HEADS, 1e-6, True)


def shrunk(weights):
  """The model as `transformer_weights.read` returns it."""

  def of(stack):
    return stack._replace(
      layers=[one._replace(feed_forward=one.feed_forward.without_idle_units()) for one in stack.layers]
    )

  return weights._replace(encoder=of(weights.encoder), decoder=of(weights.decoder))


@pytest.mark.slow
class RemovedUnitsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    random = np.random.default_rng(1)
    cls.complete = model(random)
    cls.shrunk = shrunk(cls.complete)
    cls.sources = [[*random.integers(2, SUBWORDS, length).tolist(), 1] for length in random.integers(1, 20, SENTENCES)]

  def saved(self, weights):
    folder = self.create_tempdir().full_path
    ctranslate2_engine.save(folder, weights)
    return folder

  def test_each_block_has_its_own_width(self):
    layers = [*self.shrunk.encoder.layers, *self.shrunk.decoder.layers]
    # CTranslate2 has no matrices without rows.
    self.assertEqual([len(layer.feed_forward.inner_bias) for layer in layers], [96, 95, 37, 1])

  @parameterized.parameters(*translator.ENGINES)
  def test_translations_and_losses_are_those_of_the_complete_model(self, name):
    def engine(weights):
      if name == translator.SPARSE:
        return sparse_engine.SparseEngine(weights, 1)
      return ctranslate2_engine.CTranslate2Engine(self.saved(weights), 1)

    engines = [engine(weights) for weights in (self.complete, self.shrunk)]
    expected, found = (one.search(self.sources, 4, 0.6) for one in engines)
    self.assertGreater(len({tuple(ids) for ids, _ in expected}), SENTENCES / 2)
    self.assertEqual([ids for ids, _ in found], [ids for ids, _ in expected])
    targets = [[*ids, 1] for ids, _ in expected]
    before, after = (one.log_probability(self.sources, targets) for one in engines)
    self.assertAllClose(before, after, rtol=1e-5)

  def test_export_is_smaller_by_the_units_that_are_gone(self):
    small, large = (os.path.getsize(os.path.join(self.saved(one), "model.bin")) for one in (self.shrunk, self.complete))
    units = len(LEFT) * FILTER - 96 - 95 - 37 - 1
    self.assertEqual(large - small, 4 * units * (2 * HIDDEN + 1))


if __name__ == "__main__":
  tf.test.main()
