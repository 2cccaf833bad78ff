"""Significance tests compared with exact tests over all shuffles, sacreBLEU's tests and SciPy's bootstrap."""

import itertools
import random
import statistics

import numpy as np
import scipy.stats
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from t2t_lottery.evaluation import metrics, significance
from t2t_lottery.utils.errors import UserError

METRICS = ("bleu", "chrf", "ter")
WORDS = [a + b for a in "bdgklmnprst" for b in "aeiou"]


def references(count, seed=0):
  draw = random.Random(seed)
  return [" ".join(draw.choices(WORDS, k=draw.randint(5, 15))) for _ in range(count)]


def translations(lines, errors, seed):
  """Lines with a fraction of the words changed."""
  draw = random.Random(seed)
  return [" ".join(draw.choice(WORDS) if draw.random() < errors else word for word in line.split()) for line in lines]


def segments(metric, lines, errors, seed):
  return metrics.score(metric, translations(lines, errors, seed), lines, "en").segments


def exact_p(metric, ours, theirs):
  """The fraction of all permutations of each sentence's translations whose difference is at least as large."""
  runs = np.stack([*ours, *theirs])
  orders = list(itertools.permutations(range(len(runs))))
  # [assignments, runs, n]: sums over sentences, each in every order.
  sums = np.zeros((1, len(runs), runs.shape[2]), dtype=np.int64)
  for sentence in range(runs.shape[1]):
    permuted = np.stack([runs[list(order), sentence] for order in orders])
    sums = (sums[:, None] + permuted[None]).reshape(-1, *sums.shape[1:])
  found = metrics.corpus_scores(metric, sums)
  differences = found[:, : len(ours)].mean(axis=1) - found[:, len(ours) :].mean(axis=1)
  # The first assignment is the given one.
  return np.mean(np.abs(differences) >= abs(differences[0]) - 1e-9)


class CompareTest(parameterized.TestCase, tf.test.TestCase):
  def assert_same_fraction(self, found, expected, draws):
    """Asserts that two fractions agree within five standard deviations for the given sample sizes."""
    deviation = max(expected * (1 - expected), 1e-4) * sum(1 / n for n in draws)
    self.assertAllClose(found, expected, rtol=0, atol=5 * deviation**0.5 + 1 / min(draws))

  @parameterized.product(metric=METRICS, counts=((1, 1, 6), (2, 1, 4), (1, 3, 3), (2, 2, 3)))
  def test_p_equals_the_exact_p(self, metric, counts):
    count_ours, count_theirs, sentences = counts
    for seed in range(3):
      lines = references(sentences, seed)
      ours = [segments(metric, lines, 0.25, 10 * seed + i) for i in range(count_ours)]
      theirs = [segments(metric, lines, 0.35, 100 + 10 * seed + i) for i in range(count_theirs)]
      found = significance.compare(metric, ours, theirs, shuffles=5000)
      self.assert_same_fraction(found.p, exact_p(metric, ours, theirs), [5000])

  def test_p_of_three_sentences_by_hand(self):
    # TER, 10 words per sentence; edits 1, 2, 3 and 2, 4, 6. Of the 8 ways to swap, swapping none or all gives the
    # difference of 6 edits in 30 words, all others less: p = 2/8.
    ours, theirs = (np.array([[edits, 10] for edits in run]) for run in ((1, 2, 3), (2, 4, 6)))
    found = significance.compare("ter", [ours], [theirs], shuffles=20_000)
    self.assertAlmostEqual(found.difference, -20.0)
    self.assert_same_fraction(found.p, 0.25, [20_000])

  @parameterized.product(own=(BLEU, CHRF, TER), errors=(0.25, 0.27, 0.3))
  def test_p_of_one_run_equals_sacrebleus_paired_test(self, own, errors):
    metric = {BLEU: "bleu", CHRF: "chrf", TER: "ter"}[own]
    lines = references(150)
    systems = [("ours", translations(lines, 0.3, 1)), ("theirs", translations(lines, errors, 2))]
    _, results = PairedTest(systems, {"metric": own()}, [lines], "ar", n_samples=1000)()
    (name,) = (name for name in results if name != "System")
    ours, theirs = results[name]
    runs = [metrics.score(metric, hypotheses, lines, "en").segments for _, hypotheses in systems]
    found = significance.compare(metric, runs[:1], runs[1:], shuffles=5000)
    self.assertAlmostEqual(found.difference, ours.score - theirs.score, delta=1e-9)
    self.assert_same_fraction(found.p, theirs.p_value, [1000, 5000])

  @parameterized.parameters(*METRICS)
  def test_difference_is_between_the_mean_scores(self, metric):
    lines = references(20)
    hypotheses = [translations(lines, errors, seed) for seed, errors in enumerate((0.1, 0.2, 0.3))]
    runs = [metrics.score(metric, run, lines, "en") for run in hypotheses]
    found = significance.compare(metric, [run.segments for run in runs[:2]], [runs[2].segments], shuffles=10)
    self.assertAlmostEqual(found.difference, (runs[0].value + runs[1].value) / 2 - runs[2].value, delta=1e-9)

  @parameterized.parameters(*METRICS)
  def test_a_system_does_not_differ_from_itself(self, metric):
    runs = [segments(metric, references(30), 0.3, seed) for seed in range(3)]
    for equal in (runs[:1], runs[:1] * 2):
      self.assertEqual(significance.compare(metric, runs[:1], equal, shuffles=500), (0.0, 1.0))
    # Nor from its runs in another order, whose mean may differ by rounding.
    found = significance.compare(metric, runs, runs[::-1], shuffles=500)
    self.assertAlmostEqual(found.difference, 0.0, places=9)
    self.assertEqual(found.p, 1.0)

  def test_it_is_symmetric(self):
    lines = references(60)
    ours = [segments("bleu", lines, 0.30, seed) for seed in (1, 2)]
    theirs = [segments("bleu", lines, 0.33, seed) for seed in (3, 4, 5)]
    there, back = significance.compare("bleu", ours, theirs), significance.compare("bleu", theirs, ours)
    self.assertAlmostEqual(there.difference, -back.difference, delta=1e-9)
    self.assert_same_fraction(there.p, back.p, [10_000, 10_000])
    self.assertBetween(there.p, 0.001, 0.999)

  def test_the_smallest_p_is_one_shuffle_of_all(self):
    lines = references(60)
    ours, theirs = ([segments("bleu", lines, errors, 1)] for errors in (0.0, 0.9))
    self.assertEqual(significance.compare("bleu", ours, theirs, shuffles=999).p, 0.001)

  def test_result_depends_on_the_seed_only(self):
    lines = references(40)
    ours, theirs = ([segments("ter", lines, errors, seed)] for seed, errors in ((1, 0.3), (2, 0.35)))
    found = [significance.compare("ter", ours, theirs, shuffles=2000, seed=seed).p for seed in (1, 1, 2, 3)]
    self.assertEqual(found[0], found[1])
    self.assertLess(1, len(set(found)))

  def test_rate_of_false_positives(self):
    # The edits of all runs have the same distribution, so p <= 0.1 in a tenth of the experiments.
    draw, experiments = np.random.default_rng(1), 400
    small = 0
    for _ in range(experiments):
      runs = np.stack([draw.integers(0, 10, size=(5, 25)), np.full((5, 25), 10)], axis=-1)
      small += significance.compare("ter", runs[:2], runs[2:], shuffles=199).p <= 0.1
    self.assert_same_fraction(small / experiments, 0.1, [experiments])

  def test_more_runs_give_a_smaller_p(self):
    lines = references(60)
    ours = [segments("bleu", lines, 0.30, seed) for seed in (1, 2, 3, 4)]
    theirs = [segments("bleu", lines, 0.33, seed) for seed in (5, 6, 7, 8)]
    one, all_four = significance.compare("bleu", ours[:1], theirs[:1]), significance.compare("bleu", ours, theirs)
    self.assertLess(all_four.p, one.p)

  def test_different_sentences_and_systems_without_runs_are_an_error(self):
    runs = [segments("ter", references(count), 0.3, 1) for count in (10, 12)]
    with self.assertRaisesRegex(UserError, "10 and 12 sentences"):
      significance.compare("ter", runs[:1], runs[1:])
    with self.assertRaisesRegex(ValueError, "at least one run"):
      significance.compare("ter", runs[:1], [])
    with self.assertRaisesRegex(ValueError, "bleu has 10 statistics"):
      significance.compare("bleu", runs[:1], runs[:1])

  def test_size_of_the_counts_does_not_matter(self):
    # Millionths of each count, as COMET has them, leave the ratio and so every shuffle's score as it is.
    lines = references(60)
    runs = [segments("ter", lines, errors, seed) for seed, errors in enumerate((0.3, 0.31, 0.34, 0.33))]
    large = [1_000_000 * run for run in runs]
    self.assertEqual(significance.compare("ter", runs[:2], runs[2:]), significance.compare("ter", large[:2], large[2:]))
    self.assertEqual(significance.interval("ter", runs), significance.interval("ter", large))
    self.assertEqual(significance.s_sel("ter", runs), significance.s_sel("ter", large))


class SpreadTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(1, 3)
  def test_interval_and_s_sel_equal_scipys(self, count):
    lines = references(200)
    runs = [segments("ter", lines, 0.2 + 0.1 * seed, seed) for seed in range(count)]
    columns = [column for run in runs for column in run.T]

    def mean_ter(*drawn, axis):
      return np.mean([100 * e.sum(axis) / w.sum(axis) for e, w in zip(drawn[::2], drawn[1::2])], axis=0)

    expected = scipy.stats.bootstrap(
      columns, mean_ter, n_resamples=4000, paired=True, method="percentile", random_state=1
    )
    low, high = expected.confidence_interval
    # With 4,000 samples, the ends of an interval agree within a twentieth of its width.
    self.assertAllClose(significance.interval("ter", runs), (low, high), rtol=0, atol=(high - low) / 20)
    each = [
      scipy.stats.bootstrap(list(run.T), mean_ter, n_resamples=4000, paired=True, random_state=1).standard_error
      for run in runs
    ]
    self.assertAllClose(significance.s_sel("ter", runs), np.mean(each), rtol=0.06)

  @parameterized.parameters((BLEU, "bleu"), (CHRF, "chrf"), (TER, "ter"))
  def test_interval_of_one_run_equals_sacrebleus(self, own, metric):
    lines = references(200)
    hypotheses = translations(lines, 0.3, 1)
    # It returns the mean of the samples and half of the interval's width.
    _, results = PairedTest([("ours", hypotheses)], {"metric": own()}, [lines], "bs", n_samples=2000)()
    (result,) = (results[name][0] for name in results if name != "System")
    low, high = significance.interval(metric, [metrics.score(metric, hypotheses, lines, "en").segments])
    self.assertAllClose((high - low) / 2, result.ci, rtol=0.1)
    self.assertAllClose((high + low) / 2, result.mean, rtol=0, atol=(high - low) / 20)

  def test_s_opt_is_the_standard_deviation_of_sacrebleus_scores(self):
    lines = references(50)
    hypotheses = [translations(lines, 0.3, seed) for seed in range(4)]
    runs = [metrics.score("bleu", run, lines, "en").segments for run in hypotheses]
    expected = statistics.stdev(BLEU().corpus_score(run, [lines]).score for run in hypotheses)
    self.assertAlmostEqual(significance.s_opt("bleu", runs), expected, delta=1e-9)

  def test_one_run_has_no_s_opt(self):
    self.assertTrue(np.isnan(significance.s_opt("ter", [np.array([[1, 2]])])))

  def test_result_depends_on_the_seed_only(self):
    runs = [segments("bleu", references(50), 0.3, 1)]
    found = [significance.interval("bleu", runs, samples=500, seed=seed) for seed in (1, 1, 2)]
    self.assertEqual(found[0], found[1])
    self.assertNotEqual(found[0], found[2])

  @parameterized.parameters(significance.interval, significance.s_sel, significance.s_opt)
  def test_different_sentences_and_no_runs_are_an_error(self, function):
    with self.assertRaisesRegex(UserError, "1 and 2 sentences"):
      function("ter", [np.ones((1, 2)), np.ones((2, 2))])
    with self.assertRaisesRegex(ValueError, "at least one run"):
      function("ter", [])


if __name__ == "__main__":
  tf.test.main()
