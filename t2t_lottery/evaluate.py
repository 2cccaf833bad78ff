"""Evaluates a trained run: `python -m t2t_lottery.evaluate --run=slt-50 ...`.

Every checkpoint translates dev, the best by BLEU translates test (paper, section 4), and the run gets its line of
results. Each translation is kept, so that an interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from absl import app, flags

from t2t_lottery import (
  bundle,
  errors,
  files,
  layers,
  masks,
  paths,
  progress,
  rawtext,
  results,
  scores,
  settings,
  sizes,
  translate,
)
from t2t_lottery.errors import UserError

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.", required=True)

# What decides a number that is not stated elsewhere in its line.
_VERSIONED = ("tensorflow", "tensorflow-cpu", "tensor2tensor", "ctranslate2", "sacrebleu", "numpy")


def evaluate(config: settings.Settings, run: str) -> dict[str, Any]:
  """Evaluates a run; at once if that is done.

  Returns:
    The run's line of results.

  Raises:
    UserError: if the run is not trained.
  """
  folder = config.runs.folder(run)
  if os.path.exists(paths.result(folder)):
    return files.read_json(paths.result(folder))
  description = files.read_json(paths.description(folder))
  last = description["train_steps"]
  steps = [step for step in paths.checkpoint_steps(folder) if step > 0]
  if last not in steps:
    raise UserError(f"{run} is not trained: {folder} has no checkpoint of step {last}")
  problem = config.runs.problem
  sources, references = {}, {}
  for split in rawtext.RAW_SPLITS:
    sources[split], references[split] = rawtext.raw_text(problem, config.data_dir, split)
  bleu = {}
  for step in steps:
    hypotheses = _translation(config, folder, "dev", step, sources["dev"])
    bleu[step] = scores.bleu(hypotheses, references["dev"])
    progress.overwrite(f"{run}: dev BLEU {bleu[step].value:.2f} at step {step}")
  best = max(steps, key=lambda step: (bleu[step].value, step))
  test = scores.bleu(_translation(config, folder, "test", best, sources["test"]), references["test"])
  variables = bundle.read(paths.checkpoint(folder, best))
  line = {
    **description,
    "sparsity": masks.sparsity_of({n: v != 0 for n, v in variables.items() if layers.is_prunable(n)}),
    "best_step": best,
    "dev_bleu": bleu[best].value,
    "dev_bleu_by_step": {str(step): bleu[step].value for step in steps},
    "test_bleu": test.value,
    "bleu_signature": test.signature,
    "megabytes": sizes.megabytes(variables),
    "translation_signature": translate.signature(),
    "versions": _versions(),
  }
  files.write_json(paths.result(folder), line)
  progress.end(
    f"{run}: test BLEU {test.value:.2f} with the checkpoint of step {best} (dev {bleu[best].value:.2f}), "
    f"{line['megabytes']:.2f} MB"
  )
  return line


def _translation(config: settings.Settings, folder: str, split: str, step: int, sources: list[str]) -> list[str]:
  """The translation of a split by one checkpoint, made if it is not there whole."""
  path = paths.translation(folder, split, step)
  if os.path.exists(path):
    lines = files.read_lines(path)
    if len(lines) == len(sources):
      return lines
  translator = translate.Translator(
    paths.checkpoint(folder, step),
    files.read_json(paths.hparams(folder)),
    rawtext.vocabulary(config.runs.problem, config.data_dir),
  )
  lines = translator.translate(sources)
  files.write_text(path, "".join(line + "\n" for line in lines))
  return lines


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
    evaluate(config, _RUN.value)
    results.collect(config.runs.runs_dir)


if __name__ == "__main__":
  app.run(main)
