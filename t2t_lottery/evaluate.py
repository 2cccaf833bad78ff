"""Evaluates a trained run: `python -m t2t_lottery.evaluate --run=slt-50 ...`; for a run trained by calling t2t-trainer:
`python -m t2t_lottery.evaluate --model_dir=FOLDER --problem=... --data_dir=...`; with `--run=NAME` too, the run is added to
the runs of the drivers, which report it and draw from it.

Every checkpoint translates dev, the one with the best BLEU translates test (paper, section 4), and the run gets its
line of results. For a run that is pruned during training, only the checkpoints after its last pruning compete and are
averaged: the last 4 of the paper's 20. Each translation is stored, so an interrupted evaluation resumes.
"""

from __future__ import annotations

import os

from absl import flags

from t2t_lottery.evaluation import decoding, evaluator, scoring_flags
from t2t_lottery.runs import command_flags, config, host_rendezvous, manual_run, paths, results_file, retention
from t2t_lottery.utils import command_line, errors, file_names

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.")
_MODEL_DIR = flags.DEFINE_string(
  "model_dir",
  None,
  "The --output_dir of a run trained by calling t2t-trainer. With --run, it is added to the runs of --runs_dir.",
)
_AVERAGE = flags.DEFINE_integer("average", 0, "Also evaluate the mean of the last N checkpoints.", lower_bound=0)
_DECODER = flags.DEFINE_enum(
  "decoder",
  decoding.CTRANSLATE2,
  decoding.DECODERS,
  "The decoder: CTranslate2; the sparse engine, for t2t's exact search; or t2t_decoder, for reference.",
)
_KEEP = flags.DEFINE_enum(
  "keep",
  retention.ALL,
  retention.CHOICES,
  "Keep all checkpoints, or only the best, the last, and those of steps 0 and t.",
)


def _evaluate_model_dir(settings: config.Settings, folder: str) -> None:
  scoring = scoring_flags.read()
  description, data_dir = manual_run.describe(folder, settings.runs.problem)
  if not flags.FLAGS["data_dir"].present and data_dir:
    settings = settings._replace(data_dir=data_dir)
  evaluator.evaluate_folder(settings, folder, description, _AVERAGE.value, _DECODER.value, _KEEP.value, scoring)
  print(f"Results: {paths.result(folder)}")


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    settings = command_flags.read()
    if _RUN.value is None and _MODEL_DIR.value is None:
      raise errors.UsageError("give --run=NAME, or --model_dir=FOLDER of a run trained by calling t2t-trainer")
    folder = os.path.expanduser(_MODEL_DIR.value or "")
    if _RUN.value is None:
      _evaluate_model_dir(settings, folder)
      return
    run = file_names.check_name("run", _RUN.value)
    if folder:
      manual_run.adopt(settings, folder, run)
    if not settings.hosts.is_chief:
      host_rendezvous.wait_for_result(settings.runs.folder(run), settings.hosts)
      return
    evaluator.evaluate(settings, run, _AVERAGE.value, _DECODER.value, _KEEP.value, scoring_flags.read())
    results_file.collect(settings.runs.runs_dir)


if __name__ == "__main__":
  command_line.run(main)
