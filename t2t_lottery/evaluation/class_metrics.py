"""Metrics of classes, of real numbers, and of answers, with statistics of each example for tests of significance.

All are in percent. Correlations are computed by scipy; Matthews' is Pearson's of two binary variables.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# Metric -> its name in tables.
TITLES = {
  "accuracy": "accuracy",
  "f1": "F1",
  "mcc": "MCC",
  "pearson": "Pearson",
  "spearman": "Spearman",
  "exact_match": "EM",
  "answer_f1": "F1",
}
# The class that F1 is of.
POSITIVE = 1
# The signature that a line of results has if its scores are of classes, real numbers or answers, not of translations.
PREDICTIONS = "predictions"


def has_predictions(line: Mapping[str, Any]) -> bool:
  """Whether the scores of a line of results are of classes, real numbers or answers."""
  return PREDICTIONS in line.get("signatures", {})


def applicable(outputs: int) -> tuple[str, ...]:
  """The metrics that apply.

  Args:
    outputs: number of classes; 1 for a real number.
  """
  return ("pearson", "spearman") if outputs == 1 else ("accuracy", "f1", "mcc") if outputs == 2 else ("accuracy",)


def score(metric: str, predictions: np.ndarray, targets: np.ndarray) -> float:
  """A score in percent.

  Args:
    metric: a key of `TITLES`.
    predictions, targets: classes or real numbers, [examples].

  Returns:
    The score; 0 for a correlation with constant predictions or targets, and for F1 without any positive class.
  """
  if metric in ("accuracy", "f1"):
    found = statistics(metric, predictions, targets)
    assert found is not None
    return float(FORMULAS[metric][1](found.sum(axis=0)))
  # Imported late: it takes a second, and few commands need it.
  from scipy import stats

  correlate = stats.spearmanr if metric == "spearman" else stats.pearsonr
  with warnings.catch_warnings():
    # Of constant input.
    warnings.simplefilter("ignore")
    found = correlate(predictions.astype(np.float64), targets.astype(np.float64)).statistic
  return float(np.nan_to_num(100 * found))


def statistics(metric: str, predictions: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
  """Statistics of each example whose sums give the score (`FORMULAS`); None for ranks, which have none.

  Args:
    metric, predictions, targets: as in `score`.

  Returns:
    [examples, n]. Accuracy: correct, 1. F1: true positive, false positive, false negative. Correlations: 1, x, y, x*x,
    y*y, x*y.
  """
  if metric == "spearman":
    return None
  ones = np.ones(len(targets), np.int64)
  if metric == "accuracy":
    return np.stack([predictions == targets, ones], axis=1).astype(np.int64)
  if metric == "f1":
    x, y = predictions == POSITIVE, targets == POSITIVE
    return np.stack([x & y, x & ~y, ~x & y], axis=1).astype(np.int64)
  x, y = predictions.astype(np.float64), targets.astype(np.float64)
  return np.stack([ones, x, y, x * x, y * y, x * y], axis=1)


def comparable(metric: str, segments: np.ndarray) -> np.ndarray:
  """The statistics of a run as they can be exchanged, example by example, with those of another.

  Pearson's correlation does not depend on offset and scale of the predictions; where two runs differ in these, a mixture of both
  would correlate worse than either. So predictions are standardized.

  Args:
    metric: a key of `FORMULAS`, or a metric of translations, whose statistics are returned as they are.
    segments: as `statistics` returns them.
  """
  if metric != "pearson":
    return segments
  ones, x, y = segments[:, 0], segments[:, 1], segments[:, 2]
  x = (x - x.mean()) / (x.std() or 1.0)
  return np.stack([ones, x, y, x * x, y * y, x * y], axis=1)


def signature(metric: str, predictions: int, examples: int) -> str:
  """How a score was computed.

  Args:
    metric: a key of `TITLES`.
    predictions: how many were scored; of a masked language model more than examples.
    examples: of dev.
  """
  parts = [TITLES[metric], "split:dev", "checkpoint:last", f"examples:{examples}"]
  parts += [f"masked pieces:{predictions}"] if predictions != examples else []
  parts += [f"class:{POSITIVE}"] if metric == "f1" else []
  if metric not in ("accuracy", "f1"):
    parts += [f"scipy:{importlib.metadata.version('scipy')}"]
  return "|".join(parts)


def signature_of_answers(metric: str, questions: int, windows: int) -> str:
  """How a score of answers was computed: in how many windows the questions of dev were asked."""
  return f"{TITLES[metric]}|split:dev|checkpoint:last|questions:{questions}|windows:{windows}|SQuAD 1.1"


def losses(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
  """Cross entropies in nats, or squared errors, float64 [examples].

  Args:
    outputs: logits, [examples, classes]; [examples, 1] for real numbers.
    targets: [examples].
  """
  outputs = outputs.astype(np.float64)
  if outputs.shape[1] == 1:
    return (outputs[:, 0] - targets) ** 2
  shifted = outputs - outputs.max(axis=1, keepdims=True)
  chosen = np.take_along_axis(shifted, targets[:, None].astype(np.int64), axis=1)[:, 0]
  return np.log(np.exp(shifted).sum(axis=1)) - chosen


def _share(totals: np.ndarray) -> np.ndarray:
  return 100 * totals[..., 0] / totals[..., 1]


def _f1(totals: np.ndarray) -> np.ndarray:
  hits, wrong, missed = (totals[..., i] for i in range(3))
  return 100 * 2 * hits / np.maximum(2 * hits + wrong + missed, 1)


def _correlation(totals: np.ndarray) -> np.ndarray:
  n, x, y, xx, yy, xy = (totals[..., i] for i in range(6))
  spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
  return 100 * np.where(spread > 0, (n * xy - x * y) / np.sqrt(np.where(spread > 0, spread, 1)), 0)


# Metric -> number of statistics, and score of their sums, [..., n] -> [...].
FORMULAS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
  "accuracy": (2, _share),
  "f1": (3, _f1),
  "mcc": (6, _correlation),
  "pearson": (6, _correlation),
  # Means over questions (`answers`).
  "exact_match": (2, _share),
  "answer_f1": (2, _share),
}
