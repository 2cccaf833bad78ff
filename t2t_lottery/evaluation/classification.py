"""Evaluates a trained run of BERT: scores of its last checkpoint on all of dev.

No checkpoint is chosen, because GLUE's test labels are not public and dev is what is reported, as by Chen et al. (2020).
"""

from __future__ import annotations

import os
import platform
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.data import manifest, squad
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.evaluation import answers, checkpoint_selection, class_metrics, run_statistics
from t2t_lottery.runs import config, paths, run_files, training_log
from t2t_lottery.utils import atomic_files, package_versions
from t2t_lottery.utils.errors import UserError

# Packages that affect a result.
_VERSIONED = ("t2t-lottery", "tensorflow", "tensor2tensor", "scipy", "numpy")


def is_classification(problem: str, data_dir: str) -> bool:
  """Whether a problem's generated data are of classes, masked pieces, real numbers or answers instead of translations."""
  return "outputs" in manifest.facts(problem, data_dir)


def evaluate(settings: config.Settings, folder: str, description: dict[str, Any]) -> dict[str, Any]:
  """Evaluates a run, unless its result is there.

  Args:
    settings: of the runs and the data.
    folder: the run's, locked by the caller.
    description: content of `run.json`.

  Returns:
    The run's line of results, written to its folder.

  Raises:
    UserError: if a file is missing or damaged.
  """
  line = run_files.result(folder) if os.path.exists(paths.result(folder)) else None
  if (
    line is None
    or line.get("signatures", {}).get(class_metrics.PREDICTIONS) != signature()
    or not checkpoint_selection.covers(line, description)
  ):
    line = _evaluate(settings, folder, description)
    atomic_files.write_json(paths.result(folder), line)
  return line


def signature() -> str:
  """What predictions are computed by, for a line of results."""
  return "|".join(f"{name}:{version}" for name, version in package_versions.installed(["tensorflow"]).items())


def _evaluate(settings: config.Settings, folder: str, description: dict[str, Any]) -> dict[str, Any]:
  """Computes and prints the run's line of results."""
  step = checkpoint_selection.steps(folder, description)[-1]
  checkpoint = paths.checkpoint(folder, step)
  hparams = run_files.hparams(folder)
  problem, data_dir = settings.runs.problem, settings.data_dir
  manifest.check_complete(problem, data_dir)
  if "gelu" not in hparams:
    raise UserError(f"{checkpoint} is of no run of lottery_bert: {problem} cannot be evaluated for another model")
  questions = manifest.facts(problem, data_dir).get("questions")
  found = (_score_answers if questions else _score_classes)(settings, checkpoint, hparams)
  run_statistics.write_segments(paths.segments(folder), {n: s for n, s in found.segments.items() if s is not None})
  statistics = run_statistics.of_checkpoint(settings, folder, description, checkpoint)
  line = {
    **description,
    **statistics.fields,
    "best_step": step,
    "dev_loss": found.loss,
    "dev_loss_by_step": {str(step): found.loss},
    "test": found.scores,
    "test_set": "dev",
    "predicted_values": found.distinct,
    "signatures": {**found.signatures, class_metrics.PREDICTIONS: signature()},
    "megabytes": statistics.megabytes,
    "versions": {"python": platform.python_version(), **package_versions.installed(_VERSIONED)},
  }
  _print(line, [statistics.summary, *statistics.emptied])
  return line


class _Scored(NamedTuple):
  """A checkpoint on dev.

  Attributes:
    scores: metric -> score in percent.
    segments: metric -> statistics of each example (`class_metrics.statistics`).
    signatures: metric -> how it was computed.
    loss: mean.
    distinct: number of different predictions.
  """

  scores: dict[str, float]
  segments: dict[str, np.ndarray | None]
  signatures: dict[str, str]
  loss: float
  distinct: int


def _score_classes(settings: config.Settings, checkpoint: str, hparams: dict[str, Any]) -> _Scored:
  found = _predictions(settings, checkpoint, hparams)
  predicted, targets = found.values, found.targets
  scores = {name: class_metrics.score(name, predicted, targets) for name in class_metrics.applicable(found.classes)}
  segments = {name: class_metrics.statistics(name, predicted, targets) for name in scores}
  signatures = {name: class_metrics.signature(name, len(targets), found.examples) for name in scores}
  return _Scored(scores, segments, signatures, float(np.mean(found.losses)), len(np.unique(predicted)))


def _score_answers(settings: config.Settings, checkpoint: str, hparams: dict[str, Any]) -> _Scored:
  """Scores of the best answer to each question, and the loss over all windows."""
  from t2t_lottery.models import bert_predictor

  problem, data_dir = settings.runs.problem, settings.data_dir
  facts = manifest.facts(problem, data_dir)
  questions = squad.read_stored(os.path.join(data_dir, facts["questions"]))
  tokenizer = WordPiece.read(os.path.join(data_dir, facts["vocabulary"]))
  windows = [squad.windows(tokenizer, question) for question in questions]
  every = [window for of_question in windows for window in of_question]
  logits = dict(bert_predictor.predict_spans(checkpoint, hparams, every))
  predicted, losses, number = [], [], 0
  for question, of_question in zip(questions, windows):
    values = [logits[number + i] for i in range(len(of_question))]
    number += len(of_question)
    predicted.append(answers.best(question.context, of_question, values))
    targets = [np.array(window.target(question.span)) for window in of_question]
    losses += [class_metrics.losses(value.T, target).mean() for value, target in zip(values, targets)]
  metrics = {"exact_match": answers.exact_match, "answer_f1": answers.f1}
  segments = {
    name: np.array([[score(text, question.answers), 1.0] for text, question in zip(predicted, questions)])
    for name, score in metrics.items()
  }
  return _Scored(
    {name: float(class_metrics.FORMULAS[name][1](one.sum(axis=0))) for name, one in segments.items()},
    {**segments},
    {name: class_metrics.signature_of_answers(name, len(questions), len(every)) for name in metrics},
    float(np.mean(losses)),
    len(set(predicted)),
  )


class _Predictions(NamedTuple):
  """Of all n examples of dev, or of their n masked pieces, in the order of the records.

  Attributes:
    values: [n], int64 classes or pieces, or float32 numbers.
    losses: float64 [n].
    targets: [n].
    classes: how many classes or pieces there are; 1 for real numbers.
    examples: of dev.
  """

  values: np.ndarray
  losses: np.ndarray
  targets: np.ndarray
  classes: int
  examples: int


def _predictions(settings: config.Settings, checkpoint: str, hparams: dict[str, Any]) -> _Predictions:
  """The predictions for dev."""
  # Imported late: it imports TensorFlow.
  from t2t_lottery.models import bert_predictor

  rows = []
  records = manifest.records(settings.runs.problem, settings.data_dir, "dev")
  for batch in bert_predictor.predict(checkpoint, hparams, records):
    classes = batch.outputs.shape[1]
    values = batch.outputs[:, 0] if classes == 1 else batch.outputs.argmax(axis=1)
    rows.append((batch.examples, values, class_metrics.losses(batch.outputs, batch.targets), batch.targets))
  numbers, values, losses, targets = (np.concatenate(part) for part in zip(*rows))
  order = np.argsort(numbers, kind="stable")
  return _Predictions(values[order], losses[order], targets[order], classes, len(np.unique(numbers)))


def _print(line: dict[str, Any], notes: list[str]) -> None:
  run = line["run"]
  scores = ", ".join(f"{class_metrics.TITLES[name]} {value:.2f}" for name, value in line["test"].items())
  training_log.finish(
    f"{run}: dev {scores} with the checkpoint of step {line['best_step']} (loss {line['dev_loss']:.4f}), "
    f"{line['megabytes']['paper']:.2f} MB"
  )
  if line["predicted_values"] == 1:
    notes.append("all examples of dev get the same prediction")
  for note in notes:
    print(f"{run}: {note}", flush=True)
