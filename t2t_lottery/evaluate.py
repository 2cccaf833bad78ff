"""Evaluates a trained run: `python -m t2t_lottery.evaluate --run=slt-50 ...`; one that t2t-trainer was called for by hand:
`python -m t2t_lottery.evaluate --model_dir=FOLDER --problem=... --data_dir=...`.

Every checkpoint translates dev, the best by BLEU translates test (paper, section 4), and the run gets its line of
results. Of a run that is pruned while it trains, only the checkpoints after its last pruning compete, and are averaged:
of the paper's 20 the last 4. Each translation is kept, so that an interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import io
import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags

from t2t_lottery import (
  averaging,
  bundle,
  by_hand,
  command,
  competing,
  decoding,
  descriptions,
  errors,
  files,
  joining,
  keeping,
  layer_statistics,
  layers,
  paths,
  progress,
  rawtext,
  results,
  run_files,
  run_lock,
  scores,
  settings,
  sizes,
  stored_model,
  versions,
)

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.")
_MODEL_DIR = flags.DEFINE_string(
  "model_dir", None, "In place of --run: the --output_dir of a run that t2t-trainer was called for by hand."
)
_AVERAGE = flags.DEFINE_integer("average", 0, "Evaluate also the mean of so many last checkpoints.", lower_bound=0)
_DECODER = flags.DEFINE_enum(
  "decoder", decoding.CTRANSLATE2, decoding.DECODERS, "What translates: CTranslate2, or t2t_decoder as the reference."
)
_KEEP = flags.DEFINE_enum(
  "keep", keeping.ALL, keeping.CHOICES, "Keep all checkpoints, or only the best, the last, and those of step 0 and t."
)

# Below this brevity penalty, translations are so short that it is said.
_SHORT = 0.95
# What decides a number that is not stated elsewhere in its line.
_VERSIONED = ("t2t-lottery", "tensorflow", "tensor2tensor", "ctranslate2", "sacrebleu", "numpy")


def evaluate(
  config: settings.Settings,
  run: str,
  average: int = 0,
  decoder: str = decoding.CTRANSLATE2,
  keep: str = keeping.ALL,
) -> dict[str, Any]:
  """Evaluates a run; what is done already is not done again. Waits while another process is at work on the run.

  Args:
    config: what to evaluate it with.
    run: its name.
    average: if not 0, the mean of so many last checkpoints is evaluated as well.
    decoder: of `decoding.DECODERS`; results of another one, or of another version of it, are replaced.
    keep: of `keeping.CHOICES`: which checkpoints stay.

  Returns:
    The run's line of results.

  Raises:
    UserError: if the run is not trained, or a checkpoint that is needed was removed.
  """
  folder = config.runs.folder(run)
  description = run_files.description(folder)
  descriptions.check(paths.description(folder), description, complete=False)
  return evaluate_folder(config, folder, description, average, decoder, keep)


def evaluate_folder(
  config: settings.Settings, folder: str, description: dict[str, Any], average: int, decoder: str, keep: str
) -> dict[str, Any]:
  """As `evaluate`, of a run that lies in any folder, and is what the description says."""
  rawtext.check_same(folder, description.get("data"), config.runs.problem, config.data_dir)
  scores.check(rawtext.target_language(config.runs.problem))
  run_files.require_trained(folder, description)
  with run_lock.held(folder):
    line = _evaluate_once(config, folder, description, average, decoder)
    if keep == keeping.ESSENTIAL:
      keeping.thin(folder, line["best_step"])
    return line


def _evaluate_once(
  config: settings.Settings, folder: str, description: dict[str, Any], average: int, decoder: str
) -> dict[str, Any]:
  run = description["run"]
  decoded = decoding.Decoding(folder, config.runs.problem, config.data_dir, decoder)
  line = run_files.result(folder) if os.path.exists(paths.result(folder)) else None
  if line is None or line.get("signatures", {}).get("translation") != decoding.signature(decoder):
    line = _evaluate(config, folder, decoded, decoder, description)
    files.write_json(paths.result(folder), line)
  if average and line.get("average", {}).get("checkpoints") != average:
    line["average"] = _evaluate_average(folder, decoded, average, competing.steps(folder, description))
    count = len(line["average"]["steps"])
    print(
      f"{run}: test BLEU {line['average']['test_bleu']:.2f} with the mean of the last {count} checkpoints "
      f"(dev {line['average']['dev_bleu']:.2f})"
      + (f"; --average={average}, but no more of them compete" if count < average else ""),
      flush=True,
    )
    files.write_json(paths.result(folder), line)
  return line


def _evaluate(
  config: settings.Settings, folder: str, decoded: decoding.Decoding, decoder: str, description: dict[str, Any]
) -> dict[str, Any]:
  run = description["run"]
  steps = competing.steps(folder, description)
  bleu, loss = {}, {}
  shown = progress.NowAndThen()
  for step in steps:
    checkpoint = paths.checkpoint(folder, step)
    if not decoded.is_there("dev", checkpoint):
      keeping.require(folder, [step])
    bleu[step] = _dev_bleu(decoded, checkpoint)
    loss[step] = decoded.loss("dev", checkpoint)
    shown.show(f"{run}: dev BLEU {bleu[step]:.2f} at step {step}")
  best = max(steps, key=lambda step: (bleu[step], step))
  hypotheses = decoded.translation("test", paths.checkpoint(folder, best))
  language = decoded.language
  test = {
    name: scores.score(name, hypotheses, decoded.references("test"), language) for name in scores.applicable(language)
  }
  left_out = scores.left_out(language)
  _write_segments(paths.segments(folder), test)
  variables = bundle.read(paths.checkpoint(folder, best))
  stored_model.require_zeros(paths.checkpoint(folder, best), variables)
  looks = _looks(config, folder, description, variables)
  files.write_json(paths.layers(folder), looks)
  megabytes = sizes.megabytes(variables)
  progress.end(
    f"{run}: test BLEU {test['bleu'].value:.2f}, TER {test['ter'].value:.2f} with the checkpoint of step {best} "
    f"(dev BLEU {bleu[best]:.2f}), {megabytes['paper']:.2f} MB"
  )
  print(f"{run}: " + _in_words(looks["total"], description), flush=True)
  for name, why in left_out.items():
    print(f"{run}: no {name}: {why}", flush=True)
  emptied = layer_statistics.emptied(variables, files.read_json(paths.hparams(folder)).get("num_heads"))
  empty = sum(not line for line in hypotheses)
  brevity_penalty = scores.brevity_penalty(test["bleu"])
  for line in emptied.in_words():
    print(f"{run}: {line}", flush=True)
  if empty or brevity_penalty < _SHORT:
    print(
      f"{run}: {empty} of {len(hypotheses)} translations of test are empty; BLEU's brevity penalty is {brevity_penalty:.3f}",
      flush=True,
    )
  return {
    **description,
    "sparsity": looks["total"]["sparsity"],
    "on_target": competing.is_on_target(folder, description, variables),
    "weights": looks["total"],
    "emptied": emptied.to_json(),
    "decoder": decoder,
    "best_step": best,
    "dev_bleu": bleu[best],
    "dev_bleu_by_step": {str(step): value for step, value in bleu.items()},
    "dev_loss": loss[best],
    "dev_loss_by_step": {str(step): value for step, value in loss.items()},
    "test": {name: score.value for name, score in test.items()},
    **({"left_out": left_out} if left_out else {}),
    "empty_translations": empty,
    "brevity_penalty": brevity_penalty,
    "signatures": {
      **{name: score.signature for name, score in test.items()},
      "translation": decoding.signature(decoder),
    },
    "megabytes": megabytes,
    "versions": {"python": platform.python_version(), **versions.of(_VERSIONED)},
  }


def _evaluate_average(folder: str, decoded: decoding.Decoding, count: int, there: Sequence[int]) -> dict[str, Any]:
  """Scores of the mean of the last checkpoints, as many as asked for if so many compete."""
  steps = list(there[-count:])
  keeping.require(folder, steps)
  checkpoint = averaging.average(folder, steps)
  test = scores.bleu(decoded.translation("test", checkpoint), decoded.references("test"), decoded.language)
  return {
    "checkpoints": count,
    "steps": steps,
    "dev_bleu": _dev_bleu(decoded, checkpoint),
    "test_bleu": test.value,
    "largest": layer_statistics.figures(bundle.read(checkpoint, layers.is_prunable_or_mask))["total"]["largest"],
  }


def _dev_bleu(decoded: decoding.Decoding, checkpoint: str) -> float:
  return scores.bleu(decoded.translation("dev", checkpoint), decoded.references("dev"), decoded.language).value


def _write_segments(path: str, test: dict[str, scores.Score]) -> None:
  """Keeps what significance is computed from (`Score.segments`), an array per metric."""
  file = io.BytesIO()
  np.savez_compressed(file, **{name: score.segments for name, score in test.items()})
  files.write_bytes(path, [file.getvalue()])


def _looks(
  config: settings.Settings, folder: str, description: dict[str, Any], variables: dict[str, Any]
) -> dict[str, dict[str, float | None]]:
  """Figures of each layer and in `total` (`layer_statistics.figures`): `signs` beside the run's own theta_0, `mask` beside
  the run that the mask was drawn from.
  """

  def beside(checkpoint: str) -> dict[str, dict[str, float | None]]:
    return layer_statistics.figures(variables, bundle.read(checkpoint, layers.is_prunable_or_mask))

  found = beside(paths.kept(folder, 0))
  masks: dict[str, float | None] = {}
  mask_from = description.get("mask_checkpoint")
  if "mask_from" in description:
    parent, _, step = description["mask_from"].partition("@")
    mask_from = paths.stored(config.runs.folder(parent), int(step))
  if mask_from:
    above = beside(mask_from)
    masks = {name: figures["mask"] for name, figures in above.items()}
  return {name: {**figures, "mask": masks.get(name)} for name, figures in found.items()}


def _in_words(looks: dict[str, float | None], description: dict[str, Any]) -> str:
  text = (
    f"{looks['sparsity']:.2%} sparse, |w| at most {looks['largest']:.4g}, on average {looks['mean']:.4g}; "
    f"{looks['signs']:.1%} of the signs as at step 0"
  )
  if looks["mask"] is not None:
    of = description.get("mask_from") or description["mask_checkpoint"]
    text += f"; {looks['mask']:.1%} of the weights that it or {of} keeps are kept by both"
  return text


def _evaluate_by_hand(config: settings.Settings, folder: str) -> None:
  description, data_dir = by_hand.describe(folder, config.runs.problem)
  if not flags.FLAGS["data_dir"].present and data_dir:
    config = config._replace(data_dir=data_dir)
  evaluate_folder(config, folder, description, _AVERAGE.value, _DECODER.value, _KEEP.value)
  print(f"Results: {paths.result(folder)}")


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    if (_RUN.value is None) == (_MODEL_DIR.value is None):
      raise errors.UsageError("give --run=NAME, or --model_dir=FOLDER of a run that was trained by hand")
    if _MODEL_DIR.value is not None:
      _evaluate_by_hand(config, os.path.expanduser(_MODEL_DIR.value))
      return
    run = paths.check_name("run", _RUN.value or "")
    if not config.hosts.is_chief:
      joining.wait_for_result(config.runs.folder(run), config.hosts)
      return
    evaluate(config, run, _AVERAGE.value, _DECODER.value, _KEEP.value)
    results.collect(config.runs.runs_dir)


if __name__ == "__main__":
  command.run(main)
