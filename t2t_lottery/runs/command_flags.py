"""The flags shared by all steps of a driver, and the settings that they define."""

from __future__ import annotations

import os
import re

from absl import flags

from t2t_lottery.runs import config, given_hparams, paths, presets
from t2t_lottery.utils import file_names, t2t_process, tf_config
from t2t_lottery.utils.errors import UsageError, UserError

_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem, such as translate_ende_wmt14.", required=True)
_SIZE = flags.DEFINE_enum("size", "base", list(presets.SIZES), "Model size; base is the paper's.")
_HPARAMS_SET = flags.DEFINE_string(
  "hparams_set",
  "",
  "Instead of --size: an hparams set of t2t's transformer, such as transformer_relative, or one of your usr_dir; the "
  "method's pruning is added to it.",
)
_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  "",
  "Folder of a pre-trained BERT, with bert_model.ckpt and vocab.txt, to fine-tune; --hparams_set is then bert_base, ...",
)
_SEED = flags.DEFINE_integer("seed", 1, "Random seed of each run.", lower_bound=0)
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Folder of runs and results.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder of t2t-datagen's records.")
_TMP_DIR = flags.DEFINE_string(
  "tmp_dir", "data/tmp", "Folder in which t2t-datagen looks for raw text, or to which it downloads it."
)
_STEPS = flags.DEFINE_integer(
  "steps",
  None,
  "Length of each run in steps; all other step counts scale with it. Default: the size's; 3 epochs with --checkpoint.",
  lower_bound=presets.SHORTEST,
)
_REWIND_STEP = flags.DEFINE_integer(
  "rewind_step", None, "Step t to rewind to. Default: 5% of the run's length.", lower_bound=1
)
_CHECKPOINTS = flags.DEFINE_integer(
  "checkpoints", None, "Number of checkpoints that each run saves. Default: 20; 2 with --checkpoint.", lower_bound=1
)
_HPARAMS = flags.DEFINE_string(
  "hparams", "", "Additional t2t hparams of each run, such as batch_size=1024,dropout=0.1."
)
_USR_DIR = flags.DEFINE_string(
  "t2t_usr_dir", None, "Your own usr_dir, whose problems are registered in addition to this project's."
)
_HOSTS = flags.DEFINE_list(
  "hosts",
  [],
  "host:port of each host of a distributed training; start the same command on each. The first is the chief.",
)
_HOST_INDEX = flags.DEFINE_integer(
  "host_index",
  None,
  "Index of this host in --hosts. Default: the one with this machine's name or address.",
  lower_bound=0,
)


def read() -> config.Settings:
  """The settings that the parsed flags define.

  Raises:
    UserError: if they are invalid.
  """
  if _USR_DIR.value:
    t2t_process.use_user_dir(_USR_DIR.value)
  base_set = _HPARAMS_SET.value
  label = file_names.check_name("hparams_set", base_set) if base_set else _SIZE.value
  if base_set and flags.FLAGS["size"].present:
    raise UsageError(f"--hparams_set={base_set} includes a size: leave out --size={_SIZE.value}")
  size = presets.SIZES["base" if base_set else label]
  steps = _steps(size)
  overrides = {} if base_set or steps.train_steps == size.train_steps else presets.overrides(steps.train_steps, size)
  if _REWIND_STEP.value:
    overrides["rewind_step"] = _REWIND_STEP.value
  given = given_hparams.parse(_HPARAMS.value)
  if not base_set:
    try:
      given_hparams.check(given, size)
    except UserError as error:
      raise UsageError(str(error)) from error
  _check_pruning(given, steps)
  runs_dir, data_dir, tmp_dir = (
    file_names.check_folder(flag.name, os.path.expanduser(flag.value)) for flag in (_RUNS_DIR, _DATA_DIR, _TMP_DIR)
  )
  return config.Settings(
    runs=paths.Runs(runs_dir, file_names.check_name("problem", _PROBLEM.value), label, _SEED.value),
    size=size,
    steps=steps,
    overrides=overrides,
    hparams=_HPARAMS.value,
    data_dir=data_dir,
    tmp_dir=tmp_dir,
    hosts=tf_config.parse(_HOSTS.value, _HOST_INDEX.value),
    base_set=base_set,
    pretrained=_pretrained(),
  )


def _pretrained() -> str:
  """The folder of the pre-trained BERT; empty for none."""
  if not _CHECKPOINT.value:
    return ""
  if not _HPARAMS_SET.value:
    raise UsageError(f"--checkpoint={_CHECKPOINT.value} needs --hparams_set: one of {', '.join(presets.BERT_SIZES)}")
  return file_names.check_folder("checkpoint", os.path.expanduser(_CHECKPOINT.value))


def checkpoints() -> int:
  """How many checkpoints each run saves."""
  return _CHECKPOINTS.value or (presets.FINE_TUNING_CHECKPOINTS if _CHECKPOINT.value else presets.CHECKPOINTS_KEPT)


def _steps(size: presets.Size) -> presets.Steps:
  """The step counts of each run; raises UserError if they do not fit together."""
  of_bert = bool(_CHECKPOINT.value)
  train_steps = _STEPS.value or (presets.fine_tuning_steps(_PROBLEM.value) if of_bert else size.train_steps)
  # A fine-tuning run keeps no theta_t: its tickets rewind to step 0.
  rewind_step = _REWIND_STEP.value or (0 if of_bert else presets.for_length(train_steps).rewind_step)
  presets.check_fit(train_steps, rewind_step, checkpoints())
  return presets.for_length(train_steps)._replace(
    checkpoint_steps=checkpoint_steps(train_steps), rewind_step=rewind_step
  )


def checkpoint_steps(train_steps: int) -> int:
  """The steps between two checkpoints of a run of this length."""
  return max(1, round(train_steps / checkpoints()))


def _check_pruning(given: dict[str, str], steps: presets.Steps) -> None:
  """Raises UserError if pruning would continue to the end of a run or never happen: no checkpoint would be as requested."""
  numbers = {}
  for name in ("prune_until", "prune_every"):
    text = given.get(name, str(getattr(steps, name)))
    if not re.fullmatch(r"[0-9]+", text):
      raise UserError(f"--hparams={name}={text}: must be a number of steps")
    numbers[name] = int(text)
  until, every = numbers["prune_until"], numbers["prune_every"]
  if until >= steps.train_steps:
    raise UserError(f"--hparams=prune_until={until} must be before the end of a run, --steps={steps.train_steps}")
  if not 1 <= every <= until:
    raise UserError(f"--hparams: prune_every={every} and prune_until={until} leave no step to prune after")
