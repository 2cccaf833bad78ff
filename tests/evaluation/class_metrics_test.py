"""GLUE's metrics, compared with their definitions; their statistics give the same scores."""

import math

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.evaluation import class_metrics, metrics, significance

RANDOM = np.random.RandomState(1)
TARGETS = RANDOM.randint(0, 2, 300)
PREDICTIONS = np.where(RANDOM.rand(300) < 0.7, TARGETS, 1 - TARGETS)
REAL = RANDOM.rand(300) * 5
GUESSES = REAL**2 + RANDOM.randn(300)


class ClassMetricsTest(parameterized.TestCase, tf.test.TestCase):
  def test_f1_and_matthews_correlation_are_those_of_the_confusion_matrix(self):
    tp, tn, fp, fn = (int(np.sum((PREDICTIONS == x) & (TARGETS == y))) for x, y in ((1, 1), (0, 0), (1, 0), (0, 1)))
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    f1 = 2 * precision * recall / (precision + recall)
    # Matthews (1975).
    mcc = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    self.assertAllClose(class_metrics.score("accuracy", PREDICTIONS, TARGETS), 100 * (tp + tn) / 300)
    self.assertAllClose(class_metrics.score("f1", PREDICTIONS, TARGETS), 100 * f1)
    self.assertAllClose(class_metrics.score("mcc", PREDICTIONS, TARGETS), 100 * mcc)

  def test_correlations_are_those_of_numbers_and_of_ranks(self):
    self.assertAllClose(class_metrics.score("pearson", GUESSES, REAL), 100 * np.corrcoef(GUESSES, REAL)[0, 1])
    ranks = [np.argsort(np.argsort(values)) for values in (GUESSES, REAL)]
    self.assertAllClose(class_metrics.score("spearman", GUESSES, REAL), 100 * np.corrcoef(*ranks)[0, 1])

  @parameterized.parameters("accuracy", "f1", "mcc", "pearson")
  def test_summed_statistics_give_the_score(self, metric):
    pair = (GUESSES, REAL) if metric == "pearson" else (PREDICTIONS, TARGETS)
    segments = class_metrics.statistics(metric, *pair)
    score = class_metrics.score(metric, *pair)
    self.assertAllClose(metrics.corpus_scores(metric, segments.sum(axis=0)), score, rtol=1e-9)
    low, high = significance.interval(metric, [segments], samples=200)
    self.assertBetween(score, low, high)
    self.assertEqual(significance.compare(metric, [segments], [segments], shuffles=100).p, 1)

  @parameterized.parameters((2.0, 1.0), (0.0, 0.2), (0.21, 1e-5), (-40.0, 30.0))
  def test_significance_of_a_correlation_depends_on_neither_offset_nor_scale(self, offset, scale):
    worse = GUESSES + 4 * np.random.RandomState(2).randn(300)
    ours = [class_metrics.statistics("pearson", GUESSES, REAL)]
    expected, found = (
      significance.compare("pearson", ours, [class_metrics.statistics("pearson", guesses, REAL)], shuffles=500)
      for guesses in (worse, offset + scale * worse)
    )
    self.assertAllClose(found, expected, rtol=1e-6)
    self.assertLess(expected.p, 0.01)

  def test_a_collapsed_model_scores_zero_and_not_nan(self):
    ones = np.ones(300, int)
    self.assertEqual(class_metrics.score("mcc", ones, TARGETS), 0)
    self.assertEqual(class_metrics.score("spearman", ones, REAL), 0)
    self.assertEqual(class_metrics.score("f1", 0 * ones, 0 * ones), 0)
    self.assertEqual(metrics.corpus_scores("mcc", class_metrics.statistics("mcc", ones, TARGETS).sum(axis=0)), 0)

  def test_the_loss_is_the_cross_entropy_or_the_squared_error(self):
    logits = np.array([[2.0, 0.0], [0.0, 1000.0]])
    expected = [math.log(1 + math.exp(-2)), 1000]
    self.assertAllClose(class_metrics.losses(logits, np.array([0, 0])), expected)
    self.assertAllClose(class_metrics.losses(np.array([[1.0], [2.0]]), np.array([1.5, 4.0])), [0.25, 4])


if __name__ == "__main__":
  tf.test.main()
