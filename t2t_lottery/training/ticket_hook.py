"""Starts a new run from its ticket."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, tickets
from t2t_lottery.runs import paths
from t2t_lottery.utils import errors


class TicketHook(tf.estimator.SessionRunHook):
  """Starts a new run from its ticket; silent when a run resumes.

  The ticket is written next to the run as a checkpoint from which the graph's variables are initialized, so it is in
  `model.ckpt-0`, and restoring any later checkpoint takes its place. Step and optimizer slots start fresh.

  Args:
    model_dir: the run's folder.
    mask_checkpoint: what the masks are drawn from (theta_T of the level before).
    rewind_checkpoint: what the weights are reset to (theta_0 or theta_t).
    choices: how the ticket is drawn.
    initialize: (layer, shape, seed) -> new random values for a layer.
    score: (name -> value of every trainable variable of the mask checkpoint) -> scores of each layer, or None for what
      `tickets.draw` computes itself.
    host: which of several hosts this is; each draws the ticket for itself.
  """

  def __init__(
    self,
    model_dir: str,
    mask_checkpoint: str,
    rewind_checkpoint: str,
    choices: tickets.TicketSpec,
    initialize: Callable[[str, tuple[int, ...], int], np.ndarray],
    score: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None,
    host: int = 0,
  ):
    self._prefix = paths.ticket(model_dir, host)
    self._model_dir = model_dir
    self._mask_checkpoint = mask_checkpoint
    self._rewind_checkpoint = rewind_checkpoint
    self._choices = choices
    self._initialize = initialize
    self._score = score

  def begin(self) -> None:
    """Builds the ticket and makes it the initial value of the graph's variables."""
    self._remove()
    if tf.train.latest_checkpoint(self._model_dir):
      return
    with errors.one_line():
      self._draw()

  def _draw(self) -> None:
    trainable = {v.op.name: v for v in tf.trainable_variables()}
    mask_from = tf_checkpoint.Checkpoint(self._mask_checkpoint, "mask_checkpoint")
    rewind_to = tf_checkpoint.Checkpoint(self._rewind_checkpoint, "rewind_checkpoint")
    shapes = {name: variable.shape.as_list() for name, variable in trainable.items()}
    for source in (mask_from, rewind_to):
      source.require(shapes, "this run")
    scores = self._score({name: mask_from.read(name) for name in trainable}) if self._score else None
    ticket = tickets.draw(mask_from, rewind_to, self._choices, trainable, self._initialize, scores)
    mask_variables = {layers.mask_name(layer): mask for layer, mask in ticket.masks.items()}
    tf_checkpoint.write(self._prefix, {**ticket.weights, **mask_variables})
    variables = {v.op.name: v for v in tf.global_variables()}
    tf.train.init_from_checkpoint(self._prefix, {name: variables[name] for name in [*ticket.weights, *mask_variables]})
    tf.logging.info("Ticket: mask of %s, weights of %s, %s", mask_from.prefix, rewind_to.prefix, self._choices)

  def after_create_session(self, session, coord) -> None:
    """Removes the ticket's file: the variables hold it now."""
    del session, coord
    self._remove()

  def _remove(self) -> None:
    shutil.rmtree(os.path.dirname(self._prefix), ignore_errors=True)
