"""The request: the flags of the command for a table, and what follows from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from absl import flags

from t2t_lottery.data import manifest
from t2t_lottery.evaluation import classification, decoding, metrics, scoring_flags
from t2t_lottery.reproduce import problem_check, set_check, step_process, validation
from t2t_lottery.reproduce.planning import cost_model, driver_flags, forecast, run_graph
from t2t_lottery.runs import command_flags, config, paths, pretrained, retention, run_spec, run_status
from t2t_lottery.utils import package_versions

_METHODS = flags.DEFINE_string(
  "methods", " ".join(run_graph.PAPERS), f"Space-separated methods, of {', '.join(run_graph.METHODS)}."
)
_SEEDS = flags.DEFINE_string("seeds", "1 2", "Space-separated random seeds.")
# The drivers check their values.
for _flag in driver_flags.of_chain():
  (flags.DEFINE_string if _flag.metavar else flags.DEFINE_bool)(_flag.name, None, " ".join(_flag.help.split()))
for _flag in driver_flags.OF_TEXT:
  (flags.DEFINE_multi_string if _flag.is_repeatable else flags.DEFINE_string)(
    _flag.name, None, f"Own text: {_flag.help}."
  )
_AVERAGE = flags.DEFINE_integer("average", 0, "Also evaluate the mean of the last N checkpoints.", lower_bound=0)
_DECODER = flags.DEFINE_enum("decoder", decoding.CTRANSLATE2, decoding.DECODERS, "The decoder.")
_KEEP = flags.DEFINE_enum("keep", retention.ALL, retention.CHOICES, "Which checkpoints of a finished run to keep.")
_GPUS = flags.DEFINE_integer("gpus", None, "Train each run on N GPUs of its machine.", lower_bound=0)
_JOBS = flags.DEFINE_integer("jobs", 1, "How many runs to train in parallel.", lower_bound=1)


def check() -> None:
  """Raises UserError if the request is invalid."""
  given, problem = flags.FLAGS, flags.FLAGS.problem
  text = _own_text()
  driver_flags.check_own_text(text, problem)
  validation.check_methods(_METHODS.value.split())
  validation.check_model(_METHODS.value.split(), given.checkpoint)
  if given.checkpoint or (not text["name"] and not validation.is_known(problem, given.data_dir)):
    # Slow, because it imports t2t.
    command_flags.read()
    problem_check.check(problem, given.data_dir, of_bert=bool(given.checkpoint))
  if given.ticket_from:
    driver_flags.check_transfer(given.ticket_from, problem)
  scoring = scoring_flags.read()
  if scoring.bleu_tokenize:
    problem_check.check_scores(problem, given.data_dir, scoring.bleu_tokenize)
  validation.check_data_seed(given.data_seed, validation.seeds(_SEEDS.value))
  _graph()


def _own_text() -> dict[str, str]:
  """The values of the flags of own text, as `driver_flags` takes them."""
  values = {flag.name: flags.FLAGS[flag.name].value or "" for flag in driver_flags.OF_TEXT}
  return {name: value if isinstance(value, str) else "\n".join(value) for name, value in values.items()}


def _graph() -> list[run_graph.PlannedRun]:
  given = flags.FLAGS
  chain = [given[flag.name] for flag in driver_flags.of_chain() if given[flag.name].value not in (None, False)]
  words = [f"--{flag.name}" + ("" if flag.value is True else f"={flag.value}") for flag in chain]
  if given.rewind_steps or given.equal_training:
    steps = command_flags.read().steps
    words.append(f"--steps={steps.train_steps}")
    # A BERT's runs usually rewind to step 0.
    words += [f"--rewind_step={steps.rewind_step}"] if steps.rewind_step else []
  return run_graph.graph(_METHODS.value.split(), validation.seeds(_SEEDS.value), words)


def settings() -> config.Settings:
  """The complete settings.

  Raises:
    UserError: if they are invalid.
  """
  return set_check.complete(command_flags.read(), _DECODER.value)


def shared(settings: config.Settings) -> step_process.SharedFlags:
  """The flags that the steps of all runs share."""
  given = flags.FLAGS
  values = {
    "problem": settings.runs.problem,
    **({"hparams_set": settings.base_set} if settings.base_set else {"size": settings.runs.size}),
    "runs_dir": settings.runs.runs_dir,
    "data_dir": settings.data_dir,
    "tmp_dir": settings.tmp_dir if given["tmp_dir"].present else os.path.join(settings.data_dir, "tmp"),
    "checkpoints": command_flags.checkpoints(),
    **{
      name: given[name].value
      for name in ("steps", "checkpoint", "rewind_step", "hparams", "t2t_usr_dir")
      if given[name].value
    },
  }
  evaluation = (
    f"--average={_AVERAGE.value}",
    f"--decoder={_DECODER.value}",
    f"--keep={_KEEP.value}",
    *scoring_flags.words(),
  )
  training = () if _GPUS.value is None else (f"--gpus={_GPUS.value}",)
  common = tuple(f"--{name}={value}" for name, value in values.items())
  datagen = (*driver_flags.datagen_flags(_own_text()), f"--decoder={_DECODER.value}", *scoring_flags.words())
  return step_process.SharedFlags(common, training, evaluation, datagen)


def _requirements(
  settings: config.Settings, run: run_graph.PlannedRun, scores: Sequence[str]
) -> run_status.Requirements:
  about: dict[str, Any] = {
    "method": run.method,
    "sparsity_asked": config.parse_level(run.level),
    "train_steps": run.length(settings.steps.train_steps),
    "rewind_step": int(run.flag("rewind_step") or settings.steps.rewind_step),
    "checkpoint_steps": command_flags.checkpoint_steps(run.length(settings.steps.train_steps)),
    "hparams": settings.hparams or None,
    "code": package_versions.training_versions(),
  }
  if mask_from := run.flag("mask_from"):
    # Of another problem's run, the step is not known here.
    if not paths.is_of_other_problem(mask_from):
      about["mask_from"] = f"{mask_from}@{run.flag('mask_step') or settings.steps.train_steps}"
  if also := run.flag("rewind_also"):
    about["rewind_also"] = run_spec.steps_of(also, settings.steps.train_steps)
  if settings.pretrained:
    about["pretrained"] = pretrained.fingerprint(settings.pretrained)
  if data := manifest.fingerprint(settings.runs.problem, settings.data_dir):
    about["data"] = data
  translation, *others = scores
  return run_status.Requirements(about, translation, _AVERAGE.value, *others)


def folder(settings: config.Settings, run: run_graph.PlannedRun) -> str:
  """The folder of a run, which need not exist."""
  return settings.runs._replace(seed=run.seed).folder(run.name)


def statuses(settings: config.Settings, runs: list[run_graph.PlannedRun]) -> list[run_status.Status]:
  """The status of each run."""
  if settings.pretrained:
    required = [_requirements(settings, run, [""])._replace(predictions=classification.signature()) for run in runs]
    return [run_status.read(folder(settings, run), of_run) for run, of_run in zip(runs, required)]
  scoring = scoring_flags.read()
  language = manifest.target_language(settings.runs.problem, settings.data_dir)
  tokenizer = scoring.bleu_tokenize or metrics.tokenizer(language)
  scores = (
    decoding.signature(_DECODER.value),
    tokenizer,
    scoring.comet.signature if scoring.comet else "",
    decoding.signature(decoding.INT8) if scoring.int8 else "",
  )
  return [run_status.read(folder(settings, run), _requirements(settings, run, scores)) for run in runs]


def graph() -> list[run_graph.PlannedRun]:
  """The requested runs; with several jobs, those first that the longest chains wait for."""
  runs = _graph()
  return runs if jobs() == 1 else cost_model.longest_first(runs)


def jobs() -> int:
  """How many runs to train in parallel."""
  return _JOBS.value


def gpus() -> int:
  """How many GPUs each run is trained on; 0: as many as there are, but one at most."""
  return _GPUS.value or 0


def keep() -> str:
  """Which checkpoints of a finished run to keep, of `retention.CHOICES`."""
  return _KEEP.value


def workload(settings: config.Settings) -> forecast.Workload:
  """What all runs have in common, for a forecast."""
  of_bert = bool(settings.pretrained)
  if of_bert:
    vocabulary = pretrained.vocabulary_size(settings.pretrained)
  else:
    vocabulary = validation.vocabulary_size(settings.runs.problem, settings.data_dir, flags.FLAGS["vocab_size"].value)
  own_size = settings.size if settings.base_set else None
  steps = settings.steps.train_steps
  return forecast.Workload(
    settings.runs, steps, settings.hparams, command_flags.checkpoints(), vocabulary, jobs(), own_size, of_bert
  )
