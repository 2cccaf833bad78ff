"""Scores of translations, each with a signature of how it was computed, and its statistics per sentence.

All are sacreBLEU's, in percent, with one reference:

- `bleu`: BLEU of the raw text, cased, with sacreBLEU's tokenizer for the language: 13a for most; characters for
  languages written without spaces for which sacreBLEU has none. Another tokenizer can be chosen.
- `bleu_tokenized`: BLEU of text tokenized by Moses' tokenizer, cased; only if that has rules for the language.
- `chrf`: chrF2 of the raw text.
- `ter`: TER as in MultEval: of tokenized (here as for `bleu`), lowercased text with punctuation. If a translation is
  far shorter than its reference, sacreBLEU may count one edit more than MultEval's tercom, because the beam of its edit
  distance starts one word later ("Ein" for 27 words: 27 edits instead of 26). Of a study's 26 runs, 23 had MultEval's
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

from t2t_lottery.evaluation import class_metrics
from t2t_lottery.utils.errors import UserError

METRICS: tuple[str, ...] = ("bleu", "bleu_tokenized", "chrf", "ter")
# By a model on disk (`comet`), if requested.
COMET = "comet"
# All metrics that a line of results may have.
ALL = (*METRICS, COMET, *class_metrics.TITLES)
HIGHER_IS_BETTER: dict[str, bool] = {name: name != "ter" for name in ALL}

# sacreBLEU's tokenizers for BLEU.
TOKENIZERS = ("13a", "intl", "char", "zh", "ja-mecab", "ko-mecab", "flores101", "flores200", "none")
# Tokenizers for languages that sacreBLEU's default, 13a, cannot split into words; codes of ISO 639-1 and 639-3.
_TOKENIZERS = {
  **dict.fromkeys(("zh", "zho", "cmn", "yue"), "zh"),
  **dict.fromkeys(("ja", "jpn"), "ja-mecab"),
  **dict.fromkeys(("ko", "kor"), "ko-mecab"),
  # Written without spaces between words: Thai, Lao, Khmer, Burmese, Tibetan, Dzongkha.
  **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz", "tha", "lao", "khm", "mya", "bod", "dzo"), "char"),
}
# Tokenizer -> the pip package that it needs besides sacreBLEU.
_PACKAGES = {
  "ja-mecab": "sacrebleu[ja]",
  "ko-mecab": "sacrebleu[ko]",
  **dict.fromkeys(("flores101", "flores200"), "sentencepiece"),
}


class Score(NamedTuple):
  """A score.

  Attributes:
    value: the number, in percent.
    signature: name and sacreBLEU's signature, which names metric options and version; `text:` describes preprocessing.
    segments: int64 [sentences, n], sufficient statistics of each sentence; their sum gives the score (`corpus_scores`).
      BLEU: length of translation and reference, matching n-grams for n = 1 to 4, n-grams for n = 1 to 4. chrF: for
      n = 1 to 6, n-grams of the translation, of the reference, and matching ones. TER: edits, words of the reference.
  """

  value: float
  signature: str
  segments: np.ndarray


def score(
  metric: str, hypotheses: Sequence[str], references: Sequence[str], language: str, tokenize: str = ""
) -> Score:
  """Scores a translation.

  Args:
    metric: one of METRICS.
    hypotheses: raw translations, one sentence each.
    references: one for each translation, raw.
    language: ISO 639 code of their language, which selects the tokenizer.
    tokenize: the tokenizer of `bleu`, of TOKENIZERS; empty for that of the language.

  Raises:
    UserError: if the two differ in length or are empty, the metric does not apply to the language (`left_out`), or its
      tokenizer is not installed (`check`).
    ValueError: if there is no such metric.
  """
  if len(hypotheses) != len(references) or not references:
    raise UserError(f"{len(hypotheses)} translations cannot be scored against {len(references)} references")
  recipe = _recipe(metric, language, tokenize)
  hypotheses, references = ([recipe.prepare(line) for line in lines] for lines in (hypotheses, references))
  name, value, segments = _with_statistics(recipe.metric, hypotheses, references)
  return Score(value, "|".join(filter(None, (name, str(recipe.metric.get_signature()), recipe.text))), segments)


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str = "en", tokenize: str = "") -> Score:
  """`score("bleu", ...)`."""
  return score("bleu", hypotheses, references, language, tokenize)


def applicable(language: str) -> tuple[str, ...]:
  """The metrics that apply to a language."""
  return tuple(metric for metric in METRICS if metric not in left_out(language))


def left_out(language: str) -> dict[str, str]:
  """Metric -> reason, for those that do not apply to a language."""
  if language in _moses_languages() - {*_TOKENIZERS}:
    return {}
  return {"bleu_tokenized": f"Moses' tokenizer has no rules for the language {language!r}"}


def check(language: str, tokenize: str = "") -> None:
  """Checks that translations into a language can be scored.

  Args:
    language: ISO 639 code.
    tokenize: the tokenizer of `bleu`; empty for that of the language.

  Raises:
    UserError: if a tokenizer is not installed.
  """
  _tokenize(language)
  if tokenize:
    _tokenize(language, tokenize)


def corpus_scores(metric: str, totals: np.ndarray) -> np.ndarray:
  """Corpus scores from summed statistics, with sacreBLEU's formulas.

  Args:
    metric: one of ALL, except Spearman's correlation.
    totals: [..., n], sums over rows of `Score.segments`.

  Returns:
    float64 [...], in percent.

  Raises:
    ValueError: if there is no such metric, or n is wrong.
  """
  if metric not in _FORMULAS:
    raise ValueError(f"metric must be one of {METRICS}, not {metric!r}")
  width, formula = _FORMULAS[metric]
  totals = np.asarray(totals, dtype=np.float64)
  if totals.shape[-1:] != (width,):
    raise ValueError(f"{metric} has {width} statistics, but these have shape {totals.shape}")
  return formula(totals)


def brevity_penalty(score: Score) -> float:
  """BLEU's factor for translations that are shorter than their references; 1 if they are not.

  Args:
    score: from `bleu` or `bleu_tokenized`.
  """
  return float(_brevity_penalty(score.segments.sum(axis=0)))


class _Recipe(NamedTuple):
  metric: Metric
  prepare: Callable[[str], str]
  text: str


def _recipe(metric: str, language: str, tokenize: str) -> _Recipe:
  # `force` only suppresses the warning about tokenized text, which the output of a weak model triggers.
  if metric == "bleu":
    check(language, tokenize)
    return _Recipe(BLEU(force=True, tokenize=tokenize or tokenizer(language)), str, "")
  if metric == "bleu_tokenized":
    version = importlib.metadata.version("sacremoses")
    return _Recipe(
      BLEU(force=True, tokenize="none"), _moses(language), f"text:moses-{language}-unescaped-sacremoses-{version}"
    )
  if metric == "chrf":
    return _Recipe(CHRF(), str, "")
  if metric == "ter":
    # TER lowercases itself; its own tokenizer (tercom) then only splits at spaces.
    return _Recipe(TER(), _tokenize(language), f"text:{tokenizer(language)}-lowercased")
  raise ValueError(f"metric must be one of {METRICS}, not {metric!r}")


def tokenizer(language: str) -> str:
  """sacreBLEU's name of the tokenizer for a language."""
  return _TOKENIZERS.get(language, BLEU.TOKENIZER_DEFAULT)


def _tokenize(language: str, name: str = "") -> Callable[[str], str]:
  """sacreBLEU's tokenizer of that name, or for a language."""
  name = name or tokenizer(language)
  try:
    return BLEU(force=True, tokenize=name).tokenizer
  except OSError as error:
    raise UserError(
      f"sacreBLEU's tokenizer {name} needs its model, and fetching it fails ({error}): run sacrebleu --tokenize {name} "
      "once where there is a network, and copy ~/.sacrebleu/models"
    ) from error
  except (RuntimeError, ImportError) as error:
    package = _PACKAGES.get(name, "sacrebleu")
    raise UserError(
      f"scoring translations into {language!r} needs sacreBLEU's tokenizer {name}, which is not installed: "
      f"{sys.executable} -m pip install '{package}'"
    ) from error


def _moses_languages() -> set[str]:
  """Languages that Moses' tokenizer has rules for; it would silently tokenize any other by English rules."""
  # Imported late: it takes half a second, and few commands need it.
  from sacremoses.corpus import NonbreakingPrefixes

  return set(NonbreakingPrefixes().available_langs.values())


def _moses(language: str) -> Callable[[str], str]:
  import sacremoses

  if why := left_out(language).get("bleu_tokenized"):
    known = sorted(_moses_languages() - {*_TOKENIZERS})
    raise UserError(f"{why}: it supports {', '.join(known)}")
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
  # Smoothing "exp": the k-th order without a match counts as 2^-k matches.
  missing = matching == 0
  precisions = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matching) / np.maximum(total, 1)
  found = 100 * _brevity_penalty(totals) * np.exp(np.log(precisions).mean(axis=-1))
  return np.where(~missing.all(axis=-1) & (total > 0).all(axis=-1), found, 0.0)


def _chrf(totals: np.ndarray) -> np.ndarray:
  hypothesis, reference, matching = (totals[..., i::3] for i in range(3))
  # Precision and recall are averaged over the orders for which both sides have n-grams, then combined to one F score.
  counted = (hypothesis > 0) & (reference > 0)
  orders = np.maximum(counted.sum(axis=-1), 1)
  precision, recall = (
    np.where(counted, matching / np.maximum(count, 1), 0).sum(axis=-1) / orders for count in (hypothesis, reference)
  )
  weighted = CHRF.BETA**2 * precision + recall
  return 100 * (1 + CHRF.BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


def _ter(totals: np.ndarray) -> np.ndarray:
  edits, words = totals[..., 0], totals[..., 1]
  return 100 * np.where(words > 0, edits / np.maximum(words, 1), edits > 0)


def _mean(totals: np.ndarray) -> np.ndarray:
  return 100 * totals[..., 0] / totals[..., 1]


_FORMULAS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
  "bleu": (10, _bleu),
  "bleu_tokenized": (10, _bleu),
  "chrf": (18, _chrf),
  "ter": (2, _ter),
  COMET: (2, _mean),
  **class_metrics.FORMULAS,
}
