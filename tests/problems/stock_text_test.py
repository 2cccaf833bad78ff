"""Problems that keep no raw text: it is decoded from the records of t2t-datagen, by t2t's own vocabulary."""

from __future__ import annotations

import os

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor import problems as t2t_problems  # noqa: F401
from tensor2tensor.data_generators import problem as t2t_problem
from tensor2tensor.data_generators import text_problems
from tensor2tensor.utils import registry

from problems import stock_text
from t2t_lottery.data import manifest
from t2t_lottery.utils import errors

PAIRS = [(f"source {i} of  a small text", f"Ziel {i} von\teinem kleinen Text, größer") for i in range(50)]


@registry.register_problem
class TranslateStockTest(text_problems.Text2TextProblem):
  """As a user of t2t writes a problem: a train and a dev split."""

  is_generate_per_split = True
  approx_vocab_size = 300

  def generate_samples(self, data_dir, tmp_dir, dataset_split):
    first = {t2t_problem.DatasetSplit.TRAIN: 20, t2t_problem.DatasetSplit.EVAL: 10}.get(dataset_split, 0)
    for source, target in PAIRS[first:] if first == 20 else PAIRS[first : first + 10]:
      yield {"inputs": source, "targets": target}


@registry.register_problem
class TranslateStockTestWithTest(TranslateStockTest):
  """The same with a test split."""

  dataset_splits = [
    {"split": split, "shards": 2}
    for split in (t2t_problem.DatasetSplit.TRAIN, t2t_problem.DatasetSplit.EVAL, t2t_problem.DatasetSplit.TEST)
  ]


class StockTextTest(parameterized.TestCase, tf.test.TestCase):
  def made(self, name):
    folder = self.create_tempdir().full_path
    problem = registry.problem(name)
    problem.generate_data(folder, folder)
    stock_text.write_text(problem, folder)
    return problem, folder

  @parameterized.parameters(("translate_stock_test", "dev", 10), ("translate_stock_test_with_test", "test", 0))
  def test_text_is_that_of_the_samples(self, name, test_set, first):
    problem, folder = self.made(name)
    self.assertTrue(manifest.is_complete(name, folder))
    for split, start in (("dev", 10), ("test", first)):
      # Records are shuffled; their pairs stay pairs.
      self.assertCountEqual(zip(*manifest.raw_text(name, folder, split)), PAIRS[start : start + 10])
    self.assertEqual(manifest.test_sets(name, folder), {"test": test_set})
    self.assertEqual(manifest.facts(name, folder)["text_from"], "records")
    self.assertEqual(manifest.vocabulary(name, folder), os.path.join(folder, problem.vocab_filename))
    manifest.check_unchanged(name, folder)
    fingerprint = manifest.fingerprint(name, folder)
    shard = min(file for file in os.listdir(folder) if file.startswith(f"{name}-train-"))
    with open(os.path.join(folder, shard), "ab") as file:
      file.write(b"x")
    self.assertFalse(manifest.is_complete(name, folder))
    self.assertRaises(errors.UserError, manifest.check_unchanged, name, folder)
    self.assertLen(fingerprint, 16)

  def test_records_that_are_missing_are_named(self):
    folder = self.made("translate_stock_test")[1]
    for file in os.listdir(folder):
      if "-dev-" in file:
        os.remove(os.path.join(folder, file))
    with self.assertRaisesRegex(errors.UserError, "has no dev records of translate_stock_test"):
      stock_text.write_text(registry.problem("translate_stock_test"), folder)

  @parameterized.parameters(
    ("translate_ende_wmt8k", None),
    ("translate_ende_wmt32k", None),
    ("translate_enmk_setimes32k", None),
    ("summarize_cnn_dailymail32k", None),
    ("translate_ende_wmt14", None),
    ("translate_enzh_wmt32k", "vocabularies of its own"),
    ("translate_ende_wmt32k_packed", "packs several sentences"),
    ("translate_ende_wmt_characters", "no subword vocabulary"),
    ("languagemodel_ptb10k", "has no source text"),
    ("sentiment_imdb", "not a text-to-text problem"),
    ("image_mnist", "not a text-to-text problem"),
  )
  def test_what_cannot_be_evaluated_is_known_by_the_problem_alone(self, name, why):
    found = stock_text.unsupported(registry.problem(name))
    if why is None:
      self.assertIsNone(found)
    else:
      self.assertIn(why, found)


if __name__ == "__main__":
  tf.test.main()
