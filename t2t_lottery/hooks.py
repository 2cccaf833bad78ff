"""Hooks of a training run: one starts it from its ticket, one keeps the checkpoints that a later level rewinds to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

import tensorflow.compat.v1 as tf

from t2t_lottery import checkpoints, errors, layers, paths, tickets


class TicketHook(tf.estimator.SessionRunHook):
  """Starts a new run from its ticket; silent when a run resumes.

  The ticket is written beside the run as a checkpoint from which the graph's variables are initialized, so it is in
  `model.ckpt-0`, and restoring any later checkpoint takes its place. Step and optimizer slots start fresh.

  Args:
    model_dir: the run's folder.
    mask_checkpoint: what the masks are drawn from (theta_T of the level before).
    rewind_checkpoint: what the weights are reset to (theta_0 or theta_t).
    sparsity: share of each layer's weights to prune.
  """

  def __init__(self, model_dir: str, mask_checkpoint: str, rewind_checkpoint: str, sparsity: float):
    self._prefix = paths.ticket(model_dir)
    self._model_dir = model_dir
    self._mask_checkpoint = mask_checkpoint
    self._rewind_checkpoint = rewind_checkpoint
    self._sparsity = sparsity

  def begin(self) -> None:
    """Builds the ticket and makes it the initial value of the graph's variables."""
    self._remove()
    if tf.train.latest_checkpoint(self._model_dir):
      return
    with errors.one_line():
      self._draw()

  def _draw(self) -> None:
    trainable = {v.op.name: v for v in tf.trainable_variables()}
    mask_from = checkpoints.Checkpoint(self._mask_checkpoint, "mask_checkpoint")
    rewind_to = checkpoints.Checkpoint(self._rewind_checkpoint, "rewind_checkpoint")
    shapes = {name: variable.shape.as_list() for name, variable in trainable.items()}
    for source in (mask_from, rewind_to):
      source.require(shapes, "this run")
    ticket = tickets.draw(mask_from, rewind_to, self._sparsity, list(trainable))
    masks = {layers.mask_name(layer): mask for layer, mask in ticket.masks.items()}
    checkpoints.write(self._prefix, {**ticket.weights, **masks})
    variables = {v.op.name: v for v in tf.global_variables()}
    tf.train.init_from_checkpoint(self._prefix, {name: variables[name] for name in [*ticket.weights, *masks]})
    tf.logging.info(
      "Ticket: mask of %s at sparsity %s, weights of %s",
      mask_from.prefix,
      self._sparsity,
      rewind_to.prefix,
    )

  def after_create_session(self, session, coord) -> None:
    """Removes the ticket's file: the variables hold it now."""
    del session, coord
    self._remove()

  def _remove(self) -> None:
    shutil.rmtree(os.path.dirname(self._prefix), ignore_errors=True)


class KeepHook(tf.estimator.SessionRunHook):
  """Saves the checkpoints that later levels rewind to where t2t's rotation (`--keep_checkpoint_max`) does not reach.

  Args:
    model_dir: the run's folder.
    steps: the steps to keep, 0 for theta_0.
  """

  def __init__(self, model_dir: str, steps: Iterable[int]):
    self._prefixes = {step: paths.kept(model_dir, step) for step in steps}

  def begin(self) -> None:
    """Finds the step counter."""
    self._global_step = tf.train.get_global_step()

  def after_create_session(self, session, coord) -> None:
    """Keeps theta_0 of a new run, and theta_t of one interrupted between reaching t and saving it."""
    del coord
    self._keep(session, session.run(self._global_step))

  def before_run(self, run_context):
    """Asks for the step."""
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Keeps theta_t."""
    # The fetched step may be the one before or after the update; the session's own is sure, and read only when near.
    if any(0 <= step - run_values.results <= 1 for step in self._prefixes):
      self._keep(run_context.session, run_context.session.run(self._global_step))

  def _keep(self, session, step: int) -> None:
    prefix = self._prefixes.get(step)
    if prefix is None or tf.io.gfile.exists(prefix + ".index"):
      return
    (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
    # Without the state file, the saver neither counts this checkpoint nor deletes another for it.
    tf.io.gfile.makedirs(os.path.dirname(prefix))
    saver.save(session, prefix, write_meta_graph=False, write_state=False)
