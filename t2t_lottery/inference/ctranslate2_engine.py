"""Translates subword ids by CTranslate2, the fastest engine for weights that are not sparse.

The search is t2t's (`tensor2tensor/utils/beam_search.py`) with one difference: at each step, t2t records translations
that end among the 2*beam best candidates, CTranslate2 only those among the beam best. So t2t sometimes finds a better
translation, more often with a weak model. `CTranslate2Engine.search` corrects this at the first step, where it decides
whether a weak model's translation is empty. Greedy search is the same.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import ctranslate2

from t2t_lottery.data import subword_vocabulary
from t2t_lottery.data.subword_vocabulary import EXTRA_LENGTH
from t2t_lottery.inference import ctranslate2_gpu, ctranslate2_model
from t2t_lottery.inference.transformer_weights import Transformer
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

BATCH_SIZE = 32
# t2t searches until no better translation is possible; nearly always, 1.5*beam ended ones are enough for that.
_PATIENCE = 1.5
_END = str(subword_vocabulary.EOS)
# Files and folders written by `save`; the first by CTranslate2.
MODEL = "model.bin"
_PADDING = "padding.json"
_UNSEEN = "unseen"


def version() -> str:
  """The engine's name and version, for signatures."""
  return f"ctranslate2-{ctranslate2.__version__}"


def save(folder: str, model: Transformer, compute_type: str = ctranslate2_model.FLOAT32) -> None:
  """Writes the files for `CTranslate2Engine`.

  The model's source tokens are those of `ctranslate2_model.source_tokens`, its target tokens subword ids.

  Args:
    folder: output; must exist.
    model: the model.
    compute_type: of `ctranslate2_model.COMPUTE_TYPES`: how its matrices are stored and multiplied.
  """
  converted = ctranslate2_model.convert(model, compute_type)
  converted.model.save(folder)
  if converted.unseen:
    os.mkdir(os.path.join(folder, _UNSEEN))
    converted.unseen.save(os.path.join(folder, _UNSEEN))
  atomic_files.write_json(os.path.join(folder, _PADDING), converted.padding)


def options(beam_size: int, max_length: int, batch_size: int) -> dict[str, Any]:
  """CTranslate2's options for a search by t2t's rules, for the `beam_size` most probable translations."""
  return {
    "max_batch_size": batch_size,
    "beam_size": beam_size,
    "num_hypotheses": beam_size,
    "patience": _PATIENCE,
    "max_input_length": 0,
    "max_decoding_length": max_length,
    "min_decoding_length": 0,
    # Keeps log probabilities unchanged. With 0, CTranslate2 would stop as soon as one translation has ended.
    "length_penalty": 1e-12,
    "return_scores": True,
    "return_end_token": True,
  }


class CTranslate2Engine:
  """An engine, as described by `translator.Engine`.

  Args:
    folder: written by `save`.
    threads: how many batches to translate at the same time; None for the CPUs of this process.
    batch_size: sentences translated together; None for `BATCH_SIZE`.

  Raises:
    UserError: if the folder does not contain such a model.
  """

  def __init__(self, folder: str, threads: int | None = None, batch_size: int | None = None):
    self._batch_size = batch_size or BATCH_SIZE
    self._model = _model(folder, threads)
    padding = os.path.join(folder, _PADDING)
    if not os.path.exists(padding):
      raise UserError(
        f"{folder} was exported by an earlier version, which translated subwords with a pruned embedding differently "
        "from t2t: export it again"
      )
    self._padding = frozenset(atomic_files.read_json(padding, [int], "export the model again"))
    sees_all = subword_vocabulary.EOS not in self._padding
    self._unseen = None if sees_all else _model(os.path.join(folder, _UNSEEN), threads)

  def search(self, sources: Sequence[list[int]], beam_size: int, alpha: float) -> list[tuple[list[int], float]]:
    """Translations of sources, each with its score; see `translator.Engine`."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, source in enumerate(sources):
      by_length[len(source)].append(i)
    pending: dict[int, Any] = {}
    for length in sorted(by_length, reverse=True):
      # A call has one maximum length, so there is a call per source length; all of them are queued at once.
      same_length = [sources[i] for i in by_length[length]]
      pending.update(zip(by_length[length], self._queue(same_length, beam_size, length + EXTRA_LENGTH)))
    first_steps = self._queue(sources, 2 * beam_size, 1) if beam_size > 1 else None
    translations = []
    for i in range(len(sources)):
      found = _hypotheses(pending[i].result())
      if first_steps:
        found += [pair for pair in _hypotheses(first_steps[i].result()) if pair[0] == [_END]]
      tokens, score = _best(found, alpha if beam_size > 1 else 0.0)
      translations.append(([int(token) for token in tokens], score))
    return translations

  def log_probability(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> float:
    """The log probability of all targets together; see `translator.Engine`."""
    total = 0.0
    for model, chosen, tokens in self._divided(sources):
      scored = model.score_batch(
        tokens,
        # CTranslate2 appends the end of sentence to each reference.
        [list(map(str, targets[i][:-1])) for i in chosen],
        max_batch_size=self._batch_size,
        max_input_length=0,
      )
      total += sum(sum(result.log_probs) for result in scored)
    return total

  def _divided(
    self, sources: Sequence[list[int]]
  ) -> Iterator[tuple[ctranslate2.Translator, list[int], list[list[str]]]]:
    """Each model with the indices and the input tokens of its sources."""
    tokens = [ctranslate2_model.source_tokens(source, self._padding) for source in sources]
    if seen := [i for i, read in enumerate(tokens) if read]:
      yield self._model, seen, [tokens[i] for i in seen]
    if unseen := [i for i, read in enumerate(tokens) if not read]:
      yield self._unseen, unseen, [ctranslate2_model.source_tokens(sources[i], frozenset()) for i in unseen]

  def _queue(self, sources: Sequence[list[int]], beam_size: int, max_length: int) -> list[Any]:
    """Queues a beam search for the `beam_size` most probable translations of each source."""
    queued: dict[int, Any] = {}
    for model, chosen, tokens in self._divided(sources):
      results = model.translate_batch(
        tokens,
        asynchronous=True,
        **options(beam_size, max_length, self._batch_size),
      )
      queued.update(zip(chosen, results))
    return [queued[i] for i in range(len(sources))]


def _model(folder: str, threads: int | None) -> ctranslate2.Translator:
  """Opens a CTranslate2 model.

  Raises:
    UserError: if the folder does not contain one.
  """
  try:
    # "default" is the type in which the matrices are stored.
    if ctranslate2_gpu.is_usable():
      return ctranslate2.Translator(folder, device="cuda", compute_type="default")
    # The matrices are small, so threads over batches scale better than threads within a matrix product.
    threads = threads or len(os.sched_getaffinity(0))
    return ctranslate2.Translator(folder, compute_type="default", inter_threads=threads, intra_threads=1)
  except (RuntimeError, ValueError) as error:
    raise UserError(f"cannot translate with {folder}: {str(error).splitlines()[0]}") from error


def _hypotheses(result: Any) -> list[tuple[list[str], float]]:
  """(subword ids as text, including the end if there is one; log probability) of each translation."""
  return list(zip(result.hypotheses, result.scores))


def _best(hypotheses: Sequence[tuple[list[str], float]], alpha: float) -> tuple[list[str], float]:
  """The translation that t2t ranks first, and its score.

  Ended ones rank first, by log probability / ((5 + length) / 6)^alpha, where the length includes the end; if none
  ended, the most probable one is returned. Source: the end of `beam_search.beam_search`.
  """

  def rank(hypothesis: tuple[list[str], float]) -> tuple[bool, float]:
    tokens, log_probability = hypothesis
    ended = tokens[-1:] == [_END]
    return ended, log_probability / ((5 + len(tokens)) / 6) ** alpha if ended else log_probability

  best = max(hypotheses, key=rank)
  return best[0], rank(best)[1]
