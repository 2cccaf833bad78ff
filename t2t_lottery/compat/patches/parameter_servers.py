"""Patches of training with parameter servers, as `t2t-make-tf-configs` sets it up."""

from __future__ import annotations

import functools

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import trainer_lib

from t2t_lottery.compat.patches import peer_failure
from t2t_lottery.utils import tf_config


def share_variables() -> None:
  """Symptom: `KeyError: 'evaluation_master'` for several masters; and only one session sees the servers' variables.

  Each of several masters talks only to the servers: it does not wait for the others at its start or its end.
  """
  # t2t deletes these arguments once for a cluster with a chief and again for TF 2.
  trainer_lib.is_cloud_async_distributed = lambda: False
  stock = trainer_lib.create_run_config

  @functools.wraps(stock)
  def create_run_config(model_name, **options):
    config = stock(model_name, **options)
    if tf_config.servers():
      session = config.session_config
      session.isolate_session_state = False
      session.device_filters[:] = ["/job:ps", f"/job:{config.task_type}/task:{config.task_id}"]
    return config

  trainer_lib.create_run_config = create_run_config


def start_own_server() -> None:
  """Symptom: a master waits for itself forever, because nothing listens at its address; and when a server dies, the master
  tries to reach it forever.
  """
  stock = trainer_lib.T2TExperiment.train

  @functools.wraps(stock)
  def train(self, max_steps=None):
    if not tf_config.servers():
      stock(self, max_steps)
      return
    config = self._estimator.config
    # Lives as long as the process.
    self._server = tf.train.Server(config.cluster_spec, config.task_type, config.task_id, protocol=config.protocol)
    with peer_failure.exit_on_peer_failure(
      f"a parameter server has died: restart all of {','.join(tf_config.servers())}"
    ):
      stock(self, max_steps)

  trainer_lib.T2TExperiment.train = train
