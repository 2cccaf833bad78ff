"""A run's best, median and worst translations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from t2t_lottery.data import manifest
from t2t_lottery.evaluation import metrics
from t2t_lottery.report.study import Run, Study
from t2t_lottery.utils import errors

# BLEU of a single sentence is 0 as soon as one order of n-grams has no match; chrF distinguishes sentences.
METRIC = "chrf"


class Example(NamedTuple):
  """A translated sentence; source and reference are None if the text is unavailable."""

  number: int
  score: float
  translation: str
  source: str | None
  reference: str | None


class Text(NamedTuple):
  """The test set.

  Attributes:
    sources, references: sentences; empty if unavailable.
    why: why they are unavailable, or empty.
  """

  sources: list[str]
  references: list[str]
  why: str


def text_of(study: Study, data_dir: str | None) -> Text:
  """The test set of a study's problem, if `data_dir` has it."""
  if data_dir is None:
    return Text([], [], "no --data_dir was given")
  known = {run.result["data"] for runs in study.runs.values() for run in runs if run.result and run.result.get("data")}
  if known and manifest.fingerprint(study.problem, data_dir) not in {*known, None}:
    return Text([], [], f"--data_dir contains other data of {study.problem} than the runs were trained on")
  try:
    return Text(*manifest.raw_text(study.problem, data_dir, "test"), "")
  except errors.UserError:
    # Its message contains paths of this machine, which must not get into a page that is passed on.
    return Text([], [], f"--data_dir has no complete data of {study.problem}")


def chosen(sentences: np.ndarray, count: int = 3) -> dict[str, list[int]]:
  """Chooses the sentences to show.

  Args:
    sentences: scores, float [n], higher is better; of equals, the earlier sentence counts as better.
    count: how many of each kind.

  Returns:
    "best", "median" and "worst" -> indices, better ones first, without repetition.
  """
  order = np.argsort(-sentences, kind="stable").tolist()
  count = min(count, len(order) // 3) or min(1, len(order))
  middle = (len(order) - count) // 2
  found = {"best": order[:count], "median": order[middle : middle + count], "worst": order[len(order) - count :]}
  taken: set[int] = set()
  for kind, indices in found.items():
    found[kind] = [index for index in indices if index not in taken]
    taken.update(indices)
  return found


def of_run(run: Run, text: Text) -> dict[str, list[Example]]:
  """Examples of a run; empty if its translation or its sentence statistics are missing."""
  lines, segments = run.translation(), run.segments(METRIC)
  if segments is None or len(lines) != len(segments):
    return {}
  found = metrics.corpus_scores(METRIC, segments)
  known = len(text.sources) == len(lines)

  def example(index: int) -> Example:
    source, reference = (text.sources[index], text.references[index]) if known else (None, None)
    return Example(index + 1, float(found[index]), lines[index], source, reference)

  return {kind: [example(index) for index in indices] for kind, indices in chosen(found).items()}
