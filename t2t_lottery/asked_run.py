"""The run that is asked for: the flags of the training step, what the run is by them, and the command that trains it."""

from __future__ import annotations

from typing import Any

from absl import flags

from t2t_lottery import hosts, methods, paths, rawtext, schedule, settings, subprocesses, versions
from t2t_lottery.errors import UserError

_RUN = flags.DEFINE_string("run", None, "Name of the run, such as slt-50.", required=True)
_METHOD = flags.DEFINE_enum("method", "dense", list(methods.METHODS), "Method: which hparams set the run takes.")
_LEVEL = flags.DEFINE_string("level", "0", "Sparsity in percent.")
_MASK_FROM = flags.DEFINE_string("mask_from", None, "The run whose final weights the mask is drawn from.")
_MASK_STEP = flags.DEFINE_integer("mask_step", None, "The step of that run. Default: its last.", lower_bound=0)
_REWIND_FROM = flags.DEFINE_string(
  "rewind_from", None, "The run to rewind to. Default: the one the mask is drawn from."
)
_INITIAL_LEVEL = flags.DEFINE_string(
  "initial_level", "0", "Sparsity in percent of the ticket of a run that is pruned while it trains."
)
_CONTROLS = flags.DEFINE_multi_enum(
  "control", [], list(methods.CONTROLS), "In what the run differs from its method; may be repeated."
)
_GPUS = flags.DEFINE_integer(
  "gpus", None, "How many GPUs of this machine train the run together. Default: 1 if it has one, else 0.", lower_bound=0
)
_TRAINER_FLAGS = flags.DEFINE_multi_string("trainer_flag", [], "More flags for t2t-trainer, such as --profile.")


def describe(config: settings.Settings) -> dict[str, Any]:
  """What the run is: the same description is the same run.

  Raises:
    UserError: if flags contradict one another, or a run's name is none.
  """
  for flag in (_RUN, _MASK_FROM, _REWIND_FROM):
    if flag.value is not None:
      paths.check_name(flag.name, flag.value)
  method = methods.METHODS[_METHOD.value]
  _check_flags(method)
  run: dict[str, Any] = {
    "run": _RUN.value,
    "problem": config.runs.problem,
    "size": config.runs.size,
    "seed": config.runs.seed,
    "method": _METHOD.value,
    "sparsity_asked": settings.parse_level(_LEVEL.value),
    "hparams_set": config.hparams_set(_METHOD.value),
    "train_steps": config.steps.train_steps,
    "rewind_step": config.steps.rewind_step,
    "data": rawtext.fingerprint(config.runs.problem, config.data_dir),
    "code": versions.of_training(),
  }
  if method.gradual:
    run["initial_sparsity"] = settings.parse_level(_INITIAL_LEVEL.value)
  if _CONTROLS.value:
    run["controls"] = _CONTROLS.value
  if config.hparams:
    run["hparams"] = config.hparams
  # Each has a batch of its own.
  if config.hosts.several:
    run["hosts"] = len(config.hosts.addresses)
  if (_GPUS.value or 0) > 1:
    run["gpus"] = _GPUS.value
  if _MASK_FROM.value:
    rewind_step = 0 if method.from_step_0 else config.steps.rewind_step
    mask_step = config.steps.train_steps if _MASK_STEP.value is None else _MASK_STEP.value
    run["mask_from"] = f"{_MASK_FROM.value}@{mask_step}"
    run["rewind_to"] = f"{_REWIND_FROM.value or _MASK_FROM.value}@{rewind_step}"
  return run


def _check_flags(method: methods.Method) -> None:
  """Refuses flags that would be without effect, and the lack of those that a method needs."""
  name = _METHOD.value
  if method.from_ticket and not _MASK_FROM.value:
    raise UserError(f"--method={name} needs --mask_from, the run that its mask is drawn from")
  of_tickets = {"mask_from": _MASK_FROM.value, "mask_step": _MASK_STEP.value, "rewind_from": _REWIND_FROM.value}
  for flag, value in of_tickets.items():
    if value is not None and not method.from_ticket:
      raise UserError(f"--method={name} takes no --{flag}={value}: it draws no ticket")
  levels = {"level": (_LEVEL.value, method.prunes), "initial_level": (_INITIAL_LEVEL.value, method.prunes_on)}
  for flag, (text, is_needed) in levels.items():
    if is_needed and not settings.parse_level(text):
      raise UserError(f"--method={name} needs --{flag}, in percent")
    if not is_needed and settings.parse_level(text):
      raise UserError(f"--method={name} takes no --{flag}={text}")


def command(config: settings.Settings, run: dict[str, Any]) -> list[str]:
  """The t2t-trainer command that trains the run."""
  # t2t refuses a name given twice; the user's value counts.
  given = settings.given_hparams(config.hparams)
  hparams = {name: value for name, value in config.overrides.items() if name not in given}
  if "mask_from" in run:
    mask_from, mask_step = run["mask_from"].split("@")
    rewind_from, rewind_step = run["rewind_to"].split("@")
    hparams["mask_checkpoint"] = paths.stored(config.runs.folder(mask_from), int(mask_step))
    hparams["rewind_checkpoint"] = paths.stored(config.runs.folder(rewind_from), int(rewind_step))
  for name, source in (("sparsity", "sparsity_asked"), ("initial_sparsity", "initial_sparsity")):
    if run.get(source):
      hparams[name] = run[source]
  for control in run.get("controls", []):
    hparams.update(methods.CONTROLS[control])
  hparams.update(given)
  # What says nothing of this run's method is for other runs.
  method = methods.METHODS[run["method"]]
  values = {"ticket_values": method.values, **hparams}["ticket_values"]
  unused = [] if method.gradual else ["prune_until", "prune_every"]
  unused += [] if method.from_ticket and values == methods.CONSTANT else ["embedding_fan"]
  for name in unused:
    hparams.pop(name, None)
  gpus = subprocesses.default_gpus() if _GPUS.value is None else _GPUS.value
  every = config.steps.checkpoint_steps
  together = []
  if config.hosts.several:
    together = ["env", f"{hosts.VARIABLE}={config.hosts.config()}"]
  return [
    *together,
    *subprocesses.t2t("t2t_trainer"),
    f"--t2t_usr_dir={subprocesses.usr_dir()}",
    f"--problem={run['problem']}",
    f"--data_dir={config.data_dir}",
    f"--output_dir={config.runs.folder(run['run'])}",
    "--model=lottery_transformer",
    f"--hparams_set={run['hparams_set']}",
    "--hparams=" + ",".join(f"{name}={value}" for name, value in hparams.items()),
    f"--train_steps={run['train_steps']}",
    f"--random_seed={run['seed']}",
    f"--worker_gpu={gpus}",
    *(["--optionally_use_dist_strat"] if gpus > 1 else []),
    # t2t's first worker alone writes what the run was asked for.
    *([f"--worker_id={config.hosts.number}"] if config.hosts.number else []),
    "--schedule=train",
    # t2t saves a checkpoint every max(iterations_per_loop, local_eval_frequency) steps; the former counts for TPUs.
    f"--local_eval_frequency={every}",
    f"--iterations_per_loop={min(every, 100)}",
    # All compete, so none may be rotated out but that of step 0, which `rewind/` holds as well.
    f"--keep_checkpoint_max={max(schedule.CHECKPOINTS_KEPT, -(-run['train_steps'] // every))}",
    *_TRAINER_FLAGS.value,
  ]
