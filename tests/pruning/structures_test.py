"""Tickets of whole feed-forward units and attention heads: what is removed, what the rest is, and that masks nest."""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, methods, structures, tickets
from t2t_lottery.utils.errors import UserError

HIDDEN, FILTER = 8, 20
BLOCKS = [f"transformer/body/{side}/layer_{number}/ffn" for side in ("encoder", "decoder") for number in (0, 1)]
HEADS = 4
ATTENTIONS = [
  f"transformer/body/{side}/layer_{number}/{own}_attention"
  for side, kinds in (("encoder", ["self"]), ("decoder", ["self", "encdec"]))
  for number in (0, 1)
  for own in kinds
]
SHAPES = {
  f"{block}/multihead_attention/{part}/kernel": (HIDDEN, HIDDEN)
  for block in ATTENTIONS
  for part in ("q", "k", "v", "output_transform")
}
QUERY = f"{ATTENTIONS[0]}/multihead_attention/q/kernel"
for _block in BLOCKS:
  SHAPES.update(
    {
      f"{_block}/conv1/kernel": (HIDDEN, FILTER),
      f"{_block}/conv1/bias": (FILTER,),
      f"{_block}/conv2/kernel": (FILTER, HIDDEN),
      f"{_block}/conv2/bias": (HIDDEN,),
    }
  )


def checkpoint(folder, seed, masks=None):
  rng = np.random.RandomState(seed)
  values = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
  for layer, mask in (masks or {}).items():
    values[layer] = values[layer] * mask
    values[layers.mask_name(layer)] = mask
  prefix = os.path.join(folder, str(seed), "model.ckpt")
  tf_checkpoint.write(prefix, values)
  return tf_checkpoint.Checkpoint(prefix, f"checkpoint {seed}")


def units(masks, block):
  """Which units a block's masks keep; fails unless each is kept or removed as a whole."""
  inner, outer = masks[f"{block}/conv1/kernel"], masks[f"{block}/conv2/kernel"]
  np.testing.assert_array_equal(inner, np.broadcast_to(inner[0], inner.shape))
  np.testing.assert_array_equal(outer, np.broadcast_to(inner[0][:, None], outer.shape))
  return inner[0]


class StructuresTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.final, self.early = checkpoint(self.folder, 1), checkpoint(self.folder, 2)

  def draw(self, sparsity, final=None, early=None, scores=None, **options):
    spec = tickets.TicketSpec(sparsity, structure=methods.UNITS, **options)
    sources = final or self.final, early or self.early
    tickets.check(*sources, spec)
    return tickets.draw(*sources, spec, SHAPES, precomputed_scores=scores)

  def test_groups_are_in_the_order_in_which_a_model_computes(self):
    found = structures.groups(methods.UNITS, dict(sorted(SHAPES.items(), reverse=True)))
    self.assertEqual([group.name for group in found], BLOCKS)

  def test_the_units_of_smallest_norm_are_removed_with_their_biases(self):
    ticket = self.draw(0.25)
    for block in BLOCKS:
      kept = units(ticket.masks, block)
      inner, outer = self.final.read(f"{block}/conv1/kernel"), self.final.read(f"{block}/conv2/kernel")
      norms = [np.hypot(np.linalg.norm(inner[:, u]), np.linalg.norm(outer[u])) for u in range(FILTER)]
      self.assertCountEqual(np.flatnonzero(~kept), np.argsort(norms)[: FILTER // 4])
      bias = self.early.read(f"{block}/conv1/bias")
      self.assertAllEqual(ticket.weights[f"{block}/conv1/bias"], bias * kept)
      self.assertTrue(np.all(bias[~kept]), "the comparison must be able to fail")
      self.assertAllEqual(ticket.weights[f"{block}/conv2/bias"], self.early.read(f"{block}/conv2/bias"))
    for layer, mask in ticket.masks.items():
      self.assertAllEqual(ticket.weights[layer], self.early.read(layer) * mask)
    self.assertTrue(ticket.masks[QUERY].all(), "attention stays dense")

  def test_scores_that_are_given_decide(self):
    rng = np.random.default_rng(3)
    scores = {block: rng.permutation(FILTER).astype(float) for block in BLOCKS}
    ticket = self.draw(0.5, scores=scores, score=methods.ACTIVATION)
    for block in BLOCKS:
      self.assertAllEqual(units(ticket.masks, block), scores[block] >= FILTER / 2)

  def test_removed_units_never_return(self):
    first = self.draw(0.3)
    final, early = (checkpoint(self.folder, seed, first.masks) for seed in (3, 4))
    second = self.draw(0.6, final, early)
    for block in BLOCKS:
      before, after = units(first.masks, block), units(second.masks, block)
      self.assertFalse(np.any(after & ~before))
      self.assertEqual([np.count_nonzero(before), np.count_nonzero(after)], [14, 8])
    with self.assertRaisesRegex(UserError, r"sparsity 0\.2 is below that of .*layer_0/ffn: 0\.3000\)"):
      self.draw(0.2, final, early)

  def test_single_weights_that_are_pruned_stay_pruned(self):
    """A ticket of units from a ticket of weights has both masks."""
    spec = tickets.TicketSpec(0.5)
    masks = tickets.draw(self.final, self.early, spec, SHAPES).masks
    final, early = (checkpoint(self.folder, seed, masks) for seed in (3, 4))
    both = self.draw(0.25, final, early)
    for layer, mask in both.masks.items():
      self.assertFalse(np.any(mask & ~masks[layer]), layer)
    self.assertAllEqual(both.masks[QUERY], masks[QUERY])
    expected = {block: structures.Removed(methods.UNITS, FILTER // 4, FILTER) for block in BLOCKS}
    self.assertEqual(structures.removed(methods.UNITS, both.weights), expected)

  @parameterized.parameters({"score": methods.RANDOM}, {"shuffle": True})
  def test_controls_remove_as_many_other_units(self, **options):
    plain, first, again, other = (self.draw(0.5, **one) for one in ({}, options, options, {**options, "seed": 9}))
    kept = [np.concatenate([units(t.masks, block) for block in BLOCKS]) for t in (plain, first, again, other)]
    self.assertEqual({np.count_nonzero(one) for one in kept}, {len(BLOCKS) * FILTER // 2})
    self.assertAllEqual(kept[1], kept[2])
    for one in (kept[0], kept[3]):
      self.assertFalse(np.array_equal(one, kept[1]))

  def test_on_target_counts_units_of_each_block(self):
    weights = self.draw(0.5).weights
    found = structures.removed(methods.UNITS, weights)
    self.assertTrue(structures.on_target(found, 0.5))
    self.assertFalse(structures.on_target(found, 0.55))
    # One more in one block, one fewer in another.
    first, last = BLOCKS[0], BLOCKS[-1]
    moved = {**found, first: found[first]._replace(gone=11), last: found[last]._replace(gone=9)}
    self.assertFalse(structures.on_target(moved, 0.5))


class HeadsTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.final, self.early = checkpoint(self.folder, 1), checkpoint(self.folder, 2)

  def draw(self, sparsity, final=None, early=None, scores=None, **options):
    spec = tickets.TicketSpec(sparsity, structure=methods.HEADS, num_heads=HEADS, scope=methods.GLOBAL, **options)
    sources = final or self.final, early or self.early
    tickets.check(*sources, spec)
    return tickets.draw(*sources, spec, SHAPES, precomputed_scores=scores)

  def heads(self, masks, block):
    """Which heads a block's masks keep; fails unless each is kept or removed as a whole."""
    width = HIDDEN // HEADS
    by_part = {
      part: masks[f"{block}/multihead_attention/{part}/kernel"] for part in ("q", "k", "v", "output_transform")
    }
    kept = [by_part["q"][0, head * width] for head in range(HEADS)]
    for part, mask in by_part.items():
      for head in range(HEADS):
        of_head = slice(head * width, (head + 1) * width)
        self.assertAllEqual(
          mask[of_head] if part == "output_transform" else mask[:, of_head],
          np.full((width, HIDDEN), kept[head]).reshape(
            (width, HIDDEN) if part == "output_transform" else (HIDDEN, width)
          ),
        )
    return kept

  def test_of_the_weights_and_masks_of_a_ticket_the_same_ticket_is_drawn(self):
    ticket = self.draw(0.25, score=methods.RANDOM)
    prefix = os.path.join(self.folder, "ticket", "model.ckpt-0")
    tf_checkpoint.write(prefix, {**ticket.weights, **{layers.mask_name(n): m for n, m in ticket.masks.items()}})
    source = tf_checkpoint.Checkpoint(prefix, "ticket")
    again = self.draw(0.25, source, source)
    for found, expected in ((again.masks, ticket.masks), (again.weights, ticket.weights)):
      self.assertEqual(found.keys(), expected.keys())
      for name, value in expected.items():
        self.assertAllEqual(found[name], value)

  def test_heads_of_all_blocks_compete(self):
    groups = structures.groups(methods.HEADS, SHAPES, HEADS)
    self.assertEqual([group.name for group in groups], ATTENTIONS)
    scores = {block: np.arange(HEADS) + 10.0 * number for number, block in enumerate(ATTENTIONS)}
    ticket = self.draw(0.25, scores=scores, score=methods.GRADIENT)
    # Of 24 heads, the six of lowest score: a block may lose all of its heads.
    kept = [self.heads(ticket.masks, block) for block in ATTENTIONS]
    self.assertAllEqual(kept, [[False] * 4, [False, False, True, True], *[[True] * 4] * 4])
    for name in SHAPES:
      expected = self.early.read(name) * ticket.masks.get(name, True)
      self.assertAllEqual(ticket.weights[name], expected)
    self.assertTrue(ticket.masks[f"{BLOCKS[0]}/conv1/kernel"].all(), "feed-forward blocks stay dense")
    found = structures.removed(methods.HEADS, ticket.weights, HEADS)
    self.assertTrue(structures.on_target(found, 0.25, methods.GLOBAL))
    self.assertFalse(structures.on_target(found, 0.3, methods.GLOBAL))

  def test_removed_heads_never_return(self):
    first = self.draw(0.25)
    final, early = (checkpoint(self.folder, seed, first.masks) for seed in (3, 4))
    second = self.draw(0.5, final, early)
    before, after = (np.array([self.heads(t.masks, block) for block in ATTENTIONS]) for t in (first, second))
    self.assertFalse(np.any(after & ~before))
    self.assertEqual([np.count_nonzero(before), np.count_nonzero(after)], [18, 12])
    with self.assertRaisesRegex(
      UserError, r"sparsity 0\.2 is below that of .*attention heads of all blocks together: 0\.2500\)"
    ):
      self.draw(0.2, final, early)


class BertTest(parameterized.TestCase, tf.test.TestCase):
  """Heads and MLPs of BERT: both kernels and biases, the same share of each kind."""

  LAYERS, WIDTH = 4, 6
  BLOCKS = [f"bert/encoder/layer_{number}" for number in range(LAYERS)]

  def setUp(self):
    super().setUp()
    self.shapes = {}
    for block in self.BLOCKS:
      for dense in ("attention/self/query", "attention/self/key", "attention/self/value", "attention/output/dense"):
        self.shapes.update({f"{block}/{dense}/kernel": (HIDDEN, HIDDEN), f"{block}/{dense}/bias": (HIDDEN,)})
      for dense, shape in (("intermediate/dense", (HIDDEN, self.WIDTH)), ("output/dense", (self.WIDTH, HIDDEN))):
        self.shapes.update({f"{block}/{dense}/kernel": shape, f"{block}/{dense}/bias": shape[1:]})
    folder = self.create_tempdir().full_path
    random = np.random.RandomState(3)
    self.sources = []
    for number in range(2):
      prefix = os.path.join(folder, str(number), "model.ckpt")
      tf_checkpoint.write(prefix, {n: random.randn(*shape).astype(np.float32) for n, shape in self.shapes.items()})
      self.sources.append(tf_checkpoint.Checkpoint(prefix, "checkpoint"))
    heads = [f"{block}/attention" for block in self.BLOCKS]
    self.scores = {name: np.arange(HEADS) + 1.0 + 10 * number for number, name in enumerate(heads)}
    # On another scale, which must not matter.
    self.scores.update({block: np.array([1e3 - number]) for number, block in enumerate(self.BLOCKS)})

  def draw(self, sparsity, structure=methods.HEADS_MLPS, **options):
    spec = tickets.TicketSpec(sparsity, structure=structure, num_heads=HEADS, scope=methods.GLOBAL, **options)
    tickets.check(*self.sources, spec)
    score = None if options.get("score") == methods.RANDOM else self.scores
    return tickets.draw(*self.sources, spec, self.shapes, precomputed_scores=score)

  def kept(self, ticket):
    """Which heads and which MLPs a ticket keeps: bool [blocks, HEADS], bool [blocks]; fails unless each is complete."""
    heads, mlps = [], []
    for block in self.BLOCKS:
      output = ticket.masks[f"{block}/attention/output/dense/kernel"]
      alive = output.reshape(HEADS, -1).any(axis=1)
      along = np.repeat(alive, HIDDEN // HEADS)
      self.assertAllEqual(output, np.broadcast_to(along[:, None], output.shape))
      expected = {}
      for part in ("query", "key", "value"):
        self.assertAllEqual(ticket.masks[f"{block}/attention/self/{part}/kernel"], np.broadcast_to(along, output.shape))
        expected[f"{block}/attention/self/{part}/bias"] = along
      # A gate on a head leaves it.
      expected[f"{block}/attention/output/dense/bias"] = True
      (mlp,) = {bool(ticket.masks[f"{block}/{part}/dense/kernel"].all()) for part in ("intermediate", "output")}
      for part in ("intermediate", "output"):
        self.assertEqual(bool(ticket.masks[f"{block}/{part}/dense/kernel"].any()), mlp)
        expected[f"{block}/{part}/dense/bias"] = mlp
      for name, mask in {**expected, **{n: ticket.masks[n] for n in ticket.masks if n.startswith(f"{block}/")}}.items():
        self.assertAllEqual(ticket.weights[name], self.sources[1].read(name) * mask)
      heads.append(alive)
      mlps.append(mlp)
    return np.array(heads), np.array(mlps)

  def test_heads_compete_with_heads_and_mlps_with_mlps(self):
    heads, mlps = self.kept(self.draw(0.25))
    self.assertAllEqual(heads, [[False] * 4, *[[True] * 4] * 3])
    self.assertAllEqual(mlps, [True, True, True, False])
    for structure, other in ((methods.MLPS, 0), (methods.HEADS, 1)):
      alone = self.kept(self.draw(0.25, structure))
      self.assertTrue(alone[other].all())
      self.assertAllEqual(alone[1 - other], (heads, mlps)[1 - other])

  @parameterized.parameters(methods.HEADS, methods.MLPS, methods.HEADS_MLPS)
  def test_the_number_of_each_kind_is_on_target(self, structure):
    found = structures.removed(structure, self.draw(0.5, structure).weights, HEADS)
    self.assertTrue(structures.on_target(found, 0.5, methods.GLOBAL))
    self.assertFalse(structures.on_target(found, 0.25, methods.GLOBAL))
    if structure == methods.HEADS_MLPS:
      # One MLP more does not replace a head.
      head = f"{self.BLOCKS[0]}/attention"
      mlp = next(block for block in self.BLOCKS if not found[block].gone)
      moved = {**found, mlp: found[mlp]._replace(gone=1), head: found[head]._replace(gone=found[head].gone - 1)}
      self.assertFalse(structures.on_target(moved, 0.5, methods.GLOBAL))

  @parameterized.parameters(0.25, 0.5, 0.75)
  def test_a_bad_ticket_has_as_many_first_of_what_a_good_one_removes(self, sparsity):
    good, bad, again, other = (
      self.kept(self.draw(sparsity, **options))
      for options in ({}, {"bad": True}, {"bad": True}, {"bad": True, "seed": 5})
    )
    for kind in (0, 1):
      self.assertEqual(np.count_nonzero(bad[kind]), np.count_nonzero(good[kind]))
      if sparsity < 0.5:
        self.assertTrue(np.all(bad[kind] | good[kind]))
      else:
        self.assertFalse(np.any(bad[kind] & good[kind]))
      self.assertAllEqual(bad[kind], again[kind])
    if sparsity != 0.5:
      self.assertNotAllEqual(bad[0], other[0])

  def test_random_mlps_and_heads_are_as_many(self):
    heads, mlps = self.kept(self.draw(0.5, score=methods.RANDOM, seed=4))
    self.assertEqual([np.count_nonzero(heads), np.count_nonzero(mlps)], [8, 2])
    self.assertNotAllEqual(heads, self.kept(self.draw(0.5))[0])


if __name__ == "__main__":
  tf.test.main()
