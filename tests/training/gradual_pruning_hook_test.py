"""Schedule and masks of gradual pruning, compared with the code of Zhu and Gupta; intended differences."""

import importlib.util
import os
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.pruning import gradual_schedule, layers
from t2t_lottery.training import gradual_pruning_hook, masked_optimizer

LAYER = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
EMBEDDING = "transformer/symbol_modality_30_20/shared/weights_0"


def zhu_gupta():
  """Their module, model_pruning.python.pruning, without its package's imports, which are not on PyPI."""
  if "model_pruning" not in sys.modules:
    spec = importlib.util.find_spec("model_pruning")
    sys.modules["model_pruning"] = importlib.util.module_from_spec(spec)
  return importlib.import_module("model_pruning.python.pruning")


def theirs(weights_by_step, initial, final, until, every):
  """Step -> mask by Zhu and Gupta's code, for given weights at each step."""
  pruning = zhu_gupta()
  found = {}
  with tf.Graph().as_default(), tf.Session() as session:
    step = tf.train.create_global_step()
    weights = tf.get_variable("weights", initializer=weights_by_step[0])
    pruning.apply_mask(weights)
    spec = pruning.get_pruning_hparams().parse(
      f"begin_pruning_step=0,end_pruning_step={until},pruning_frequency={every},initial_sparsity={initial},"
      f"target_sparsity={final},sparsity_function_begin_step=0,sparsity_function_end_step={until}"
    )
    update = pruning.Pruning(spec, global_step=step).conditional_mask_update_op()
    (mask,) = pruning.get_masks()
    session.run(tf.global_variables_initializer())
    for number, value in enumerate(weights_by_step[1:], 1):
      weights.load(value, session)
      step.load(number, session)
      session.run(update)
      found[number] = session.run(mask).astype(bool)
  return found


class Training:
  """Trains a matrix and an embedding, pruned by the hook; the weights are set at each step."""

  def __init__(self, weights, plan, optimizer=None, folder=None, hook=None, more_hooks=(), **options):
    with tf.Graph().as_default() as self.graph:
      step = tf.train.create_global_step()
      self.weights = tf.get_variable(LAYER, initializer=weights)
      self.embedding = tf.get_variable(EMBEDDING, initializer=np.ones((30, 20), np.float32))
      self.masks = masked_optimizer.create_masks([self.weights, self.embedding])
      self.fed = tf.placeholder(tf.float32, weights.shape)
      if optimizer is None:
        masked = tf.where(self.masks[LAYER], self.fed, tf.zeros_like(self.fed))
        self.train_op = tf.group(self.weights.assign(masked), step.assign_add(1))
      else:
        hparams = trainer_lib.create_hparams(
          "transformer_mp_tiny", f"optimizer={optimizer},optimizer_multistep_accumulate_steps=2"
        )
        masked_optimizer.wrap(hparams)
        wrapped = masked_optimizer.masked(0.1, hparams)
        loss = tf.reduce_sum(self.weights * self.fed) + tf.reduce_sum(self.embedding)
        self.train_op = wrapped.apply_gradients(wrapped.compute_gradients(loss), global_step=step)
      hook = hook or gradual_pruning_hook.PruneHook(plan, **options)
      self.session = tf.train.MonitoredTrainingSession(
        checkpoint_dir=folder,
        hooks=[hook, *more_hooks],
        save_checkpoint_steps=1 if folder else None,
        log_step_count_steps=None,
      )

  def step(self, value):
    """Makes a step; returns the layer's weights and mask."""
    self.session.run(self.train_op, {self.fed: value})
    # Not by `session.run`, which the hooks count as a step.
    return self.session.run_step_fn(
      lambda step_context: step_context.session.run([self.weights, self.masks[LAYER], self.masks[EMBEDDING]])
    )


def random_weights(count, shape=(40, 25), growing=True):
  """Weights of several steps; the order of magnitudes stays the same if `growing`."""
  rng = np.random.RandomState(0)
  first = rng.standard_t(3, size=shape).astype(np.float32)
  return [first * (1 + i / 10) if growing else rng.standard_t(3, size=shape).astype(np.float32) for i in range(count)]


class PlanTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters((0.0, 0.9, 400, 10), (0.6, 0.98, 400, 10), (0.0, 0.5, 80, 2), (0.3, 0.7, 20, 4))
  def test_equals_the_papers_formula_at_the_papers_steps(self, initial, final, until, every):
    plan = gradual_schedule.plan(initial, final, until, every)
    self.assertEqual(plan.steps, list(range(every, until + 1, every)))
    formula = [final + min(0, (initial - final) * (1 - t / until) ** 3) for t in plan.steps]
    self.assertAllClose(plan.sparsities, formula, atol=1e-6)
    self.assertEqual(plan.sparsities[-1], final)
    self.assertGreaterEqual(plan.sparsities[0], initial)

  def test_includes_the_last_step_even_if_not_a_multiple(self):
    plan = gradual_schedule.plan(0.0, 0.9, 25, 10)
    self.assertEqual(plan.steps, [10, 20, 25])
    self.assertEqual(plan.sparsities[-1], 0.9)

  def test_target_depends_on_the_step_alone(self):
    plan = gradual_schedule.Plan([10, 20], [0.1, 0.2])
    self.assertEqual([plan.due(step) for step in (0, 9, 10, 19, 20, 99)], [None, None, 0.1, 0.1, 0.2, 0.2])


class PruneHookTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters((0.0, 0.9), (0.0, 0.5), (0.0, 0.98))
  def test_same_steps_and_masks_as_zhu_and_gupta(self, initial, final):
    weights = random_weights(60)
    expected = theirs(weights, initial, final, until=40, every=5)
    training = Training(weights[0], gradual_schedule.plan(initial, final, until=40, every=5))
    for step, value in enumerate(weights[1:], 1):
      pruned, mask, _ = training.step(value)
      self.assertAllEqual(mask, expected[step], f"step {step}")
      self.assertFalse(np.any(pruned[~mask]))
    self.assertEqual(np.count_nonzero(~mask), round(final * mask.size))

  def test_no_weight_is_restored_unlike_theirs(self):
    weights = random_weights(60, growing=False)
    expected = theirs(weights, 0.0, 0.9, until=40, every=5)
    training = Training(weights[0], gradual_schedule.plan(0.0, 0.9, until=40, every=5))
    restored, before = 0, np.ones(weights[0].shape, bool)
    for step, value in enumerate(weights[1:], 1):
      mask = training.step(value)[1]
      self.assertFalse(np.any(mask & ~before), f"step {step}")
      self.assertEqual(np.count_nonzero(mask), np.count_nonzero(expected[step]))
      restored += np.count_nonzero(expected[step] & ~expected.get(step - 1, expected[step]))
      before = mask
    self.assertGreater(restored, 0, "the comparison must be able to fail")

  def test_equal_weights_are_pruned_to_the_same_count_as_theirs(self):
    equal = [np.ones((40, 25), np.float32)] * 12
    training = Training(equal[0], gradual_schedule.plan(0.0, 0.9, until=10, every=5))
    for value in equal[1:]:
      _, mask, _ = training.step(value)
    self.assertEqual(np.count_nonzero(mask), 100)
    self.assertEqual(np.count_nonzero(theirs(equal, 0.0, 0.9, until=10, every=5)[11]), 100)

  @parameterized.parameters("adafactor", "true_adam", "momentum", "adam", "multistep_adam")
  def test_pruned_weights_stay_zero_under_any_optimizer(self, optimizer):
    """Momentum from before a weight was pruned must not move it afterwards."""
    rng = np.random.RandomState(0)
    training = Training(random_weights(1)[0], gradual_schedule.plan(0.0, 0.8, until=10, every=5), optimizer)
    before = np.ones((40, 25), bool)
    for _ in range(15):
      weights, mask, _ = training.step(rng.randn(40, 25))
      self.assertFalse(np.any(weights[~mask]))
      self.assertFalse(np.any(mask & ~before))
      before = mask
    self.assertEqual(np.count_nonzero(mask), 200)

  def test_embedding_is_pruned_by_default(self):
    for prune in (True, False):
      training = Training(
        random_weights(1)[0], gradual_schedule.plan(0.0, 0.5, 2, 1), "adafactor", prune_embedding=prune
      )
      for _ in range(3):
        *_, mask = training.step(np.ones((40, 25)))
      self.assertEqual(np.count_nonzero(~mask), 300 if prune else 0)

  @pytest.mark.slow
  def test_a_run_stopped_between_a_step_and_its_pruning_prunes_when_it_resumes(self):
    """Each checkpoint is saved before the hook prunes."""
    weights = random_weights(30)
    plan = gradual_schedule.plan(0.0, 0.9, until=20, every=5)
    uninterrupted = Training(weights[0], plan)
    folder = self.create_tempdir().full_path
    for step, value in enumerate(weights[1:], 1):
      expected = uninterrupted.step(value)
      stopped = Training(weights[0], plan, folder=folder)
      if step in plan.steps:
        saved = tf.train.load_checkpoint(os.path.join(folder, f"model.ckpt-{step - 1}"))
        self.assertEqual(saved.get_tensor("global_step"), step - 1)
      found = stopped.step(value)
      self.assertAllEqual(found[1], expected[1])
      self.assertAllEqual(found[0], expected[0])
      saved = tf.train.load_checkpoint(os.path.join(folder, f"model.ckpt-{step}"))
      if step in plan.steps:
        kept = saved.get_tensor(layers.mask_name(LAYER))
        self.assertGreater(np.count_nonzero(kept), np.count_nonzero(expected[1]), "must be saved before pruning")
      # Killed: the session must not save at its end.
      stopped.session._sess = None

  def test_one_hook_prunes_in_each_session_of_a_schedule_that_alternates_with_evaluation(self):
    """Each session ends with a checkpoint from before its last pruning, which the next one restores."""
    weights = random_weights(31)
    plan = gradual_schedule.plan(0.0, 0.9, until=20, every=5)
    uninterrupted, hook, folder = (
      Training(weights[0], plan),
      gradual_pruning_hook.PruneHook(plan),
      self.create_tempdir().full_path,
    )
    for first in range(1, 31, 5):
      training = Training(weights[0], plan, folder=folder, hook=hook)
      for value in weights[first : first + 5]:
        pruned, mask, _ = training.step(value)
        expected = uninterrupted.step(value)
        self.assertAllEqual(mask, expected[1])
        self.assertAllEqual(pruned, expected[0])
      training.session.close()
    self.assertEqual(np.count_nonzero(mask), 100)
    saved = tf.train.load_checkpoint(folder)
    self.assertAllEqual(saved.get_tensor(layers.mask_name(LAYER)), mask)
    self.assertFalse(np.any(saved.get_tensor(LAYER)[~mask]))

  @parameterized.parameters(5, 10)
  def test_a_session_recreated_after_a_lost_worker_is_pruned(self, lost_at):
    weights = random_weights(16)
    plan = gradual_schedule.plan(0.0, 0.9, until=10, every=5)
    lost, folder = LostWorker(lost_at), self.create_tempdir().full_path
    uninterrupted, training = Training(weights[0], plan), Training(weights[0], plan, folder=folder, more_hooks=[lost])
    for step, value in enumerate(weights[1:], 1):
      expected, found = uninterrupted.step(value), training.step(value)
      if step == lost_at:
        # The step was saved before the worker was lost, and is repeated.
        expected = uninterrupted.step(value)
      self.assertAllEqual(found[1], expected[1], f"step {step}")
      self.assertAllEqual(found[0], expected[0], f"step {step}")
    self.assertTrue(lost.is_done)
    self.assertEqual(np.count_nonzero(found[1]), 100)


class LostWorker(tf.estimator.SessionRunHook):
  """Fails once, after a step, like a session that lost a worker or parameter server."""

  def __init__(self, step):
    self.is_done = False
    self._step = step

  def begin(self):
    self._global_step = tf.train.get_global_step()

  def after_run(self, run_context, run_values):
    if not self.is_done and run_context.session.run(self._global_step) == self._step:
      self.is_done = True
      raise tf.errors.AbortedError(None, None, "lost")


if __name__ == "__main__":
  tf.test.main()
