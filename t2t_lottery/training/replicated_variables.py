"""Variables with one copy per device (tf.distribute), or a single one."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from t2t_lottery.utils import tf_config


def name(variable: tf.Variable) -> str:
  """The variable's name, the same on every replica.

  On a replica, `variable.op.name` is that of its own copy.
  """
  return variable.name.rpartition(":")[0]


def copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
  """The copies of a variable on this machine's devices."""
  return tf.distribute.get_strategy().experimental_local_results(variable)


def assignment(variable: tf.Variable) -> tuple[tf.Tensor, tf.Operation]:
  """Assigns a value to all copies of a variable.

  With several hosts, all of them get the chief's value, and all must run the operation at the same step: the same
  computation on two machines may differ in the last bit, but masks must be equal.

  Returns:
    A placeholder and the operation that assigns its value.
  """
  fed = tf.placeholder(variable.dtype.base_dtype, variable.shape)
  value = fed
  if tf_config.from_environment().several:
    # Booleans cannot be summed.
    number = tf.cast(fed, tf.int32) if fed.dtype == tf.bool else fed
    value = tf.cast(_chief_value(number), fed.dtype)
  return fed, tf.group(*(tf.assign(copy, value) for copy in copies(variable)))


def _chief_value(number: tf.Tensor) -> tf.Tensor:
  """The chief's value of a tensor that may differ between hosts: a sum in which all others are zero."""
  strategy = tf.distribute.get_strategy()

  def share() -> tf.Tensor:
    replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
    return tf.identity(number) if replica == 0 else tf.zeros_like(number)

  shares = strategy.extended.call_for_each_replica(share)
  return strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)
