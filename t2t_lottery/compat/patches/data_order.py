"""A patch of the order in which t2t reads its data."""

from __future__ import annotations

import tensorflow.compat.v1 as tf


def keep_order() -> None:
  """Symptom: two runs of one seed train on other batches from the first step on.

  t2t reads eight record files side by side and takes what is there first (`sloppy`), so the order hangs on threads. Taken in
  turn, it depends on the seed alone, by which the files, the records in a buffer and the batches are still shuffled.
  """
  experimental = tf.data.experimental
  stock = experimental.parallel_interleave

  def parallel_interleave(map_func, cycle_length, block_length=1, sloppy=False, **more):
    del sloppy
    return stock(map_func, cycle_length, block_length, sloppy=False, **more)

  experimental.parallel_interleave = parallel_interleave
