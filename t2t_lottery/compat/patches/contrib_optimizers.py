"""The two optimizers of `tf.contrib.opt` that t2t registers and that TF 2 has only for Keras."""

from __future__ import annotations

import tensorflow.compat.v1 as tf


class LazyAdamOptimizer(tf.train.AdamOptimizer):
  """Adam that, for a sparse gradient, updates only the rows that the gradient names.

  At every step, `tf.train.AdamOptimizer` decays the moments of every row and moves every row. This one updates only the
  rows of the step's batch, as `tf.contrib.opt.LazyAdamOptimizer` of TF 1.15 does. For a dense gradient the two are equal.
  """

  def _apply_sparse_shared(self, grad, var, indices, scatter_add):
    """Updates the rows `indices` of `var`.

    Args:
      grad: float [rows, ...], the gradient of those rows.
      var: the reference or resource variable.
      indices: int [rows], without duplicates (the base class sums them).
      scatter_add: not used; the moments are set, not added to.

    Returns:
      An op.
    """
    del scatter_add
    beta1, beta2, epsilon, rate = (
      tf.cast(x, var.dtype.base_dtype) for x in (self._beta1_t, self._beta2_t, self._epsilon_t, self._lr_t)
    )
    beta1_power, beta2_power = (tf.cast(x, var.dtype.base_dtype) for x in self._get_beta_accumulators())
    rate *= tf.sqrt(1 - beta2_power) / (1 - beta1_power)

    first, second = self.get_slot(var, "m"), self.get_slot(var, "v")
    first_rows = beta1 * tf.gather(first, indices) + (1 - beta1) * grad
    second_rows = beta2 * tf.gather(second, indices) + (1 - beta2) * tf.square(grad)
    return tf.group(
      tf.scatter_update(first, indices, first_rows),
      tf.scatter_update(second, indices, second_rows),
      tf.scatter_sub(var, indices, rate * first_rows / (tf.sqrt(second_rows) + epsilon)),
    )


class AdamWOptimizer(tf.train.AdamOptimizer):
  """Adam that first decays each weight that it updates by the fraction `weight_decay`.

  As `tf.contrib.opt.AdamWOptimizer` of TF 1.15: the decay is not scaled by the learning rate, and a sparse gradient decays
  only the rows that it names.

  Args:
    weight_decay: the fraction of a weight subtracted at each step.
    **adam: as for `tf.train.AdamOptimizer`.
  """

  def __init__(self, weight_decay: float, name: str = "AdamW", **adam):
    super().__init__(name=name, **adam)
    self._weight_decay = weight_decay

  def _apply_dense(self, grad, var):
    with tf.control_dependencies([self._decay(var)]):
      return super()._apply_dense(grad, var)

  def _resource_apply_dense(self, grad, handle):
    with tf.control_dependencies([self._decay(handle)]):
      return super()._resource_apply_dense(grad, handle)

  def _apply_sparse_shared(self, grad, var, indices, scatter_add):
    decay = tf.scatter_sub(var, indices, tf.cast(self._weight_decay, var.dtype.base_dtype) * tf.gather(var, indices))
    with tf.control_dependencies([decay]):
      return super()._apply_sparse_shared(grad, var, indices, scatter_add)

  def _decay(self, var):
    return var.assign_sub(tf.cast(self._weight_decay, var.dtype.base_dtype) * var, use_locking=self._use_locking)
