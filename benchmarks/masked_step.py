"""Speed of a training step with masks, compared with dense stock t2t: `python benchmarks/masked_step.py`.

Both train in turn in one process, a few steps each, on the same batch of 2,048 subwords at hidden size 256. Prints the
median over the turns of the ratio of their times, which load on the machine changes little. Exit status 1 if the pruned
run is slower than 0.98 of the stock speed.
"""

import statistics
import sys
import tempfile
import time

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem_hparams
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.pruning import gradual_schedule
from t2t_lottery.training import gradual_pruning_hook, rewind_hook, statistics_hook

MIN_RATIO = 0.98
VOCABULARY, SENTENCES, LENGTH = 4096, 64, 32
ROUNDS, STEPS = 31, 3


def training(model: str, hparams_set: str, overrides: str, train_hooks: list, folder: str) -> tf.train.MonitoredSession:
  """A session that trains a model on one batch; `session.train_op` runs a step."""
  hparams = trainer_lib.create_hparams(hparams_set, overrides)
  hparams.problem_hparams = problem_hparams.test_problem_hparams(VOCABULARY, VOCABULARY, hparams)
  hparams.add_hparam("warm_start_from", None)
  with tf.Graph().as_default():
    tf.set_random_seed(1)
    tf.train.create_global_step()
    ids = tf.random.stateless_uniform([SENTENCES, LENGTH, 1, 1], [1, 2], 2, VOCABULARY, tf.int32)
    features = {"inputs": ids, "targets": ids, "target_space_id": tf.constant(0)}
    config = trainer_lib.create_run_config(model, model_dir=folder, num_gpus=0)
    spec = registry.model(model).estimator_model_fn(hparams, features, ids, tf.estimator.ModeKeys.TRAIN, config=config)
    session = tf.train.MonitoredSession(hooks=train_hooks)
    session.train_op = spec.train_op
    return session


def main() -> int:
  """Measures and prints; returns the exit status."""
  tf.logging.set_verbosity(tf.logging.ERROR)
  with tempfile.TemporaryDirectory() as folder:
    sessions = {
      "stock": training("transformer", "transformer_dense_small", "", [], folder),
      # All that a gradually pruned run does between two updates; a run from a ticket does slightly less.
      "pruned": training(
        "lottery_transformer",
        "transformer_mp_small",
        "sparsity=0.9",
        [
          rewind_hook.RewindCheckpointHook(folder, [-1]),
          gradual_pruning_hook.PruneHook(gradual_schedule.Plan([10**9], [0.9])),
          statistics_hook.StatisticsHook(folder, 10**9),
        ],
        folder,
      ),
    }
    for _ in range(STEPS):
      for session in sessions.values():
        session.run(session.train_op)
    ratios = []
    for turn in range(ROUNDS):
      seconds = {}
      for name in sorted(sessions, reverse=bool(turn % 2)):
        start = time.perf_counter()
        for _ in range(STEPS):
          sessions[name].run(sessions[name].train_op)
        seconds[name] = time.perf_counter() - start
      ratios.append(seconds["stock"] / seconds["pruned"])
  ratio = statistics.median(ratios)
  low, _, high = statistics.quantiles(ratios, n=4)
  print(
    f"steps/s of a pruned run / of dense stock t2t: {ratio:.3f} "
    f"(median of {ROUNDS} turns of {STEPS} steps each; interquartile range {low:.3f} to {high:.3f}; required {MIN_RATIO})"
  )
  return int(ratio < MIN_RATIO)


if __name__ == "__main__":
  sys.exit(main())
