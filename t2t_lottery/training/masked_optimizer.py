"""Any t2t optimizer, applied to masked gradients.

A pruned weight is 0.0 in its variable. A gradient that is always zero keeps it there, with Adafactor and with Adam.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import misc_utils, registry

from t2t_lottery.pruning import layers, methods, structures
from t2t_lottery.training import replicated_variables

# t2t builds an optimizer from its name and hparams, so the masks are passed in a collection of the default graph.
NAME = "masked"
_MASKS = "t2t_lottery_masks"
_GRADIENTS = "t2t_lottery_gradients"


def create_masks(variables: list[tf.Variable], of_mlps: bool = False) -> dict[str, tf.Variable]:
  """Adds a mask variable for each layer: bool, not trainable, all True until a ticket or a checkpoint fills it.

  Args:
    variables: the trainable variables.
    of_mlps: whether the output's bias of an MLP without any weight left in its output kernel is masked too: it is the one bias
      of a removed structure with a gradient.

  Returns:
    Layer name -> mask variable; also stored in the graph for the optimizer.
  """
  masks = {}
  for variable in variables:
    layer = replicated_variables.name(variable)
    if layers.is_prunable(layer):
      masks[layer] = tf.get_variable(
        layers.mask_name(layer),
        shape=variable.shape,
        dtype=tf.bool,
        initializer=tf.ones_initializer(),
        trainable=False,
      )
  gradients: dict[str, tf.Variable | tf.Tensor] = {**masks}
  if of_mlps:
    shapes = {replicated_variables.name(variable): tuple(variable.shape.as_list()) for variable in variables}
    for group in structures.groups(methods.MLPS, shapes):
      gradients[group.output_bias] = tf.fill(shapes[group.output_bias], tf.reduce_any(masks[group.output]))
  tf.get_default_graph().get_collection_ref(_MASKS)[:] = [gradients]
  return masks


def unmasked_gradients(also: Container[str] = ()) -> dict[str, tf.Tensor]:
  """Layer -> unmasked gradient of the loss, in the default graph, a training graph; without layers that the loss has none of.

  Args:
    also: further variables.
  """
  (gradients,) = tf.get_collection(_GRADIENTS)
  return {
    name: tf.convert_to_tensor(gradient)
    for name, gradient in gradients.items()
    if gradient is not None and (layers.is_prunable(name) or name in also)
  }


def wrap(hparams) -> None:
  """Makes t2t wrap the optimizer that `hparams.optimizer` names in a `MaskedOptimizer`.

  The new name contains the old one, because t2t looks for "adam" in it (`learning_rate.legacy_learning_rate_schedule`).
  """
  hparams.add_hparam("optimizer_under_masks", hparams.optimizer)
  hparams.optimizer = f"{NAME}_{hparams.optimizer}"
  # As `registry.optimizer` looks it up.
  key = misc_utils.camelcase_to_snakecase(hparams.optimizer)
  if key not in registry.Registries.optimizers:
    registry.register_optimizer(key)(masked)


def masked(learning_rate, hparams):
  """The registered optimizer, with the masks from `create_masks` in this graph."""
  (masks,) = tf.get_collection(_MASKS)
  return MaskedOptimizer(registry.optimizer(hparams.optimizer_under_masks)(learning_rate, hparams), masks)


class MaskedOptimizer(tf.train.Optimizer):
  """Sets the gradient of every pruned weight to zero before another optimizer sees it.

  Masking the gradient instead of the weight in the forward pass keeps pruned weights at zero, so each checkpoint is
  also valid for the stock model.

  Args:
    optimizer: the optimizer that applies the gradients.
    masks: name of a layer, or of a bias that is masked with one -> bool variable or tensor of its shape.
  """

  def __init__(self, optimizer: tf.train.Optimizer, masks: Mapping[str, tf.Variable | tf.Tensor]):
    super().__init__(use_locking=False, name="Masked")
    self._optimizer = optimizer
    self._masks = masks

  def compute_gradients(self, loss, var_list=None, **kwargs):
    """As `tf.train.Optimizer.compute_gradients`."""
    gradients = self._optimizer.compute_gradients(loss, var_list, **kwargs)
    tf.get_default_graph().get_collection_ref(_GRADIENTS)[:] = [{replicated_variables.name(v): g for g, v in gradients}]
    return [(self._mask(gradient, variable), variable) for gradient, variable in gradients]

  def apply_gradients(self, grads_and_vars, global_step=None, name=None):
    """As `tf.train.Optimizer.apply_gradients`."""
    return self._optimizer.apply_gradients(grads_and_vars, global_step=global_step, name=name)

  def _mask(self, gradient, variable):
    mask = self._masks.get(replicated_variables.name(variable))
    if mask is None or gradient is None:
      return gradient
    # A select, not a product: 0 * NaN is NaN.
    if isinstance(gradient, tf.IndexedSlices):
      kept = tf.gather(mask, gradient.indices)
      values = tf.where(kept, gradient.values, tf.zeros_like(gradient.values))
      return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return tf.where(mask, gradient, tf.zeros_like(gradient))
