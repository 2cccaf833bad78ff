"""CLT and the controls: each changes one property of a ticket and nothing else."""

import functools
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.models import lottery_transformer
from t2t_lottery.pruning import layers, methods, tickets
from t2t_lottery.training import hparams_check
from t2t_lottery.utils.errors import UserError

EMBEDDING = "transformer/symbol_modality_300_40/shared/weights_0"
FFN = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
QUERY = "transformer/body/encoder/layer_0/self_attention/multihead_attention/q/kernel"
BIAS = "transformer/body/encoder/layer_0/ffn/conv1/bias"
SHAPES = {EMBEDDING: (300, 40), FFN: (40, 160), QUERY: (40, 40), BIAS: (160,)}
OF_OTHER_SCORES = ("snip", "synflow", "supermask", "units", "heads", "mlps", "heads_mlps", "gates", "running_sum")
DRAWN_WITHOUT_A_SEED = (
  "global_magnitude",
  "global_scores",
  "layer_magnitude",
  "dense_embedding",
  "magnitude",
  "constant_values",
)
# Different scales, so that a global mask differs from a mask per layer.
SCALES = {EMBEDDING: 1.0, FFN: 3.0, QUERY: 0.3, BIAS: 1.0}


def checkpoint(folder, name, seed, masks=None):
  rng = np.random.RandomState(seed)
  values = {n: (rng.standard_t(4, size=s) * SCALES[n]).astype(np.float32) for n, s in SHAPES.items()}
  for layer, mask in (masks or {}).items():
    values[layer] = values[layer] * mask
    values[layers.mask_name(layer)] = mask
  prefix = os.path.join(folder, name, "model.ckpt")
  tf_checkpoint.write(prefix, values)
  return tf_checkpoint.Checkpoint(prefix, name)


class ControlsTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    folder = self.create_tempdir().full_path
    self.final, self.early = checkpoint(folder, "final", 1), checkpoint(folder, "early", 2)
    within = tickets.draw(self.final, self.early, tickets.TicketSpec(0.3), SHAPES).masks
    self.final_30, self.early_30 = (
      checkpoint(folder, f"{n}30", i, within) for i, n in enumerate(("final", "early"), 3)
    )
    self.plain = self.draw()

  def draw(self, sparsity=0.6, pruned_before=False, **options):
    sources = (self.final_30, self.early_30) if pruned_before else (self.final, self.early)
    initialize = functools.partial(lottery_transformer._initialize, registry.hparams("transformer_slt_tiny"))
    ticket = tickets.draw(*sources, tickets.TicketSpec(sparsity, **options), SHAPES, initialize)
    # For any options, pruned weights are zero, and variables that are not layers are rewound, or left as they are initialized.
    for layer, mask in ticket.masks.items():
      self.assertFalse(np.any(ticket.weights[layer][~mask]))
      self.assertTrue(np.all(ticket.weights[layer][mask]))
    if options.get("values") == methods.REINITIALIZED:
      self.assertNotIn(BIAS, ticket.weights)
    else:
      self.assertAllEqual(ticket.weights[BIAS], sources[1].read(BIAS))
    self.assertCountEqual(ticket.masks, [EMBEDDING, FFN, QUERY])
    return ticket

  def assert_same_masks(self, ticket, other):
    for layer, mask in ticket.masks.items():
      self.assertAllEqual(mask, other.masks[layer])

  def test_clt_sets_each_layer_to_one_magnitude_and_keeps_the_signs(self):
    ticket = self.draw(values=methods.CONSTANT)
    self.assert_same_masks(ticket, self.plain)
    for layer, mask in ticket.masks.items():
      n_in, n_out = SHAPES[layer]
      kept = ticket.weights[layer][mask]
      self.assertAllClose(np.abs(kept), np.full(kept.shape, np.sqrt(6 / (n_in + n_out))), rtol=1e-6)
      self.assertAllEqual(np.sign(kept), np.sign(self.early.read(layer)[mask]))

  @parameterized.parameters(
    {},
    {"values": methods.CONSTANT},
    {"values": methods.CONSTANT, "signs": methods.RANDOM},
    {"values": methods.REDRAWN, "scope": methods.GLOBAL},
    {"values": methods.PERMUTED, "shuffle": True},
    {"bad": True, "scope": methods.GLOBAL, "prune_embedding": False},
  )
  def test_of_the_weights_and_masks_of_a_ticket_the_same_ticket_is_drawn(self, **options):
    ticket = self.draw(**options)
    prefix = os.path.join(self.create_tempdir().full_path, "model.ckpt-0")
    tf_checkpoint.write(prefix, {**ticket.weights, **{layers.mask_name(n): m for n, m in ticket.masks.items()}})
    source = tf_checkpoint.Checkpoint(prefix, "ticket")
    # Without what it was drawn by; CLT's values are those of its method.
    of_drawing = {"score", "signs", "shuffle", "bad"} | ({"values"} if options.get("signs") else set())
    spec = tickets.TicketSpec(
      **{"sparsity": 0.6, **{name: value for name, value in options.items() if name not in of_drawing}}
    )
    spec = spec._replace(values=spec.values if spec.values == methods.CONSTANT else methods.REWOUND)
    again = tickets.draw(source, source, spec, SHAPES)
    self.assert_same_masks(again, ticket)
    for name, value in ticket.weights.items():
      self.assertAllEqual(again.weights[name], value)

  def test_clt_fan_of_the_embedding_is_configurable(self):
    ticket = self.draw(values=methods.CONSTANT, fan=methods.HIDDEN)
    self.assertAllClose(np.abs(ticket.weights[EMBEDDING]).max(), np.sqrt(6 / 80))
    self.assertAllClose(np.abs(ticket.weights[FFN]).max(), np.sqrt(6 / 200))

  @parameterized.parameters(methods.REWOUND, methods.CONSTANT)
  def test_random_signs_flip_half_of_the_signs_and_keep_magnitudes(self, values):
    kept_signs = self.draw(values=values)
    ticket = self.draw(values=values, signs=methods.RANDOM)
    self.assert_same_masks(ticket, kept_signs)
    for layer in ticket.masks:
      self.assertAllEqual(np.abs(ticket.weights[layer]), np.abs(kept_signs.weights[layer]))
      same = (ticket.weights[layer] == kept_signs.weights[layer])[ticket.masks[layer]].mean()
      self.assertAllInRange([same], 0.44, 0.56)

  def test_redrawn_values_keep_the_signs_and_have_the_deviation_of_the_initializer(self):
    ticket = self.draw(values=methods.REDRAWN)
    self.assert_same_masks(ticket, self.plain)
    for layer, mask in ticket.masks.items():
      kept = ticket.weights[layer][mask]
      self.assertAllEqual(np.sign(kept), np.sign(self.early.read(layer)[mask]))
      # t2t's uniform_unit_scaling: uniform within sqrt(6 / (n_in + n_out)); its embedding: normal, 1 / sqrt(hidden).
      std = np.sqrt(2 / sum(SHAPES[layer])) if layer != EMBEDDING else 40**-0.5
      self.assertAllClose(np.sqrt(np.mean(np.square(kept))), std, rtol=0.1)

  def test_reinitialized_values_do_not_correlate_with_the_rewound_ones(self):
    ticket = self.draw(values=methods.REINITIALIZED)
    self.assert_same_masks(ticket, self.plain)
    for layer, mask in ticket.masks.items():
      correlation = np.corrcoef(ticket.weights[layer][mask], self.plain.weights[layer][mask])[0, 1]
      self.assertAllInRange([correlation], -0.12, 0.12)

  def test_permuted_values_are_the_same_values_in_other_positions(self):
    ticket = self.draw(values=methods.PERMUTED)
    self.assert_same_masks(ticket, self.plain)
    for layer, mask in ticket.masks.items():
      mine, theirs = ticket.weights[layer][mask], self.plain.weights[layer][mask]
      self.assertAllEqual(np.sort(mine), np.sort(theirs))
      self.assertGreater((mine != theirs).mean(), 0.95)

  @parameterized.parameters(False, True)
  def test_random_mask_keeps_the_same_number_within_the_previous_mask(self, pruned_before):
    plain = self.draw(pruned_before=pruned_before)
    ticket = self.draw(score=methods.RANDOM, pruned_before=pruned_before)
    for layer, mask in ticket.masks.items():
      self.assertEqual(np.count_nonzero(mask), np.count_nonzero(plain.masks[layer]))
      left = 0.7 if pruned_before else 1.0
      # Two independent samples of 40% of the remaining weights agree on this fraction of the kept ones.
      self.assertAllInRange([plain.masks[layer][mask].mean()], 0.4 / left - 0.06, 0.4 / left + 0.06)
      if pruned_before:
        self.assertFalse(np.any(mask & ~self.final_30.mask(layer)))
      self.assertAllEqual(
        ticket.weights[layer][mask], (self.early_30 if pruned_before else self.early).read(layer)[mask]
      )

  def test_shuffled_mask_has_the_same_count_in_other_positions(self):
    ticket = self.draw(shuffle=True)
    for layer, mask in ticket.masks.items():
      self.assertEqual(np.count_nonzero(mask), np.count_nonzero(self.plain.masks[layer]))
      self.assertAllInRange([self.plain.masks[layer][mask].mean()], 0.34, 0.46)

  def test_shuffled_mask_is_an_error_if_the_rewind_checkpoint_is_pruned(self):
    with self.assertRaisesRegex(UserError, "has pruned weights of .* that the mask keeps"):
      self.draw(shuffle=True, pruned_before=True)

  @parameterized.product(scope=methods.SCOPES, sparsity=(0.3, 0.6))
  def test_bad_mask_keeps_as_many_of_what_is_pruned_and_then_others(self, scope, sparsity):
    good, bad = (self.draw(sparsity, scope=scope, bad=bad).masks for bad in (False, True))
    pairs = [(good[layer], bad[layer]) for layer in good]
    if scope == methods.GLOBAL:
      pairs = [tuple(np.concatenate([one.ravel() for one in masks]) for masks in zip(*pairs))]
    for mask, other in pairs:
      self.assertEqual(np.count_nonzero(other), np.count_nonzero(mask))
      if sparsity < 0.5:
        # All that is pruned, and others to fill up.
        self.assertTrue(np.all(other | mask))
      else:
        self.assertFalse(np.any(other & mask))

  @parameterized.parameters(False, True)
  def test_global_mask_keeps_the_largest_weights_across_layers(self, pruned_before):
    final = self.final_30 if pruned_before else self.final
    ticket = self.draw(0.7, scope=methods.GLOBAL, pruned_before=pruned_before)
    kept = np.concatenate([np.abs(final.read(n))[mask] for n, mask in ticket.masks.items()])
    pruned = np.concatenate([np.abs(final.read(n))[~mask] for n, mask in ticket.masks.items()])
    self.assertLen(kept, round(0.3 * (len(kept) + len(pruned))))
    self.assertGreaterEqual(kept.min(), pruned.max())
    by_layer = {layer: mask.mean() for layer, mask in ticket.masks.items()}
    self.assertGreater(by_layer[FFN], by_layer[EMBEDDING])
    self.assertGreater(by_layer[EMBEDDING], by_layer[QUERY])

  @parameterized.parameters(*methods.SCOPES)
  def test_dense_embedding_is_not_pruned(self, scope):
    ticket = self.draw(scope=scope, prune_embedding=False)
    self.assertTrue(ticket.masks[EMBEDDING].all())
    rest = np.concatenate([ticket.masks[layer].ravel() for layer in (FFN, QUERY)])
    self.assertAllClose(rest.mean(), 0.4, atol=1e-3)

  @parameterized.parameters(*(control for control in methods.CONTROLS if control not in OF_OTHER_SCORES))
  def test_ticket_depends_on_the_seed_if_drawn_at_random(self, control):
    hparams = registry.hparams("transformer_slt_tiny")
    hparams.override_from_dict(methods.CONTROLS[control])
    options = hparams_check.ticket_spec(hparams, seed=0)._asdict()
    del options["seed"], options["sparsity"]
    first, again, other = (self.draw(seed=seed, **options) for seed in (1, 1, 2))
    equal = [
      all(np.array_equal(first.weights[name], ticket.weights[name]) for name in first.weights)
      for ticket in (again, other)
    ]
    self.assertEqual(equal, [True, control in DRAWN_WITHOUT_A_SEED])

  def test_check_compares_a_global_mask_over_all_layers(self):
    spec = tickets.TicketSpec(0.5, scope=methods.GLOBAL)
    masks = tickets.draw(self.final, self.early, spec, SHAPES).masks
    pruned = checkpoint(self.create_tempdir().full_path, "global", 9, masks)
    tickets.check(pruned, pruned, spec._replace(sparsity=0.6))
    with self.assertRaisesRegex(UserError, r"all layers together: 0\.5"):
      tickets.check(pruned, pruned, spec._replace(sparsity=0.4))


if __name__ == "__main__":
  tf.test.main()
