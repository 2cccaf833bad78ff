"""Translates with a checkpoint through CTranslate2: checkpoint in, text out, no TensorFlow.

The search is t2t's (`tensor2tensor/utils/beam_search.py`) with one difference: at each step, t2t records translations
that end among the 2*beam best candidates, CTranslate2 only those among the beam best. So t2t sometimes finds a better
translation, more often with a weak model. `Translator.search` corrects this at the first step, where it decides whether
a weak model's translation is empty. Greedy search is the same.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ctranslate2

from t2t_lottery.data import subword_vocabulary
from t2t_lottery.data.subword_vocabulary import EXTRA_LENGTH, MAX_LENGTH
from t2t_lottery.inference import ctranslate2_gpu, ctranslate2_model
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

_BATCH_SIZE = 32
# t2t searches until no better translation is possible; nearly always, 1.5*beam ended ones are enough for that.
_PATIENCE = 1.5
_END = str(subword_vocabulary.EOS)
# Files and folders written by `save`.
VOCABULARY = "vocabulary.subwords"
_PADDING = "padding.json"
_UNSEEN = "unseen"


class TooLong(UserError):
  """A sentence or reference is longer than the model's position table."""


def signature(beam_size: int = 4, alpha: float = 0.6) -> str:
  """How translations are computed, in the style of sacreBLEU's signatures."""
  search = f"beam:{beam_size}|alpha:{alpha:g}|penalty:((5+len)/6)^alpha" if beam_size > 1 else "greedy"
  decoder = f"ctranslate2-{ctranslate2.__version__}"
  return f"{search}|cap:source+{EXTRA_LENGTH}|padding:zero embeddings|type:float32|decoder:{decoder}"


def save(folder: str, checkpoint: str, hparams: Mapping[str, Any], vocabulary: str) -> list[int]:
  """Writes the files for `Translator.load` into a folder: a CTranslate2 model and the subword vocabulary.

  The model's source tokens are those of `ctranslate2_model.source_tokens`, its target tokens subword ids.

  Args:
    folder: output; must exist.
    checkpoint: prefix of the checkpoint, or a sparse file.
    hparams: of the run, as saved by t2t-trainer in `hparams.json`.
    vocabulary: path of the shared subword vocabulary.

  Returns:
    The ids that are padding in a source because their embedding is all zeros.

  Raises:
    UserError: if the checkpoint cannot be read or does not match, or CTranslate2 does not support the model.
  """
  size = len(subword_vocabulary.Subwords(vocabulary))
  converted = ctranslate2_model.convert(checkpoint, hparams, size)
  converted.model.save(folder)
  if converted.unseen:
    os.mkdir(os.path.join(folder, _UNSEEN))
    converted.unseen.save(os.path.join(folder, _UNSEEN))
  atomic_files.write_json(os.path.join(folder, _PADDING), converted.padding)
  shutil.copyfile(vocabulary, os.path.join(folder, VOCABULARY))
  return converted.padding


class Translator:
  """Translates text with one checkpoint of t2t's Transformer.

  Args:
    checkpoint, hparams, vocabulary: as in `save`.

  Raises:
    UserError: as `save`.
  """

  def __init__(self, checkpoint: str, hparams: Mapping[str, Any], vocabulary: str):
    with tempfile.TemporaryDirectory() as folder:
      save(folder, checkpoint, hparams, vocabulary)
      self._open(folder)

  @classmethod
  def load(cls, folder: str) -> Translator:
    """A translator from a folder written by `save` or `python -m t2t_lottery.export --to=ctranslate2`.

    Raises:
      UserError: if the folder does not contain such a model.
    """
    translator = cls.__new__(cls)
    translator._open(folder)
    return translator

  def _open(self, folder: str) -> None:
    self._subwords = subword_vocabulary.Subwords(os.path.join(folder, VOCABULARY))
    self._model = _model(folder)
    padding = os.path.join(folder, _PADDING)
    if not os.path.exists(padding):
      raise UserError(
        f"{folder} was exported by an earlier version, which translated subwords with a pruned embedding differently "
        "from t2t: export it again"
      )
    self._padding = frozenset(atomic_files.read_json(padding))
    self._unseen = _model(os.path.join(folder, _UNSEEN)) if subword_vocabulary.EOS in self._padding else None

  def translate(self, sentences: Sequence[str], beam_size: int = 4, alpha: float = 0.6, first: int = 1) -> list[str]:
    """Translates sentences.

    Args:
      sentences: raw text, one sentence each.
      beam_size: 1 for greedy search.
      alpha: exponent of t2t's length penalty.
      first: number of the first sentence, for errors.

    Returns:
      A translation for each sentence, on one line.

    Raises:
      TooLong: if a sentence is longer than the model's position table.
    """
    return [self._text(ids) for ids in self.search(sentences, beam_size, alpha, first)]

  def search(self, sentences: Sequence[str], beam_size: int = 4, alpha: float = 0.6, first: int = 1) -> list[list[int]]:
    """Translates sentences into subword ids; the last one is `EOS` if the translation ended.

    A translation's maximum length is the number of subwords of its source, including the end, plus `EXTRA_LENGTH`. This
    is t2t's rule for a batch of one sentence; t2t uses the longest of a batch, so its result depends on the others.
    """
    sources = self._encoded(sentences)
    _check_lengths(sources, MAX_LENGTH - EXTRA_LENGTH, "sentence", "translated", first)
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
      translations.append([int(token) for token in _best(found, alpha)])
    return translations

  def loss(self, sentences: Sequence[str], references: Sequence[str]) -> float:
    """Cross entropy of all references, including the end of sentence, in nats per subword.

    t2t reports its negative as `neg_log_perplexity` (`tensor2tensor/utils/metrics.py`).

    Raises:
      TooLong: if a sentence or a reference is longer than the model's position table.
    """
    sources, targets = self._encoded(sentences), self._encoded(references)
    _check_lengths(sources, MAX_LENGTH, "sentence", "scored")
    _check_lengths(targets, MAX_LENGTH, "reference", "scored")
    total = 0.0
    for model, chosen, tokens in self._divided(sources):
      scored = model.score_batch(
        tokens,
        # CTranslate2 appends the end of sentence to each reference.
        [list(map(str, targets[i][:-1])) for i in chosen],
        max_batch_size=_BATCH_SIZE,
        max_input_length=0,
      )
      total += sum(sum(result.log_probs) for result in scored)
    return -total / sum(map(len, targets))

  def _divided(self, sources: list[list[int]]) -> Iterator[tuple[ctranslate2.Translator, list[int], list[list[str]]]]:
    """Each model with the indices and the input tokens of its sources."""
    tokens = [ctranslate2_model.source_tokens(source, self._padding) for source in sources]
    if seen := [i for i, read in enumerate(tokens) if read]:
      yield self._model, seen, [tokens[i] for i in seen]
    if unseen := [i for i, read in enumerate(tokens) if not read]:
      yield self._unseen, unseen, [ctranslate2_model.source_tokens(sources[i], frozenset()) for i in unseen]

  def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
    """Subword ids of lines, each with its end, as in records: without outer whitespace and byte order mark."""
    texts = [text.removeprefix("\ufeff") if i == 0 else text for i, text in enumerate(texts)]
    return [self._subwords.encode(text.strip()) + [subword_vocabulary.EOS] for text in texts]

  def _queue(self, sources: list[list[int]], beam_size: int, max_length: int) -> list[Any]:
    """Queues a beam search for the `beam_size` most probable translations of each source."""
    queued: dict[int, Any] = {}
    for model, chosen, tokens in self._divided(sources):
      results = model.translate_batch(
        tokens,
        max_batch_size=_BATCH_SIZE,
        asynchronous=True,
        beam_size=beam_size,
        num_hypotheses=beam_size,
        patience=_PATIENCE,
        max_input_length=0,
        max_decoding_length=max_length,
        min_decoding_length=0,
        # Keeps log probabilities unchanged. With 0, CTranslate2 would stop as soon as one translation has ended.
        length_penalty=1e-12,
        return_scores=True,
        return_end_token=True,
      )
      queued.update(zip(chosen, results))
    return [queued[i] for i in range(len(sources))]

  def _text(self, ids: list[int]) -> str:
    """One line of text; characters that are not valid in a line of UTF-8 are replaced."""
    text = self._subwords.decode(ids[:-1] if ids[-1:] == [subword_vocabulary.EOS] else ids)
    return text.replace("\n", " ").encode("utf-8", "replace").decode("utf-8")


def _model(folder: str) -> ctranslate2.Translator:
  """Opens a CTranslate2 model.

  Raises:
    UserError: if the folder does not contain one.
  """
  try:
    if ctranslate2_gpu.is_usable():
      return ctranslate2.Translator(folder, device="cuda", compute_type="float32")
    # The matrices are small, so threads over batches scale better than threads within a matrix product.
    return ctranslate2.Translator(
      folder, compute_type="float32", inter_threads=len(os.sched_getaffinity(0)), intra_threads=1
    )
  except (RuntimeError, ValueError) as error:
    raise UserError(f"cannot translate with {folder}: {str(error).splitlines()[0]}") from error


def _check_lengths(texts: Sequence[Sequence[int]], limit: int, what: str, action: str, first: int = 1) -> None:
  for number, text in enumerate(texts, first):
    if len(text) > limit:
      raise TooLong(f"{what} {number} has {len(text)} subwords; at most {limit} can be {action}")


def _hypotheses(result: Any) -> list[tuple[list[str], float]]:
  """(subword ids as text, including the end if there is one; log probability) of each translation."""
  return list(zip(result.hypotheses, result.scores))


def _best(hypotheses: Sequence[tuple[list[str], float]], alpha: float) -> list[str]:
  """The translation that t2t ranks first.

  Ended ones rank first, by log probability / ((5 + length) / 6)^alpha, where the length includes the end; if none
  ended, the most probable one is returned. Source: the end of `beam_search.beam_search`.
  """

  def rank(hypothesis: tuple[list[str], float]) -> tuple[bool, float]:
    tokens, score = hypothesis
    ended = tokens[-1:] == [_END]
    return ended, score / ((5 + len(tokens)) / 6) ** alpha if ended else score

  return max(hypotheses, key=rank)[0]
