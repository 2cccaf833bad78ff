"""Hooks of a training run: start from a ticket, prune while training, watch the weights, keep what is rewound to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from concurrent import futures

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery import bundle, checkpoints, errors, gradual, layer_statistics, layers, masks, paths, replicas, tickets


class TicketHook(tf.estimator.SessionRunHook):
  """Starts a new run from its ticket; silent when a run resumes.

  The ticket is written beside the run as a checkpoint from which the graph's variables are initialized, so it is in
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
    choices: tickets.Choices,
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
    mask_from = checkpoints.Checkpoint(self._mask_checkpoint, "mask_checkpoint")
    rewind_to = checkpoints.Checkpoint(self._rewind_checkpoint, "rewind_checkpoint")
    shapes = {name: variable.shape.as_list() for name, variable in trainable.items()}
    for source in (mask_from, rewind_to):
      source.require(shapes, "this run")
    scores = self._score({name: mask_from.read(name) for name in trainable}) if self._score else None
    ticket = tickets.draw(mask_from, rewind_to, self._choices, trainable, self._initialize, scores)
    mask_variables = {layers.mask_name(layer): mask for layer, mask in ticket.masks.items()}
    checkpoints.write(self._prefix, {**ticket.weights, **mask_variables})
    variables = {v.op.name: v for v in tf.global_variables()}
    tf.train.init_from_checkpoint(self._prefix, {name: variables[name] for name in [*ticket.weights, *mask_variables]})
    tf.logging.info("Ticket: mask of %s, weights of %s, %s", mask_from.prefix, rewind_to.prefix, self._choices)

  def after_create_session(self, session, coord) -> None:
    """Removes the ticket's file: the variables hold it now."""
    del session, coord
    self._remove()

  def _remove(self) -> None:
    shutil.rmtree(os.path.dirname(self._prefix), ignore_errors=True)


class PruneHook(tf.estimator.SessionRunHook):
  """Prunes a run while it trains: by magnitude, layer by layer, never giving a weight back.

  What is due depends on the step alone, so an interrupted run, whenever that was, is pruned as far as it should be
  before its next step. A checkpoint saved at a step is of before the pruning after that step; whatever restores it, be
  it another process, the next session of a schedule that evaluates in between, or TensorFlow after a lost worker,
  prunes it first.

  Args:
    plan: when, and how far.
    prune_embedding: whether the embedding is pruned.
  """

  def __init__(self, plan: gradual.Plan, prune_embedding: bool = True):
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
    # A momentum would move a pruned weight away from zero. Slots are named after their variable.
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
        self._assignments[variable.op.name] = replicas.assignment(variable)

  def after_create_session(self, session, coord) -> None:
    """Prunes what the session restored, which may be of before a pruning that an earlier session has done."""
    del coord
    self._pruned_to = None
    self.prune(session, session.run(self._global_step))

  def before_run(self, run_context):
    """Asks for the step."""
    del run_context
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Prunes if it is time."""
    # The fetched step may be the one before or after the update; the session's own is sure, and read only when near.
    step = int(run_values.results)
    if self._plan.due(step + 1) != self._pruned_to:
      self.prune(run_context.session, run_context.session.run(self._global_step))

  def prune(self, session, step: int) -> None:
    """Prunes as far as is due after a step; does nothing if that is done."""
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


class WatchHook(tf.estimator.SessionRunHook):
  """Writes TensorBoard scalars about the layers: sparsity, magnitudes, share of signs as they were at step 0.

  Args:
    model_dir: the run's folder, where its theta_0 is kept and t2t writes its own summaries.
    every: steps between two looks.
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
    """Asks for the step."""
    del run_context
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Looks if it is time."""
    # The fetched step may be the one before or after the update; which of the two is looked at makes no difference.
    step = int(run_values.results)
    if step and step % self._every == 0:
      self._look(run_context.session, step)

  def _look(self, session, step: int) -> None:
    if self._initial is None:
      self._initial = bundle.read(paths.kept(self._model_dir, 0), lambda name: name in self._variables)
    summary = tf.Summary()
    for layer, figures in layer_statistics.figures(session.run(self._variables), self._initial).items():
      for figure, value in figures.items():
        if value is not None and figure != "mask":
          summary.value.add(tag=f"ticket/{figure}/{layer}", simple_value=value)
    tf.summary.FileWriterCache.get(self._model_dir).add_summary(summary, step)


class KeepHook(tf.estimator.SessionRunHook):
  """Saves the checkpoints that later levels rewind to where t2t's rotation (`--keep_checkpoint_max`) does not reach.

  Args:
    model_dir: the run's folder.
    steps: the steps to keep, 0 for theta_0. Where several masters count steps together, one that this master does not
      see is kept at the next that it sees.
  """

  def __init__(self, model_dir: str, steps: Iterable[int]):
    self._prefixes = {step: paths.kept(model_dir, step) for step in sorted(steps)}

  def begin(self) -> None:
    """Finds the step counter."""
    self._global_step = tf.train.get_global_step()

  def after_create_session(self, session, coord) -> None:
    """Keeps theta_0 of a new run, and theta_t of one interrupted between reaching t and saving it."""
    del coord
    step = int(session.run(self._global_step))
    # What this run has gone past before cannot be had from its weights any more.
    self._seen = step - 1
    self._keep(session, step)

  def before_run(self, run_context):
    """Asks for the step."""
    return tf.estimator.SessionRunArgs(self._global_step)

  def after_run(self, run_context, run_values) -> None:
    """Keeps theta_t."""
    # The fetched step may be the one before or after the update; the session's own is sure, and read only when near.
    if any(self._seen < step <= run_values.results + 1 for step in self._prefixes):
      self._keep(run_context.session, int(run_context.session.run(self._global_step)))

  def _keep(self, session, now: int) -> None:
    due = [step for step in self._prefixes if self._seen < step <= now]
    self._seen = now
    for prefix in (self._prefixes[step] for step in due):
      if not tf.io.gfile.exists(prefix + ".index"):
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        # Without the state file, the saver neither counts this checkpoint nor deletes another for it.
        tf.io.gfile.makedirs(os.path.dirname(prefix))
        saver.save(session, prefix, write_meta_graph=False, write_state=False)
