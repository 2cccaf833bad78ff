"""Prunes a run during training (MP, SLT-MP)."""

from __future__ import annotations

import os
from concurrent import futures

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.pruning import gradual_schedule, layers, masks
from t2t_lottery.training import replicated_variables
from t2t_lottery.utils import errors


class PruneHook(tf.estimator.SessionRunHook):
  """Prunes a run during training: by magnitude, layer by layer, without restoring pruned weights.

  The target sparsity depends on the step alone, so a run interrupted at any step is pruned correctly before its next
  step. A checkpoint is saved before the pruning after its step. Any session that restores it prunes first: that of
  another process, the next one of a schedule that alternates with evaluation, or TensorFlow's after a lost worker.

  Args:
    plan: the pruning schedule.
    prune_embedding: whether the embedding is pruned.
  """

  def __init__(self, plan: gradual_schedule.Plan, prune_embedding: bool = True):
    self._plan = plan
    self._prune_embedding = prune_embedding
    self._pruned_to: float | None = None

  def begin(self) -> None:
    """Finds the variables."""
    self._global_step = tf.train.get_global_step()
    variables = {v.op.name: v for v in tf.global_variables()}
    trainable = [v.op.name for v in tf.trainable_variables()]
    self._layers = {
      name: (variables[name], variables[layers.mask_name(name)])
      for name in layers.prunable(trainable, self._prune_embedding)
    }
    self._assignments = {}
    # Momentum would move a pruned weight away from zero, so slots are masked too. They are named after their variable.
    self._slots = {
      name: [
        slot
        for slot_name, slot in variables.items()
        if f"{name}/" in slot_name and slot is not mask and slot.shape == weights.shape
      ]
      for name, (weights, mask) in self._layers.items()
    }
    for name, (weights, mask) in self._layers.items():
      for variable in (weights, mask, *self._slots[name]):
        self._assignments[variable.op.name] = replicated_variables.assignment(variable)

  def after_create_session(self, session, coord) -> None:
    """Prunes the restored weights, which may precede a pruning by an earlier session."""
    del coord
    self._pruned_to = None
    self.prune(session, session.run(self._global_step))

  def before_run(self, run_context):
    """Fetches the step."""
    del run_context
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Prunes if due."""
    # The fetched step may be that before or after the update, so the exact one is read if a pruning may be due.
    step = int(run_values.results)
    if self._plan.due(step + 1) != self._pruned_to:
      self.prune(run_context.session, run_context.session.run(self._global_step))

  def prune(self, session, step: int) -> None:
    """Prunes to the target sparsity after a step; does nothing if already pruned to it."""
    sparsity = self._plan.due(int(step))
    if sparsity is None or sparsity == self._pruned_to:
      return

    def smaller_mask(name: str) -> np.ndarray:
      weights, mask = values[name]
      try:
        return masks.magnitude_mask(weights, sparsity, mask)
      except ValueError as error:
        raise errors.UserError(f"step {step}, {name}: {error}") from error

    with errors.one_line():
      values = session.run(self._layers)
      with futures.ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        pruned = dict(zip(values, pool.map(smaller_mask, values)))
    for name, (weights, mask) in self._layers.items():
      changed = {mask: pruned[name]}
      for variable, value in [(weights, values[name][0]), *((slot, session.run(slot)) for slot in self._slots[name])]:
        changed[variable] = np.where(pruned[name], value, np.zeros((), value.dtype))
      assignments = {self._assignments[variable.op.name]: value for variable, value in changed.items()}
      session.run([op for _, op in assignments], {fed: value for (fed, _), value in assignments.items()})
    self._pruned_to = sparsity
    tf.logging.info("Pruned after step %d to sparsity %.6f (%.6f)", step, sparsity, masks.sparsity_of(pruned))
