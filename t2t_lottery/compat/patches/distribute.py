"""Patches of training on several devices and on several machines."""

from __future__ import annotations

import functools
import os
import random
import shutil

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import contrib, t2t_model, trainer_lib

from t2t_lottery.compat.patches import peer_failure
from t2t_lottery.utils import tf_config


def replicate_by_strategy() -> None:
  """Symptom: `contrib is unavailable in tf2.` for `--optionally_use_dist_strat`; and with a TF_CONFIG of several workers,
  each worker trains its own model.

  On one machine, uses a MirroredStrategy of `--worker_gpu` GPUs or of all logical CPUs; on several, a
  MultiWorkerMirroredStrategy. The estimator accepts the latter only from its RunConfig's constructor.
  """
  stock = trainer_lib.create_run_config

  @functools.wraps(stock)
  def create_run_config(model_name, **options):
    strategy = _strategy(model_name, options)
    if strategy is None:
      return stock(model_name, **options)
    learn = contrib.learn()
    run_config = learn.RunConfig
    contrib.learn = lambda: contrib.DummyModule(RunConfig=functools.partial(run_config, train_distribute=strategy))
    try:
      config = stock(model_name, **{**options, "optionally_use_dist_strat": False})
    finally:
      contrib.learn = lambda: learn
    config.data_parallelism = None
    return config

  trainer_lib.create_run_config = create_run_config


def _strategy(model_name: str, options: dict):
  """The strategy that replicates the model; None if t2t does that itself. The conditions are t2t's."""
  if tf_config.from_environment().several:
    return tf.distribute.experimental.MultiWorkerMirroredStrategy()
  if (
    not options.get("optionally_use_dist_strat")
    or options.get("no_data_parallelism")
    or options.get("use_tpu")
    or options.get("use_tpu_estimator")
    or options.get("ps_replicas")
    or options.get("ps_gpu")
    or options.get("num_async_replicas", 1) > 1
    or not t2t_model.T2TModel.has_symmetric_shards(model_name)
  ):
    return None
  num_gpus = options.get("num_gpus", 1)
  order = [int(number) for number in (options.get("gpu_order") or "").split()]
  numbers = order if len(order) == num_gpus else range(num_gpus)
  return tf.distribute.MirroredStrategy([f"/gpu:{number}" for number in numbers] or None)


def train_on_all_hosts() -> None:
  """Symptom: `Only STANDALONE_CLIENT mode is supported when you call estimator.train` for `--schedule=train` on several
  hosts; and when one of them dies, the others wait for it forever.

  If the run has its own checkpoint hook, the chief saves by that alone. Each other host has a folder for what TensorFlow
  makes it write, which is deleted when training ends.
  """
  stock = trainer_lib.T2TExperiment.train

  @functools.wraps(stock)
  def train(self, max_steps=None):
    here = tf_config.from_environment()
    if not here.several:
      stock(self, max_steps)
      return
    saves = any(isinstance(hook, tf.train.CheckpointSaverHook) for hook in self._train_spec.hooks)
    if saves or not here.is_chief:
      # The estimator hands out copies of its config.
      self._estimator._config._save_checkpoints_steps = None
    spec = self._train_spec if max_steps is None else self._train_spec._replace(max_steps=max_steps)
    with peer_failure.exit_on_peer_failure(f"another host has died: restart all of {','.join(here.addresses)}"):
      try:
        tf.estimator.train_and_evaluate(self._estimator, spec, self._eval_spec)
      finally:
        shutil.rmtree(os.path.join(self._estimator.model_dir, f"tmp_worker_{here.number}"), ignore_errors=True)

  trainer_lib.T2TExperiment.train = train


def shard_input_by_host() -> None:
  """Symptom: several hosts, or masters of parameter servers, with the same seed all read the same text in the same order.

  Each reads its share of the data files. If there are fewer files than hosts, each reads all of them from a different
  position, as t2t does for its asynchronous replicas.
  """
  stock = problem.Problem.dataset

  @functools.wraps(stock)
  def dataset(self, mode, data_dir=None, **options):
    number, readers = tf_config.reader()
    if readers > 1 and mode == tf.estimator.ModeKeys.TRAIN:
      if len(contrib.slim().parallel_reader.get_data_files(self.filepattern(data_dir, mode))) >= readers:
        options.update(partition_id=number, num_partitions=readers)
      # t2t draws the position in the files from Python's random generator, which the run's seed has set.
      random.seed(f"{random.random()} {number}")
    return stock(self, mode, data_dir=data_dir, **options)

  problem.Problem.dataset = dataset
