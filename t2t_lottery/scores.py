"""Scores of translations, each with the signature that says how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics.bleu import BLEU

from t2t_lottery.errors import UserError


class Score(NamedTuple):
  """A score.

  Attributes:
    value: the number.
    signature: sacreBLEU's, which names metric options and version.
  """

  value: float
  signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
  """Corpus BLEU by sacreBLEU: cased, tokenizer 13a, on raw text.

  Args:
    hypotheses: translations, a sentence each.
    references: one for each translation.

  Raises:
    UserError: if the two differ in length or are empty.
  """
  if len(hypotheses) != len(references) or not references:
    raise UserError(f"{len(hypotheses)} translations cannot be scored against {len(references)} references")
  # Only silences the advice to detokenize, which a weak model's output draws.
  metric = BLEU(force=True)
  value = metric.corpus_score(list(hypotheses), [list(references)]).score
  return Score(value, f"BLEU|{metric.get_signature()}")
