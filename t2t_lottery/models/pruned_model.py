"""What every model of this library adds to t2t's: hooks that build tickets, prune, save and stop; masked gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import gradual_schedule, methods, structures, tickets
from t2t_lottery.training import (
  async_start_hook,
  gradual_pruning_hook,
  hparams_check,
  masked_optimizer,
  rewind_hook,
  safety_hooks,
  statistics_hook,
  ticket_hook,
)
from t2t_lottery.utils import errors, tf_config


class Parts(NamedTuple):
  """Where models differ.

  Attributes:
    checks: of their hparams and checkpoints.
    initialize: (hparams, layer, shape, seed) -> new random values of a layer.
    score: (hparams, spec, name -> weights) -> scores of each layer that need the graph; None for a model without them.
    may_lack: whether a checkpoint that a run rewinds to may be without a variable, which then is initialized at random.
  """

  checks: hparams_check.Model
  initialize: Callable[[Any, str, tuple[int, ...], int], np.ndarray]
  score: Callable[[Any, tickets.TicketSpec, dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
  may_lack: Callable[[str], bool] = lambda name: False


def train_hooks(hook_context, parts: Parts) -> list[tf.estimator.SessionRunHook]:
  """See `T2TModel.train_hooks`; also rejects invalid hparams, before the graph is built.

  Args:
    hook_context: t2t's.
    parts: the model's.
  """
  hparams = hook_context.hparams
  config = hook_context.estimator.config
  with errors.one_line():
    hparams_check.check(hparams, parts.checks)
    hparams_check.check_devices(hparams, config)
    hparams_check.check_lengths(hparams)
  host = tf_config.from_environment()
  is_chief = config.is_chief and host.is_chief
  # The order matters: a failed run saves nothing more, and a checkpoint is saved before the pruning after its step.
  hooks = [] if config.use_tpu else [safety_hooks.FiniteLossHook(hparams.model_dir, is_chief)]
  if is_chief and config.save_checkpoints_steps and not config.use_tpu:
    hooks.append(
      safety_hooks.SaveHook(hparams.model_dir, config.save_checkpoints_steps, not tf_config.has_async_masters())
    )
  if is_chief:
    early = {0, hparams.rewind_step, *map(int, hparams.rewind_also.split())}
    hooks.append(rewind_hook.RewindCheckpointHook(hparams.model_dir, early))
    every = config.save_checkpoints_steps or hparams.rewind_step
    hooks.append(statistics_hook.StatisticsHook(hparams.model_dir, every))
  method = methods.METHODS[hparams.pruning_method]
  # Each synchronous host draws the ticket and prunes; of several masters with parameter servers, only the first does.
  has_weights = config.is_chief or host.several
  if method.from_ticket and has_weights:
    hooks.append(_ticket_hook(hparams, method, config.tf_random_seed or 0, host.number, parts))
  if method.gradual and has_weights:
    plan = gradual_schedule.plan(hparams.initial_sparsity, hparams.sparsity, hparams.prune_until, hparams.prune_every)
    hooks.append(gradual_pruning_hook.PruneHook(plan, hparams.prune_embedding))
  hooks.append(safety_hooks.StopHook())
  if tf_config.has_async_masters():
    hooks.append(async_start_hook.AsyncStartHook(is_chief))
  return hooks


def _ticket_hook(hparams, method: methods.Method, seed: int, host: int, parts: Parts) -> ticket_hook.TicketHook:
  spec = hparams_check.ticket_spec(hparams, seed)
  sources = hparams.mask_checkpoint, hparams.get(method.sources[-1])
  score = None
  if parts.score is not None and spec.score in methods.OF_MODEL:
    score = functools.partial(parts.score, hparams, spec)
  initialize = functools.partial(parts.initialize, hparams)
  return ticket_hook.TicketHook(hparams.model_dir, *sources, spec, initialize, score, host, parts.may_lack)


def mask_gradients(hparams, variables: list[tf.Variable]) -> None:
  """Makes t2t's optimizer of a pruned run see masked gradients; to be called before `T2TModel.optimize`.

  Args:
    hparams: the model's own copy; its optimizer is wrapped.
    variables: the trainable variables.
  """
  if methods.METHODS[hparams.pruning_method].prunes:
    masked_optimizer.create_masks(variables, methods.MLPS in structures.kinds(hparams.ticket_structure))
    masked_optimizer.wrap(hparams)
