"""The flags of the drivers in `run_scripts/`: their definitions, their checks, and the shell variables that recipes use.

`run_scripts/lib.sh` calls this before anything is set up, so it needs only the standard library:

    python -m t2t_lottery.reproduce.planning.driver_flags --driver=slt.sh --about=... -- --levels="50 80"

prints shell code that sets the variables of a recipe: `levels`, `below` and `above` the switch, ...
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.data import own_text
from t2t_lottery.pruning import methods
from t2t_lottery.reproduce.planning import control_flags
from t2t_lottery.runs import given_hparams, presets
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# Names of --variant, which changes how every ticket is drawn.
VARIANTS = (
  *("global_magnitude", "global_scores", "layer_magnitude", "dense_embedding", "magnitude", methods.GATES),
  *methods.BY_GATES,
)
# Variant -> the methods that it is only for, and why.
_ONLY_FOR = {
  "global_magnitude": "lt, slt, clt, lrr and finetune",
  "global_scores": "synflow",
  "layer_magnitude": "imp: the others rank the weights of each layer by themselves anyway",
  "dense_embedding": "methods that prune the embedding",
  "magnitude": "units and heads",
  methods.GATES: "heads",
  "heads": "imp; of translation models: heads.sh",
  **dict.fromkeys((methods.MLPS, methods.HEADS_MLPS), "imp"),
}
assert {*VARIANTS} <= set(methods.CONTROLS)


class Flag(NamedTuple):
  """A flag of the drivers.

  Attributes:
    name: without dashes.
    help: a line, or two.
    metavar: name of its value in the help; empty if it takes none.
    default: its default; empty for none.
    default_help: how the help describes the default; empty to print `default`.
    choices: its allowed values; empty to allow any.
    is_repeatable: whether it may be given several times.
  """

  name: str
  help: str
  metavar: str = ""
  default: str = ""
  default_help: str = ""
  choices: tuple[str, ...] = ()
  is_repeatable: bool = False


# Defaults are the paper's (section 4); a driver may override them.
OF_RUNS = (
  Flag("problem", "t2t problem", "NAME", "translate_ende_wmt14"),
  Flag("size", "base (the paper's), big, small, tiny or micro", "NAME", "base", choices=tuple(presets.SIZES)),
  Flag(
    "hparams_set", "instead of --size: a set of t2t's transformer, of a BERT (imp.sh), or one of your usr_dir", "NAME"
  ),
  Flag("checkpoint", "folder of the pre-trained BERT: bert_model.ckpt and vocab.txt", "DIR"),
  Flag("levels", "sparsity of each level in percent, increasing", '"L ..."', "10 20 30 40 50 60 70 80 85 90 95 98"),
  Flag("seed", "random seed of each run", "N", "1"),
  Flag("data_seed", "also train each run on its batches in the order of another seed", "N"),
  Flag("steps", "length of each run; other step counts scale", "N", default_help="the size's; of a BERT 3 epochs"),
  Flag("hparams", "more t2t hparams for each run, such as batch_size=1024", "LIST", default_help="none"),
  Flag("runs_dir", "where runs and results are stored", "DIR", os.path.join(ROOT, "runs"), "runs"),
  Flag("checkpoints", "how many checkpoints each run saves", "N", "20"),
  Flag("average", "also evaluate the mean of the last N checkpoints", "N", "0"),
  Flag(
    "keep",
    "checkpoints to keep of a finished run: all, or essential: best, last, step 0 and t",
    "WHICH",
    "all",
    choices=("all", "essential"),
  ),
  Flag(
    "decoder",
    "ctranslate2; sparse, with t2t's exact search; or the reference t2t (ten times slower)",
    "NAME",
    "ctranslate2",
    choices=("ctranslate2", "sparse", "t2t"),
  ),
  Flag(
    "bleu_tokenize",
    "sacreBLEU's tokenizer for BLEU, such as flores200",
    "NAME",
    default_help="by target language",
    choices=("13a", "intl", "char", "zh", "ja-mecab", "ko-mecab", "flores101", "flores200", "none"),
  ),
  Flag(
    "compute_type",
    "int8: also translate test by CTranslate2 with matrices in int8",
    "TYPE",
    default_help="float32 only",
    choices=("float32", "int8"),
  ),
  Flag("comet", "also score test by COMET: path of a model", "MODEL", default_help="none"),
  Flag("comet_python", "Python of the environment with unbabel-comet or pymarian", "PATH", default_help="tool on PATH"),
  Flag("data_dir", "where t2t-datagen puts records", "DIR", os.path.join(ROOT, "data"), "data"),
  Flag("tmp_dir", "where raw text is, or is downloaded to", "DIR", default_help="DATA_DIR/tmp"),
  Flag("t2t_usr_dir", "your own usr_dir, with your own problems", "DIR"),
  Flag("gpus", "train each run on N GPUs of this machine together", "N", default_help="1 if it has one"),
  Flag("hosts", "train each run on these machines together: start the same command on each", "HOST:PORT,..."),
  Flag("host_index", "which of --hosts this machine is, 0 for the first", "N", default_help="by name or address"),
)
# Of own text (`t2t_lottery/data/own_text.py`).
OF_TEXT = (
  Flag("name", "of the text; its problem is named translate_NAME", "NAME"),
  Flag(
    "train",
    "training text: two files, or one tab-separated; plain or gzipped; repeatable",
    "SOURCE,TARGET",
    is_repeatable=True,
  ),
  Flag("dev", "dev set, likewise", "SOURCE,TARGET", default_help="split off the training text"),
  Flag(
    "test",
    "test set, likewise; repeatable",
    "SOURCE,TARGET",
    default_help="split off the training text",
    is_repeatable=True,
  ),
  Flag("languages", "codes of the two languages, such as en,de", "CODES", default_help="the files' extensions"),
  Flag("vocab_size", "approximate number of subwords in the vocabulary", "N", default_help=f"{own_text.VOCAB_SIZE}"),
)
OF_TICKETS = (
  Flag("rewind", "rewind to the last level's run, or the dense run", "WHICH", "last", choices=("last", "dense")),
  Flag("rewind_step", "t, the step to rewind to", "N", default_help="5% of the length"),
  Flag("rewind_steps", 'each t to compare, in steps or percent of the length, such as "0 2% 5% 20% 100%"', '"T ..."'),
  Flag("schedule_from", "step of the learning-rate schedule at which a ticket starts", "0|t", "0", choices=("0", "t")),
  Flag("prune_each", "prune P% of the remaining weights at each level, up to the last of --levels", "P"),
  Flag("one_shot", "draw every level from the dense run"),
  Flag(
    "variant",
    "pruning variant: dense_embedding, global_magnitude (not if pruned by MP), global_scores (SynFlow),\n"
    "magnitude (units and heads), gates (heads), or layer_magnitude, heads, mlps or heads_mlps (imp)",
    "NAME",
    choices=VARIANTS,
  ),
  Flag(
    "controls",
    "also train, for each level, its ticket with random_signs, constant_values,\n"
    "redrawn_values, permuted_values, reinitialized, random_mask, or (with --rewind=dense or\n"
    "--one_shot) shuffled_mask, bad_mask; of heads and MLPs running_sum. Several at once:\n"
    "random_signs+constant_values",
    '"C ..."',
  ),
  Flag("switch", "the level at which SLT-MP and MP-SLT switch methods", "L", "60"),
  Flag("switches", "each such level to compare", '"L ..."'),
  Flag(
    "equal_training", "also train MP, and SLT-MP's part by MP, for as many steps in all as SLT's line up to that level"
  ),
  Flag(
    "slt_levels",
    "then SLT: from the last level, prune single weights of all layers to each of these sparsities",
    '"L ..."',
  ),
  Flag(
    "ticket_from",
    "take the masks of another task's runs, such as glue_cola: same flags, levels and seed",
    "PROBLEM",
  ),
)
_FLAGS = {flag.name: flag for flag in (*OF_RUNS, *OF_TEXT, *OF_TICKETS)}
# Flags with several values.
_SEVERAL = ("rewind_steps", "switches", "slt_levels")
# Flags whose values are nonnegative integers.
_INTEGERS = "seed data_seed steps rewind_step checkpoints average vocab_size gpus host_index".split()
# Of a chain: pruning 1% of the remaining weights at each level takes 390 levels to 98%.
_MOST_LEVELS = 1000
# `--plan=table` is for the graph of a table: flags without effect on the method are listed, not rejected.
_OF_TABLE = "table"


def of_chain() -> list[Flag]:
  """The flags that define the runs and their parents; all other flags are the same for every run."""
  return [_FLAGS["levels"], _FLAGS["data_seed"], *(flag for flag in OF_TICKETS if flag.name != "rewind_step")]


class Driver(NamedTuple):
  """A driver.

  Attributes:
    name: of its file.
    about: what it does, for its help.
    defaults: its own defaults, as flags.
    unused: flags without effect on its chain of runs, with dashes.
    variants: those of `VARIANTS` that its method has.
    controls_without_effect: on the method's tickets.
    scores: the one of `methods.CONTROLS` by which its tickets are scored, unless a variant says otherwise; empty: by magnitude.
  """

  name: str
  about: str
  defaults: tuple[str, ...] = ()
  unused: tuple[str, ...] = ()
  variants: tuple[str, ...] = VARIANTS
  controls_without_effect: tuple[str, ...] = ()
  scores: str = ""


def read(driver: Driver, words: Sequence[str]) -> str:
  """Shell code for a driver's command line.

  Args:
    driver: the driver.
    words: its flags, as `--name=value` or `--name value`.

  Raises:
    UserError: a flag is unknown, lacks a value, has an invalid one, or has no effect in this driver.
  """
  values = {name: flag.default for name, flag in _FLAGS.items()}
  values.update(_parse(driver.defaults, can_override=True))
  if {"--help", "-h"} & {*words}:
    return _echo(_usage(driver, values)) + "; exit 0"
  given = _parse(words)
  plan = given.pop("plan", "")
  surplus = [f"--{name}" for name in given if f"--{name}" in driver.unused]
  if surplus and plan != _OF_TABLE:
    raise UserError(f"{surplus[0]} has no effect in {driver.name}: leave it out")
  if "hparams_set" in given and "size" in given:
    raise UserError(f"--hparams_set={given['hparams_set']} includes a size: leave out --size={given['size']}")
  for name in _SEVERAL:
    if name in given and not given[name].strip():
      raise UserError(f"--{name} is empty")
  if "switch" in given and "switches" in given:
    raise UserError(f"--switches={given['switches']} replaces --switch={given['switch']}: leave one of them out")
  if "equal_training" in given and "one_shot" in given:
    raise UserError("--equal_training: with --one_shot SLT's line is as short at every level: leave one of them out")
  if "name" in given and "problem" not in given:
    values["problem"] = own_text.problem_name(given["name"])
  values.update((name, value) for name, value in given.items() if f"--{name}" not in driver.unused)
  controls = values["controls"].split()
  effective = control_flags.with_effect(controls, driver.controls_without_effect)
  if effective != controls and plan != _OF_TABLE:
    (first, *_) = (control for control in controls if control not in effective)
    raise UserError(f"the control {first} has no effect in {driver.name}: leave it out")
  # Some of a graph's methods may have them.
  surplus += [f"--controls={control}" for control in given.get("controls", "").split() if control not in effective]
  values["controls"] = " ".join(effective)
  of_bert = "--checkpoint" not in driver.unused
  if of_bert and not values["checkpoint"] and not plan:
    raise UserError("give --checkpoint=DIR, the folder of a pre-trained BERT, with bert_model.ckpt and vocab.txt")
  if of_bert and values["rewind_steps"] != "0" and not values["steps"]:
    raise UserError(f'--rewind_steps="{values["rewind_steps"]}": give --steps, since the length is that of the task')
  check(values, driver.variants)
  if plan != _OF_TABLE and values["data_seed"]:
    presets.check_data_seed(int(values["data_seed"]), int(values["seed"]))
  if driver.scores == methods.UNITS:
    # The weights of heads are a smaller share: `config.check_levels_after_heads`.
    _check_slt_levels(values["slt_levels"].split(), values["levels"].split()[-1])
  control_flags.check_devices([driver.scores, values["variant"]], int(values["gpus"] or 0), bool(values["hosts"]))
  # A graph's problem is not the driver's.
  if values["ticket_from"] and plan != _OF_TABLE:
    check_transfer(values["ticket_from"], values["problem"])
  line = _levels({**values, "levels": given.get("levels", _FLAGS["levels"].default)})
  if values["equal_training"] and "--switch" not in driver.unused:
    _check_switches(values, line)
  if "--switch" not in driver.unused and (plan != _OF_TABLE or {"switch", "switches"} & {*given}):
    _check_levels_above(values)
  code = _assignments(values, line, of_bert)
  if plan:
    code += [_assign("plan", plan), *([_echo("\t".join(["unused", *surplus]))] if plan == _OF_TABLE else [])]
  return "\n".join(code)


def _parse(words: Sequence[str], can_override: bool = False) -> dict[str, str]:
  found: dict[str, str] = {}
  rest = iter(words)
  for word in rest:
    name, has_value, value = word[2:].partition("=")
    if word == "--plan" or name == "plan" and value == _OF_TABLE:
      found["plan"] = value or "yes"
      continue
    if not word.startswith("--") or name not in _FLAGS:
      near = difflib.get_close_matches(f"--{name}", [f"--{flag}" for flag in _FLAGS], n=1, cutoff=0.7)
      raise UserError(f"unknown flag {word}" + (f": did you mean {near[0]}?" if near else "; --help lists all"))
    flag = _FLAGS[name]
    if not flag.metavar:
      if has_value:
        raise UserError(f"--{name} takes no value")
      value = "yes"
    elif not has_value:
      value = next(rest, "--")
      if value.startswith("--"):
        raise UserError(f"--{name} needs a value: --{name}={flag.metavar}")
    if flag.choices and value not in (*flag.choices, flag.default):
      raise UserError(f"--{name}={value}: {choices.suggestion(value, flag.choices)}")
    if name in found and flag.is_repeatable:
      value = f"{found[name]}\n{value}"
    elif found.get(name, value) != value and not can_override:
      raise UserError(f"--{name}={value} and --{name}={found[name]}: give one of them")
    found[name] = value
  return found


def _usage(driver: Driver, values: Mapping[str, str]) -> str:
  lines = [driver.about, "", f"usage: run_scripts/{driver.name} [flags]"]
  for heading, flags in (
    ("", OF_RUNS),
    ("for your own text:", OF_TEXT),
    ("for methods that draw tickets:", OF_TICKETS),
  ):
    listed = [flag for flag in flags if f"--{flag.name}" not in driver.unused]
    lines += [heading] if heading and listed else []
    for flag in listed:
      default = values[flag.name] if values[flag.name] != flag.default or not flag.default_help else flag.default_help
      name = f"--{flag.name}" + (f"={flag.metavar}" if flag.metavar else "")
      first, *more = (flag.help + (f"  [{default}]" if default else "")).split("\n")
      lines += [f"  {name:<21} {first}", *(f"  {'':<21} {line}" for line in more)]
  lines += [
    f"  {'--plan':<21} only print the runs, each with its flags",
    f"  {'--version':<21} only print the version",
    "Runs that are already done are skipped; unfinished ones resume.",
  ]
  return "\n".join(lines)


def check(values: Mapping[str, str], variants: Sequence[str] = VARIANTS) -> None:
  """Checks the flags of a chain of runs.

  Args:
    values: of all flags, by name.
    variants: those that the method has.

  Raises:
    UserError: a value is invalid.
  """
  check_own_text(values, values["problem"])
  given = given_hparams.parse(values["hparams"])
  if not values["hparams_set"]:
    given_hparams.check(given, presets.SIZES[values["size"]])
  if values["comet_python"] and not values["comet"]:
    raise UserError(f"--comet_python={values['comet_python']} has no effect without --comet=MODEL")
  share = values["prune_each"]
  for name in _INTEGERS:
    if values.get(name) and not _is_integer(values[name]):
      raise UserError(f"--{name}={values[name]} is not a nonnegative integer")
  _check_steps(values)
  check_levels([values["switch"]])
  if values["switches"]:
    check_levels(values["switches"].split(), "switches")
  check_levels(values["levels"].split())
  if values["slt_levels"]:
    check_levels(values["slt_levels"].split(), "slt_levels")
  if share:
    _check_share(share, values["levels"].split()[-1])
  check_rewind_steps(values)
  variant = values["variant"]
  if variant and variant not in variants:
    if variant == "global_magnitude" and methods.MLPS in variants:
      raise UserError(f"--variant={variant} has no effect: imp ranks the weights of all layers together anyway")
    raise UserError(f"--variant={variant} is only for {_ONLY_FOR[variant]}")
  if variant and values["ticket_from"]:
    raise UserError(
      f"--ticket_from={values['ticket_from']} transfers masks of all single weights together: leave out --variant={variant}"
    )
  control_flags.check(values, variants)


def check_transfer(source: str, problem: str) -> None:
  """Checks that masks are transferred between two tasks.

  Args:
    source: the value of --ticket_from.
    problem: the task that gets them.

  Raises:
    UserError: they are not.
  """
  if not re.fullmatch(r"\w+", source) or source == problem:
    raise UserError(f"--ticket_from={source}: give another task than --problem={problem}, such as glue_cola")


def check_own_text(values: Mapping[str, str], problem: str) -> None:
  """Checks that flags of own text come with its name, and that this is the name of the problem.

  Args:
    values: at least of the flags in `OF_TEXT`, by name.
    problem: the problem's name.

  Raises:
    UserError: they do not.
  """
  text = [flag.name for flag in OF_TEXT if values[flag.name]]
  name = values["name"]
  if text and not name:
    raise UserError(f"--{text[0]} is for own text: give it a --name")
  if name and problem != own_text.problem_name(own_text.check_name(name)):
    raise UserError(f"--name={name} is the problem {own_text.problem_name(name)}: leave out --problem")


def datagen_flags(values: Mapping[str, str]) -> list[str]:
  """The flags of own text for `t2t_lottery/datagen.py`.

  Args:
    values: at least of the flags in `OF_TEXT`, by name; those of a repeatable flag on a line each.
  """
  names = [flag.name for flag in OF_TEXT if flag.name != "name"]
  return [f"--{name}={value}" for name in names for value in values[name].split("\n") if value]


def check_levels(levels: Sequence[str], flag: str = "levels") -> None:
  """Raises UserError if the levels of a flag are not increasing percentages above 0 and below 100."""
  if not levels:
    raise UserError(f"--{flag} is empty")
  before = 0.0
  for level in levels:
    if not _is_number(level):
      raise UserError(f"level {level} is not a percentage")
    if not before < float(level) < 100:
      raise UserError(f"{flag} must increase from above 0 to below 100: {' '.join(levels)}")
    before = float(level)


def _check_steps(values: Mapping[str, str]) -> None:
  """Raises UserError if a step lies beyond the run's end, or its checkpoints are more than its steps."""
  if values.get("checkpoint") and not values["steps"]:
    return  # The length is that of the task.
  last = _length(values)
  if last < presets.SHORTEST:
    raise UserError(f"--steps={last}: a run has at least {presets.SHORTEST} steps")
  presets.check_fit(last, int(values["rewind_step"] or 0), int(values.get("checkpoints") or 0))


def _length(values: Mapping[str, str]) -> int:
  """The number of steps of a run."""
  if values["steps"]:
    return int(values["steps"])
  return (presets.PAPER if values["hparams_set"] else presets.SIZES[values["size"]]).train_steps


def _check_share(share: str, last: str) -> None:
  """Raises UserError if --prune_each is no percentage, or so small that the levels up to the last are too many."""
  if not (_is_number(share) and 0 < float(share) < 100):
    raise UserError(f"--prune_each={share} is not a share of weights in percent")
  if next(itertools.islice(levels_of_shares(float(share), last), _MOST_LEVELS, None), None):
    raise UserError(f"--prune_each={share} makes more than {_MOST_LEVELS} levels up to {last}%: give a larger share")


def _is_integer(text: str) -> bool:
  # Digits of other scripts, which Python reads too, would become part of the names of runs.
  return bool(re.fullmatch(r"[0-9]+", text))


def _is_number(text: str) -> bool:
  return bool(re.fullmatch(r"[0-9]+(\.[0-9]+)?", text))


def level_name(text: str) -> str:
  """A sparsity in percent as in the names of runs: 50 for 050 and 50.0."""
  units, _, part = text.partition(".")
  part = part.rstrip("0")
  return (units.lstrip("0") or "0") + (f".{part}" if part else "")


class RewindSteps(NamedTuple):
  """The steps of --rewind_steps.

  Attributes:
    steps: in the order given.
    usual: the t of all other runs.
    last: T, the length of a run.
  """

  steps: tuple[int, ...]
  usual: int
  last: int

  @property
  def names(self) -> list[str]:
    """The steps as the recipe of SLT has them: 0 (which is LT), t (the usual one), T (learning-rate rewinding), or N."""
    special = {self.usual: "t", self.last: "T", 0: "0"}
    return [special.get(step, str(step)) for step in self.steps]

  @property
  def further(self) -> list[int]:
    """Those that the dense run keeps for them alone, sorted."""
    return sorted({*self.steps} - {0, self.usual, self.last})


def rewind_steps(values: Mapping[str, str], of_bert: bool = False) -> RewindSteps:
  """Resolves --rewind_steps.

  Args:
    values: of the flags rewind_steps, rewind_step, steps, size and hparams_set, by name; empty if not given.
    of_bert: whether the runs are of a BERT, which usually rewind to step 0.

  Raises:
    UserError: one is neither a step of the run nor a share of its length, or is repeated.
  """
  last, usual = _length(values), values["rewind_step"]
  found: list[int] = []
  for word in values["rewind_steps"].split():
    share = word.removesuffix("%")
    if not _is_number(share) or (share == word and not _is_integer(word)):
      raise UserError(f"--rewind_steps: {word} is neither a step nor a share of the length, such as 2%")
    step = int(word) if share == word else round(float(share) / 100 * last)
    if step in (0, last) and share != word and float(share) not in (0, 100):
      raise UserError(f"--rewind_steps: {word} of {last} steps is step {step}: give {step} if that is meant")
    if step > last:
      raise UserError(f"--rewind_steps: {word} is after the end of a run of {last} steps")
    if step in found:
      raise UserError(f"--rewind_steps: {word} is step {step}, which is given twice")
    found.append(step)
  usual_step = 0 if of_bert else int(usual or presets.for_length(last).rewind_step)
  return RewindSteps(tuple(found), usual_step, last)


def check_rewind_steps(values: Mapping[str, str]) -> None:
  """Checks that each of --rewind_steps can be combined with the other flags.

  Args:
    values: of all flags, by name.

  Raises:
    UserError: naming the first that cannot.
  """
  if not values["rewind_steps"]:
    return
  names = rewind_steps(values).names
  if "T" in names and values["rewind"] == "dense":
    # A BERT's runs cannot be rewound to anything but the dense run's weights.
    advice = "leave out 100%" if values["checkpoint"] else "leave out 100% or --rewind=dense"
    raise UserError(f"--rewind_steps: the end of a run is the end of the last level's: {advice}")
  if {*names} != {"0"} and values["ticket_from"]:
    raise UserError(f"--ticket_from={values['ticket_from']} rewinds to step 0: leave out --rewind_steps")
  if {"0", "T"} & {*names} and values["schedule_from"] != "0":
    raise UserError(f"--rewind_steps: only between 0 and 100% has --schedule_from={values['schedule_from']} a meaning")


def _check_slt_levels(levels: Sequence[str], last: str) -> None:
  """Raises UserError if --slt_levels are not above the last of --levels: removed units stay removed."""
  if levels and float(levels[0]) <= float(last):
    raise UserError(f"--slt_levels must be above {last}, the last of --levels: {' '.join(levels)}")


def _check_switches(values: Mapping[str, str], line: Sequence[str]) -> None:
  """Rejects a switch that is no level of SLT's line: there, SLT-MP's training cannot be made equal to it."""
  for switch in map(level_name, values["switches"].split() or [values["switch"]]):
    if switch not in line:
      raise UserError(f"--equal_training: SLT's line has no level {switch}, the switch: add it to --levels")


def _check_levels_above(values: Mapping[str, str]) -> None:
  """Raises UserError for a switch without a level above it: no run would change methods there."""
  last = _levels(values)[-1]
  for switch in map(level_name, values["switches"].split() or [values["switch"]]):
    if float(switch) >= float(last):
      raise UserError(f"no level is above {switch}, the switch: add one to --levels, or give a lower --switch")


def _levels(values: Mapping[str, str]) -> list[str]:
  """The levels of a chain, as in the names of its runs."""
  levels = [level_name(level) for level in values["levels"].split()]
  return list(levels_of_shares(float(values["prune_each"]), levels[-1])) if values["prune_each"] else levels


def levels_of_shares(share: float, last: str) -> Iterator[str]:
  """Levels in percent that each prune the same share of the weights that the previous one kept, up to the last."""
  kept = 100 - share
  # Names are compared: the rounding error of a level must not make it another one than the last.
  while float(level := f"{100 - kept:.6g}") < float(last):
    yield level
    kept *= 1 - share / 100
  yield last


def _assignments(values: Mapping[str, str], line: Sequence[str], of_bert: bool) -> list[str]:
  """The variables of a recipe, as shell code.

  Args:
    values: of all flags, by name.
    line: the levels of SLT's driver with the same flags.
    of_bert: whether the runs are of a BERT.
  """
  levels = _levels(values)
  switch = level_name(values["switch"])
  switches = [level_name(level) for level in values["switches"].split()] or [switch]
  below, above = {}, {}
  for one in switches:
    below[one] = sorted({*(level for level in levels if float(level) < float(one)), one}, key=float)
    above[one] = [level for level in levels if float(level) > float(one)]
  needs_steps = values["rewind_steps"] or values["equal_training"]
  swept = rewind_steps(values, of_bert) if needs_steps else RewindSteps((), 0, 0)
  words = {
    "levels": levels,
    "switches": switches,
    "rewind_steps": swept.names or ["t"],
    "rewind_also": [str(step) for step in swept.further],
    "controls": values["controls"].split(),
    "slt_levels": [level_name(level) for level in values["slt_levels"].split()],
  }
  # A set's name is that of its size.
  size = values["hparams_set"] or values["size"]
  location = _flags({**values, "size": size}, ["problem", "size", "runs_dir", "data_dir"])
  common = _flags(
    values,
    [
      "problem",
      "hparams_set" if values["hparams_set"] else "size",
      "runs_dir",
      "data_dir",
      "checkpoint",
      "seed",
      "checkpoints",
      "steps",
      "rewind_step",
      "hparams",
      "t2t_usr_dir",
      "hosts",
      "host_index",
    ],
  )
  scoring = ["bleu_tokenize", "comet", "comet_python", "compute_type"]
  tmp_dir = values["tmp_dir"] or os.path.join(values["data_dir"], "tmp")
  arrays = {
    "location": location,
    "common": [*common, f"--tmp_dir={tmp_dir}"],
    "text": [*datagen_flags(values), *_flags(values, [*(["decoder"] if values["hparams_set"] else []), *scoring])],
    "training": _flags(values, ["gpus"]),
    "evaluation": _flags(values, ["average", "decoder", "keep", *scoring]),
  }
  return [
    *(_assign(name, " ".join(value)) for name, value in words.items()),
    *(
      _assign(name, values[name])
      for name in ("one_shot", "variant", "runs_dir", "data_seed", "equal_training", "ticket_from")
    ),
    *(_table(name, found) for name, found in (("below", below), ("above", above))),
    # Those of the line of a level of SLT: the dense run, and one for each level.
    _table("slt_runs", {level: [str(number)] for number, level in enumerate(line, 2)}),
    _assign("train_steps", str(swept.last)),
    _assign("rewind_step", str(swept.usual)),
    _assign("rewind_dense", "yes" if values["rewind"] == "dense" else ""),
    _assign("schedule_from", values["schedule_from"].removeprefix("0")),
    *(f"{name}=({' '.join(map(shlex.quote, value))})" for name, value in arrays.items()),
  ]


def _flags(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
  return [f"--{name}={values[name]}" for name in names if values[name]]


def _table(name: str, found: Mapping[str, Sequence[str]]) -> str:
  """An associative array: level -> levels."""
  pairs = [f"[{level}]={shlex.quote(' '.join(levels))}" for level, levels in found.items()]
  return f"{name}=({' '.join(pairs)})"


def _assign(name: str, value: str) -> str:
  return f"{name}={shlex.quote(value)}"


def _echo(text: str) -> str:
  return f"printf '%s\\n' {shlex.quote(text)}"


def main(argv: Sequence[str]) -> str:
  """The command: shell code for a driver's flags.

  Args:
    argv: `--driver`, `--about`, `--unused`, `--variants`, `--controls_without_effect`, `--scores`, each with a value, and the
      driver's defaults; after "--", the driver's command line.

  Raises:
    SystemExit: with status 2, after one line on stderr, if a flag is invalid.
  """
  end = list(argv).index("--")
  own = dict(word[2:].split("=", 1) for word in argv[:6])
  driver = Driver(
    own["driver"],
    own["about"],
    tuple(argv[6:end]),
    tuple(own["unused"].split()),
    tuple(own["variants"].split()),
    tuple(own["controls_without_effect"].split()),
    own["scores"],
  )
  try:
    return read(driver, argv[end + 1 :])
  except UserError as error:
    print(f"{driver.name}: {error}", file=sys.stderr)
    raise SystemExit(2) from None


if __name__ == "__main__":
  print(main(sys.argv[1:]))
