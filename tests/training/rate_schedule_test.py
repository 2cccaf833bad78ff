"""The learning rate of learning-rate rewinding, fine-tuning and a continued schedule, against t2t's own code."""

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import learning_rate, trainer_lib

import usr_dir  # noqa: F401

LENGTH = 3_000
EARLY = 150
STEPS = (0, 1, 29, 30, 59, 60, 61, 150, 1_500, 2_999)
# Each exercises another part of t2t's code.
SCHEDULES = {
  "papers": "learning_rate_schedule=rsqrt_decay",
  "tiny": "",
  "warm_up": "learning_rate_schedule=constant*linear_warmup*rsqrt_normalized_decay",
  "cosine": "learning_rate_schedule=constant*cosdecay,learning_rate_decay_steps=3000",
  "exponential": "learning_rate_schedule=exp_decay,learning_rate_decay_steps=100,learning_rate_decay_rate=0.5",
  "noam": "learning_rate_schedule=legacy,learning_rate_decay_scheme=noam,learning_rate=0.1",
  "legacy_exponential": "learning_rate_schedule=legacy,learning_rate_decay_scheme=exp,learning_rate=0.1,"
  "learning_rate_decay_steps=100,learning_rate_decay_rate=0.5",
  "every_second_step": "optimizer_multistep_accumulate_steps=2",
}


def rates(method, overrides, steps):
  """The learning rate of a method's run at each step, by t2t's function."""
  hparams = trainer_lib.create_hparams(f"transformer_{method}_tiny", overrides)
  with tf.Graph().as_default(), tf.Session() as session:
    counter = tf.train.create_global_step()
    value = learning_rate.learning_rate_schedule(hparams)
    session.run(tf.global_variables_initializer())
    found = []
    for step in steps:
      session.run(counter.assign(step))
      found.append(float(session.run(value)))
  return found


def joined(*overrides):
  return ",".join(filter(None, overrides))


class RateScheduleTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*SCHEDULES)
  def test_learning_rate_rewinding_has_the_rates_of_a_dense_run(self, name):
    """Renda et al. (2020), section 2: the learning rate is rewound to that of an earlier step, here the first."""
    overrides = SCHEDULES[name]
    self.assertEqual(rates("lrr", overrides, STEPS), rates("dense", overrides, STEPS))

  @parameterized.parameters(*SCHEDULES)
  def test_fine_tuning_keeps_the_rate_of_the_last_update_of_its_parent(self, name):
    """Renda et al. (2020), section 2: fine-tuning uses the last learning rate of training."""
    overrides = SCHEDULES[name]
    (last,) = rates("dense", overrides, [LENGTH - 1])
    found = rates("finetune", joined(overrides, f"schedule_from={LENGTH}"), STEPS)
    self.assertAllClose(found, [last] * len(STEPS), rtol=1e-6, atol=0)

  @parameterized.parameters(*SCHEDULES)
  def test_continued_schedule_has_the_rates_of_the_steps_after_t(self, name):
    """Frankle et al. (2019) train W_k from iteration k; in open_lth, update i of a ticket has the rate of step k + i."""
    overrides = SCHEDULES[name]
    expected = rates("dense", overrides, [EARLY + step for step in STEPS])
    for method in ("slt", "clt", "slt_mp", "mp_slt"):
      self.assertAllClose(
        rates(method, joined(overrides, f"schedule_from={EARLY}"), STEPS), expected, rtol=1e-6, atol=0
      )
      self.assertEqual(rates(method, overrides, STEPS), rates("dense", overrides, STEPS))

  def test_rates_of_the_papers_schedule_by_its_formula(self):
    """1/sqrt(max(t, w)), with the warm-up of the tiny runs."""
    step = np.array(STEPS)
    papers = SCHEDULES["papers"]
    for method, own, shifted in (
      ("lrr", "", step),
      ("finetune", f"schedule_from={LENGTH}", np.full(len(STEPS), LENGTH - 1)),
      ("slt", f"schedule_from={EARLY}", step + EARLY),
    ):
      # TensorFlow's reciprocal square root is not exact to the last bits.
      self.assertAllClose(rates(method, joined(papers, own), STEPS), np.maximum(shifted, 60) ** -0.5, rtol=1e-4)

  def test_models_of_t2t_are_not_affected(self):
    hparams = trainer_lib.create_hparams("transformer_tpu")
    with tf.Graph().as_default() as graph:
      counter = tf.train.create_global_step()
      step = learning_rate._global_step(hparams)
      self.assertEqual([op.type for op in graph.get_operations()][-1], "Cast")
      with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(counter.assign(7))
        self.assertEqual(session.run(step), 7)


if __name__ == "__main__":
  tf.test.main()
