"""Generates a problem's data by t2t-datagen: `python -m t2t_lottery.datagen --problem=...`. Skipped if complete."""

from __future__ import annotations

import os
import shutil

from absl import flags

from t2t_lottery.data import manifest, own_text, subword_vocabulary
from t2t_lottery.evaluation import scoring_flags
from t2t_lottery.pruning import methods
from t2t_lottery.reproduce import problem_check, set_check
from t2t_lottery.runs import command_flags, config, paths, presets, pretrained, training_log, transferred_masks
from t2t_lottery.utils import command_line, errors, t2t_process

_LEVELS = flags.DEFINE_string(
  "levels", "", "Sparsities in percent of the runs that follow; checked before data is generated."
)
_SLT_LEVELS = flags.DEFINE_string(
  "slt_levels", "", "With --structure, sparsities of the runs after them, of single weights; likewise."
)
_STRUCTURE = flags.DEFINE_enum("structure", methods.WEIGHTS, methods.STRUCTURES, "What is removed at these sparsities.")
_DECODER = flags.DEFINE_string(
  "decoder", "ctranslate2", "The decoder of the evaluation; checked before data is generated."
)
_MASKS_FROM = flags.DEFINE_string(
  "masks_from",
  "",
  "Runs of another task, PROBLEM/RUN, whose masks are transferred later; checked before data is generated.",
)
_TRAIN, _DEV, _TEST = (
  flags.DEFINE_multi_string(
    split, [], f"Own text: files of {split} pairs, SOURCE,TARGET or one tab-separated file{more}. Plain or gzipped."
  )
  for split, more in (("train", "; may be repeated"), ("dev", ""), ("test", "; may be repeated, each a test set"))
)
_LANGUAGES = flags.DEFINE_string(
  "languages", "", "Own text: codes of source and target. Default: the files' extensions."
)
_VOCAB_SIZE = flags.DEFINE_integer(
  "vocab_size", own_text.VOCAB_SIZE, "Own text: approximate number of subwords in the vocabulary.", lower_bound=300
)


def describe_own_text(problem: str, data_dir: str) -> None:
  """Registers the text given by flags, if any, as a problem; checks that its files are unchanged since data generation.

  Raises:
    UserError: if the flags are invalid, or the name is used by other text or another problem.
  """
  given = [flag for flag in ("train", "dev", "test", "languages", "vocab_size") if flags.FLAGS[flag].present]
  if given and not problem.startswith(own_text.problem_name("")):
    raise errors.UsageError(f"--{given[0]} is for own text: its problem is translate_NAME, not {problem}")
  name = problem.removeprefix(own_text.problem_name(""))
  if given:
    text = own_text.parse(name, _TRAIN.value, _DEV.value, _TEST.value, _LANGUAGES.value, _VOCAB_SIZE.value)
    if not os.path.exists(own_text.path(problem, data_dir)):
      problem_check.check_is_new(problem)
    own_text.write(text, data_dir, is_used=manifest.is_complete(problem, data_dir))
  elif not os.path.exists(own_text.path(problem, data_dir)):
    return
  known = manifest.facts(problem, data_dir).get("text_checksums", {})
  if known and manifest.is_complete(problem, data_dir):
    try:
      # The text itself is no longer needed.
      changed = manifest.first_changed({file: known[file] for file in known if os.path.exists(file)})
    except OSError as error:
      raise errors.UserError(f"{error.filename}: {error.strerror}") from error
    if changed:
      raise errors.UserError(
        f"{changed} was changed since the data of {problem} was made from it: choose another --name, or restore the file"
      )


def datagen(settings: config.Settings) -> None:
  """Generates the data.

  Raises:
    UserError: if there is no such problem, its translations cannot be scored, or t2t-datagen fails.
  """
  problem = settings.runs.problem
  if settings.pretrained:
    _check_vocabulary(settings)
    pretrained.check_intact(settings.pretrained)
  if manifest.is_complete(problem, settings.data_dir):
    return
  problem_check.check(problem, settings.data_dir, of_bert=bool(settings.pretrained))
  if settings.pretrained:
    # t2t-datagen finds it there.
    os.makedirs(settings.data_dir, exist_ok=True)
    shutil.copyfile(pretrained.vocabulary(settings.pretrained), _vocabulary(settings))
  print(f"{problem}: generating data", flush=True)
  progress = training_log.DataProgress(problem)
  log = paths.datagen_log(settings.data_dir, problem)
  status = t2t_process.run(
    [
      *t2t_process.t2t("t2t_datagen"),
      f"--t2t_usr_dir={t2t_process.usr_dir()}",
      f"--problem={problem}",
      f"--data_dir={settings.data_dir}",
      f"--tmp_dir={settings.tmp_dir}",
    ],
    log,
    progress.read,
  )
  if status:
    raise t2t_process.failed(f"{problem}: t2t-datagen", status, log)
  if not manifest.is_complete(problem, settings.data_dir):
    problem_check.write_text_of_records(problem, settings.data_dir)
  for line in own_text.summary(manifest.facts(problem, settings.data_dir)):
    print(f"{problem}: {line}", flush=True)


def _vocabulary(settings: config.Settings) -> str:
  """Where a BERT's data have its vocabulary."""
  return os.path.join(settings.data_dir, presets.BERT_VOCABULARY)


def _check_vocabulary(settings: config.Settings) -> None:
  """Rejects a folder with data for another pre-trained model's vocabulary."""
  given, kept = pretrained.vocabulary(settings.pretrained), _vocabulary(settings)
  if os.path.exists(kept) and manifest.file_info(kept) != manifest.file_info(given):
    raise errors.UserError(f"{kept} is not the vocabulary of --checkpoint, {given}: give another --data_dir")


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    settings = set_check.complete(command_flags.read(), _DECODER.value)
    scoring = scoring_flags.read()
    config.check_levels(settings, _LEVELS.value.split(), _STRUCTURE.value)
    config.check_levels(settings, _SLT_LEVELS.value.split())
    for name in _MASKS_FROM.value.split():
      problem_check.check(name.rpartition("/")[0], settings.data_dir, of_bert=True)
      transferred_masks.last_step(settings, name)
    describe_own_text(settings.runs.problem, settings.data_dir)
    if scoring.bleu_tokenize:
      problem_check.check_scores(settings.runs.problem, settings.data_dir, scoring.bleu_tokenize)
    datagen(settings)
    if _STRUCTURE.value == methods.HEADS and _SLT_LEVELS.value:
      subwords = subword_vocabulary.Subwords(manifest.vocabulary(settings.runs.problem, settings.data_dir))
      config.check_levels_after_heads(settings, _LEVELS.value.split()[-1], _SLT_LEVELS.value.split(), len(subwords))


if __name__ == "__main__":
  command_line.run(main)
