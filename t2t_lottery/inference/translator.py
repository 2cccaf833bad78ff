"""Translates text with a model of t2t's Transformer: checkpoint in, text out, no TensorFlow.

An engine computes the translations: `sparse` by sparse matrix products, exactly by t2t's rules; `ctranslate2` by CTranslate2,
whose beam search has one difference (`ctranslate2_engine`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from t2t_lottery.checkpoints import sparse_file
from t2t_lottery.data import subword_vocabulary
from t2t_lottery.data.subword_vocabulary import EXTRA_LENGTH, MAX_LENGTH
from t2t_lottery.inference import ctranslate2_engine, ctranslate2_model, transformer_weights
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

CTRANSLATE2, SPARSE = "ctranslate2", "sparse"
ENGINES = (SPARSE, CTRANSLATE2)
# CTranslate2 with matrices in int8.
INT8 = "ctranslate2_int8"
# The engine that `Translator.load` chooses: the fastest one that is exact for the model.
AUTO = "auto"
# Written by `save`, beside the engine's files.
VOCABULARY = "vocabulary.subwords"


class TooLong(UserError):
  """A sentence or reference is longer than the model's position table."""


class Engine(Protocol):
  """Computes with subword ids. Sources and targets end with `EOS`."""

  def search(self, sources: Sequence[list[int]], beam_size: int, alpha: float) -> list[tuple[list[int], float]]:
    """A translation of each source and its score, as in `Translation`; at most the source + `EXTRA_LENGTH` long."""

  def log_probability(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> float:
    """The log probability of all targets together."""


class Options(NamedTuple):
  """How an engine runs.

  Attributes:
    threads: how many batches are translated at the same time; None for the CPUs of this process.
    batch_size: sentences in a batch; None for the engine's default.
  """

  threads: int | None = None
  batch_size: int | None = None


_DEFAULTS = Options()


class Translation(NamedTuple):
  """A translation.

  Attributes:
    text: on one line.
    score: log probability / ((5 + length) / 6)^alpha in subwords, with the end; just the log probability in greedy search or
      if the translation did not end before its maximum length.
  """

  text: str
  score: float


def signature(beam_size: int = 4, alpha: float = 0.6, engine: str = CTRANSLATE2) -> str:
  """How translations are computed, in the style of sacreBLEU's signatures."""
  search = f"beam:{beam_size}|alpha:{alpha:g}|penalty:((5+len)/6)^alpha" if beam_size > 1 else "greedy"
  computed = f"type:{_compute_type(engine)}|decoder:{_version(engine)}"
  return f"{search}|cap:source+{EXTRA_LENGTH}|padding:zero embeddings|{computed}"


def _compute_type(engine: str) -> str:
  """The type of an engine's matrices."""
  return ctranslate2_model.INT8 if engine == INT8 else ctranslate2_model.FLOAT32


def _version(engine: str) -> str:
  if engine in (CTRANSLATE2, INT8):
    return ctranslate2_engine.version()
  return _sparse_engine().version()


def _sparse_engine() -> Any:
  """The module; numba, which it needs, takes a while to import.

  Raises:
    UserError: if numba is not installed.
  """
  if importlib.util.find_spec("numba") is None:
    raise UserError("the sparse engine needs the package numba: run run_scripts/setup.sh, or pip install numba")
  from t2t_lottery.inference.sparse import engine  # pylint: disable=import-outside-toplevel

  return engine


def save(
  folder: str,
  checkpoint: str,
  hparams: Mapping[str, Any],
  vocabulary: str,
  compute_type: str = ctranslate2_model.FLOAT32,
) -> list[int]:
  """Writes the files for `Translator.load` into a folder: a CTranslate2 model and the subword vocabulary.

  Args:
    folder: output; must exist.
    checkpoint: prefix of the checkpoint, or a sparse file.
    hparams: of the run, as saved by t2t-trainer in `hparams.json`.
    vocabulary: path of the shared subword vocabulary.
    compute_type: of `ctranslate2_model.COMPUTE_TYPES`.

  Returns:
    The ids that are padding in a source because their embedding is all zeros.

  Raises:
    UserError: if the checkpoint cannot be read or does not match, or only t2t computes a model of its kind.
  """
  model = transformer_weights.read(checkpoint, hparams, len(subword_vocabulary.Subwords(vocabulary)))
  ctranslate2_engine.save(folder, model, compute_type)
  shutil.copyfile(vocabulary, os.path.join(folder, VOCABULARY))
  return model.padding


class Translator:
  """Translates text with one checkpoint of t2t's Transformer.

  Args:
    checkpoint, hparams, vocabulary: as in `save`.
    engine: one of `ENGINES`, or `INT8`.
    options: how it runs.

  Raises:
    UserError: as `save`; or if the engine's package is not installed.
  """

  def __init__(
    self,
    checkpoint: str,
    hparams: Mapping[str, Any],
    vocabulary: str,
    engine: str = CTRANSLATE2,
    options: Options = _DEFAULTS,
  ):
    self.subwords = subword_vocabulary.Subwords(vocabulary)
    model = transformer_weights.read(checkpoint, hparams, len(self.subwords))
    self.engine: Engine
    if engine == SPARSE:
      self.engine = _sparse_engine().SparseEngine(model, *options)
    else:
      with tempfile.TemporaryDirectory() as folder:
        ctranslate2_engine.save(folder, model, _compute_type(engine))
        self.engine = ctranslate2_engine.CTranslate2Engine(folder, *options)

  @classmethod
  def load(cls, path: str, engine: str = AUTO, options: Options = _DEFAULTS) -> Translator:
    """A translator from an exported model.

    Args:
      path: a folder that `save` or `python -m t2t_lottery.export --to=ctranslate2` wrote, or a file of `--to=sparse`.
      engine: one of `ENGINES`, or `AUTO`: for a sparse file the sparse engine, for a folder CTranslate2.
      options: how it runs.

    Raises:
      UserError: if the path does not contain such a model, or the engine cannot run it.
    """
    if os.path.isfile(path):
      return cls._from_sparse_file(path, SPARSE if engine == AUTO else engine, options)
    if not os.path.exists(os.path.join(path, VOCABULARY)):
      raise UserError(
        f"{path} is not an exported model: run python -m t2t_lottery.export --checkpoint=RUN --to=sparse, or "
        "--to=ctranslate2"
      )
    if engine == SPARSE:
      raise UserError(f"{path} is a model of CTranslate2: the sparse engine needs a file, of export --to=sparse")
    translator = cls.__new__(cls)
    translator.subwords = subword_vocabulary.Subwords(os.path.join(path, VOCABULARY))
    translator.engine = ctranslate2_engine.CTranslate2Engine(path, *options)
    return translator

  @classmethod
  def _from_sparse_file(cls, path: str, engine: str, options: Options) -> Translator:
    about = sparse_file.about(path)
    vocabulary, hparams = about.get("vocabulary"), about.get("hparams")
    if not isinstance(vocabulary, str) or not isinstance(hparams, dict):
      raise UserError(
        f"{path} contains no vocabulary: export the run again by python -m t2t_lottery.export --to=sparse, where its "
        "data_dir is"
      )
    with tempfile.TemporaryDirectory() as folder:
      name = os.path.join(folder, VOCABULARY)
      atomic_files.write_text(name, vocabulary)
      return cls(path, hparams, name, engine, options)

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
      UserError: if the beam is larger than half of the vocabulary.
    """
    return [translation.text for translation in self.translate_with_scores(sentences, beam_size, alpha, first)]

  def translate_with_scores(
    self, sentences: Sequence[str], beam_size: int = 4, alpha: float = 0.6, first: int = 1
  ) -> list[Translation]:
    """As `translate`, with scores."""
    found = self._search(sentences, beam_size, alpha, first)
    return [Translation(self._text(ids), score) for ids, score in found]

  def search(self, sentences: Sequence[str], beam_size: int = 4, alpha: float = 0.6, first: int = 1) -> list[list[int]]:
    """Translates sentences into subword ids; the last one is `EOS` if the translation ended.

    A translation's maximum length is the number of subwords of its source, including the end, plus `EXTRA_LENGTH`. This
    is t2t's rule for a batch of one sentence; t2t uses the longest of a batch, so its result depends on the others.
    """
    return [ids for ids, _ in self._search(sentences, beam_size, alpha, first)]

  def _search(
    self, sentences: Sequence[str], beam_size: int, alpha: float, first: int
  ) -> list[tuple[list[int], float]]:
    # t2t's search continues a beam by twice as many different subwords.
    if 2 * beam_size > len(self.subwords):
      raise UserError(f"beam size {beam_size} is more than half of the vocabulary ({len(self.subwords)} subwords)")
    sources = self.encode(sentences, first)
    _check_lengths(sources, MAX_LENGTH - EXTRA_LENGTH, "sentence", "translated", first)
    return self.engine.search(sources, beam_size, alpha)

  def loss(self, sentences: Sequence[str], references: Sequence[str]) -> float:
    """Cross entropy of all references, including the end of sentence, in nats per subword.

    t2t reports its negative as `neg_log_perplexity` (`tensor2tensor/utils/metrics.py`).

    Raises:
      TooLong: if a sentence or a reference is longer than the model's position table.
    """
    sources, targets = self.encode(sentences), self.encode(references)
    _check_lengths(sources, MAX_LENGTH, "sentence", "scored")
    _check_lengths(targets, MAX_LENGTH, "reference", "scored")
    return -self.engine.log_probability(sources, targets) / sum(map(len, targets))

  def encode(self, texts: Sequence[str], first: int = 1) -> list[list[int]]:
    """Subword ids of lines, each with its end, as in records: without outer whitespace, and the first line without a byte
    order mark.

    Args:
      texts: the lines.
      first: number of the first of them.
    """
    lines = [text.removeprefix("\ufeff") if number == 1 else text for number, text in enumerate(texts, first)]
    return [self.subwords.encode(line.strip()) + [subword_vocabulary.EOS] for line in lines]

  def _text(self, ids: list[int]) -> str:
    """One line of text; characters that are not valid in a line of UTF-8 are replaced."""
    text = self.subwords.decode(ids[:-1] if ids[-1:] == [subword_vocabulary.EOS] else ids)
    return text.replace("\n", " ").encode("utf-8", "replace").decode("utf-8")


def _check_lengths(texts: Sequence[Sequence[int]], limit: int, what: str, action: str, first: int = 1) -> None:
  for number, text in enumerate(texts, first):
    if len(text) > limit:
      raise TooLong(f"{what} {number} has {len(text)} subwords; at most {limit} can be {action}")
