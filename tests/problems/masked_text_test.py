"""Masked language modeling: what is masked, and how; long lines; splits."""

import collections
import os
import random

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from problems import classification, masked_text
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import atomic_files

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnop"]
TOKENIZER = WordPiece(PIECES)
CLS, SEP, MASK = 2, 3, 4


class MaskedTextTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.tmp_dir, self.data_dir = (self.create_tempdir().full_path for _ in range(2))
    atomic_files.write_lines(os.path.join(self.tmp_dir, "vocab.txt"), PIECES)

  def examples(self, split):
    return list(registry.problem("mlm_text").generate_encoded_samples(self.data_dir, self.tmp_dir, split))

  def write(self, train, dev):
    for name, text in (("train", train), ("dev", dev)):
      atomic_files.write_lines(os.path.join(self.tmp_dir, "mlm", f"{name}.txt"), text)

  def test_fifteen_percent_are_masked_four_fifths_of_them_by_mask_and_a_tenth_by_any_piece(self):
    """Devlin et al. (2019), section 3.1."""
    rng, text_rng = random.Random(1), random.Random(2)
    counts = collections.Counter()
    for _ in range(2000):
      text = [text_rng.randrange(5, len(PIECES)) for _ in range(20)]
      ids, targets = masked_text.mask(TOKENIZER, text, rng)
      whole = [CLS, *text, SEP]
      self.assertEqual([found or target for found, target in zip(targets, whole)], whole)
      self.assertEqual((ids[0], ids[-1], targets[0], targets[-1]), (CLS, SEP, 0, 0))
      self.assertLen([1 for target in targets if target], 3)
      for place, target in enumerate(targets):
        if not target:
          self.assertEqual(ids[place], whole[place])
        else:
          counts["mask" if ids[place] == MASK else "same" if ids[place] == target else "other"] += 1
    self.assertAlmostEqual(counts["mask"] / 6000, 0.8 + 0.1 / 20, delta=0.02)
    self.assertAlmostEqual(counts["same"] / 6000, 0.1 + 0.1 / 20, delta=0.02)

  def test_a_short_text_has_one_masked_piece_and_a_long_one_becomes_several_examples(self):
    self.write(["a b"], ["c", "", " ".join("d" * 300)])
    train, dev = (self.examples(split) for split in (problem.DatasetSplit.TRAIN, problem.DatasetSplit.EVAL))
    self.assertLen(train, 10)
    for example in train:
      self.assertLen([1 for target in example["targets"] if target], 1)
      self.assertEqual(list(map(len, example.values())), [4, 4, 4])
    self.assertGreater(len({tuple(example["targets"]) for example in train}), 1)
    self.assertEqual(
      [len(example["inputs"]) for example in dev], [3, classification.LONGEST, classification.LONGEST, 50]
    )
    self.assertEqual(dev, self.examples(problem.DatasetSplit.EVAL))

  def test_text_that_is_missing_is_named(self):
    with self.assertRaisesRegex(SystemExit, "mlm/train.txt is missing"):
      self.examples(problem.DatasetSplit.TRAIN)


if __name__ == "__main__":
  tf.test.main()
