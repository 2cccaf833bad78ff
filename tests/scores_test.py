"""BLEU against values worked out by hand from its definition (Papineni et al. 2002)."""

import math

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery import scores
from t2t_lottery.errors import UserError

REFERENCE = "The cat sat on a mat."


class ScoresTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    (REFERENCE, 100.0),
    # Tokens: The cat sat on the mat . - of 7, 6, 5, 4 n-grams match 6, 4, 2, 1.
    ("The cat sat on the mat.", 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25),
    # Case counts: 5, 3, 1 match; no 4-gram does, which sacreBLEU smooths to 1/2 of one.
    ("the cat sat on the mat.", 100 * (5 / 7 * 3 / 6 * 1 / 5 * 0.5 / 4) ** 0.25),
    # 13a splits the full stop off, so raw and tokenized text are the same to it.
    ("The cat sat on a mat .", 100.0),
    # Five of seven tokens, all right: the brevity penalty alone.
    ("The cat sat on a", 100 * math.exp(1 - 7 / 5)),
  )
  def test_bleu(self, hypothesis, expected):
    self.assertAlmostEqual(scores.bleu([hypothesis], [REFERENCE]).value, expected, places=9)

  def test_bleu_is_of_the_corpus_not_a_mean(self):
    # 1- to 4-grams: 7+6 of 14, 6+4 of 12, 5+2 of 10, 4+1 of 8.
    found = scores.bleu([REFERENCE, "The cat sat on the mat."], [REFERENCE] * 2)
    self.assertAlmostEqual(found.value, 100 * (13 / 14 * 10 / 12 * 7 / 10 * 5 / 8) ** 0.25, places=9)

  def test_signature_states_case_and_tokenizer(self):
    signature = scores.bleu(["a"], ["a"]).signature
    self.assertRegex(signature, r"^BLEU\|nrefs:1\|case:mixed\|eff:no\|tok:13a\|smooth:exp\|version:")

  def test_empty_translations_count(self):
    self.assertEqual(scores.bleu([""], [REFERENCE]).value, 0.0)

  @parameterized.parameters(([], []), (["a"], []), (["a"], ["a", "b"]))
  def test_refuses_what_does_not_pair(self, hypotheses, references):
    message = f"{len(hypotheses)} translations .* {len(references)} references"
    with self.assertRaisesRegex(UserError, message):
      scores.bleu(hypotheses, references)


if __name__ == "__main__":
  tf.test.main()
