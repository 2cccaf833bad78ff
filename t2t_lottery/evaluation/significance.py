"""Significance of a difference between two systems over test sentences, given their runs; and over runs with different seeds.

After MultEval (Clark, Dyer, Lavie and Smith, "Better Hypothesis Testing for Statistical Machine Translation", ACL
2011).
A system is a sequence of runs. A run is int64 [sentences, n], the `metrics.Score.segments` of its translation of the
test set. A system's score is the mean of its runs' corpus scores.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.evaluation import class_metrics, metrics
from t2t_lottery.utils.errors import UserError

# Random numbers in memory at a time: some tens of MB for any number of shuffles.
_AT_ONCE = 1 << 19
# Bytes of shuffles that are kept for the next comparison; more are drawn again.
_KEPT = 1 << 27
# float32 has all integers to this one.
_EXACT = 1 << 24
# Equal scores may differ by rounding, such as means over the same runs in another order.
_ROUNDING = 1e-9


class Comparison(NamedTuple):
  """A comparison of two systems.

  Attributes:
    difference: our score minus their score, in percentage points.
    p: probability of a difference at least as large in either direction, if the systems are equal.
  """

  difference: float
  p: float


def compare(
  metric: str, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], shuffles: int = 10_000, seed: int = 1
) -> Comparison:
  """Two-sided stratified approximate randomization test over sentences and runs.

  It says whether these runs of the two systems differ, not whether others would: two runs of one system that differ only
  in the seed often differ significantly. That is what `over_seeds` is for.

  If the systems are equal, the translations of a sentence by all runs of both are exchangeable. So each shuffle
  permutes them among the runs, sentence by sentence. p is the fraction of shuffles, including the observed assignment,
  whose difference is at least as large as the observed one.

  Differences from MultEval's code: It counts larger differences only, but ties are evidence of chance too (Noreen
  1989); without them, a system would differ from itself with p = 1 / (shuffles + 1). It scores the sentences of all
  runs of a system together; here the score is the mean over runs, as in the tables. And it swaps pairs of runs, one
  from each system; here systems may have different numbers of runs.

  Args:
    metric: one of `metrics.METRICS`.
    ours: runs of one system.
    theirs: runs of the other, of the same sentences.
    shuffles: number of shuffles.
    seed: of the shuffles; the same seed gives the same p.

  Raises:
    UserError: if the runs have different numbers of sentences.
    ValueError: if a system has no run, or the number of statistics is wrong for the metric.
  """
  if len(ours) == 0 or len(theirs) == 0:
    raise ValueError("each system needs at least one run")
  statistics = _stacked([class_metrics.comparable(metric, run) for run in (*ours, *theirs)])

  def difference(sums: np.ndarray) -> np.ndarray:
    found = metrics.corpus_scores(metric, sums)
    return found[..., : len(ours)].mean(axis=-1) - found[..., len(ours) :].mean(axis=-1)

  observed = float(difference(_sums(statistics)))
  as_large = 0
  runs, sentences, _ = statistics.shape
  for sources in _sources(runs, sentences, shuffles, seed):
    found = np.abs(difference(_shuffled(statistics, sources)))
    as_large += np.count_nonzero(found >= abs(observed) - _ROUNDING)
  return Comparison(observed, (as_large + 1) / (shuffles + 1))


def over_seeds(differences: Sequence[float]) -> float | None:
  """Two-sided paired t-test over seeds: the p of their mean, if the differences between two runs of a seed are 0 on average.

  Args:
    differences: one for each seed.

  Returns:
    p; None with fewer than two seeds, or if all differences are equal.
  """
  if len({*differences}) < 2:
    return None
  from scipy import stats  # Takes half a second.

  return float(stats.ttest_1samp(differences, 0).pvalue)


def interval(metric: str, runs: Sequence[np.ndarray], samples: int = 10_000, seed: int = 1) -> tuple[float, float]:
  """95% interval of a system's score by bootstrap over the sentences (percentile method); all runs share the samples.

  Args:
    metric: one of `metrics.METRICS`.
    runs: of the system.
    samples: number of test sets drawn from the sentences, with replacement.
    seed: of the samples.

  Returns:
    Lower and upper end, in percent.

  Raises:
    UserError: if the runs have different numbers of sentences.
    ValueError: if there is no run, or the number of statistics is wrong for the metric.
  """
  lower, upper = np.percentile(_resampled(metric, runs, samples, seed).mean(axis=0), [2.5, 97.5])
  return float(lower), float(upper)


def s_sel(metric: str, runs: Sequence[np.ndarray], samples: int = 10_000, seed: int = 1) -> float:
  """Standard deviation of a run's score over test sets, by bootstrap over the sentences, averaged over the runs.

  Arguments and exceptions: see `interval`.
  """
  return float(_resampled(metric, runs, samples, seed).std(axis=1, ddof=1).mean())


def s_opt(metric: str, runs: Sequence[np.ndarray]) -> float:
  """Standard deviation of the score over runs (n - 1 in the denominator); NaN for a single run.

  Arguments and exceptions: see `interval`.
  """
  found = metrics.corpus_scores(metric, _sums(_stacked(runs)))
  return float(found.std(ddof=1)) if len(found) > 1 else float("nan")


def _stacked(runs: Sequence[np.ndarray]) -> np.ndarray:
  """Runs as one [runs, sentences, n] of floats, because their matrix products are fast: float32 if the statistics are counts
  whose sums, shuffled or resampled, are all exact in it, as they are for some thousand sentences, else float64.
  """
  if len(runs) == 0:
    raise ValueError("a system needs at least one run")
  lengths = sorted({len(run) for run in runs})
  if len(lengths) > 1:
    raise UserError(
      f"runs of {' and '.join(map(str, lengths))} sentences cannot be compared: evaluate them on the same test set"
    )
  counts = np.stack(runs)
  largest_sum = 2 * counts.shape[0] * counts.shape[1] * np.abs(counts).max(initial=0)
  is_exact = np.issubdtype(counts.dtype, np.integer) and largest_sum <= _EXACT
  return counts.astype(np.float32 if is_exact else np.float64)


def _sums(statistics: np.ndarray) -> np.ndarray:
  """Summed statistics of each run, float64 [runs, n]."""
  return statistics.sum(axis=1, dtype=np.float64)


def _chunks(count: int, sentences: int) -> Iterator[int]:
  step = max(1, _AT_ONCE // max(1, sentences))
  for done in range(0, count, step):
    yield min(step, count - done)


def _shuffled(statistics: np.ndarray, sources: np.ndarray) -> np.ndarray:
  """Summed statistics of each run, float64 [count, runs, n], after shuffling each sentence among the runs (`_sources`)."""
  # Sums are relative to run 0, and the last run gets the remainder: this saves expensive products.
  total, relative = _sums(statistics), statistics - statistics[0]
  sums = np.empty((sources.shape[1], len(statistics), statistics.shape[2]))
  for i, source in enumerate(sources):
    sums[:, i] = total[0] + sum((source == run) @ relative[run] for run in range(1, len(statistics)))
  sums[:, -1] = total.sum(axis=0) - sums[:, :-1].sum(axis=1)
  return sums


def _sources(runs: int, sentences: int, shuffles: int, seed: int) -> Iterable[np.ndarray]:
  """Whose translation of each sentence each run but the last gets, uint8 [runs - 1, shuffles of a chunk, sentences] by
  chunk.
  """
  draw = _kept_sources if (runs - 1) * sentences * shuffles <= _KEPT else _drawn_sources
  return draw(runs, sentences, shuffles, seed)


# A report shuffles the same sentences for each cell of its tables; 90 MB for 10,000 shuffles of four runs of newstest2014.
@functools.lru_cache(maxsize=1)
def _kept_sources(runs: int, sentences: int, shuffles: int, seed: int) -> list[np.ndarray]:
  """`_sources`, kept until others are."""
  return list(_drawn_sources(runs, sentences, shuffles, seed))


def _drawn_sources(runs: int, sentences: int, shuffles: int, seed: int) -> Iterator[np.ndarray]:
  """`_sources`, drawn chunk by chunk."""
  random = np.random.default_rng(seed)
  for count in _chunks(shuffles, sentences):
    # Fisher-Yates for all sentences of all shuffles at once.
    source = [np.full((count, sentences), run, dtype=np.uint8) for run in range(runs)]
    for i in range(runs - 1):
      chosen = random.integers(i, runs, size=(count, sentences), dtype=np.uint8)
      for j in range(i + 1, runs):
        swap = chosen == j
        source[i], source[j] = np.where(swap, source[j], source[i]), np.where(swap, source[i], source[j])
    yield np.stack(source[:-1])


def _resampled(metric: str, runs: Sequence[np.ndarray], samples: int, seed: int) -> np.ndarray:
  """Scores of each run on test sets drawn from the sentences with replacement, float64 [runs, samples]."""
  statistics = _stacked(runs)
  return np.concatenate(
    [
      metrics.corpus_scores(metric, (times.astype(statistics.dtype) @ statistics).astype(np.float64))
      for times in _times_drawn(statistics.shape[1], samples, seed)
    ],
    axis=1,
  )


# A report resamples the same sentences for each cell of its tables; 30 MB for 10,000 samples of newstest2014.
@functools.lru_cache(maxsize=1)
def _times_drawn(sentences: int, samples: int, seed: int) -> list[np.ndarray]:
  """How often each test set contains each sentence, uint8 [samples of a chunk, sentences] by chunk: a sentence is drawn
  once on average, and more than 255 times with a probability below 1 / 255!.
  """
  random = np.random.default_rng(seed)
  found = []
  for count in _chunks(samples, sentences):
    drawn = random.integers(sentences, size=(count, sentences)) + sentences * np.arange(count)[:, None]
    times = np.bincount(drawn.ravel(), minlength=count * sentences)
    found.append(times.reshape(count, sentences).astype(np.uint8))
  return found
