"""Units that a ticket has removed are left out of what the engines compute and of what export writes; nothing else changes."""

import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from problems.grammar import corpus
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.inference import transformer_weights, translator
from t2t_lottery.pruning import methods, structures
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from tests.support import small_model

# Units that are left in each block: odd widths, one that is unchanged, and one that is empty.
LEFT = (511, 300, 37, 0)
SENTENCES = 1000


class RemovedUnitsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = cls.create_tempdir(cls()).full_path
    model = small_model.SmallModel(os.path.join(folder, "model"))
    cls.hparams = atomic_files.read_json(paths.hparams(model.folder))
    cls.vocabulary = manifest.vocabulary(small_model.PROBLEM, model.data_dir)
    variables = dict(model.variables)
    cls.groups = structures.groups(methods.UNITS, variables)
    for group, left in zip(cls.groups, LEFT):
      kept = np.random.default_rng(left).permutation(512) < left
      for layer, mask in group.masks(kept, {layer: variables[layer].shape for layer in group.parts}).items():
        variables[layer] = variables[layer] * mask
      variables[group.bias] = variables[group.bias] * kept
    cls.checkpoint = os.path.join(folder, "units", "model.ckpt-1")
    tf_checkpoint.write(cls.checkpoint, {**variables, "global_step": np.int64(1)})
    cls.unshrunk = mock.patch.object(transformer_weights.FeedForward, "without_idle_units", lambda block: block)
    cls.sentences, cls.references = zip(*[pair for pair, _ in zip(corpus.pairs("de", "test"), range(SENTENCES))])

  def test_each_block_has_its_own_width(self):
    loaded = transformer_weights.read(self.checkpoint, self.hparams, self.vocabulary_size())
    blocks = [layer.feed_forward for stack in (loaded.encoder, loaded.decoder) for layer in stack.layers]
    self.assertEqual([len(block.inner_bias) for block in blocks], [511, 300, 37, 1])

  def vocabulary_size(self):
    with open(self.vocabulary, encoding="utf-8") as file:
      return len(file.readlines())

  @parameterized.parameters(*translator.ENGINES)
  def test_translations_and_losses_are_those_of_the_model_with_all_units(self, engine):
    def translated():
      loaded = translator.Translator(self.checkpoint, self.hparams, self.vocabulary, engine)
      return loaded.search(self.sentences), loaded.loss(self.sentences, self.references)

    found, loss = translated()
    with self.unshrunk:
      expected, expected_loss = translated()
    self.assertGreater(len({*map(tuple, found)}), SENTENCES / 2)
    self.assertEqual(found, expected)
    self.assertNear(loss, expected_loss, 1e-5)

  def test_export_is_smaller_by_the_units_that_are_gone(self):
    def exported():
      folder = self.create_tempdir().full_path
      translator.save(folder, self.checkpoint, self.hparams, self.vocabulary)
      return os.path.getsize(os.path.join(folder, "model.bin"))

    small = exported()
    with self.unshrunk:
      large = exported()
    units = 4 * 512 - 511 - 300 - 37 - 1
    weights = units * (2 * 128 + 1)
    self.assertEqual(large - small, 4 * weights)


if __name__ == "__main__":
  tf.test.main()
