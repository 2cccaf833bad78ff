"""Importance of heads against gates in the graph of the same model."""

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.layers import common_attention
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
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


if __name__ == "__main__":
  tf.test.main()
