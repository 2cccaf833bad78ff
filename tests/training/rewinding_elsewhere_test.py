"""Rewinding in a small network, update by update, as by the authors' own code.

The expected values in `rewinding_elsewhere.json` were made once, on a CPU:

- "renda" with github.com/lottery-ticket/rewinding-iclr20-public at 273e67d8, `gnmt/model/nmt/lottery`: its hooks that
  prune, rewind and save, and `prune_all_to_global`, with TensorFlow 2.15 in its version 1 mode, called as `gnmt/model/run.py`
  calls them for `lr_finetune`, `finetune` and `lottery`; their optimizer was plain gradient descent.
- "open_lth" with github.com/facebookresearch/open_lth at fd379593 (`training/train.py` at 011efd84), `pruning/sparse_global.py`
  and its loop, optimizer and schedule, with PyTorch 1.12.1.

Each run has the learning rate of each update, weights and biases before the first and after the last, and their norm before
and after each. The network is relu(x A + a) B + b with a mean squared error.
"""

import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import learning_rate, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, methods, tickets
from t2t_lottery.training import masked_optimizer

with open(os.path.join(os.path.dirname(__file__), "rewinding_elsewhere.json"), encoding="utf-8") as _file:
  EXPECTED = json.load(_file)
# Updates of a run, and the step to rewind to.
STEPS = 12
EARLY = 3
SHAPES = {
  "net/first/q/kernel": (5, 8),
  "net/second/q/kernel": (8, 4),
  "net/first/q/bias": (8,),
  "net/second/q/bias": (4,),
}
WEIGHTS = 72
# Source -> t2t's name for its schedule.
SCHEDULES = {
  "renda": "learning_rate_schedule=constant*rsqrt_decay,learning_rate_constant=0.3,learning_rate_warmup_steps=4",
  "open_lth": "learning_rate_schedule=constant*linear_warmup,learning_rate_constant=0.2,learning_rate_warmup_steps=8",
}
# Source, their runs, and ours: method, step of the schedule to start at, sparsities. `sparse_global` prunes the next larger
# number of weights, and one more: 16 of 72, then 13 and 10.
CHAINS = (
  ("renda", ("lrr-60", "lrr-30"), "lrr", 0, (0.4, 0.7)),
  ("renda", ("finetune-60", "finetune-30"), "finetune", STEPS, (0.4, 0.7)),
  ("renda", ("slt-60", "slt-30"), "slt", EARLY, (0.4, 0.7)),
  ("open_lth", ("level-1", "level-2", "level-3"), "slt", EARLY, (16 / WEIGHTS, 29 / WEIGHTS, 39 / WEIGHTS)),
)


def problem():
  """Initial values, and inputs and outputs of each update."""
  random = np.random.RandomState(0)
  initial = {
    name: (random.randn(*shape) / 2 if len(shape) > 1 else np.zeros(shape)).astype(np.float32)
    for name, shape in SHAPES.items()
  }
  return initial, *(random.randn(2 * STEPS, 16, size).astype(np.float32) for size in (5, 4))


def train(initial, masks, method, overrides, first):
  """The state before and after each update, and the learning rate of each.

  Args:
    initial: name -> value.
    masks: layer -> mask; empty for a dense run.
    method, overrides: of the hparams that give the learning rate.
    first: the batch of the first update.
  """
  _, inputs, outputs = problem()
  hparams = trainer_lib.create_hparams(f"transformer_{method}_tiny", overrides)
  with tf.Graph().as_default(), tf.Session() as session:
    step = tf.train.create_global_step()
    variables = [tf.get_variable(name, initializer=tf.constant(value)) for name, value in initial.items()]
    first_kernel, second_kernel, first_bias, second_bias = variables
    x, y = (tf.placeholder(tf.float32, values.shape[1:]) for values in (inputs, outputs))
    hidden = tf.nn.relu(tf.matmul(x, first_kernel) + first_bias)
    loss = tf.reduce_mean(tf.square(tf.matmul(hidden, second_kernel) + second_bias - y))
    rate = learning_rate.learning_rate_schedule(hparams)
    held = masked_optimizer.create_masks(variables)
    optimizer = masked_optimizer.MaskedOptimizer(tf.train.GradientDescentOptimizer(rate), held)
    update = optimizer.minimize(loss, global_step=step)
    session.run(tf.global_variables_initializer())
    for layer, mask in masks.items():
      held[layer].load(mask, session)
    states, rates = [session.run(variables)], []
    for batch in range(first, first + STEPS):
      rates.append(session.run([rate, update], {x: inputs[batch], y: outputs[batch]})[0])
      states.append(session.run(variables))
  return [dict(zip(SHAPES, state)) for state in states], rates


def joined(state):
  return np.concatenate([state[name].ravel() for name in SHAPES])


class RewindingElsewhereTest(parameterized.TestCase, tf.test.TestCase):
  def checkpoint(self, state, masks):
    prefix = os.path.join(self.create_tempdir().full_path, "saved", "model.ckpt")
    tf_checkpoint.write(prefix, {**state, **{layers.mask_name(name): mask for name, mask in masks.items()}})
    return tf_checkpoint.Checkpoint(prefix)

  def assert_same_run(self, source, run, states, rates):
    expected = EXPECTED[source][run]
    steps = len(expected["rates"])
    # TensorFlow's reciprocal square root is not exact to the last bits; sums are in another order in PyTorch.
    self.assertAllClose(rates[:steps], expected["rates"], rtol=1e-4, atol=0)
    self.assertAllClose(joined(states[0]), expected["first"], rtol=1e-5, atol=1e-6)
    self.assertAllClose(joined(states[steps]), expected["last"], rtol=1e-4, atol=1e-5)
    self.assertAllClose([np.linalg.norm(joined(state)) for state in states[: steps + 1]], expected["norms"], rtol=1e-5)

  @parameterized.parameters(*CHAINS)
  def test_masks_weights_and_learning_rates_are_theirs(self, source, runs, method, start, sparsities):
    schedule = SCHEDULES[source]
    states, rates = train(problem()[0], {}, "dense", schedule, 0)
    self.assert_same_run(source, "dense", states, rates)
    early, masks = self.checkpoint(states[EARLY], {}), {}
    for run, sparsity in zip(runs, sparsities):
      final = self.checkpoint(states[-1] if method != "slt" or not masks else states[STEPS - EARLY], masks)
      to = early if methods.METHODS[method].rewinds_to != methods.FINAL else final
      ticket = tickets.draw(final, to, tickets.TicketSpec(sparsity, scope=methods.GLOBAL), SHAPES)
      masks = ticket.masks
      # In open_lth, a ticket also sees the batches that follow step k; in Renda et al.'s code that is up to the input.
      first = EARLY if source == "open_lth" else 0
      overrides = ",".join([schedule, *([f"schedule_from={start}"] if start else [])])
      states, rates = train(ticket.weights, masks, method, overrides, first)
      self.assert_same_run(source, run, states, rates)
      theirs = np.array(EXPECTED[source][run]["last"])[:WEIGHTS] != 0
      self.assertAllEqual(np.concatenate([masks[name].ravel() for name in SHAPES if name in masks]), theirs)


if __name__ == "__main__":
  tf.test.main()
