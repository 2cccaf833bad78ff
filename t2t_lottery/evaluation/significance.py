"""How far a difference between two systems can be trusted: over test sentences, and over runs of different seeds.

After MultEval (Clark, Dyer, Lavie and Smith, "Better Hypothesis Testing for Statistical Machine Translation", ACL 2011).
A system is a sequence of runs, a run is int64 [sentences, n], the `metrics.Score.segments` of its translation of the test
set; a system's score is the mean over its runs of the corpus score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.evaluation import metrics
from t2t_lottery.utils.errors import UserError

# Draws held at once: some tens of MB, whatever the number of shuffles.
_AT_ONCE = 1 << 19
# Equal scores may differ by rounding, as a mean over the same runs in another order does.
_ROUNDING = 1e-9


class Comparison(NamedTuple):
  """Of two systems.

  Attributes:
    difference: score of ours minus score of theirs, in percent points.
    p: probability of a difference at least as large, either way, if the two were the same.
  """

  difference: float
  p: float


def compare(
  metric: str, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], shuffles: int = 10_000, seed: int = 1
) -> Comparison:
  """Two-sided stratified approximate randomization test over sentences and runs.

  If the systems were the same, the translations of a sentence by all runs of both could change places at will. So each
  shuffle assigns them at random, sentence by sentence, to the same number of runs as each system has; p is the share of the shuffles,
  the observed dealing counted among them, whose difference is at least as large as that observed.

  Where this departs from MultEval's code: that counts larger differences only, but a tie speaks for chance too (Noreen
  1989), and without ties a system would differ from itself with p = 1 / (shuffles + 1). It gives all runs of a system one
  score, of the statistics of all their sentences; here the statistic is the mean over runs, as tables report it. And it
  swaps in pairs, a run of one system with one of the other; here systems may have unequal numbers of runs.

  Args:
    metric: one of `metrics.METRICS`.
    ours: runs of one system.
    theirs: runs of the other, of the same sentences.
    shuffles: how many.
    seed: what the shuffles are drawn with; the same seed gives the same p.

  Raises:
    UserError: if the runs are not of equally many sentences.
    ValueError: if a system has no run, or the statistics are not the metric's.
  """
  if len(ours) == 0 or len(theirs) == 0:
    raise ValueError("each system needs a run at least")
  statistics = _stacked([*ours, *theirs])

  def difference(sums: np.ndarray) -> np.ndarray:
    found = metrics.of_statistics(metric, sums)
    return found[..., : len(ours)].mean(axis=-1) - found[..., len(ours) :].mean(axis=-1)

  observed = float(difference(statistics.sum(axis=1)))
  random = np.random.default_rng(seed)
  as_large = 0
  for count in _chunks(shuffles, statistics.shape[1]):
    found = np.abs(difference(_shuffled(statistics, count, random)))
    as_large += np.count_nonzero(found >= abs(observed) - _ROUNDING)
  return Comparison(observed, (as_large + 1) / (shuffles + 1))


def interval(metric: str, runs: Sequence[np.ndarray], samples: int = 10_000, seed: int = 1) -> tuple[float, float]:
  """95% interval of a system's score by bootstrap over the sentences (percentile method), the same draw for all runs.

  Args:
    metric: one of `metrics.METRICS`.
    runs: of the system.
    samples: how many test sets are drawn from the sentences, with replacement.
    seed: what they are drawn with.

  Returns:
    Lower and upper end, in percent.

  Raises:
    UserError: if the runs are not of equally many sentences.
    ValueError: if there is no run, or the statistics are not the metric's.
  """
  lower, upper = np.percentile(_resampled(metric, runs, samples, seed).mean(axis=0), [2.5, 97.5])
  return float(lower), float(upper)


def s_sel(metric: str, runs: Sequence[np.ndarray], samples: int = 10_000, seed: int = 1) -> float:
  """Standard deviation of a run's score over test sets, by bootstrap over the sentences, averaged over the runs.

  Args and exceptions are those of `interval`.
  """
  return float(_resampled(metric, runs, samples, seed).std(axis=1, ddof=1).mean())


def s_opt(metric: str, runs: Sequence[np.ndarray]) -> float:
  """Standard deviation of the score over runs (n - 1 in the denominator); NaN of a single run, which has none.

  Args and exceptions are those of `interval`.
  """
  found = metrics.of_statistics(metric, _stacked(runs).sum(axis=1))
  return float(found.std(ddof=1)) if len(found) > 1 else float("nan")


def _stacked(runs: Sequence[np.ndarray]) -> np.ndarray:
  """Runs as one float64 [runs, sentences, n]: sums of counts stay exact in it, and matrix products are fast."""
  if len(runs) == 0:
    raise ValueError("a system needs a run at least")
  lengths = sorted({len(run) for run in runs})
  if len(lengths) > 1:
    raise UserError(
      f"runs of {' and '.join(map(str, lengths))} sentences cannot be compared: evaluate them on the same test set"
    )
  return np.stack(runs).astype(np.float64)


def _chunks(count: int, sentences: int) -> Iterator[int]:
  step = max(1, _AT_ONCE // max(1, sentences))
  for done in range(0, count, step):
    yield min(step, count - done)


def _shuffled(statistics: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
  """Summed statistics of each run, float64 [count, runs, n], after its sentences have changed places between runs."""
  runs, sentences, _ = statistics.shape
  # By Fisher and Yates, for all sentences of all shuffles at once; dealt[i] says whose translation run i gets.
  dealt = [np.full((count, sentences), run, dtype=np.uint8) for run in range(runs)]
  for i in range(runs - 1):
    chosen = random.integers(i, runs, size=(count, sentences), dtype=np.uint8)
    for j in range(i + 1, runs):
      swap = chosen == j
      dealt[i], dealt[j] = np.where(swap, dealt[j], dealt[i]), np.where(swap, dealt[i], dealt[j])
  # Each product counts from run 0 on, and the last run gets what is left: fewer of the costly products.
  total, instead = statistics.sum(axis=1), statistics - statistics[0]
  sums = np.empty((count, runs, statistics.shape[2]))
  for i in range(runs - 1):
    sums[:, i] = total[0] + sum((dealt[i] == run) @ instead[run] for run in range(1, runs))
  sums[:, -1] = total.sum(axis=0) - sums[:, :-1].sum(axis=1)
  return sums


def _resampled(metric: str, runs: Sequence[np.ndarray], samples: int, seed: int) -> np.ndarray:
  """Scores of each run on test sets drawn from the sentences with replacement, float64 [runs, samples]."""
  statistics = _stacked(runs)
  sentences = statistics.shape[1]
  random = np.random.default_rng(seed)
  found = []
  for count in _chunks(samples, sentences):
    drawn = random.integers(sentences, size=(count, sentences)) + sentences * np.arange(count)[:, None]
    times = np.bincount(drawn.ravel(), minlength=count * sentences).reshape(count, sentences).astype(np.float64)
    found.append(metrics.of_statistics(metric, times @ statistics))
  return np.concatenate(found, axis=1)
