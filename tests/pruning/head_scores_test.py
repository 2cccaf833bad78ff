"""Importance of heads against gates in the graph of the same model."""

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.layers import common_attention
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.models import bert_encoder
from t2t_lottery.pruning import head_scores, layers, methods, structures
from tests.support import small_model

HEADS = 4
SHAPE = (
  f"hidden_size=16,num_heads={HEADS},filter_size=24,layer_prepostprocess_dropout=0,attention_dropout=0,relu_dropout=0"
)
SOURCE = np.array([[5, 9, 12, 1, 0, 0], [7, 8, 30, 31, 32, 1], [4, 1, 0, 0, 0, 0]], np.int32)
TARGET = np.array([[11, 4, 1, 0, 0], [22, 23, 9, 6, 1], [2, 3, 4, 1, 0]], np.int32)


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

  def by_gates(self):
    """Attention block -> mean |dL/dgate| of each head, with gates in t2t's attention; before blocks are made comparable."""
    gates = []
    stock = common_attention.combine_heads

    def gated(x):
      gates.append(tf.ones([HEADS]))
      return stock(x * gates[-1][None, :, None, None])

    with tf.Graph().as_default(), tf.Session() as session:
      pair = [tf.placeholder(tf.int32, [1, None]) for _ in range(2)]
      with tf.test.mock.patch.object(common_attention, "combine_heads", gated):
        loss = self.loss(dict(zip(("inputs", "targets"), pair)))
      slopes = tf.gradients(loss, gates)
      session.run(tf.global_variables_initializer())
      for variable in tf.trainable_variables():
        variable.load(self.model.variables[variable.op.name], session)
      found = [session.run(slopes, dict(zip(pair, (s[None], t[None])))) for s, t in zip(SOURCE, TARGET)]
    return np.abs(found).mean(axis=0)

  def test_importance_is_the_mean_absolute_gradient_of_gates(self):
    with tf.Graph().as_default():
      pairs = tf.data.Dataset.from_tensor_slices((SOURCE, TARGET)).batch(3)
      ids = tf.data.make_initializable_iterator(pairs).get_next()
      loss = self.loss(dict(zip(("inputs", "targets"), ids)))
      variables = [variable for variable in tf.trainable_variables() if layers.is_prunable(variable.op.name)]
      gradients = dict(zip((variable.op.name for variable in variables), tf.gradients(loss, variables)))
      gradients = {name: tf.convert_to_tensor(gradient) for name, gradient in gradients.items()}
      scores = head_scores.importance(self.model.variables, gradients, HEADS, batches=1)
    groups = structures.groups(methods.HEADS, structures.shapes_of(self.model.variables), HEADS)
    self.assertEqual(list(scores), [group.name for group in groups])
    expected = self.by_gates()
    self.assertLen(expected, 6)
    for score, gates in zip(scores.values(), expected):
      # Float32 sums in another order.
      self.assertAllClose(score, gates / np.linalg.norm(gates), rtol=1e-3, atol=1e-5)


class BertHeadScoresTest(tf.test.TestCase):
  def test_importance_is_the_mean_absolute_change_of_the_loss_of_one_example(self):
    """Against differences of the loss when a head's part of the output is scaled."""
    shape = bert_encoder.Shape(vocab=12, hidden=8, layers=2, heads=2, filter=16, positions=8)
    rows = np.array([[2, 5, 6, 3, 0], [2, 7, 3, 0, 0], [2, 8, 9, 10, 3]], np.int32), np.array([0, 1, 1], np.int32)
    random = np.random.RandomState(4)
    with tf.Graph().as_default() as graph:
      ids, labels = tf.data.make_initializable_iterator(tf.data.Dataset.from_tensor_slices(rows).batch(3)).get_next()
      _, pooled = bert_encoder.encode(shape, ids, tf.zeros_like(ids))
      logits = bert_encoder.classify(pooled, 2)
      loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
      trained = tf.trainable_variables()
      weights = {v.op.name: (0.5 * random.randn(*v.shape)).astype(np.float32) for v in trained}
      kernels = [variable for variable in trained if layers.is_prunable(variable.op.name)]
      gradients = dict(zip((variable.op.name for variable in kernels), tf.gradients(loss, kernels)))
      scores = head_scores.importance(weights, gradients, 2, batches=1)
    self.assertEqual(list(scores), [f"bert/encoder/layer_{layer}/attention" for layer in (0, 1)])
    step = 0.01
    with tf.Session(graph=graph) as session:
      for block, found in scores.items():
        name = f"{block}/output/dense/kernel"
        differences = np.zeros([2, 3])
        for head in range(2):
          losses = []
          for factor in (1 + step, 1 - step):
            scaled = weights[name].reshape(2, -1) * np.where(np.arange(2) == head, factor, 1.0)[:, None]
            for variable in trained:
              variable.load({**weights, name: scaled.reshape(weights[name].shape)}[variable.op.name], session)
            losses.append([session.run(loss, {ids: rows[0][i : i + 1], labels: rows[1][i : i + 1]}) for i in range(3)])
          differences[head] = (np.array(losses[0], np.float64) - losses[1]) / (2 * step)
        expected = np.abs(differences).mean(axis=1)
        # Differences of a smooth function, in float32.
        self.assertAllClose(found, expected / np.linalg.norm(expected), rtol=1e-2)


if __name__ == "__main__":
  tf.test.main()
