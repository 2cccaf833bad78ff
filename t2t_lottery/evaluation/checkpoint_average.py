"""The mean of several checkpoints of a run, as a new checkpoint (paper, section 5: fails at high sparsity)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers
from t2t_lottery.runs import paths
from t2t_lottery.utils.errors import UserError


def average(model_dir: str, steps: Sequence[int]) -> str:
  """Writes the mean of the model's variables over checkpoints, with their mask; skipped if it exists.

  Unlike `t2t_avg_all`, this does not average optimizer slots and masks.

  Args:
    model_dir: the run's folder.
    steps: of the checkpoints, ascending.

  Returns:
    The prefix of the new checkpoint.

  Raises:
    UserError: if the masks differ: the mean of a weight that only some of them prune is not zero.
  """
  prefix = paths.average(model_dir, steps)
  if not paths.checkpoint_exists(prefix):
    from t2t_lottery.checkpoints import tf_checkpoint  # Imports TensorFlow, which the rest of evaluation does not need.

    found = tensor_bundle.read(
      paths.checkpoint(model_dir, steps[-1]), lambda n: tensor_bundle.is_model_variable(n) or layers.is_mask(n)
    )
    total = {name: np.zeros(value.shape) for name, value in found.items() if tensor_bundle.is_model_variable(name)}
    for step in steps:
      prefix_of_step = paths.checkpoint(model_dir, step)
      variables = tensor_bundle.read(prefix_of_step, lambda n: tensor_bundle.is_model_variable(n) or layers.is_mask(n))
      for name, value in variables.items():
        if name in total:
          total[name] += value
        elif not np.array_equal(value, found[name]):
          raise UserError(
            f"{prefix_of_step} and the checkpoint of step {steps[-1]} have different masks, so their mean is "
            "not sparse: average fewer checkpoints"
          )
    means = {name: (value / len(steps)).astype(found[name].dtype) for name, value in total.items()}
    tf_checkpoint.write(prefix, {**found, **means})
  return prefix
