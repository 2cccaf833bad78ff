"""A patch of the order in which t2t reads its data."""

from __future__ import annotations

import tensorflow.compat.v1 as tf


def keep_order() -> None:
  """Symptom: two runs with the same seed train on different batches from the first step on.

  t2t reads eight record files in parallel and takes whichever record is ready first (`sloppy`), so the order depends on
  threads. Read in turn, it depends only on the seed, which still shuffles the files, the records in a buffer and the batches.
  """
  experimental = tf.data.experimental
  stock = experimental.parallel_interleave

  def parallel_interleave(map_func, cycle_length, block_length=1, sloppy=False, **more):
    del sloppy
    return stock(map_func, cycle_length, block_length, sloppy=False, **more)

  experimental.parallel_interleave = parallel_interleave
