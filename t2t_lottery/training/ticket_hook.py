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
  """Starts a new run from its ticket; does nothing when a run resumes.

  The ticket is written as a temporary checkpoint from which the graph's variables are initialized, so `model.ckpt-0`
  contains it, and restoring a later checkpoint overrides it. Step and optimizer slots start fresh.

  Args:
    model_dir: the run's folder.
    mask_checkpoint: source of the masks (theta_T of the previous level).
    rewind_checkpoint: source of the weights (theta_0 or theta_t).
    spec: how the ticket is drawn.
    initialize: (layer, shape, seed) -> new random values for a layer.
    score: (name -> value of every trainable variable of the mask checkpoint) -> scores of each layer; None for scores
      that `tickets.draw` computes itself.
    host: index of this host; each host draws the ticket itself.
    may_lack: whether the rewind checkpoint may be without a variable, which then keeps its random initial value.
  """

  def __init__(
    self,
    model_dir: str,
    mask_checkpoint: str,
    rewind_checkpoint: str,
    spec: tickets.TicketSpec,
    initialize: Callable[[str, tuple[int, ...], int], np.ndarray],
    score: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None,
    host: int = 0,
    may_lack: Callable[[str], bool] = lambda name: False,
  ):
    self._prefix = paths.ticket(model_dir, host)
    self._model_dir = model_dir
    self._mask_checkpoint = mask_checkpoint
    self._rewind_checkpoint = rewind_checkpoint
    self._spec = spec
    self._initialize = initialize
    self._score = score
    self._may_lack = may_lack

  def begin(self) -> None:
    """Draws the ticket and makes it the initial value of the graph's variables."""
    self._remove()
    if tf.train.latest_checkpoint(self._model_dir):
      return
    with errors.one_line():
      self._draw()

  def _draw(self) -> None:
    trainable = {v.op.name: v for v in tf.trainable_variables()}
    mask_from = tf_checkpoint.Checkpoint(self._mask_checkpoint, "mask_checkpoint")
    rewind_to = tf_checkpoint.Checkpoint(self._rewind_checkpoint, "rewind_checkpoint")
    shapes = {
      name: variable.shape.as_list()
      for name, variable in trainable.items()
      if name in rewind_to.shapes or not self._may_lack(name)
    }
    rewind_to.require(shapes, "this run")
    # Another task's mask comes with another task's head.
    mask_from.require({name: shape for name, shape in shapes.items() if not self._may_lack(name)}, "this run")
    scores = self._score({name: mask_from.read(name) for name in trainable}) if self._score else None
    ticket = tickets.draw(mask_from, rewind_to, self._spec, shapes, self._initialize, scores)
    mask_variables = {layers.mask_name(layer): mask for layer, mask in ticket.masks.items()}
    tf_checkpoint.write(self._prefix, {**ticket.weights, **mask_variables})
    variables = {v.op.name: v for v in tf.global_variables()}
    tf.train.init_from_checkpoint(self._prefix, {name: variables[name] for name in [*ticket.weights, *mask_variables]})
    tf.logging.info("Ticket: mask of %s, weights of %s, %s", mask_from.prefix, rewind_to.prefix, self._spec)

  def after_create_session(self, session, coord) -> None:
    """Deletes the temporary checkpoint: the variables contain the ticket now."""
    del session, coord
    self._remove()

  def _remove(self) -> None:
    shutil.rmtree(os.path.dirname(self._prefix), ignore_errors=True)
