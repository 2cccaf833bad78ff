"""A run's translations and losses, each computed once: by an engine of ours, or by t2t_decoder for reference."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.evaluation import metrics
from t2t_lottery.inference import translator
from t2t_lottery.runs import model_source, paths, run_files
from t2t_lottery.utils import atomic_files, t2t_process
from t2t_lottery.utils.errors import UserError

CTRANSLATE2, SPARSE, T2T = translator.CTRANSLATE2, translator.SPARSE, "t2t"
DECODERS = (CTRANSLATE2, SPARSE, T2T)
# Of an additional evaluation.
INT8 = translator.INT8
BEAM_SIZE, ALPHA = 4, 0.6


def signature(decoder: str) -> str:
  """How translations are computed, in the style of sacreBLEU's signatures."""
  if decoder != T2T:
    return translator.signature(BEAM_SIZE, ALPHA, decoder)
  # Its batches contain sentences of similar length; the longest one sets the cap.
  return (
    f"beam:{BEAM_SIZE}|alpha:{ALPHA:g}|penalty:((5+len)/6)^alpha"
    f"|cap:longest source of the batch+{subword_vocabulary.EXTRA_LENGTH}"
    f"|type:float32|decoder:t2t-{importlib.metadata.version('tensor2tensor')}"
  )


class Decoding:
  """Translates dev and test with checkpoints of one run and computes losses; stores each result in the run's folder.

  Args:
    folder: the run's.
    problem: t2t's name of the problem.
    data_dir: t2t's.
    decoder: one of `DECODERS`, or `INT8`.
    bleu_tokenize: sacreBLEU's tokenizer by which BLEU is computed; empty for that of the target language.
  """

  def __init__(self, folder: str, problem: str, data_dir: str, decoder: str = CTRANSLATE2, bleu_tokenize: str = ""):
    self._folder = folder
    self._problem = problem
    self._data_dir = data_dir
    self._decoder = decoder
    self.bleu_tokenize = bleu_tokenize
    self._raw_text = functools.cache(lambda split: manifest.raw_text(problem, data_dir, split))
    # One model in memory is enough: callers finish one checkpoint before the next.
    self._translator = functools.lru_cache(maxsize=1)(self._load)

  @functools.cached_property
  def language(self) -> str:
    """Code of the target language."""
    return manifest.target_language(self._problem, self._data_dir)

  @property
  def tokenizer(self) -> str:
    """sacreBLEU's tokenizer by which BLEU is computed."""
    return self.bleu_tokenize or metrics.tokenizer(self.language)

  def sources(self, split: str) -> list[str]:
    """The sources of a split."""
    return self._raw_text(split)[0]

  def references(self, split: str) -> list[str]:
    """The references of a split."""
    return self._raw_text(split)[1]

  def is_complete(self, split: str, checkpoint: str) -> bool:
    """Whether a checkpoint's translation of a split and its loss exist, with the current decoder's signature."""
    return self._is_translated(split, checkpoint) and (self._decoder == T2T or self._has_loss(split, checkpoint))

  def _is_translated(self, split: str, checkpoint: str) -> bool:
    path = paths.translation(self._folder, split, checkpoint, self._decoder)
    return os.path.exists(path) and run_files.made_by(path) == signature(self._decoder)

  def _has_loss(self, split: str, checkpoint: str) -> bool:
    path = paths.loss(self._folder, split, checkpoint, self._decoder)
    return os.path.exists(path) and run_files.loss(path)[1] == signature(self._decoder)

  def translation(self, split: str, checkpoint: str) -> list[str]:
    """A checkpoint's translation of a split; one with another signature is replaced.

    Raises:
      UserError: if the checkpoint cannot be read, the decoder fails, or the stored translation was changed.
    """
    sources, _ = self._raw_text(split)
    path = paths.translation(self._folder, split, checkpoint, self._decoder)
    lines = run_files.translation(path) if self._is_translated(split, checkpoint) else []
    if len(lines) != len(sources):
      with self._naming_file(split):
        lines = self.translations(sources, checkpoint)
      run_files.write_translation(path, lines, signature(self._decoder))
    return lines

  def translations(self, sentences: list[str], checkpoint: str) -> list[str]:
    """A checkpoint's translation of any sentences, one line each.

    Raises:
      UserError: as `translation`.
    """
    if self._decoder != T2T:
      return self._translator(checkpoint).translate(sentences, BEAM_SIZE, ALPHA)
    # t2t_decoder would report damage in its own words, and ignores masks.
    tensor_bundle.check(checkpoint)
    model_source.read(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
      source, target = os.path.join(folder, "source.txt"), os.path.join(folder, "target.txt")
      atomic_files.write_lines(source, sentences)
      log = paths.decode_log(self._folder)
      hparams = paths.hparams(self._folder)
      command = t2t_command(checkpoint, hparams, self._problem, self._data_dir, source, target, folder)
      status = t2t_process.run(command, log)
      lines = atomic_files.read_lines(target) if status == 0 and os.path.exists(target) else []
    if status < 0:
      raise t2t_process.failed(f"{checkpoint}: t2t_decoder", status, log)
    if len(lines) != len(sentences):
      raise UserError(
        f"t2t_decoder ended with status {status} and {len(lines)} of {len(sentences)} translations with {checkpoint}: "
        f"{t2t_process.last_line(log)} (full log: {log})"
      )
    return lines

  def loss(self, split: str, checkpoint: str) -> float | None:
    """A checkpoint's loss on a split, in nats per subword of the references; None for t2t_decoder."""
    if self._decoder == T2T:
      return None
    path = paths.loss(self._folder, split, checkpoint, self._decoder)
    if not self._has_loss(split, checkpoint):
      with self._naming_file(split):
        loss = self._translator(checkpoint).loss(*self._raw_text(split))
      atomic_files.write_json(path, {"loss": loss, "signature": signature(self._decoder)})
    return run_files.loss(path)[0]

  @contextlib.contextmanager
  def _naming_file(self, split: str) -> Iterator[None]:
    """Adds the file to the error about a sentence that is too long; the current datagen rejects such sentences."""
    try:
      yield
    except translator.TooLong as error:
      name = manifest.raw_name(self._problem, split, "source or .reference")
      raise UserError(f"{os.path.join(self._data_dir, name)}: {error}: generate the data again without it") from error

  def _load(self, checkpoint: str) -> translator.Translator:
    vocabulary = manifest.vocabulary(self._problem, self._data_dir)
    return translator.Translator(checkpoint, run_files.hparams(self._folder), vocabulary, self._decoder)


def t2t_command(
  checkpoint: str, hparams: str, problem: str, data_dir: str, source: str, target: str, folder: str
) -> list[str]:
  """The t2t_decoder command that translates a file, in its own empty folder.

  Args:
    checkpoint: prefix.
    hparams: path of the run's hparams.json.
    problem, data_dir: t2t's.
    source, target: paths of the text and its translation.
    folder: where t2t_decoder reads hparams.json and may write.
  """
  shutil.copy(hparams, folder)
  return [
    *t2t_process.t2t("t2t_decoder"),
    f"--t2t_usr_dir={t2t_process.usr_dir()}",
    f"--problem={problem}",
    f"--data_dir={data_dir}",
    "--model=transformer",
    "--hparams_set=transformer_dense",
    f"--decode_hparams=beam_size={BEAM_SIZE},alpha={ALPHA},extra_length={subword_vocabulary.EXTRA_LENGTH}",
    f"--worker_gpu={t2t_process.default_gpus()}",
    f"--output_dir={folder}",
    f"--checkpoint_path={checkpoint}",
    f"--decode_from_file={source}",
    f"--decode_to_file={target}",
  ]
