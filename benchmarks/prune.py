"""Cost of pruning the paper's model once during training: `python benchmarks/prune.py`.

Builds the variables of the paper's 61M-parameter model with their masks, and prunes them by the hook of a gradually
pruned run from 0 to 90% in four updates. Prints the median time of an update, compared with reading and setting the same
variables. Exit status 1 if it is more than 2 s.
"""

import os
import statistics
import sys
import time

import tensorflow.compat.v1 as tf

import usr_dir  # noqa: F401
from t2t_lottery.pruning import gradual_schedule
from t2t_lottery.training import gradual_pruning_hook, masked_optimizer

MAX_SECONDS = 2.0
_SHAPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "transformer_tpu_vars.txt")


def create_variables() -> None:
  """Creates the variables of the paper's model."""
  with open(_SHAPES, encoding="utf-8") as file:
    for line in file:
      name, _, rest = line.partition("\t")
      if name.startswith("transformer/"):
        shape = [int(n) for n in rest.partition("\t")[0].strip("[]").split(",")]
        tf.get_variable(name, shape, initializer=tf.random_normal_initializer())


def main() -> int:
  """Measures and prints; returns the exit status."""
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.train.create_global_step()
  create_variables()
  masked_optimizer.create_masks(tf.trainable_variables())
  hook = gradual_pruning_hook.PruneHook(gradual_schedule.plan(0.0, 0.9, until=4, every=1))
  hook.begin()
  updates, copies = [], []
  with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for step in range(1, 5):
      start = time.perf_counter()
      hook.prune(session, step)
      updates.append(time.perf_counter() - start)
      start = time.perf_counter()
      for variable in tf.global_variables():
        variable.load(session.run(variable), session)
      copies.append(time.perf_counter() - start)
  update, copy = statistics.median(updates), statistics.median(copies)
  print(
    f"pruning once / reading and setting the same variables: {update / copy:.2f} "
    f"({update:.2f} s / {copy:.2f} s; at most {MAX_SECONDS} s)"
  )
  return int(update > MAX_SECONDS)


if __name__ == "__main__":
  sys.exit(main())
