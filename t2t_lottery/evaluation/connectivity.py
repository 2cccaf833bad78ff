"""Linear mode connectivity of two runs: dev loss and BLEU on the line between their final weights (Frankle et al. 2020).

No TensorFlow.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.checkpoints import sparse_file, tensor_bundle
from t2t_lottery.data import manifest
from t2t_lottery.evaluation import decoding, metrics
from t2t_lottery.inference import translator
from t2t_lottery.pruning import layers
from t2t_lottery.runs import model_source, paths, run_files
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UsageError, UserError


class Run(NamedTuple):
  """A trained run at one end of the line.

  Attributes:
    folder: the run's.
    about: its description (`run.json`).
    hparams: as saved by t2t-trainer.
  """

  folder: str
  about: dict[str, Any]
  hparams: dict[str, Any]

  @property
  def name(self) -> str:
    return self.about["run"]

  @property
  def final(self) -> str:
    """The checkpoint of its last step."""
    return paths.checkpoint(self.folder, self.about["train_steps"])

  @property
  def checksum(self) -> str:
    """SHA-256 of the index of its last checkpoint, which contains a checksum of each variable."""
    return manifest.file_info(f"{self.final}.index").sha256


def read(folder: str) -> Run:
  """Reads a run.

  Raises:
    UserError: if the folder contains no run that is trained to its end.
  """
  path = paths.description(folder)
  if not os.path.exists(path):
    raise UserError(f"there is no {path}: give the folders of two runs that the drivers trained")
  about = run_files.identified(path, run_files.description(folder))
  run_files.require_trained(folder, about)
  run = Run(folder, about, run_files.hparams(folder))
  if not paths.checkpoint_exists(run.final):
    raise UserError(f"{run.name} is not trained: {folder} has no checkpoint of step {about['train_steps']}")
  return run


def measure(first: Run, second: Run, data_dir: str, points: int) -> Iterator[dict[str, float]]:
  """Dev loss and BLEU at equal distances on the line, from the first run to the second.

  Args:
    first, second: the runs; of the same model, and trained on this data.
    data_dir: t2t's.
    points: how many, at least 2; the first and the last are the runs themselves.

  Yields:
    For each point, `alpha` (0 for the first run, 1 for the second), `dev_loss` in nats per subword, `dev_bleu` in percent.

  Raises:
    UserError: if the runs differ in model or data.
  """
  problem = first.about["problem"]
  sources, references = manifest.raw_text(problem, data_dir, "dev")
  language = manifest.target_language(problem, data_dir)
  ends = [model_source.read(run.final) for run in (first, second)]
  _check_same_model(first, second, ends)
  for alpha in np.linspace(0, 1, points).tolist():
    model = _model(interpolate(ends[0], ends[1], alpha), first.hparams, manifest.vocabulary(problem, data_dir))
    hypotheses = model.translate(sources, decoding.BEAM_SIZE, decoding.ALPHA)
    bleu = metrics.bleu(hypotheses, references, language).value
    yield {"alpha": alpha, "dev_loss": model.loss(sources, references), "dev_bleu": bleu}


def interpolate(
  first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], alpha: float
) -> dict[str, np.ndarray]:
  """(1 - alpha) * first + alpha * second, for each variable: float32, exactly zero where both are."""
  weight = np.float32(alpha)
  return {
    name: (np.float32(1) - weight) * value + weight * second[name]
    for name, value in first.items()
    if name != model_source.GLOBAL_STEP
  }


def barrier(values: Sequence[float], higher_is_better: bool = False) -> float:
  """How much worse the worst point of a line is than the mean of its two ends (Frankle et al. 2020, section 2).

  It is at least half of the difference of the ends; with equal ends, 0 is a line without a barrier.

  Args:
    values: along the line, the runs' own first and last.
    higher_is_better: as for BLEU; False for a loss.
  """
  sign = -1 if higher_is_better else 1
  ends = (values[0] + values[-1]) / 2
  return sign * ((min if higher_is_better else max)(values) - ends)


def result(first: Run, second: Run, measured: Sequence[Mapping[str, float]]) -> dict[str, Any]:
  """The result of a line, as it is stored: JSON."""
  loss, bleu = ([point[name] for point in measured] for name in ("dev_loss", "dev_bleu"))
  return {
    "runs": [run.name for run in (first, second)],
    "seeds": [run.about["seed"] for run in (first, second)],
    "checksums": [run.checksum for run in (first, second)],
    "problem": first.about["problem"],
    "sparsity_asked": first.about["sparsity_asked"],
    "same_start": _have_same(first, second, tensor_bundle.is_model_variable),
    "same_masks": _have_same(first, second, layers.is_mask),
    "alpha": [point["alpha"] for point in measured],
    "dev_loss": loss,
    "dev_bleu": bleu,
    "loss_barrier": barrier(loss),
    "bleu_barrier": barrier(bleu, higher_is_better=True),
    "signature": decoding.signature(decoding.CTRANSLATE2),
  }


def check(first: Run, second: Run, data_dir: str) -> None:
  """Raises UserError unless these are two runs of one problem, trained on the data in this folder."""
  if os.path.realpath(first.folder) == os.path.realpath(second.folder):
    raise UsageError(f"{first.folder} is given twice: give two runs, such as those of a driver with --data_seed")
  if first.about["problem"] != second.about["problem"]:
    raise UserError(
      f"{first.name} is a run of {first.about['problem']}, {second.name} of {second.about['problem']}: give runs of one "
      "problem"
    )
  for run in (first, second):
    manifest.check_same(run.folder, run.about.get("data"), run.about["problem"], data_dir)


def _check_same_model(first: Run, second: Run, ends: Sequence[Mapping[str, np.ndarray]]) -> None:
  shapes = [{name: value.shape for name, value in end.items() if name != model_source.GLOBAL_STEP} for end in ends]
  for name in sorted({*shapes[0], *shapes[1]}):
    if shapes[0].get(name) != shapes[1].get(name):
      raise UserError(f"{first.name} and {second.name} are of different models: {name} differs in shape or is missing")
  if first.hparams.get("num_heads") != second.hparams.get("num_heads"):
    raise UserError(f"{first.name} and {second.name} are of different models: num_heads differs")


def _have_same(first: Run, second: Run, wanted) -> bool | None:
  """Whether two runs started with the same variables of a kind; None if a checkpoint of step 0 is missing."""
  starts = [paths.kept(run.folder, 0) for run in (first, second)]
  if not all(map(paths.checkpoint_exists, starts)):
    return None
  ours, theirs = (tensor_bundle.read(start, wanted) for start in starts)
  return ours.keys() == theirs.keys() and all(np.array_equal(value, theirs[name]) for name, value in ours.items())


def _model(variables: dict[str, np.ndarray], hparams: Mapping[str, Any], vocabulary: str) -> translator.Translator:
  """A translator with these weights, through a temporary file without TensorFlow."""
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.sparse")
    sparse_file.write(path, variables)
    return translator.Translator(path, hparams, vocabulary)


def stored(path: str) -> dict[str, Any]:
  """A stored result.

  Raises:
    UserError: if it is missing or damaged.
  """
  number = (int, float)
  shape = {
    "runs": [str],
    "seeds": [int],
    # Results of early versions lack it.
    "checksums?": [str],
    "problem": str,
    "sparsity_asked": number,
    "same_start": (bool, type(None)),
    "same_masks": (bool, type(None)),
    "loss_barrier": number,
    "bleu_barrier": number,
    "signature": str,
    **{name: [number] for name in ("alpha", "dev_loss", "dev_bleu")},
  }
  return atomic_files.read_json(path, shape)
