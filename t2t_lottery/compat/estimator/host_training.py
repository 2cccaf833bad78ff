"""What `tensorflow.python.distribute.estimator_training` did: an estimator on several hosts under one strategy.

Of its two modes this is the one that a TF_CONFIG asks for: every host runs the same program and trains its share of the
batch. The other, one client that drives all hosts, is not restored; nothing in t2t can ask for it.
"""

from __future__ import annotations

import copy

import tensorflow.compat.v1 as tf
from tensorflow.python.distribute import distribute_coordinator, distribute_coordinator_context

_EVERY_HOST = distribute_coordinator.CoordinatorMode.INDEPENDENT_WORKER


def init_run_config(config, tf_config: dict) -> None:
  """Completes a `RunConfig` that has strategies.

  Args:
    config: a `tf.estimator.RunConfig` under construction.
    tf_config: the environment variable TF_CONFIG, parsed.

  Raises:
    ValueError: a strategy is given twice, or hosts are given outside TF_CONFIG.
  """
  asked = config._experimental_distribute
  for kind in ("train_distribute", "eval_distribute"):
    strategy = asked and getattr(asked, kind)
    if strategy:
      if getattr(config, f"_{kind}"):
        raise ValueError(f"RunConfig has both {kind} and experimental_distribute.{kind}: give one")
      setattr(config, f"_{kind}", strategy)
  if asked and asked.remote_cluster:
    raise ValueError("experimental_distribute.remote_cluster needs TensorFlow 2.15: name the hosts in TF_CONFIG")

  cluster = tf.train.ClusterSpec(tf_config.get("cluster", {}))
  if cluster and "master" not in cluster.jobs and config._train_distribute:
    # The rest, such as this host's number, comes from the coordinator.
    config._init_distributed_setting_from_environment_var({})
    config._cluster_spec = cluster
    config._distribute_coordinator_mode = _EVERY_HOST
  else:
    config._distribute_coordinator_mode = None
    config._init_distributed_setting_from_environment_var(tf_config)
    config._maybe_overwrite_session_config_for_distributed_training()


def should_run_distribute_coordinator(config) -> bool:
  """Whether an estimator with this `RunConfig` trains on several hosts under one strategy."""
  return bool(getattr(config, "_distribute_coordinator_mode", None) and config.cluster_spec)


def train_and_evaluate(estimator, train_spec, eval_spec, executor_cls) -> None:
  """Trains on this host, or, if it is the evaluator, evaluates each checkpoint as it appears.

  Args:
    estimator: the `tf.estimator.Estimator`; it is not changed.
    train_spec: the `TrainSpec`.
    eval_spec: the `EvalSpec`.
    executor_cls: tensorflow-estimator's class that evaluates continuously.
  """

  def train(strategy) -> None:
    here = _on_this_host(estimator, "train", strategy)
    here.train(train_spec.input_fn, max_steps=train_spec.max_steps, hooks=list(train_spec.hooks))

  def evaluate(strategy) -> None:
    here = _on_this_host(estimator, "eval", strategy)
    executor_cls(here, train_spec, eval_spec)._start_continuous_evaluation()

  config = estimator.config
  distribute_coordinator.run_distribute_coordinator(
    train,
    config.train_distribute,
    evaluate,
    config.eval_distribute,
    mode=_EVERY_HOST,
    session_config=config.session_config,
  )


def estimator_train(estimator, train_distributed_fn, hooks) -> None:
  """Refuses `Estimator.train`, as TensorFlow 2.15 does.

  Raises:
    ValueError: always.
  """
  raise ValueError("several hosts train by tf.estimator.train_and_evaluate, not by Estimator.train")


def estimator_evaluate(estimator, evaluate_distributed_fn, hooks) -> None:
  """Refuses `Estimator.evaluate`, as TensorFlow 2.15 does.

  Raises:
    ValueError: always.
  """
  raise ValueError("several hosts evaluate by tf.estimator.train_and_evaluate, not by Estimator.evaluate")


def _on_this_host(estimator, kind: str, strategy):
  """A copy of the estimator for this host's place in the cluster, as the coordinator has set it up.

  Args:
    estimator: the `tf.estimator.Estimator`.
    kind: "train" or "eval".
    strategy: the coordinator's strategy for this host.
  """
  context = distribute_coordinator_context.get_current_worker_context()
  here = copy.deepcopy(estimator)
  config = here._config
  setattr(config, f"_{kind}_distribute", strategy)
  setattr(here, f"_{kind}_distribution", strategy)
  # The copy's own `train` must not start the coordinator again.
  config._distribute_coordinator_mode = None
  config._service = None
  config._cluster_spec = context.cluster_spec
  config._task_type, config._task_id = context.task_type, context.task_id
  config._master = config._evaluation_master = context.master_target
  config._is_chief = context.is_chief
  jobs = context.cluster_spec.as_dict() if context.cluster_spec else {}
  if context.task_type == "evaluator":
    # It takes no part in training.
    config._cluster_spec, jobs = tf.train.ClusterSpec({}), {}
    config._num_ps_replicas = config._num_worker_replicas = 0
    config._global_id_in_cluster = None
    return here
  config._num_ps_replicas = len(jobs.get("ps", []))
  config._num_worker_replicas = len(jobs.get("chief", [])) + len(jobs.get("worker", [])) if jobs else 1
  config._global_id_in_cluster = _number_in_cluster(jobs, context)
  return here


def _number_in_cluster(jobs: dict[str, list[str]], context) -> int:
  """A task's number among all: the chief first, parameter servers last."""
  before = 0
  for job in sorted(jobs, key=lambda name: (name != "chief", name == "ps", name)):
    if job == context.task_type:
      return before + context.task_id
    before += len(jobs[job])
  return before
