"""Answers to SQuAD's questions: the best span of a model's logits, and the two official scores of its text.

Source of the scores: the definition of evaluate-v1.1.py (Rajpurkar et al. 2016, section 6.1). Arrays and text in, arrays and text
out.
"""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Sequence

import numpy as np

from t2t_lottery.data.squad import Window

# Pieces; as in run_squad.py of google-research/bert.
LONGEST = 30
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def best(context: str, windows: Sequence[Window], logits: Sequence[np.ndarray]) -> str:
  """The text of the span of highest start logit plus end logit.

  A span is valid if it starts and ends in the context, in this order, has at most `LONGEST` pieces, and starts at a piece of which
  its window shows the most context. run_squad.py considers only the 20 highest starts and ends of a window; here all are.

  Args:
    context: of the question.
    windows: of the question; at least one.
    logits: of each window, float32 [pieces, 2]: that an answer starts, and ends, at each piece of the input.

  Returns:
    Text of the context as it is.
  """
  found: tuple[float, Window, int, int] | None = None
  for window, values in zip(windows, logits):
    of_part = values[window.first : window.first + len(window.spans)].astype(np.float64)
    starts, ends = np.where(window.most, of_part[:, 0], -np.inf), of_part[:, 1]
    for length in range(1, min(LONGEST, len(starts)) + 1):
      sums = starts[: len(starts) - length + 1] + ends[length - 1 :]
      place = int(np.argmax(sums))
      if np.isfinite(sums[place]) and (found is None or sums[place] > found[0]):
        found = sums[place], window, place, place + length - 1
  assert found is not None, "each piece of a context has a window that shows the most around it"
  _, window, first, last = found
  return context[window.spans[first][0] : window.spans[last][1]]


def exact_match(predicted: str, answers: Sequence[str]) -> float:
  """1.0 if a prediction equals one of the answers but for case, punctuation, articles and spaces; else 0.0."""
  return float(any(_normalized(predicted) == _normalized(answer) for answer in answers))


def f1(predicted: str, answers: Sequence[str]) -> float:
  """The best F1 of the words of a prediction and those of an answer, normalized as for `exact_match`; in [0, 1]."""
  return max(_f1(_normalized(predicted).split(), _normalized(answer).split()) for answer in answers)


def _f1(predicted: Sequence[str], answer: Sequence[str]) -> float:
  common = sum((collections.Counter(predicted) & collections.Counter(answer)).values())
  return 2 * common / (len(predicted) + len(answer)) if common else 0.0


def _normalized(text: str) -> str:
  return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())
