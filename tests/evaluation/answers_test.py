"""SQuAD's scores against transformers' and the choice of a span against every valid one."""

import itertools

import numpy as np
from absl.testing import absltest, parameterized

from t2t_lottery.data import squad
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.evaluation import answers

TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij().", "##b", "##c"])


class ScoresTest(parameterized.TestCase):
  # Values of compute_exact and compute_f1 of transformers 4.57.6, transformers/data/metrics/squad_metrics.py; the best over the
  # answers.
  @parameterized.parameters(
    ("Denver Broncos", ["Denver Broncos", "The Denver Broncos!"], 1, 1.0),
    ("the  denver broncos.", ["Denver Broncos"], 1, 1.0),
    ("Broncos of Denver", ["Denver Broncos", "Broncos"], 0, 0.8),
    ("", ["x"], 0, 0),
    ("1,000 $", ["1000", "$1000"], 1, 1.0),
    ("U.S. army", ["US Army", "the army of the US"], 1, 1.0),
    ("Super-Bowl 50", ["Super Bowl 50"], 0, 0.4),
    ("in the the end end", ["end of the end"], 0, 0.6666666666666666),
    ("naïve Café", ["Naive Café", "café"], 0, 0.6666666666666666),
    ("50", ["fifty"], 0, 0),
    ("an apple and another", ["apple and other"], 0, 0.6666666666666666),
    ("“gold”", ["gold"], 0, 0),
  )
  def test_equal_those_of_transformers(self, predicted, right, exact, f1):
    self.assertEqual(answers.exact_match(predicted, right), exact)
    self.assertAlmostEqual(answers.f1(predicted, right), f1, places=15)

  def test_nothing_but_articles_has_no_common_word(self):
    """As in evaluate-v1.1.py; transformers' F1 is 1, by the rule of version 2.0 for no answer."""
    self.assertEqual((answers.exact_match("a an", ["The"]), answers.f1("a an", ["The"])), (1, 0))


class BestSpanTest(parameterized.TestCase):
  def windows(self, context, **sizes):
    return squad.windows(TOKENIZER, squad.Question("q", "a b", context, ["a"], [0]), **sizes)

  def test_is_the_best_of_all_valid_spans(self):
    random = np.random.RandomState(6)
    context = "(a) bc  d. (e f) g abc h i j a b c d e f g h (i) j"
    for _ in range(20):
      windows = self.windows(context, longest=15, stride=4)
      self.assertGreater(len(windows), 4)
      logits = [random.randn(len(window.ids) + 3, 2).astype(np.float32) for window in windows]
      spans = [
        (
          float(values[window.first + i, 0]) + float(values[window.first + j, 1]),
          window.spans[i][0],
          window.spans[j][1],
        )
        for window, values in zip(windows, logits)
        for i, j in itertools.combinations_with_replacement(range(len(window.spans)), 2)
        if window.most[i]
      ]
      _, start, end = max(spans)
      self.assertEqual(answers.best(context, windows, logits), context[start:end])

  def test_text_is_that_of_the_context(self):
    context = "(A)  Bc \tD"
    (window,) = self.windows(context)
    logits = np.zeros([len(window.ids), 2], np.float32)
    logits[window.first + 1, 0] = logits[window.first + 4, 1] = 1
    self.assertEqual(answers.best(context, [window], [logits]), "A)  Bc")

  def test_an_answer_neither_ends_before_it_starts_nor_is_too_long_nor_outside_the_context(self):
    context = " ".join("abcdefghij" * 5)
    (window,) = self.windows(context)
    logits = np.full([len(window.ids), 2], -10, np.float32)
    # Of [CLS], the question and [SEP]; the end first; 31 pieces.
    logits[0] = logits[1] = logits[-1] = 100
    logits[window.first + 40, 0], logits[window.first + 10, 1] = 9, 9
    logits[window.first + 10, 0] = 8
    logits[window.first + 5, 1] = 1
    self.assertEqual(answers.best(context, [window], [logits]), context[20])
    logits[window.first + 39, 1] = 8.5
    self.assertLen(answers.best(context, [window], [logits]).split(), 1)
    logits[window.first + 10, 1] = -10
    self.assertLen(answers.best(context, [window], [logits]).split(), 30)


if __name__ == "__main__":
  absltest.main()
