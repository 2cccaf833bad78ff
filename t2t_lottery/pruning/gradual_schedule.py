"""Schedule of gradual pruning by Zhu and Gupta, as computed by tfmot."""

from __future__ import annotations

import bisect
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf


class Plan(NamedTuple):
  """A pruning schedule.

  Attributes:
    steps: the run is pruned after these steps; ascending.
    sparsities: sparsity after each of these steps.
  """

  steps: list[int]
  sparsities: list[float]

  def due(self, step: int) -> float | None:
    """The target sparsity after `step` steps; None before the first pruning."""
    i = bisect.bisect_right(self.steps, step)
    return self.sparsities[i - 1] if i else None


def plan(initial_sparsity: float, final_sparsity: float, until: int, every: int) -> Plan:
  """s_T + (s_0 - s_T)(1 - t/until)^3, every N steps (paper, section 3; Zhu and Gupta 2018).

  tfmot also prunes at step 0, which changes nothing; it is left out, as in Zhu and Gupta's code. Step `until` is always
  included, so that the final sparsity is met exactly.

  Args:
    initial_sparsity: s_0, sparsity of the initial weights.
    final_sparsity: s_T.
    until: step of the last pruning.
    every: N, steps between two prunings.
  """
  # Imported late: it takes seconds, and few runs need it.
  from tensorflow_model_optimization.python.core.sparsity.keras import pruning_schedule

  steps = np.arange(1, until + 1)
  with tf.Graph().as_default(), tf.Session() as session:
    schedule = pruning_schedule.PolynomialDecay(initial_sparsity, final_sparsity, 0, until, power=3, frequency=every)
    is_due, sparsity = session.run(schedule(tf.constant(steps)))
  is_due[-1] = True
  # float32 has 0.9 as 0.89999998: both ends are exactly as requested.
  rising = np.clip(sparsity[is_due].astype(float), initial_sparsity, final_sparsity).tolist()
  return Plan(steps[is_due].tolist(), [*rising[:-1], final_sparsity])
