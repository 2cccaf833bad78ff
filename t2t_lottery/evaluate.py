"""Evaluates a trained run: `python -m t2t_lottery.evaluate --run=slt-50 ...`.

Every checkpoint translates dev, the best by BLEU translates test (paper, section 4), and the run gets its line of
results. Of a run that is pruned while it trains, only the checkpoints after its last pruning compete: of the paper's 20 the last 4. Each translation is kept, so that an interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from absl import app, flags

from t2t_lottery import (
  averaging,
  bundle,
  errors,
  files,
  layer_statistics,
  layers,
  methods,
  paths,
  progress,
  rawtext,
  results,
  schedule,
  scores,
  settings,
  sizes,
  translate,
)
from t2t_lottery.errors import UserError

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.", required=True)
_AVERAGE = flags.DEFINE_integer("average", 0, "Evaluate also the mean of so many last checkpoints.", lower_bound=0)

# What decides a number that is not stated elsewhere in its line.
_VERSIONED = ("tensorflow", "tensorflow-cpu", "tensor2tensor", "ctranslate2", "sacrebleu", "numpy")


def evaluate(config: settings.Settings, run: str, average: int = 0) -> dict[str, Any]:
  """Evaluates a run; what is done already is not done again.

  Args:
    config: what to evaluate it with.
    run: its name.
    average: if not 0, the mean of so many last checkpoints is evaluated as well.

  Returns:
    The run's line of results.

  Raises:
    UserError: if the run is not trained.
  """
  folder = config.runs.folder(run)
  line = files.read_json(paths.result(folder)) if os.path.exists(paths.result(folder)) else None
  if line is None:
    line = _evaluate(config, run, files.read_json(paths.description(folder)))
    files.write_json(paths.result(folder), line)
  if average and line.get("average", {}).get("checkpoints") != average:
    line["average"] = _evaluate_average(config, run, average)
    files.write_json(paths.result(folder), line)
  return line


def _evaluate(config: settings.Settings, run: str, description: dict[str, Any]) -> dict[str, Any]:
  folder = config.runs.folder(run)
  last = description["train_steps"]
  steps = [step for step in paths.checkpoint_steps(folder) if step > 0]
  if last not in steps:
    raise UserError(f"{run} is not trained: {folder} has no checkpoint of step {last}")
  if methods.METHODS[description["method"]].gradual:
    steps = [step for step in steps if step > schedule.for_length(last).prune_until]
  bleu = {}
  for step in steps:
    bleu[step] = _score(config, folder, "dev", paths.checkpoint(folder, step)).value
    progress.overwrite(f"{run}: dev BLEU {bleu[step]:.2f} at step {step}")
  best = max(steps, key=lambda step: (bleu[step], step))
  test = _score(config, folder, "test", paths.checkpoint(folder, best))
  variables = bundle.read(paths.checkpoint(folder, best))
  looks = _weights(config, folder, description, variables)
  megabytes = sizes.megabytes(variables)
  progress.end(
    f"{run}: test BLEU {test.value:.2f} with the checkpoint of step {best} (dev {bleu[best]:.2f}), "
    f"{megabytes['paper']:.2f} MB"
  )
  print(f"{run}: " + _in_words(looks, description), flush=True)
  return {
    **description,
    "sparsity": looks["sparsity"],
    "weights": looks,
    "best_step": best,
    "dev_bleu": bleu[best],
    "dev_bleu_by_step": {str(step): value for step, value in bleu.items()},
    "test_bleu": test.value,
    "bleu_signature": test.signature,
    "megabytes": megabytes,
    "translation_signature": translate.signature(),
    "versions": _versions(),
  }


def _evaluate_average(config: settings.Settings, run: str, count: int) -> dict[str, Any]:
  """Scores of the mean of the last checkpoints."""
  folder = config.runs.folder(run)
  steps = [step for step in paths.checkpoint_steps(folder) if step > 0][-count:]
  checkpoint = averaging.average(folder, steps)
  dev, test = (_score(config, folder, split, checkpoint).value for split in ("dev", "test"))
  largest = layer_statistics.together(layer_statistics.of_model(bundle.read(checkpoint)).values()).largest
  print(f"{run}: test BLEU {test:.2f} with the mean of the last {len(steps)} checkpoints (dev {dev:.2f})", flush=True)
  return {"checkpoints": count, "steps": steps, "dev_bleu": dev, "test_bleu": test, "largest": largest}


def _score(config: settings.Settings, folder: str, split: str, checkpoint: str) -> scores.Score:
  """BLEU of a checkpoint's translation of a split, which is made if it is not there whole."""
  sources, references = rawtext.raw_text(config.runs.problem, config.data_dir, split)
  path = paths.translation(folder, split, checkpoint)
  lines = files.read_lines(path) if os.path.exists(path) else []
  if len(lines) != len(sources):
    vocabulary = rawtext.vocabulary(config.runs.problem, config.data_dir)
    lines = translate.Translator(checkpoint, files.read_json(paths.hparams(folder)), vocabulary).translate(sources)
    files.write_text(path, "".join(line + "\n" for line in lines))
  return scores.bleu(lines, references)


def _weights(
  config: settings.Settings, folder: str, description: dict[str, Any], variables: dict[str, Any]
) -> dict[str, float | None]:
  """Figures of all layers together (`layer_statistics.Statistics.shares`), `signs` beside the run's own theta_0, `mask`
  beside the run that the mask was drawn from.
  """

  def beside(checkpoint: str) -> dict[str, float | None]:
    other = bundle.read(checkpoint, lambda name: layers.is_prunable(name) or layers.is_mask(name))
    return layer_statistics.together(layer_statistics.of_model(variables, other).values()).shares()

  found = beside(paths.kept(folder, 0))
  mask = None
  if "mask_from" in description:
    parent, _, step = description["mask_from"].partition("@")
    mask = beside(paths.stored(config.runs.folder(parent), int(step)))["mask"]
  return {**found, "mask": mask}


def _in_words(looks: dict[str, float | None], description: dict[str, Any]) -> str:
  text = (
    f"{looks['sparsity']:.2%} sparse, |w| at most {looks['largest']:.4g}, on average {looks['mean']:.4g}; "
    f"{looks['signs']:.1%} of the signs as at step 0"
  )
  if looks["mask"] is not None:
    text += f"; {looks['mask']:.1%} of the weights that it or {description['mask_from']} keeps are kept by both"
  return text


def _versions() -> dict[str, str]:
  versions = {"python": platform.python_version()}
  for name in _VERSIONED:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      pass
  return versions


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    config = settings.from_flags()
    evaluate(config, _RUN.value, _AVERAGE.value)
    results.collect(config.runs.runs_dir)


if __name__ == "__main__":
  app.run(main)
