"""Importance of heads and MLPs against gates in the graph of the same model."""

import contextlib
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.layers import common_attention
from tensor2tensor.utils import registry, trainer_lib
from tensorflow.core.protobuf import rewriter_config_pb2

import usr_dir  # noqa: F401
from t2t_lottery.models import bert_encoder
from t2t_lottery.pruning import gate_scores, hard_concrete, layers, methods, saliency, structures
from tests.support import small_model

HEADS = 4
SHAPE = (
  f"hidden_size=16,num_heads={HEADS},filter_size=24,layer_prepostprocess_dropout=0,attention_dropout=0,relu_dropout=0"
)
SOURCE = np.array([[5, 9, 12, 1, 0, 0], [7, 8, 30, 31, 32, 1], [4, 1, 0, 0, 0, 0]], np.int32)
TARGET = np.array([[11, 4, 1, 0, 0], [22, 23, 9, 6, 1], [2, 3, 4, 1, 0]], np.int32)


def unfused_session():
  """Options of a session that feeds gates: with oneDNN, TensorFlow 2.15 takes a gate for a constant when it fuses operations,
  and ends the process.
  """
  config = tf.ConfigProto()
  config.graph_options.rewrite_options.remapping = rewriter_config_pb2.RewriterConfig.OFF
  return config


@pytest.mark.slow
class HeadScoresTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.model = small_model.SmallModel(cls.create_tempdir(cls()).full_path, SHAPE)

  def loss(self, features):
    """The loss of the model's training graph, which is built here."""
    made = trainer_lib.create_hparams(
      "transformer_slt_tiny", SHAPE, data_dir=self.model.data_dir, problem_name=small_model.PROBLEM
    )
    model = registry.model("lottery_transformer")(made, tf.estimator.ModeKeys.TRAIN, made.problem_hparams)
    features = {name: one[:, :, None, None] for name, one in features.items()}
    _, losses = model({**features, "target_space_id": tf.constant(0)})
    return tf.add_n(list(losses.values()))

  def by_gates(self, values, pairs):
    """dL/dgate, [attention block, head], of each batch, with gates [block, head] of these values in t2t's attention."""
    gates = []
    stock = common_attention.combine_heads

    def gated(x):
      gates.append(tf.placeholder(tf.float32, [HEADS]))
      return stock(x * gates[-1][None, :, None, None])

    with tf.Graph().as_default(), tf.Session(config=unfused_session()) as session:
      pair = [tf.placeholder(tf.int32, [None, None]) for _ in range(2)]
      with tf.test.mock.patch.object(common_attention, "combine_heads", gated):
        loss = self.loss(dict(zip(("inputs", "targets"), pair)))
      slopes = tf.gradients(loss, gates)
      session.run(tf.global_variables_initializer())
      for variable in tf.trainable_variables():
        variable.load(self.model.variables[variable.op.name], session)
      return [
        session.run(slopes, {**dict(zip(gates, rows)), **dict(zip(pair, batch))}) for rows, batch in zip(values, pairs)
      ]

  @contextlib.contextmanager
  def training_graph(self):
    """Gradients and groups of heads, in a graph that reads the examples as one batch, again and again."""
    with tf.Graph().as_default():
      pairs = tf.data.Dataset.from_tensor_slices((SOURCE, TARGET)).batch(3).repeat()
      ids = tf.data.make_initializable_iterator(pairs).get_next()
      loss = self.loss(dict(zip(("inputs", "targets"), ids)))
      variables = [variable for variable in tf.trainable_variables() if layers.is_prunable(variable.op.name)]
      gradients = dict(zip((variable.op.name for variable in variables), tf.gradients(loss, variables)))
      gradients = {name: tf.convert_to_tensor(gradient) for name, gradient in gradients.items()}
      yield gradients, structures.groups(methods.HEADS, structures.shapes_of(self.model.variables), HEADS)

  def test_importance_is_the_mean_absolute_gradient_of_gates(self):
    with self.training_graph() as (gradients, groups):
      scores = gate_scores.importance(self.model.variables, gradients, groups, batches=1)
    self.assertEqual(list(scores), [group.name for group in groups])
    examples = [(source[None], target[None]) for source, target in zip(SOURCE, TARGET)]
    expected = np.abs(self.by_gates(np.ones([len(examples), 6, HEADS]), examples)).mean(axis=0)
    self.assertLen(expected, 6)
    for score, gates in zip(scores.values(), expected):
      # Float32 sums in another order.
      self.assertAllClose(score, gates / np.linalg.norm(gates), rtol=1e-3, atol=1e-5)

  def test_gates_are_learned_from_their_own_gradients(self):
    random = np.random.RandomState(7)
    # As hard concrete gates are: some closed, some open, some between.
    values = np.clip(random.uniform(-0.5, 1.5, [6, HEADS]), 0, 1).astype(np.float32)
    asked = (values, np.ones_like(values), values)
    found, given = [], {}

    def learn(sizes, gradient, settings, seed):
      given.update(settings=settings, seed=seed)
      self.assertEqual([*sizes.values()], [HEADS] * 6)
      for rows in asked:
        found.append(list(gradient(dict(zip(sizes, rows))).values()))
      return dict(zip(sizes, values - 1))

    settings = hard_concrete.Settings(3, 0.1, 0.2)
    with self.training_graph() as (gradients, groups), tf.test.mock.patch.object(hard_concrete, "learn", learn):
      scores = gate_scores.learned(self.model.variables, gradients, groups, settings, seed=5)
    self.assertEqual(given, {"settings": settings, "seed": 5})
    for slopes, expected in zip(found, self.by_gates(asked, [(SOURCE, TARGET)] * len(asked))):
      # Float32 sums in another order.
      self.assertAllClose(slopes, expected, rtol=1e-3, atol=1e-5)
    self.assertNotAllClose(found[0], found[1], rtol=1e-2)
    self.assertAllClose(np.array([*scores.values()]), values, atol=1e-6)


class BertGatesTest(parameterized.TestCase, tf.test.TestCase):
  """Against a BERT with gates on what each head attends to, and on the output of each MLP."""

  SHAPE = bert_encoder.Shape(vocab=12, hidden=8, layers=3, heads=4, filter=16, positions=8)
  IDS = np.array([[2, 5, 6, 3, 0], [2, 7, 3, 0, 0], [2, 8, 9, 10, 3]], np.int32)
  LABELS = np.array([0, 1, 1], np.int32)

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    random = np.random.RandomState(4)
    with tf.Graph().as_default() as cls.plain:
      cls.outputs = cls.build()
      trained = tf.trainable_variables()
      names = [variable.op.name for variable in trained]
      # Biases, which are 0 at first, matter here.
      cls.weights = {n: (0.5 * random.randn(*v.shape)).astype(np.float32) for n, v in zip(names, trained)}
      cls.gradients = dict(zip(names, tf.gradients(cls.outputs[-1], trained)))
    with cls.gated() as (cls.graph_with_gates, cls.gates):
      cls.gated_outputs = cls.build()
      cls.slopes = dict(zip(cls.gates, tf.gradients(cls.gated_outputs[-1], list(cls.gates.values()))))
    cls.groups = structures.groups(methods.HEADS_MLPS, structures.shapes_of(cls.weights), cls.SHAPE.heads)

  @classmethod
  def build(cls):
    """Sequence output, pooled output and loss of the batch, or of what is fed in its place."""
    pairs = tf.data.Dataset.from_tensor_slices((cls.IDS, cls.LABELS)).batch(3)
    ids, labels = tf.data.make_initializable_iterator(pairs).get_next()
    sequence, pooled = bert_encoder.encode(cls.SHAPE, ids, tf.zeros_like(ids))
    logits = bert_encoder.classify(pooled, 2)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return sequence, pooled, tf.reduce_mean(losses)

  @classmethod
  @contextlib.contextmanager
  def gated(cls):
    """A graph, and block -> gates, [heads] or [1] of an MLP, of a BERT that is built in it; all are 1 unless fed."""
    gates = {}
    stock = bert_encoder._dense

    def dense(x, size, name):
      scope = tf.get_variable_scope().name
      block = scope.removesuffix("/output")
      if scope.endswith("attention/output"):
        gates[block] = tf.placeholder_with_default(tf.ones([cls.SHAPE.heads]), [cls.SHAPE.heads])
        return stock(x * tf.repeat(gates[block], cls.SHAPE.hidden // cls.SHAPE.heads), size, name)
      if scope.endswith("/output"):
        gates[block] = tf.placeholder_with_default(tf.ones([1]), [1])
        return stock(x, size, name) * gates[block]
      return stock(x, size, name)

    with tf.Graph().as_default() as graph, tf.test.mock.patch.object(bert_encoder, "_dense", dense):
      yield graph, gates

  def members(self, removed):
    """Block -> float32 [members]: 0 for (block, member) that are removed."""
    return {
      group.name: np.array([(group.name, member) not in removed for member in range(group.size)], np.float32)
      for group in self.groups
    }

  def run_gated(self, fetched, removed, rows=(slice(None),)):
    unfused = tf.test.mock.patch.object(tf, "Session", functools.partial(tf.Session, config=unfused_session()))
    with self.graph_with_gates.as_default(), unfused, saliency.started(self.weights) as session:
      (batch,) = saliency.batches_of(session, 1)
      fed = {self.gates[block]: value for block, value in self.members(removed).items()}
      return [session.run(fetched, {**fed, **{one: value[row] for one, value in batch.items()}}) for row in rows]

  def by_gates(self, removed=()):
    """Block -> mean over the examples of |dL/dgate|."""
    found = self.run_gated(self.slopes, removed, [slice(i, i + 1) for i in range(3)])
    return {block: np.mean([np.abs(one[block]) for one in found], axis=0) for block in self.gates}

  def importance(self, structure, **options):
    with self.plain.as_default():
      groups = structures.groups(structure, structures.shapes_of(self.weights), self.SHAPE.heads)
      return gate_scores.importance(self.weights, self.gradients, groups, **{"batches": 1, **options})

  def assert_are_gradients(self, scores, expected):
    for block, score in scores.items():
      normed = expected[block] / np.linalg.norm(expected[block]) if score.size > 1 else expected[block]
      # Float32 sums in another order.
      self.assertAllClose(score, normed, rtol=1e-4, atol=1e-6)

  @parameterized.parameters(methods.HEADS, methods.MLPS, methods.HEADS_MLPS)
  def test_importance_is_the_mean_absolute_gradient_of_gates(self, structure):
    scores = self.importance(structure)
    self.assertLen(scores, 6 if structure == methods.HEADS_MLPS else 3)
    self.assert_are_gradients(scores, self.by_gates())

  def test_a_running_sum_adds_batches_before_it_takes_absolute_values(self):
    batches = [slice(0, 2), slice(1, 3), slice(2, 3)]
    slopes = self.run_gated(self.slopes, (), batches)
    expected = {block: np.mean(np.abs(np.cumsum([one[block] for one in slopes], 0)), 0) for block in self.gates}
    batches_of = saliency.batches_of

    def three_batches(session, count):
      self.assertEqual(count, 3)
      (batch,) = batches_of(session, 1)
      return [{tensor: value[rows] for tensor, value in batch.items()} for rows in batches]

    with tf.test.mock.patch.object(saliency, "batches_of", three_batches):
      scores = self.importance(methods.HEADS_MLPS, batches=3, running_sum=True)
    self.assert_are_gradients(scores, expected)
    each = {block: np.mean([np.abs(one[block]) for one in slopes], 0) for block in self.gates}
    self.assertNotAllClose(each["bert/encoder/layer_1"], expected["bert/encoder/layer_1"], rtol=1e-2)

  def test_after_a_round_the_rest_is_scored_without_what_was_removed(self):
    first = self.by_gates()
    mlp = min((f"bert/encoder/layer_{layer}" for layer in range(3)), key=first.get)
    heads = [
      (score / np.linalg.norm(first[block]), (block, head))
      for block in first
      if block.endswith("attention")
      for head, score in enumerate(first[block])
    ]
    # A quarter of 12 heads, and round(3 / 4) of 3 MLPs.
    removed = [*(place for _, place in sorted(heads)[:3]), (mlp, 0)]
    scores = self.importance(methods.HEADS_MLPS, rounds=[0.25])
    expected = self.by_gates(removed)
    for block, member in removed:
      self.assertEqual(scores[block][member], 0)
      expected[block][member] = 0
    self.assert_are_gradients(scores, expected)
    self.assertNotAllClose(expected[f"{mlp}/attention"], first[f"{mlp}/attention"], rtol=1e-2)

  @parameterized.parameters(
    [[("bert/encoder/layer_0/attention", 1), ("bert/encoder/layer_2/attention", 3)]],
    [[("bert/encoder/layer_1/attention", head) for head in range(4)]],
    [[("bert/encoder/layer_0", 0), ("bert/encoder/layer_2", 0)]],
    [[("bert/encoder/layer_1", 0), ("bert/encoder/layer_1/attention", 0), ("bert/encoder/layer_2/attention", 2)]],
  )
  def test_a_ticket_without_some_computes_what_gates_of_0_do(self, removed):
    ticket, shapes = dict(self.weights), structures.shapes_of(self.weights)
    for group in self.groups:
      kept = self.members(removed)[group.name] != 0
      for name, mask in {**group.masks(kept, shapes), **group.bias_masks(kept, shapes)}.items():
        ticket[name] = ticket[name] * mask
    (expected,) = self.run_gated(self.gated_outputs, removed)
    found = []
    for weights in (ticket, self.weights):
      with self.plain.as_default(), saliency.started(weights) as session:
        found.append(session.run(self.outputs))
    for one, other in zip(found[0], expected):
      # TensorFlow fuses other operations in a graph with gates, which rounds float32 differently.
      self.assertAllClose(one, other, rtol=1e-5, atol=1e-5)
    self.assertNotAllClose(found[0][0], found[1][0], rtol=1e-2)

  def test_a_block_without_its_mlp_outputs_0_and_one_without_heads_its_bias(self):
    ticket, shapes = dict(self.weights), structures.shapes_of(self.weights)
    for group in self.groups:
      none = np.zeros(group.size, bool)
      for name, mask in {**group.masks(none, shapes), **group.bias_masks(none, shapes)}.items():
        ticket[name] = ticket[name] * mask
    with self.plain.as_default(), saliency.started(ticket) as session:
      found = session.run({group.name: group.output.replace("kernel", "add:0") for group in self.groups})
    for group in self.groups:
      bias = ticket[group.output.replace("kernel", "bias")]
      self.assertEqual(np.any(bias), group.kind == methods.HEADS)
      self.assertAllEqual(found[group.name], np.broadcast_to(bias, found[group.name].shape))


if __name__ == "__main__":
  tf.test.main()
