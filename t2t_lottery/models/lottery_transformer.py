"""The model `lottery_transformer`: t2t's `transformer` with tickets, pruning and masks."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.models import transformer
from tensor2tensor.utils import optimize, registry

from t2t_lottery.pruning import gradual_schedule, layers, methods, saliency, tickets
from t2t_lottery.training import (
  async_start_hook,
  batch_order,
  gradual_pruning_hook,
  hparams_check,
  masked_optimizer,
  rate_schedule,
  replicated_variables,
  rewind_hook,
  safety_hooks,
  statistics_hook,
  ticket_hook,
)
from t2t_lottery.utils import errors, tf_config


@registry.register_model
class LotteryTransformer(transformer.Transformer):
  """t2t's `transformer` with masks (`docs/design.md`).

  With the hparams `mask_checkpoint`, `rewind_checkpoint` and `sparsity`, a new run starts from a ticket; with a gradual
  `pruning_method`, it is pruned during training; otherwise this is the stock model, op for op.
  """

  @staticmethod
  def train_hooks(hook_context):
    """See `T2TModel.train_hooks`; also rejects invalid hparams, before the graph is built."""
    hparams = hook_context.hparams
    config = hook_context.estimator.config
    with errors.one_line():
      hparams_check.check(hparams)
      hparams_check.check_devices(hparams, config)
      hparams_check.check_lengths(hparams)
    host = tf_config.from_environment()
    is_chief = config.is_chief and host.is_chief
    # The order matters: a failed run saves nothing more, and a checkpoint is saved before the pruning after its step.
    train_hooks = [] if config.use_tpu else [safety_hooks.FiniteLossHook(hparams.model_dir, is_chief)]
    if is_chief and config.save_checkpoints_steps and not config.use_tpu:
      train_hooks.append(
        safety_hooks.SaveHook(hparams.model_dir, config.save_checkpoints_steps, not tf_config.has_async_masters())
      )
    if is_chief:
      early = {0, hparams.rewind_step, *map(int, hparams.rewind_also.split())}
      train_hooks.append(rewind_hook.RewindCheckpointHook(hparams.model_dir, early))
      every = config.save_checkpoints_steps or hparams.rewind_step
      train_hooks.append(statistics_hook.StatisticsHook(hparams.model_dir, every))
    method = methods.METHODS[hparams.pruning_method]
    # Each synchronous host draws the ticket and prunes; of several masters with parameter servers, only the first does.
    has_weights = config.is_chief or host.several
    if method.from_ticket and has_weights:
      spec = hparams_check.ticket_spec(hparams, config.tf_random_seed or 0)
      sources = hparams.mask_checkpoint, hparams.get(method.sources[-1])
      initialize, score = functools.partial(_initialize, hparams), None
      if spec.score in (methods.SNIP, methods.SYNFLOW):
        score = functools.partial(_score, hparams, spec)
      train_hooks.append(ticket_hook.TicketHook(hparams.model_dir, *sources, spec, initialize, score, host.number))
    if method.gradual and has_weights:
      plan = gradual_schedule.plan(hparams.initial_sparsity, hparams.sparsity, hparams.prune_until, hparams.prune_every)
      train_hooks.append(gradual_pruning_hook.PruneHook(plan, hparams.prune_embedding))
    train_hooks.append(safety_hooks.StopHook())
    if tf_config.has_async_masters():
      train_hooks.append(async_start_hook.AsyncStartHook(is_chief))
    return train_hooks

  def optimize(self, loss, num_async_replicas=1, use_tpu=False, variables=None):
    """See `T2TModel.optimize`; masks the gradients before they reach the optimizer, and shifts the learning rate."""
    trained = tf.trainable_variables() if variables is None else variables
    with errors.one_line():
      layers.check_known({replicated_variables.name(variable): variable.shape.as_list() for variable in trained})
    if methods.METHODS[self.hparams.pruning_method].prunes:
      masked_optimizer.create_masks(trained)
      masked_optimizer.wrap(self.hparams)
    return super().optimize(loss, num_async_replicas=num_async_replicas, use_tpu=use_tpu, variables=variables)


# t2t names a model's variable scope after this; stock t2t must be able to read the checkpoints.
LotteryTransformer.REGISTERED_NAME = transformer.Transformer.REGISTERED_NAME
rate_schedule.install()
batch_order.install()


def _initialize(hparams, layer: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
  """Random values for a layer, from t2t's initial distribution.

  Sources: `optimize.get_variable_initializer`; for the embedding `modalities._get_weights`.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(seed)
    if layers.is_embedding(layer):
      initializer = tf.random_normal_initializer(0.0, shape[-1] ** -0.5)
    else:
      initializer = optimize.get_variable_initializer(hparams)
    return session.run(initializer(shape, tf.float32))


def _score(hparams, spec: tickets.TicketSpec, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Layer -> scores that need the graph (SNIP) or the network's structure (SynFlow)."""
  if spec.score == methods.SNIP:
    return saliency.snip(weights, masked_optimizer.unmasked_gradients())
  layer_weights = {name: weights[name] for name in layers.prunable(weights)}
  return saliency.synflow(layer_weights, spec.sparsity, hparams.num_heads, spec.scope, spec.prune_embedding)
