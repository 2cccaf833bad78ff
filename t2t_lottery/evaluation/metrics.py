"""Scores of translations, each with the signature that says how it came about and the statistics it is made of.

All are sacreBLEU's, in percent, with one reference:

- `bleu`: BLEU of the raw text, cased, tokenized as sacreBLEU does for the language: 13a for most; by characters where a
  language is written without spaces and sacreBLEU has nothing of its own.
- `bleu_tokenized`: BLEU of both sides tokenized by Moses' tokenizer, cased; only where that has rules for the language.
- `chrf`: chrF2 of the raw text.
- `ter`: TER as MultEval computes it: on text that is tokenized already (here as for `bleu`) and lowercased, punctuation kept. Of a
  translation far shorter than its reference sacreBLEU may count one edit more than MultEval's tercom: the beam of its edit
  distance begins a word later ("Ein" for 27 words: 27 edits, tercom's 26). Of the 26 runs of a study 23 had MultEval's
  score; the largest difference was 0.025.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from t2t_lottery.utils.errors import UserError

METRICS: tuple[str, ...] = ("bleu", "bleu_tokenized", "chrf", "ter")
HIGHER_IS_BETTER: dict[str, bool] = {"bleu": True, "bleu_tokenized": True, "chrf": True, "ter": False}

# Languages whose sentences sacreBLEU's default, 13a, would take for a word or two, and the tokenizer that finds their words.
_TOKENIZERS = {
  "zh": "zh",
  "yue": "zh",
  "ja": "ja-mecab",
  "ko": "ko-mecab",
  # Written without spaces between words: Thai, Lao, Khmer, Burmese, Tibetan, Dzongkha.
  **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), "char"),
}
# What such a tokenizer needs that is not installed with sacreBLEU, and what pip calls it.
_PACKAGES = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]"}


class Score(NamedTuple):
  """A score.

  Attributes:
    value: the number, in percent.
    signature: its name and sacreBLEU's signature, which names metric options and version; `text:` says what was done to
      the text before.
    segments: int64 [sentences, n], sufficient statistics of each sentence, whose sum gives the score (`of_statistics`).
      BLEU: length of translation and reference, matching n-grams for n = 1 to 4, n-grams for n = 1 to 4. chrF: for
      n = 1 to 6 n-grams of the translation, of the reference, and those that match. TER: edits, words of the reference.
  """

  value: float
  signature: str
  segments: np.ndarray


def score(metric: str, hypotheses: Sequence[str], references: Sequence[str], language: str) -> Score:
  """Scores a translation.

  Args:
    metric: one of METRICS.
    hypotheses: raw translations, a sentence each.
    references: one for each translation, raw too.
    language: ISO 639 code of their language, by which the tokenizer is chosen.

  Raises:
    UserError: if the two differ in length or are empty, the metric does not apply to the language (`left_out`), or its
      tokenizer is not installed (`check`).
    ValueError: if there is no such metric.
  """
  if len(hypotheses) != len(references) or not references:
    raise UserError(f"{len(hypotheses)} translations cannot be scored against {len(references)} references")
  recipe = _recipe(metric, language)
  hypotheses, references = ([recipe.prepare(line) for line in lines] for lines in (hypotheses, references))
  name, value, segments = _with_statistics(recipe.metric, hypotheses, references)
  return Score(value, "|".join(filter(None, (name, str(recipe.metric.get_signature()), recipe.text))), segments)


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str = "en") -> Score:
  """`score("bleu", ...)`."""
  return score("bleu", hypotheses, references, language)


def applicable(language: str) -> tuple[str, ...]:
  """The metrics that apply to a language."""
  return tuple(metric for metric in METRICS if metric not in left_out(language))


def left_out(language: str) -> dict[str, str]:
  """The metrics that do not apply to a language, each with the reason."""
  if language in _moses_languages() - {*_TOKENIZERS}:
    return {}
  return {"bleu_tokenized": f"Moses' tokenizer has no rules for the language {language!r}"}


def check(language: str) -> None:
  """Checks that translations into a language can be scored here.

  Raises:
    UserError: if a tokenizer that its scores need is not installed.
  """
  _tokenize(language)


def of_statistics(metric: str, totals: np.ndarray) -> np.ndarray:
  """Corpus scores of summed statistics, as sacreBLEU computes them.

  Args:
    metric: one of METRICS.
    totals: [..., n], sums of rows of `Score.segments`.

  Returns:
    float64 [...], in percent.

  Raises:
    ValueError: if there is no such metric, or n is not that of its statistics.
  """
  if metric not in _FORMULAS:
    raise ValueError(f"metric must be one of {METRICS}, not {metric!r}")
  width, formula = _FORMULAS[metric]
  totals = np.asarray(totals, dtype=np.float64)
  if totals.shape[-1:] != (width,):
    raise ValueError(f"{metric} has {width} statistics, these are of shape {totals.shape}")
  return formula(totals)


def brevity_penalty(score: Score) -> float:
  """The factor by which BLEU lowers the score of translations that are shorter than their references; 1 if they are not.

  Args:
    score: of `bleu` or `bleu_tokenized`.
  """
  return float(_brevity_penalty(score.segments.sum(axis=0)))


class _Recipe(NamedTuple):
  metric: Metric
  prepare: Callable[[str], str]
  text: str


def _recipe(metric: str, language: str) -> _Recipe:
  # `force` only silences the advice to detokenize, which a weak model's output draws.
  if metric == "bleu":
    check(language)
    return _Recipe(BLEU(force=True, tokenize=_tokenizer(language)), str, "")
  if metric == "bleu_tokenized":
    version = importlib.metadata.version("sacremoses")
    return _Recipe(
      BLEU(force=True, tokenize="none"), _moses(language), f"text:moses-{language}-unescaped-sacremoses-{version}"
    )
  if metric == "chrf":
    return _Recipe(CHRF(), str, "")
  if metric == "ter":
    # TER lowercases by itself, and its own tokenizer (tercom) does then nothing but split at spaces.
    return _Recipe(TER(), _tokenize(language), f"text:{_tokenizer(language)}-lowercased")
  raise ValueError(f"metric must be one of {METRICS}, not {metric!r}")


def _tokenizer(language: str) -> str:
  """sacreBLEU's name of the tokenizer for a language."""
  return _TOKENIZERS.get(language, BLEU.TOKENIZER_DEFAULT)


def _tokenize(language: str) -> Callable[[str], str]:
  """That tokenizer."""
  name = _tokenizer(language)
  try:
    return BLEU(force=True, tokenize=name).tokenizer
  except (RuntimeError, ImportError) as error:
    package = _PACKAGES.get(name, "sacrebleu")
    raise UserError(
      f"scoring translations into {language!r} takes sacreBLEU's tokenizer {name}, which is not installed: "
      f"{sys.executable} -m pip install '{package}'"
    ) from error


def _moses_languages() -> set[str]:
  """Languages that Moses' tokenizer has rules for; it would silently tokenize any other by English rules."""
  # Imported late: it takes half a second, which most commands can do without.
  from sacremoses.corpus import NonbreakingPrefixes

  return set(NonbreakingPrefixes().available_langs.values())


def _moses(language: str) -> Callable[[str], str]:
  import sacremoses

  if why := left_out(language).get("bleu_tokenized"):
    known = sorted(_moses_languages() - {*_TOKENIZERS})
    raise UserError(f"{why}: it knows {', '.join(known)}")
  tokenize = sacremoses.MosesTokenizer(lang=language).tokenize
  return lambda line: tokenize(line, escape=False, return_str=True)


def _with_statistics(
  metric: Metric, hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[str, float, np.ndarray]:
  """The two steps of `metric.corpus_score`, which does not return the statistics between them."""
  statistics = metric._extract_corpus_statistics(hypotheses, [references])
  found = metric._aggregate_and_compute(statistics)
  return found.name, found.score, np.array(statistics, dtype=np.int64)


def _brevity_penalty(totals: np.ndarray) -> np.ndarray:
  length, reference_length = totals[..., 0], totals[..., 1]
  found = np.exp(np.minimum(1 - reference_length / np.maximum(length, 1), 0))
  return np.where(length > 0, found, 0.0)


def _bleu(totals: np.ndarray) -> np.ndarray:
  matching, total = totals[..., 2:6], totals[..., 6:10]
  # Smoothing "exp": the k-th order without a match counts as 2^-k of one.
  missing = matching == 0
  precisions = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matching) / np.maximum(total, 1)
  found = 100 * _brevity_penalty(totals) * np.exp(np.log(precisions).mean(axis=-1))
  return np.where(~missing.all(axis=-1) & (total > 0).all(axis=-1), found, 0.0)


def _chrf(totals: np.ndarray) -> np.ndarray:
  hypothesis, reference, matching = (totals[..., i::3] for i in range(3))
  # Precision and recall are averaged over the orders that both sides have n-grams of, then make one F score.
  counted = (hypothesis > 0) & (reference > 0)
  orders = np.maximum(counted.sum(axis=-1), 1)
  precision, recall = (
    np.where(counted, matching / np.maximum(whole, 1), 0).sum(axis=-1) / orders for whole in (hypothesis, reference)
  )
  weighted = CHRF.BETA**2 * precision + recall
  return 100 * (1 + CHRF.BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


def _ter(totals: np.ndarray) -> np.ndarray:
  edits, words = totals[..., 0], totals[..., 1]
  return 100 * np.where(words > 0, edits / np.maximum(words, 1), edits > 0)


_FORMULAS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
  "bleu": (10, _bleu),
  "bleu_tokenized": (10, _bleu),
  "chrf": (18, _chrf),
  "ter": (2, _ter),
}
