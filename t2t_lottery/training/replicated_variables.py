"""Variables of which each device has a copy (tf.distribute), seen as one; one device's variables are the simple case."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from t2t_lottery.utils import tf_config


def name(variable: tf.Variable) -> str:
  """The variable's name, the same on every replica.

  `variable.op.name`, requested by a replica, is that of its own copy.
  """
  return variable.name.rpartition(":")[0]


def copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
  """The copies on this machine's devices."""
  return tf.distribute.get_strategy().experimental_local_results(variable)


def assignment(variable: tf.Variable) -> tuple[tf.Tensor, tf.Operation]:
  """How to give all copies of a variable a value.

  With several hosts all of them get the chief's, and all have to run the operation at the same step: equal numbers
  computed on two machines may differ in their last bit, and a mask must not.

  Returns:
    A placeholder and the operation that takes its value.
  """
  fed = tf.placeholder(variable.dtype.base_dtype, variable.shape)
  value = fed
  if tf_config.from_environment().several:
    # There is no sum of truth values.
    number = tf.cast(fed, tf.int32) if fed.dtype == tf.bool else fed
    value = tf.cast(_of_the_chief(number), fed.dtype)
  return fed, tf.group(*(tf.assign(copy, value) for copy in copies(variable)))


def _of_the_chief(number: tf.Tensor) -> tf.Tensor:
  """The chief's value of what may differ between hosts: a sum in which all others are zero."""
  strategy = tf.distribute.get_strategy()

  def share() -> tf.Tensor:
    number_of_replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
    return tf.identity(number) if number_of_replica == 0 else tf.zeros_like(number)

  shares = strategy.extended.call_for_each_replica(share)
  return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)
