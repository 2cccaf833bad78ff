"""Evaluates a trained run: every checkpoint translates dev, the best by BLEU translates test (paper, section 4).

No TensorFlow.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import manifest
from t2t_lottery.evaluation import (
  checkpoint_average,
  checkpoint_selection,
  classification,
  comet,
  decoding,
  metrics,
  model_size,
  run_statistics,
)
from t2t_lottery.evaluation.scoring import DEFAULT, Scoring
from t2t_lottery.inference import ctranslate2_model
from t2t_lottery.pruning import layers, weight_statistics
from t2t_lottery.runs import config, paths, retention, run_files, run_lock, run_spec, training_log
from t2t_lottery.utils import atomic_files, package_versions
from t2t_lottery.utils.errors import UserError

# A brevity penalty below this is reported.
_SHORT = 0.95
# Packages that affect a result and are not named elsewhere in its line.
_VERSIONED = ("t2t-lottery", "tensorflow", "tensor2tensor", "ctranslate2", "sacrebleu", "numpy")


def evaluate(
  settings: config.Settings,
  run: str,
  average: int = 0,
  decoder: str = decoding.CTRANSLATE2,
  keep: str = retention.ALL,
  scoring: Scoring = DEFAULT,
) -> dict[str, Any]:
  """Evaluates a run; finished parts are skipped. Waits while another process has locked the run.

  Args:
    settings: of the runs and the data.
    run: its name.
    average: if not 0, also evaluate the mean of the last N checkpoints.
    decoder: one of `decoding.DECODERS`; results of another decoder or version are replaced.
    keep: one of `retention.CHOICES`: which checkpoints are kept.
    scoring: how translations are scored; results with another tokenizer are replaced.

  Returns:
    The run's line of results.

  Raises:
    UserError: if the run is not trained, or a required checkpoint was deleted.
  """
  folder = settings.runs.folder(run)
  description = run_files.description(folder)
  run_spec.check(paths.description(folder), description, complete=False)
  return evaluate_folder(settings, folder, description, average, decoder, keep, scoring)


def evaluate_folder(
  settings: config.Settings,
  folder: str,
  description: dict[str, Any],
  average: int,
  decoder: str,
  keep: str,
  scoring: Scoring = DEFAULT,
) -> dict[str, Any]:
  """Like `evaluate`, for a run with this description in any folder."""
  manifest.check_same(folder, description.get("data"), settings.runs.problem, settings.data_dir)
  of_classes = classification.is_classification(settings.runs.problem, settings.data_dir)
  if not of_classes:
    metrics.check(manifest.target_language(settings.runs.problem, settings.data_dir), scoring.bleu_tokenize)
  elif average or decoder != decoding.CTRANSLATE2 or scoring != DEFAULT:
    raise UserError(
      f"{settings.runs.problem} is no translation: leave out --average, --decoder, --compute_type and flags of BLEU and COMET"
    )
  run_files.require_trained(folder, description)
  with run_lock.held(folder):
    if of_classes:
      line = classification.evaluate(settings, folder, description)
    else:
      line = _evaluate_once(settings, folder, description, average, decoder, scoring)
    if keep == retention.ESSENTIAL:
      retention.delete_intermediate(folder, line["best_step"])
    return line


def _evaluate_once(
  settings: config.Settings, folder: str, description: dict[str, Any], average: int, decoder: str, scoring: Scoring
) -> dict[str, Any]:
  run = description["run"]
  decoded = decoding.Decoding(folder, settings.runs.problem, settings.data_dir, decoder, scoring.bleu_tokenize)
  line = run_files.result(folder) if os.path.exists(paths.result(folder)) else None
  signatures = (line or {}).get("signatures", {})
  is_current = signatures.get("translation") == decoding.signature(decoder)
  is_current = is_current and run_spec.has_tokenizer(signatures, decoded.tokenizer)
  if line is None or not is_current or not checkpoint_selection.covers(line, description):
    line = _evaluate(settings, folder, decoded, decoder, description)
    atomic_files.write_json(paths.result(folder), line)
  if scoring.comet and line["signatures"].get(metrics.COMET) != scoring.comet.signature:
    _add_comet(settings, folder, decoded, line, scoring.comet)
    atomic_files.write_json(paths.result(folder), line)
  if scoring.int8 and line.get("int8", {}).get("signature") != decoding.signature(decoding.INT8):
    line["int8"] = _evaluate_int8(settings, folder, line, scoring)
    int8 = line["int8"]
    print(
      f"{run}: test BLEU {int8['test']['bleu']:.2f} with matrices in int8, exported {int8['megabytes']:.2f} MB "
      f"(in float32 {int8['float32_megabytes']:.2f})",
      flush=True,
    )
    atomic_files.write_json(paths.result(folder), line)
  if average and line.get("average", {}).get("checkpoints") != average:
    line["average"] = _evaluate_average(folder, decoded, average, checkpoint_selection.steps(folder, description))
    count = len(line["average"]["steps"])
    print(
      f"{run}: test BLEU {line['average']['test_bleu']:.2f} with the mean of the last {count} checkpoints "
      f"(dev {line['average']['dev_bleu']:.2f})"
      + (f"; --average={average}, but only these compete" if count < average else ""),
      flush=True,
    )
    atomic_files.write_json(paths.result(folder), line)
  return line


def _evaluate_int8(settings: config.Settings, folder: str, line: dict[str, Any], scoring: Scoring) -> dict[str, Any]:
  """Scores of test by the best checkpoint with its matrices in int8, how they came about, and the size of this model, exported, in
  int8 and in float32.
  """
  runs = settings.runs
  decoded = decoding.Decoding(folder, runs.problem, settings.data_dir, decoding.INT8, scoring.bleu_tokenize)
  checkpoint = paths.checkpoint(folder, line["best_step"])
  _, test = _test_scores(decoded, "test", checkpoint)
  exported = checkpoint, run_files.hparams(folder), manifest.vocabulary(runs.problem, settings.data_dir)
  return {
    "test": {name: score.value for name, score in test.items()},
    "signature": decoding.signature(decoding.INT8),
    "megabytes": model_size.exported_megabytes(*exported, ctranslate2_model.INT8),
    "float32_megabytes": model_size.exported_megabytes(*exported, ctranslate2_model.FLOAT32),
  }


def _add_comet(
  settings: config.Settings, folder: str, decoded: decoding.Decoding, line: dict[str, Any], tool: comet.Comet
) -> None:
  """Adds COMET of each test set to a line of results, and the statistics of its sentences to the run's."""
  checkpoint = paths.checkpoint(folder, line["best_step"])
  for split, name in manifest.test_sets(settings.runs.problem, settings.data_dir).items():
    found = tool.score(decoded.sources(split), decoded.translation(split, checkpoint), decoded.references(split))
    if split == "test":
      line["test"][metrics.COMET] = found.value
      line["signatures"][metrics.COMET] = found.signature
      with np.load(paths.segments(folder)) as arrays:
        run_statistics.write_segments(paths.segments(folder), {**arrays, metrics.COMET: found.segments})
    else:
      line["other_test_sets"][name][metrics.COMET] = found.value
    print(f"{line['run']}: {'test' if split == 'test' else name} COMET {found.value:.2f}", flush=True)


def _evaluate(
  settings: config.Settings, folder: str, decoded: decoding.Decoding, decoder: str, description: dict[str, Any]
) -> dict[str, Any]:
  """Computes and prints the run's line of results."""
  bleu, loss = _dev_scores(folder, decoded, description)
  best = max(bleu, key=lambda step: (bleu[step], step))
  checkpoint = paths.checkpoint(folder, best)
  hypotheses, test = _test_scores(decoded, "test", checkpoint)
  run_statistics.write_segments(paths.segments(folder), {name: score.segments for name, score in test.items()})
  sets = manifest.test_sets(settings.runs.problem, settings.data_dir)
  text_from = manifest.facts(settings.runs.problem, settings.data_dir).get("text_from")
  others = {name: _test_scores(decoded, split, checkpoint)[1] for split, name in sets.items() if split != "test"}
  statistics = run_statistics.of_checkpoint(settings, folder, description, checkpoint)
  left_out = metrics.left_out(decoded.language)
  line = {
    **description,
    **statistics.fields,
    "decoder": decoder,
    "best_step": best,
    "dev_bleu": bleu[best],
    "dev_bleu_by_step": {str(step): value for step, value in bleu.items()},
    "dev_loss": loss[best],
    "dev_loss_by_step": {str(step): value for step, value in loss.items()},
    "test": {name: score.value for name, score in test.items()},
    **({"test_set": sets["test"]} if others or sets["test"] == "dev" else {}),
    **({"other_test_sets": _values(others)} if others else {}),
    **({"left_out": left_out} if left_out else {}),
    "empty_translations": sum(not line for line in hypotheses),
    "brevity_penalty": metrics.brevity_penalty(test["bleu"]),
    "signatures": {
      **{name: score.signature + (f"|text:from {text_from}" if text_from else "") for name, score in test.items()},
      "translation": decoding.signature(decoder),
    },
    "megabytes": statistics.megabytes,
    "versions": {"python": platform.python_version(), **package_versions.installed(_VERSIONED)},
  }
  _print(line, statistics, len(hypotheses))
  return line


def _dev_scores(
  folder: str, decoded: decoding.Decoding, description: dict[str, Any]
) -> tuple[dict[int, float], dict[int, float | None]]:
  """Step -> BLEU, and step -> loss, on dev for each competing checkpoint."""
  bleu, loss = {}, {}
  progress = training_log.Throttled()
  for step in checkpoint_selection.steps(folder, description):
    checkpoint = paths.checkpoint(folder, step)
    if not decoded.is_complete("dev", checkpoint):
      retention.require(folder, [step])
    bleu[step] = _bleu(decoded, "dev", checkpoint)
    loss[step] = decoded.loss("dev", checkpoint)
    progress.show(f"{description['run']}: dev BLEU {bleu[step]:.2f} at step {step}")
  return bleu, loss


def _test_scores(decoded: decoding.Decoding, split: str, checkpoint: str) -> tuple[list[str], dict[str, metrics.Score]]:
  """A checkpoint's translation of a test set, and metric -> score for the metrics that apply to the language."""
  hypotheses, language = decoded.translation(split, checkpoint), decoded.language
  references = decoded.references(split)
  return hypotheses, {
    name: metrics.score(name, hypotheses, references, language, decoded.bleu_tokenize)
    for name in metrics.applicable(language)
  }


def _values(others: dict[str, dict[str, metrics.Score]]) -> dict[str, dict[str, float]]:
  return {test_set: {name: score.value for name, score in found.items()} for test_set, found in others.items()}


def _print(line: dict[str, Any], statistics: run_statistics.Statistics, sentences: int) -> None:
  """Prints the main results and warnings."""
  run, best, test = line["run"], line["best_step"], line["test"]
  training_log.finish(
    f"{run}: test BLEU {test['bleu']:.2f}, TER {test['ter']:.2f} with the checkpoint of step {best} "
    f"(dev BLEU {line['dev_bleu']:.2f}), {line['megabytes']['paper']:.2f} MB"
  )
  notes = [
    f"{name}: BLEU {scores['bleu']:.2f}, TER {scores['ter']:.2f}"
    for name, scores in line.get("other_test_sets", {}).items()
  ]
  notes.append(statistics.summary)
  notes += [f"no {name}: {why}" for name, why in line.get("left_out", {}).items()]
  notes += statistics.emptied
  empty, penalty = line["empty_translations"], line["brevity_penalty"]
  if empty or penalty < _SHORT:
    notes.append(f"{empty} of {sentences} translations of test are empty; BLEU's brevity penalty is {penalty:.3f}")
  for note in notes:
    print(f"{run}: {note}", flush=True)


def _evaluate_average(folder: str, decoded: decoding.Decoding, count: int, competing: Sequence[int]) -> dict[str, Any]:
  """Scores of the mean of the last `count` checkpoints, or fewer if not that many compete."""
  steps = list(competing[-count:])
  retention.require(folder, steps)
  checkpoint = checkpoint_average.average(folder, steps)
  return {
    "checkpoints": count,
    "steps": steps,
    "dev_bleu": _bleu(decoded, "dev", checkpoint),
    "test_bleu": _bleu(decoded, "test", checkpoint),
    "largest": weight_statistics.figures(tensor_bundle.read(checkpoint, layers.is_prunable_or_mask))["total"][
      "largest"
    ],
  }


def _bleu(decoded: decoding.Decoding, split: str, checkpoint: str) -> float:
  hypotheses, references = decoded.translation(split, checkpoint), decoded.references(split)
  return metrics.bleu(hypotheses, references, decoded.language, decoded.bleu_tokenize).value
