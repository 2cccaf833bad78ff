"""The model `lottery_transformer`: t2t's `transformer` with tickets, pruning and masks."""

from __future__ import annotations

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.models import transformer
from tensor2tensor.utils import optimize, registry

from t2t_lottery.models import pruned_model
from t2t_lottery.pruning import gate_scores, layers, methods, saliency, structures, tickets, unit_scores
from t2t_lottery.training import batch_order, hparams_check, masked_optimizer, rate_schedule, replicated_variables
from t2t_lottery.utils import errors


@registry.register_model
class LotteryTransformer(transformer.Transformer):
  """t2t's `transformer` with masks (`docs/design.md`).

  With the hparams `mask_checkpoint`, `rewind_checkpoint` and `sparsity`, a new run starts from a ticket; with a gradual
  `pruning_method`, it is pruned during training; otherwise this is the stock model, op for op.
  """

  @staticmethod
  def train_hooks(hook_context):
    """See `T2TModel.train_hooks`; also rejects invalid hparams, before the graph is built."""
    return pruned_model.train_hooks(hook_context, _PARTS)

  def body(self, features):
    """See `T2TModel.body`; keeps the subwords for scores of units."""
    if "targets_raw" in features:
      unit_scores.remember_subwords(features.get("inputs_raw"), features["targets_raw"])
    return super().body(features)

  def optimize(self, loss, num_async_replicas=1, use_tpu=False, variables=None):
    """See `T2TModel.optimize`; masks the gradients before they reach the optimizer, and shifts the learning rate."""
    trained = tf.trainable_variables() if variables is None else variables
    with errors.one_line():
      layers.check_known({replicated_variables.name(variable): variable.shape.as_list() for variable in trained})
    pruned_model.mask_gradients(self.hparams, trained)
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
  """Layer, or group of structures, -> scores that need the graph or the network's structure (SynFlow)."""
  if spec.score == methods.SNIP:
    return saliency.snip(weights, masked_optimizer.unmasked_gradients())
  if spec.score == methods.ACTIVATION:
    return unit_scores.activations(weights, spec.sparsity)
  if spec.score == methods.SUPERMASK:
    return saliency.learned_mask(
      weights,
      masked_optimizer.unmasked_gradients(),
      spec.sparsity,
      hparams_check.supermask_settings(hparams),
      spec.seed,
      spec.prune_embedding,
    )
  if spec.score in (methods.GRADIENT, methods.RUNNING_SUM, methods.GATES):
    groups = structures.groups(spec.structure, structures.shapes_of(weights), hparams.num_heads)
    gradients = masked_optimizer.unmasked_gradients()
    if spec.score == methods.GATES:
      return gate_scores.learned(weights, gradients, groups, hparams_check.gates_settings(hparams), spec.seed)
    return gate_scores.importance(weights, gradients, groups, running_sum=spec.score == methods.RUNNING_SUM)
  layer_weights = {name: weights[name] for name in layers.prunable(weights)}
  return saliency.synflow(layer_weights, spec.sparsity, hparams.num_heads, spec.scope, spec.prune_embedding)


_PARTS = pruned_model.Parts(hparams_check.TRANSFORMER, _initialize, _score)
