"""hparams sets: the paper's equals stock t2t's, the others are scaled."""

import re

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import learning_rate, registry

import hparams as hparams_package
import usr_dir  # noqa: F401
from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets
from t2t_lottery.utils import errors

OWN = {
  "bad_mask",
  "data_seed",
  "embedding_fan",
  "initial_sparsity",
  "mask_checkpoint",
  "prune_embedding",
  "prune_every",
  "prune_until",
  "pruning_method",
  "rewind_also",
  "rewind_checkpoint",
  "rewind_step",
  "schedule_from",
  "sparsity",
  "shuffle_mask",
  *methods.SUPERMASK_HPARAMS,
  *methods.GATES_HPARAMS,
  "ticket_scope",
  "ticket_score",
  "ticket_signs",
  "ticket_structure",
  "ticket_values",
}


def rate(hparams, step):
  """t2t's learning rate at a step, without its global constant."""
  with tf.Graph().as_default(), tf.Session() as session:
    counter = tf.train.create_global_step()
    value = learning_rate.learning_rate_schedule(hparams)
    session.run(tf.global_variables_initializer())
    session.run(counter.assign(step))
    return float(session.run(value))


class HparamsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    hparams_package.register_on_top("transformer_base+dense")

  @parameterized.parameters(*methods.METHODS)
  def test_paper_set_is_base_v3_with_the_tpu_adaptations(self, method):
    ours = registry.hparams(f"transformer_{method}").values()
    stock = registry.hparams("transformer_tpu").values()
    self.assertEqual(set(ours) - set(stock), OWN)
    differing = {name for name in stock if ours[name] != stock[name] and name not in ("bottom", "loss", "top")}
    self.assertEqual(differing, {"daisy_chain_variables"})
    self.assertEqual(ours["optimizer"], "Adafactor")
    self.assertEqual(ours["learning_rate_warmup_steps"], 10_000)
    self.assertEqual(ours["rewind_step"], 25_000)
    self.assertEqual((ours["prune_until"], ours["prune_every"]), (400_000, 10_000))
    self.assertEqual(ours["pruning_method"], method)

  def test_learning_rate_is_one_over_the_square_root_of_the_step_after_warm_up(self):
    hparams = registry.hparams("transformer_slt")
    for step in (0, 9_999, 10_000, 250_000, 499_999):
      self.assertAllClose(rate(hparams, step), max(step, 10_000) ** -0.5, rtol=1e-4)

  @parameterized.parameters("micro", "tiny", "small")
  def test_step_counts_scale_with_the_length(self, size):
    length = presets.SIZES[size].train_steps
    for method in methods.METHODS:
      hparams = registry.hparams(f"transformer_{method}_{size}")
      self.assertEqual(hparams.learning_rate_warmup_steps, length * 2 // 100)
      self.assertEqual((hparams.rewind_step, hparams.supermask_steps), (length * 5 // 100, length * 5 // 100))
      self.assertEqual((hparams.prune_until, hparams.prune_every), (length * 80 // 100, length * 2 // 100))

  @parameterized.parameters(600, 3_000, 20_000)
  def test_learning_rate_is_the_same_at_the_same_fraction_of_any_run(self, length):
    hparams = registry.hparams("transformer_slt_tiny")
    for share in (0.02, 0.5, 1.0):
      expected = rate(hparams, int(share * presets.SIZES["tiny"].train_steps))
      scaled = registry.hparams("transformer_slt_tiny")
      for name, value in presets.overrides(length, presets.SIZES["tiny"]).items():
        scaled.set_hparam(name, value)
      self.assertAllClose(rate(scaled, int(share * length)), expected, rtol=1e-4)

  def test_only_micro_has_another_dropout_than_the_paper(self):
    for size in presets.SIZES:
      found = registry.hparams(presets.hparams_set("slt", size)).values()
      dropouts = {found[name] for name in ("layer_prepostprocess_dropout", "attention_dropout", "relu_dropout")}
      self.assertEqual(dropouts, {0.0 if size == "micro" else 0.1}, size)

  def test_big_has_the_shape_of_transformer_big_under_the_papers_set_up(self):
    big, base = (registry.hparams(f"transformer_slt{size}").values() for size in ("_big", ""))
    stock = registry.hparams("transformer_big").values()
    differing = {name for name in base if base[name] != big[name] and name not in ("bottom", "loss", "top")}
    self.assertEqual(differing, {"hidden_size", "filter_size", "num_heads"})
    for name in (*differing, "num_hidden_layers", "batch_size"):
      self.assertEqual(big[name], stock[name])

  @parameterized.parameters(*methods.METHODS)
  def test_a_method_on_top_of_any_set_adds_its_pruning_only(self, method):
    hparams_package.register_on_top(f"transformer_relative+{method}")
    added = registry.hparams(f"transformer_relative+{method}").values()
    stock = registry.hparams("transformer_relative").values()
    papers = registry.hparams(f"transformer_{method}").values()
    self.assertEqual(set(added) - set(stock), OWN)
    self.assertEqual({name: added[name] for name in OWN}, {name: papers[name] for name in OWN})
    differing = {name for name in stock if added[name] != stock[name] and name not in ("bottom", "loss", "top")}
    self.assertEqual(differing, {"daisy_chain_variables"})

  @parameterized.parameters(
    {},
    {"learning_rate_schedule": "legacy", "learning_rate_decay_scheme": "noam"},
    {"learning_rate_schedule": "legacy", "learning_rate_decay_scheme": "exp", "learning_rate_decay_rate": 0.3},
    {"learning_rate_schedule": "rsqrt_decay"},
    {"learning_rate_schedule": "constant*linear_warmup*exp_decay", "learning_rate_decay_rate": 0.3},
    {"learning_rate_schedule": "linear_warmup*rsqrt_normalized_decay"},
  )
  def test_learning_rate_of_any_set_is_the_same_at_the_same_fraction_of_any_run(self, **changed):
    length = 50_000
    hparams, scaled = (registry.hparams("transformer_base+dense") for _ in range(2))
    for each in (hparams, scaled):
      each.override_from_dict({"learning_rate_decay_steps": 100_000, **changed})
    for name, value in presets.rescaled(hparams.values(), length).items():
      scaled.set_hparam(name, value)
    for share in (0.01, 0.05, 0.4, 1.0):
      expected = rate(hparams, int(share * presets.PAPER.train_steps))
      # noam counts from step 1.
      self.assertAllClose(rate(scaled, int(share * length)), expected, rtol=2e-3)

  def test_a_learning_rate_that_cannot_be_scaled_is_named(self):
    values = registry.hparams("transformer_base+dense").values()
    for changed in (
      {"learning_rate_schedule": "constant*linear_decay"},
      {"learning_rate_schedule": "legacy", "learning_rate_decay_scheme": "sqrt"},
    ):
      with self.assertRaisesRegex(
        errors.UserError, f"={re.escape(list(changed.values())[-1])} cannot be scaled to --steps=2000"
      ):
        presets.rescaled({**values, **changed}, 2000)

  def test_a_run_of_the_papers_length_has_the_papers_step_counts(self):
    self.assertEqual(presets.for_length(500_000), presets.PAPER)


if __name__ == "__main__":
  tf.test.main()
