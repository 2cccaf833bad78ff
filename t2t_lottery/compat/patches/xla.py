"""Patch for training steps compiled by XLA on a CPU or GPU."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import trainer_lib

from t2t_lottery.utils import errors


def compile_step() -> None:
  """Symptom: `--xla_compile` does nothing, because t2t 1.15 has dropped what it needs from `tf.contrib`.

  The training step, masks and optimizer included, becomes one program for one device. XLA compiles one program per batch
  shape, so all batches have the shape that t2t gives them on TPUs: `batch_size // max_length` rows, padded to `max_length`.
  """
  stock = trainer_lib.create_estimator

  @functools.wraps(stock)
  def create_estimator(model_name, hparams, run_config, *args, use_xla=False, **options):
    estimator = stock(model_name, hparams, run_config, *args, **options)
    if not use_xla or options.get("use_tpu"):
      return estimator
    problem = hparams.problem
    rows = problem.tpu_batch_size_per_shard(hparams)
    with errors.one_line():
      _check(hparams, estimator, rows)
    # XLA supports no other variables; their names, and so the checkpoints, are the same.
    tf.enable_resource_variables()
    run_config.use_xla = True
    problem.input_fn = with_fixed_shape(problem.input_fn)
    model_fn = _compiled(estimator._model_fn)
    return tf.estimator.Estimator(model_fn, estimator.model_dir, run_config, {"batch_size": rows})

  trainer_lib.create_estimator = create_estimator


def _check(hparams, estimator: tf.estimator.Estimator, rows: int) -> None:
  config = estimator.config
  if type(estimator) is not tf.estimator.Estimator or config.train_distribute or config.data_parallelism.n > 1:
    raise errors.UserError("--xla_compile compiles for one device: train without --use_tpu_estimator, and with one GPU")
  if not rows:
    raise errors.UserError(
      f"--xla_compile pads each sentence to max_length={hparams.max_length}, and batch_size={hparams.batch_size} is "
      "too small for one: set another max_length or batch_size in --hparams"
    )


def with_fixed_shape(input_fn: Callable) -> Callable:
  """A problem's `input_fn` whose training batches all have one shape."""

  def fixed(mode, *args, config=None, **options):
    if mode == tf.estimator.ModeKeys.TRAIN:
      config = copy.copy(config)
      config.use_tpu = True
    return input_fn(mode, *args, config=config, **options)

  return fixed


def _compiled(model_fn: Callable) -> Callable:
  """An estimator's `model_fn` whose training step is compiled."""

  def compiled(features, labels, mode, params, config):
    if mode != tf.estimator.ModeKeys.TRAIN:
      return model_fn(features, labels, mode, params=params, config=config)
    specs = []

    def step(features, labels):
      specs.append(model_fn(features, labels, mode, params=params, config=config))
      with tf.control_dependencies([specs[0].train_op]):
        return tf.identity(specs[0].loss)

    (loss,) = tf.xla.experimental.compile(step, [features, labels])
    return specs[0]._replace(loss=loss, train_op=loss.op)

  return compiled
