"""Writes statistics of the layers to TensorBoard during training."""

from __future__ import annotations

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers, weight_statistics
from t2t_lottery.runs import paths


class StatisticsHook(tf.estimator.SessionRunHook):
  """Writes TensorBoard scalars for each layer: sparsity, magnitudes, fraction of signs unchanged since step 0.

  Args:
    model_dir: the run's folder, which contains its theta_0 and t2t's own summaries.
    every: steps between two summaries.
  """

  def __init__(self, model_dir: str, every: int):
    self._model_dir = model_dir
    self._every = every

  def begin(self) -> None:
    """Finds the variables."""
    self._global_step = tf.train.get_global_step()
    trainable = [v.op.name for v in tf.trainable_variables()]
    wanted = {name for layer in layers.prunable(trainable) for name in (layer, layers.mask_name(layer))}
    self._variables = {v.op.name: v for v in tf.global_variables() if v.op.name in wanted}
    self._initial: dict[str, np.ndarray] | None = None

  def before_run(self, run_context):
    """Fetches the step."""
    del run_context
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Writes a summary if due."""
    # The fetched step may be that before or after the update; either is fine here.
    step = int(run_values.results)
    if step and step % self._every == 0:
      self._write(run_context.session, step)

  def _write(self, session, step: int) -> None:
    if self._initial is None:
      self._initial = tensor_bundle.read(paths.kept(self._model_dir, 0), lambda name: name in self._variables)
    summary = tf.Summary()
    for layer, figures in weight_statistics.figures(session.run(self._variables), self._initial).items():
      for figure, value in figures.items():
        if value is not None and figure != "mask":
          summary.value.add(tag=f"ticket/{figure}/{layer}", simple_value=value)
    tf.summary.FileWriterCache.get(self._model_dir).add_summary(summary, step)
