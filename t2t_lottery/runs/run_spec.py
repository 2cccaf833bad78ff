"""The description of a run (`run.json`), the command that trains it, and comparison with the run in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from t2t_lottery.data import manifest
from t2t_lottery.pruning import methods, structures
from t2t_lottery.runs import config, given_hparams, paths, presets, pretrained
from t2t_lottery.utils import file_names, package_versions, t2t_process, tf_config
from t2t_lottery.utils.errors import UsageError, UserError

# Values of --schedule_from: where a run starts in the learning-rate schedule.
SCHEDULE_FROM_T = "t"
SCHEDULE_FROM = ("0", SCHEDULE_FROM_T)
# Missing in older runs.
_MAY_LACK = ("code", "data", "checkpoint_steps")
# Hparam -> the field of a description that it is set to.
_OF_RUN = {
  "sparsity": "sparsity_asked",
  **{name: name for name in ("initial_sparsity", "schedule_from", "data_seed")},
}
# Tolerance for results without `on_target`: above the effect of rounding each layer to a number of weights.
_ROUNDING = 1e-4


class Options(NamedTuple):
  """A requested run; the fields are the flags of the same names of `t2t_lottery/train.py`."""

  run: str
  method: str = "dense"
  level: str = "0"
  mask_from: str | None = None
  mask_step: int | None = None
  rewind_from: str | None = None
  ticket_of: str | None = None
  schedule_from: str = "0"
  data_seed: int | None = None
  rewind_also: str = ""
  initial_level: str = "0"
  controls: list[str] = []
  gpus: int | None = None


def describe(settings: config.Settings, options: Options) -> dict[str, Any]:
  """The description of the run: equal descriptions mean the same run.

  Raises:
    UsageError: if flags contradict each other, or a run's name is invalid.
  """
  # Masks may come from another task's run, PROBLEM/RUN.
  of_mask = options.mask_from.split("/", 1) if options.mask_from and settings.pretrained else [options.mask_from]
  for flag, names in (
    ("run", [options.run]),
    ("mask_from", of_mask),
    ("rewind_from", [options.rewind_from]),
    ("ticket_of", [options.ticket_of]),
  ):
    for name in names:
      if name is not None:
        file_names.check_name(flag, name)
  method = methods.METHODS[options.method]
  _check_flags(method, options)
  run: dict[str, Any] = {
    "run": options.run,
    "problem": settings.runs.problem,
    "size": settings.runs.size,
    "seed": settings.runs.seed,
    "method": options.method,
    "sparsity_asked": config.parse_level(options.level),
    "hparams_set": settings.hparams_set(options.method),
    "train_steps": settings.steps.train_steps,
    "rewind_step": settings.steps.rewind_step,
    # The best of more checkpoints is better.
    "checkpoint_steps": settings.steps.checkpoint_steps,
    "data": manifest.fingerprint(settings.runs.problem, settings.data_dir),
    "code": package_versions.training_versions(),
  }
  if method.gradual:
    run["initial_sparsity"] = config.parse_level(options.initial_level)
  if options.data_seed is not None:
    presets.check_data_seed(options.data_seed, settings.runs.seed)
    run["data_seed"] = options.data_seed
  if options.rewind_also:
    run["rewind_also"] = steps_of(options.rewind_also, settings.steps.train_steps)
  if settings.pretrained:
    run["pretrained"] = pretrained.fingerprint(settings.pretrained)
  if options.controls:
    run["controls"] = options.controls
  if settings.hparams:
    run["hparams"] = settings.hparams
  # Each has its own batch.
  if settings.hosts.several:
    run["hosts"] = len(settings.hosts.addresses)
  if (options.gpus or 0) > 1:
    run["gpus"] = options.gpus
  if options.mask_from:
    mask_step = settings.steps.train_steps if options.mask_step is None else options.mask_step
    steps = {methods.INITIAL: 0, methods.EARLY: settings.steps.rewind_step, methods.FINAL: mask_step}
    rewind_step = steps[method.rewinds_to]
    run["mask_from"] = f"{options.mask_from}@{mask_step}"
    run["rewind_to"] = f"{options.rewind_from or options.mask_from}@{rewind_step}"
    if options.ticket_of:
      run["ticket_of"] = options.ticket_of
    if method.constant_rate or options.schedule_from == SCHEDULE_FROM_T:
      run["schedule_from"] = rewind_step
  return run


def steps_of(text: str, train_steps: int) -> list[int]:
  """The steps of --rewind_also, sorted.

  Args:
    text: space-separated steps.
    train_steps: the run's length.

  Raises:
    UsageError: if one is not a step between the start and the end of the run.
  """
  words = text.split()
  for word in words:
    if not (word.isdecimal() and 0 < int(word) < train_steps):
      raise UsageError(f"--rewind_also: {word} is not a step between 0 and {train_steps}")
  return sorted({*map(int, words)})


def _check_flags(method: methods.Method, options: Options) -> None:
  """Rejects flags without effect, and missing flags that a method needs."""
  name = options.method
  if method.from_ticket and not options.mask_from:
    raise UsageError(f"--method={name} needs --mask_from, the run that its mask is drawn from")
  of_tickets = {"mask_from": options.mask_from, "mask_step": options.mask_step, "rewind_from": options.rewind_from}
  of_tickets["ticket_of"] = options.ticket_of
  for flag, value in of_tickets.items():
    if value is not None and not method.from_ticket:
      raise UsageError(f"--method={name} takes no --{flag}={value}: it draws no ticket")
  if options.rewind_from is not None and method.rewinds_to == methods.FINAL:
    raise UsageError(
      f"--method={name} takes no --rewind_from={options.rewind_from}: it keeps the weights of --mask_from"
    )
  if options.schedule_from == SCHEDULE_FROM_T and not method.may_continue_schedule:
    raise UsageError(f"--method={name} takes no --schedule_from={SCHEDULE_FROM_T}: it does not rewind to theta_t")
  levels = {"level": (options.level, method.prunes), "initial_level": (options.initial_level, method.prunes_further)}
  for flag, (text, is_needed) in levels.items():
    if is_needed and not config.parse_level(text):
      raise UsageError(f"--method={name} needs --{flag}, in percent")
    if not is_needed and config.parse_level(text):
      raise UsageError(f"--method={name} takes no --{flag}={text}")


def command(settings: config.Settings, run: dict[str, Any], options: Options) -> list[str]:
  """The t2t-trainer command that trains the run."""
  gpus = t2t_process.default_gpus() if options.gpus is None else options.gpus
  every = settings.steps.checkpoint_steps
  # A ticket's weights come from the dense run's step 0, with its task head.
  starts_pretrained = settings.pretrained and "mask_from" not in run
  distributed = []
  if settings.hosts.several:
    distributed = ["env", f"{tf_config.VARIABLE}={settings.hosts.config()}"]
  return [
    *distributed,
    *t2t_process.t2t("t2t_trainer"),
    f"--t2t_usr_dir={t2t_process.usr_dir()}",
    f"--problem={run['problem']}",
    f"--data_dir={settings.data_dir}",
    f"--output_dir={settings.runs.folder(run['run'])}",
    f"--model={'lottery_bert' if settings.pretrained else 'lottery_transformer'}",
    f"--hparams_set={run['hparams_set']}",
    "--hparams=" + ",".join(f"{name}={value}" for name, value in hparams(settings, run).items()),
    f"--train_steps={run['train_steps']}",
    f"--random_seed={run['seed']}",
    f"--worker_gpu={gpus}",
    *(["--optionally_use_dist_strat"] if gpus > 1 else []),
    *([f"--warm_start_from={pretrained.checkpoint(settings.pretrained)}"] if starts_pretrained else []),
    # Only t2t's first worker writes the run's flags.
    *([f"--worker_id={settings.hosts.number}"] if settings.hosts.number else []),
    "--schedule=train",
    # t2t saves a checkpoint every max(iterations_per_loop, local_eval_frequency) steps; the former counts for TPUs.
    f"--local_eval_frequency={every}",
    f"--iterations_per_loop={min(every, 100)}",
    # All are candidates for the best, so only that of step 0 may be rotated out, which is also in `rewind/`.
    f"--keep_checkpoint_max={max(presets.CHECKPOINTS_KEPT, -(-run['train_steps'] // every))}",
  ]


def hparams(settings: config.Settings, run: dict[str, Any]) -> dict[str, Any]:
  """The run's hparams that differ from its hparams set, by name."""
  # t2t rejects repeated names; the user's value wins.
  given = given_hparams.parse(settings.hparams)
  found = {name: value for name, value in settings.overrides.items() if name not in given}
  method = methods.METHODS[run["method"]]
  if "mask_from" in run:
    for source, at in zip(method.sources, (run["mask_from"], run["rewind_to"])):
      of, step = at.split("@")
      found[source] = paths.stored(settings.runs.folder(of), int(step))
      if "ticket_of" in run:
        found[source] = paths.stored(settings.runs.folder(run["ticket_of"]), 0)
  for name, source in _OF_RUN.items():
    # A seed may be 0; the other fields are 0 by default.
    if run.get(source) or (name == "data_seed" and source in run):
      found[name] = run[source]
  for control in run.get("controls", []):
    found.update(methods.CONTROLS[control])
  if "ticket_of" in run:
    # It is drawn already; its own mask is the only one of its sparsity within itself.
    for name in methods.OF_DRAWING:
      found.pop(name, None)
    if method.values != methods.REWOUND:
      found["ticket_values"] = methods.REWOUND
  if "rewind_also" in run:
    found["rewind_also"] = " ".join(map(str, run["rewind_also"]))
  found.update(given)
  # Hparams without effect on this run's method are for other runs.
  values = {"ticket_values": method.values, **found}["ticket_values"]
  unused = [*methods.without_effect(method, found)]
  unused += [] if method.from_ticket and values == methods.CONSTANT else ["embedding_fan"]
  for name in unused:
    found.pop(name, None)
  return found


def difference(folder: str, found: Mapping[str, Any], requested: Mapping[str, Any], names: Iterable[str]) -> str | None:
  """How the run in a folder differs from the requested one: the first differing name, with both values; None if equal."""
  # Another length has other steps between checkpoints, so the length is named.
  for name in sorted(names, key=lambda name: name == "checkpoint_steps"):
    # A run that keeps more checkpoints than requested is the requested one.
    if name == "rewind_also" and {*requested.get(name, [])} <= {*found.get(name, [])}:
      continue
    # A twin of an older version drew its ticket itself; one that has begun has that in its checkpoints.
    may_lack = name in _MAY_LACK or (name == "ticket_of" and paths.has_output(folder))
    if found.get(name, requested.get(name) if may_lack else None) != requested.get(name):
      return f"{folder} contains a run {with_field(found, name)}; requested {requested.get(name, 'none')}"
  return None


def with_field(about: Mapping[str, Any], name: str) -> str:
  """How a run is described by one field, such as "with hparams=dropout=0.1" or "without hparams"."""
  return f"with {name}={about[name]}" if name in about else f"without {name}"


def steps_in_all(about: Mapping[str, Any], of_run: Callable[[str], Mapping[str, Any] | None]) -> int | None:
  """The training steps of a run and of all runs that its mask comes from, each up to the weights that the mask is drawn from.

  Args:
    about: the run's description.
    of_run: name -> the description of a run that it comes from; None if that is unknown.

  Returns:
    The steps; None if a run is unknown.
  """
  steps, line = about.get("train_steps"), set()
  while steps is not None and "mask_from" in about:
    parent, _, step = about["mask_from"].partition("@")
    known = of_run(parent)
    if known is None or parent in line:
      return None
    line.add(parent)
    steps, about = steps + int(step), known
  return steps


def length(about: Mapping[str, Any]) -> str:
  """The length of a run, and of a ticket the step that its weights come from, such as "4,000 steps from step 200"; empty if unknown.

  Args:
    about: its description, or a line of its results.
  """
  if "train_steps" not in about:
    return ""
  step = about.get("rewind_to", "").rpartition("@")[2]
  return f"{about['train_steps']:,} steps" + (f" from step {int(step):,}" if step.isdecimal() else "")


def named_seeds(seeds: Sequence[int]) -> str:
  """Seeds in words, such as "seed 1" or "seeds 1, 2"."""
  return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def sparsity_miss(result: Mapping[str, Any]) -> str | None:
  """How a result missed the requested sparsity, such as "reached 78.76%, requested 80%"; None if each layer has the right
  number of weights, to within one, or each block the right number of structures.

  Args:
    result: a line of results.
  """
  requested: float = result["sparsity_asked"]
  reached: float = result.get("sparsity", requested)
  on_target = result.get("on_target")
  if on_target is None:
    # Older results contain only the total sparsity, which is inconclusive for a run with a dense embedding.
    has_dense_layers = "dense_embedding" in result.get("controls", []) or "prune_embedding" in result.get("hparams", "")
    on_target = has_dense_layers or abs(reached - requested) <= _ROUNDING
  of = f" of the {removed_kind(result)}" if "removed" in result else ""
  reached = result["removed"]["share"] if "removed" in result else reached
  return None if on_target else f"reached {reached * 100:.6g}%{of}, requested {requested * 100:g}%"


def removed_kind(result: Mapping[str, Any]) -> str:
  """What the structures that a result's run removes are called.

  Args:
    result: a line of results with the field `removed`.
  """
  return structures.NAMES.get(result["removed"]["kind"], result["removed"]["kind"])


def has_tokenizer(signatures: Mapping[str, str], tokenizer: str) -> bool:
  """Whether BLEU was computed with sacreBLEU's tokenizer of that name, as far as a result's signatures tell."""
  found = tokenizer_of(signatures)
  return not found or found == tokenizer or found.startswith(f"{tokenizer}-")


def tokenizer_of(signatures: Mapping[str, str]) -> str | None:
  """The sacreBLEU tokenizer that BLEU was computed with, by a result's signatures; None if they do not tell."""
  match = re.search(r"\|tok:([^|]*)", signatures.get("bleu", ""))
  return match[1] if match else None


def check(path: str, about: Any, complete: bool = True) -> None:
  """Checks the description of a run in a file: names in it become folders, here and wherever runs are copied to.

  Args:
    path: the file.
    about: its content.
    complete: whether all fields that identify a run are required; otherwise, only that existing ones are well formed.

  Raises:
    UserError: if it does not describe a run.
  """
  if why := _wrong(about, complete):
    raise UserError(f"{path} does not describe a run ({why}): delete it to regenerate it")


def _wrong(about: Any, complete: bool) -> str | None:
  if not isinstance(about, dict):
    return "it is not a JSON object"
  for name in ("run", "problem", "size", "method"):
    if (complete or name in about) and not file_names.is_name(about.get(name)):
      return f"{name} is not a name"
  absent = -1 if complete else 0
  seed: Any = about.get("seed", absent)
  sparsity: Any = about.get("sparsity_asked", absent)
  if type(seed) is not int or seed < 0:
    return "seed is not an integer of at least 0"
  if type(sparsity) not in (int, float) or not 0 <= sparsity < 1:
    return "sparsity_asked is not in [0, 1)"
  for name in ("mask_from", "rewind_to"):
    parent, _, step = about[name].partition("@") if isinstance(about.get(name), str) else ("", "", "")
    # A mask may come from PROBLEM/RUN.
    parts = parent.split("/", 1) if name == "mask_from" else [parent]
    if name in about and not (all(map(file_names.is_name, parts)) and step.isdecimal()):
      return f"{name} is not NAME@STEP"
  for name in ("best_step", "train_steps", "rewind_step", "schedule_from", "data_seed"):
    if name in about and (type(about[name]) is not int or about[name] < 0):
      return f"{name} is not a step"
  if "decoder" in about and not file_names.is_name(about["decoder"]):
    return "decoder is not a name"
  return None
