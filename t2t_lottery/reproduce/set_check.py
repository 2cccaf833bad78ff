"""Checks an hparams set of t2t's or the user's (`--hparams_set`) before anything is generated or trained."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

from t2t_lottery.inference import transformer_weights
from t2t_lottery.reproduce import problem_check
from t2t_lottery.runs import config, given_hparams, presets, pretrained
from t2t_lottery.utils.errors import UsageError, UserError

# t2t's modules of models, and those of them whose sets are for its Transformer.
_OF_T2T = "tensor2tensor.models"
_OF_TRANSFORMER = (f"{_OF_T2T}.transformer", f"{_OF_T2T}.research.adafactor_experiments")
# Has every hparam that t2t's Transformer reads.
_BASE = "transformer_base"
# Where t2t stores the function that makes a set, of which the registry only returns the result.
_FUNCTIONS = "_registry"
# Lookup tables with a row for each distance (`pruning.layers`).
_UNPRUNED = "the embeddings of relative positions, relative_positions_keys and relative_positions_values,"
# How many names an error suggests.
_NEAREST = 3


def prepare(settings: config.Settings) -> config.Settings:
  """Checks problem and hparams set; returns the complete settings.

  Raises:
    UserError: as `problem_check.check` and `complete`.
  """
  problem_check.check(settings.runs.problem, settings.data_dir, of_bert=bool(settings.pretrained))
  return complete(settings)


def complete(settings: config.Settings, decoder: str | None = None) -> config.Settings:
  """The settings with the size and step counts of their hparams set; unchanged if they are of a size of this project.

  Args:
    settings: the runs' settings.
    decoder: of the evaluation, `evaluation.decoding.DECODERS`; None not to check that it can translate.

  Raises:
    UsageError: there is no such set, or it is not of a transformer; the nearest names are given.
    UserError: a model of the set cannot be trained, pruned or translated here, or its step counts cannot be scaled.
  """
  if not settings.base_set:
    return settings
  registry = problem_check.registry()
  if settings.pretrained:
    return _complete_bert(settings, registry)
  hparams = _set(settings.base_set, registry)
  own = {name: hparams.get(name) for name in hparams.values()}
  _override(settings, hparams)
  check = importlib.import_module("t2t_lottery.training.hparams_check").check_model
  try:
    check(hparams)
  except UserError as error:
    raise UserError(f"--hparams_set={settings.base_set}: {error}") from error
  values = {name: hparams.get(name) for name in hparams.values()}
  if decoder and decoder != "t2t":
    _check_translation(settings, values)
  if decoder and str(values["self_attention_type"]).endswith("relative"):
    print(f"{settings.base_set}: {_UNPRUNED} are not pruned", flush=True)
  widths = {name: values[name] for name in ("hidden_size", "num_hidden_layers", "filter_size", "num_heads")}
  size = settings.size._replace(**widths, batch_size=values["batch_size"])
  overrides = dict(settings.overrides)
  if settings.steps.train_steps != presets.PAPER.train_steps:
    schedule = {name: values[name] for name in ("learning_rate_schedule", "learning_rate_decay_scheme")}
    overrides = {**presets.rescaled({**own, **schedule}, settings.steps.train_steps), **overrides}
  return settings._replace(size=size, overrides=overrides)


def _complete_bert(settings: config.Settings, registry) -> config.Settings:
  """As `complete`, for a set of `lottery_bert`; also checks that it is that of the pre-trained model."""
  name, known = settings.base_set, registry.Registries.hparams
  if name not in known or "gelu" not in registry.hparams(name):
    sets = [other for other in presets.BERT_SIZES if other in known]
    near = difflib.get_close_matches(name, sets, n=1, cutoff=0.5)
    raise UsageError(
      f"--hparams_set={name} is no set of a BERT, which --checkpoint={settings.pretrained} is: "
      + (f"did you mean {near[0]}?" if near else f"use one of {', '.join(sets)}")
    )
  hparams = registry.hparams(name)
  _override(settings, hparams)
  values = hparams.values()
  pretrained.check(settings.pretrained, values)
  if values["max_length"] < (pieces := presets.pieces_of(settings.runs.problem)):
    raise UserError(
      f"--checkpoint={settings.pretrained} has position embeddings for {values['max_length']} pieces, but an example of "
      f"{settings.runs.problem} may have {pieces}: give another BERT"
    )
  widths = {name: values[name] for name in ("hidden_size", "num_hidden_layers", "filter_size", "num_heads")}
  return settings._replace(size=settings.size._replace(**widths, batch_size=values["batch_size"]))


def _set(name: str, registry):
  """The set with the hparams of a dense run, or raises UsageError."""
  if name in presets.SIZES:
    raise UsageError(f"--hparams_set={name} is the name of a size: give --size={name}, or rename your set")
  known = registry.Registries.hparams
  if name in known:
    why = _unfit(name, registry)
    if not why:
      full_name = name + presets.PLUS + "dense"
      importlib.import_module("hparams").register_on_top(full_name)
      return registry.hparams(full_name)
  fit = [other for other in known if presets.PLUS not in other and not _unfit(other, registry)]
  near = difflib.get_close_matches(name, fit, n=_NEAREST, cutoff=0.5)
  message = f"--hparams_set={name} {why}" if name in known else f"unknown hparams set {name}"
  raise UsageError(f"{message}: did you mean {' or '.join(near or [_BASE])}?")


def _unfit(name: str, registry) -> str:
  """Why a registered set cannot be one of `lottery_transformer`; empty if it can."""
  module = getattr(registry.Registries.hparams, _FUNCTIONS)[name].__module__
  if module.startswith(_OF_T2T) and module not in _OF_TRANSFORMER:
    return f"is for another model of t2t ({module.rpartition('.')[2]})"
  try:
    values = registry.hparams(name).values()
  except Exception as error:  # Some sets of t2t fail on a current TensorFlow, and a user's may fail anyhow.
    return f"cannot be made ({type(error).__name__}: {error})"
  if "gelu" in values:
    return "is of a BERT, which imp.sh fine-tunes from its pre-trained weights (--checkpoint=FOLDER)"
  base = registry.hparams(_BASE).values()
  if missing := sorted(base.keys() - values.keys()):
    return f"is not of a transformer: it has no {missing[0]}"
  if "pruning_method" in values:
    return "already has a method's pruning, which the drivers add to a set without"
  if module.startswith(_OF_T2T) and (more := sorted(values.keys() - base.keys())):
    return f"is for another model of t2t, with {more[0]}"
  return ""


def _override(settings: config.Settings, hparams: Any) -> None:
  """Sets the user's `--hparams`, or raises UsageError."""
  given = given_hparams.parse(settings.hparams)
  for name in given:
    if name.partition("[")[0] not in hparams:
      near = difflib.get_close_matches(name, list(hparams.values()), n=1, cutoff=0.5)
      raise UsageError(
        f"--hparams={name}={given[name]}: {settings.base_set} has no hparam {name}"
        + (f": did you mean {near[0]}?" if near else "")
      )
  try:
    hparams.parse(settings.hparams)
  except ValueError as error:
    raise UsageError(f"--hparams: {' '.join(str(error).split())}") from error


def _check_translation(settings: config.Settings, values: dict[str, Any]) -> None:
  if why := transformer_weights.unsupported(values):
    raise UserError(
      f"--hparams_set={settings.base_set} can only be translated by t2t_decoder: {why}: add --decoder=t2t"
    )
