"""The order of batches of a run with a seed of its own (hparam `data_seed`): another order, the same initial weights."""

from __future__ import annotations

import functools
import random

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem

# The hparam's value for a run whose seed orders the batches as well.
SEED_OF_RUN = -1


def install() -> None:
  """Makes t2t build the input pipeline with the seed `data_seed` of its hparams, if they have one.

  t2t orders batches by Python's random generator (files) and by the graph's seed (records and batches), from which it also
  takes the initial weights and dropout. Both are restored when the pipeline is built.
  """
  stock = problem.Problem.input_fn

  @functools.wraps(stock)
  def input_fn(self, mode, hparams, *args, **kwargs):
    seed = hparams.get("data_seed", SEED_OF_RUN)
    if seed == SEED_OF_RUN or mode != tf.estimator.ModeKeys.TRAIN:
      return stock(self, mode, hparams, *args, **kwargs)
    graph, state = tf.get_default_graph(), random.getstate()
    seed_of_run = graph.seed
    graph.seed = seed
    random.seed(seed)
    try:
      return stock(self, mode, hparams, *args, **kwargs)
    finally:
      graph.seed = seed_of_run
      random.setstate(state)

  problem.Problem.input_fn = input_fn
