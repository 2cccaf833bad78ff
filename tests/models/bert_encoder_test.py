"""BERT's encoder compared with transformers' BertModel and google-research/bert's on the same weights."""

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from scipy import stats

import usr_dir  # noqa: F401
from t2t_lottery.models import bert_encoder
from t2t_lottery.pruning import layers

SMALL = bert_encoder.Shape(vocab=50, hidden=16, layers=2, heads=2, filter=32, positions=24)
QUERY = "bert/encoder/layer_0/attention/self/query/kernel"
# Computed once from the weights and inputs below, by transformers 4.57.6 (BertModel, eager attention, hidden_act "gelu" and
# "gelu_new") on PyTorch 2.14.1, and by google-research/bert's modeling.py (bert-tensorflow 1.0.4; tf_slim's layer_norm for that
# of tf.contrib) on TensorFlow 2.15.1. The gradient is that of the sum of squares of the pooled output.
EXPECTED = {
  ("transformers", "erf"): {
    "first": [[0.2477575, 0.5099855, -0.6426092, 1.519073], [0.2624555, 0.5139054, -0.6585212, 1.5538515]],
    "last": [0.2609237, 0.5061032, -0.6415037, 1.5320637, -1.356624, 0.5578057, 0.1050352, 0.2316457],
    "norm": 16.757606506347656,
    "pooled": [
      [0.9823723, 0.996639, 0.4558989, 0.9878961],
      [0.9858398, 0.9970611, 0.5782384, 0.9879572],
      [0.9819034, 0.9964071, 0.4599895, 0.9872134],
    ],
    "gradient": [0.2167694, -0.0239512, -0.0770026, -0.0542808, -0.0386295, -0.0237905],
  },
  ("transformers", "tanh"): {
    "first": [[0.2477757, 0.5101956, -0.6425387, 1.5190516], [0.2624711, 0.5141255, -0.6584435, 1.5538044]],
    "last": [0.2609361, 0.5063115, -0.6414382, 1.5320159, -1.3565238, 0.5578293, 0.1049675, 0.2316731],
    "norm": 16.757295608520508,
    "pooled": [
      [0.9823636, 0.9966373, 0.4559062, 0.9878936],
      [0.9858305, 0.9970607, 0.5782136, 0.9879555],
      [0.981894, 0.9964055, 0.4600032, 0.9872107],
    ],
    "gradient": [0.2167763, -0.0239588, -0.0770053, -0.0542678, -0.0385863, -0.0237829],
  },
  ("google-research/bert", "tanh"): {
    "first": [[0.2477757, 0.5101957, -0.6425387, 1.5190514], [0.262471, 0.5141255, -0.6584435, 1.5538043]],
    "last": [0.2609361, 0.5063114, -0.6414381, 1.5320156, -1.3565238, 0.5578293, 0.1049674, 0.231673],
    "norm": 16.757296,
    "pooled": [
      [0.9823636, 0.9966373, 0.455906, 0.9878936],
      [0.9858305, 0.9970607, 0.5782135, 0.987955],
      [0.981894, 0.9964055, 0.4600032, 0.9872107],
    ],
    "gradient": [0.2167762, -0.0239587, -0.0770052, -0.0542677, -0.0385863, -0.023783],
  },
}


def inputs():
  """Pieces and segments of three examples, two of them padded."""
  ids = np.random.RandomState(1).randint(1, 50, [3, 10])
  ids[1, 7:] = 0
  ids[2, 3:] = 0
  return ids, (np.arange(10)[None] >= np.array([4, 3, 9])[:, None]).astype(int)


class BertEncoderTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*EXPECTED)
  def test_outputs_and_a_gradient_equal_those_of(self, library, gelu):
    ids, segments = inputs()
    with tf.Graph().as_default(), tf.Session() as session:
      sequence, pooled = bert_encoder.encode(SMALL._replace(gelu=gelu), tf.constant(ids), tf.constant(segments))
      variables = {variable.op.name: variable for variable in tf.trainable_variables()}
      gradient = tf.gradients(tf.reduce_sum(pooled**2), variables[QUERY])[0]
      random = np.random.RandomState(0)
      for name in sorted(variables):
        variables[name].load((random.randn(*variables[name].shape) * 0.5).astype(np.float32), session)
      found, found_pooled, found_gradient = session.run([sequence, pooled, gradient])
    expected = EXPECTED[library, gelu]
    self.assertAllClose(found[0, :2, :4], expected["first"], rtol=0, atol=1e-5)
    self.assertAllClose(found[2, 2, :8], expected["last"], rtol=0, atol=1e-5)
    self.assertAllClose(np.linalg.norm(found * (ids != 0)[..., None]), expected["norm"], rtol=1e-6)
    self.assertAllClose(found_pooled[:, :4], expected["pooled"], rtol=0, atol=1e-5)
    self.assertAllClose(found_gradient[0, :6], expected["gradient"], rtol=0, atol=1e-5)

  def test_head_of_masked_pieces_is_devlin_et_als(self):
    """A dense layer with GELU and layer norm, then the embedding as output matrix, with a bias of its own."""
    ids, segments = inputs()
    places = np.array([[0, 1], [1, 6], [2, 2]])
    with tf.Graph().as_default(), tf.Session() as session:
      sequence, _ = bert_encoder.encode(SMALL, tf.constant(ids), tf.constant(segments))
      logits = bert_encoder.predict_masked(SMALL, sequence, tf.constant(places))
      random = np.random.RandomState(0)
      for variable in tf.trainable_variables():
        variable.load((random.randn(*variable.shape) * 0.5).astype(np.float32), session)
      found, sequence, values = session.run([logits, sequence, {v.op.name: v for v in tf.trainable_variables()}])
    head = {name.removeprefix("cls/predictions/"): v.astype(np.float64) for name, v in values.items() if "cls/" in name}
    x = sequence[places[:, 0], places[:, 1]] @ head["transform/dense/kernel"] + head["transform/dense/bias"]
    x = x * stats.norm.cdf(x)
    x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-12)
    x = x * head["transform/LayerNorm/gamma"] + head["transform/LayerNorm/beta"]
    expected = x @ values["bert/embeddings/word_embeddings"].T + head["output_bias"]
    self.assertAllClose(found, expected, rtol=1e-5, atol=1e-5)

  def test_layers_of_bert_base_are_the_73_matrices_of_chen_et_al(self):
    shape = bert_encoder.Shape(vocab=30522, hidden=768, layers=12, heads=12, filter=3072)
    with tf.Graph().as_default():
      bert_encoder.encode(shape, tf.ones([1, 4], tf.int32), tf.zeros([1, 4], tf.int32))
      variables = {variable.op.name: variable.shape.num_elements() for variable in tf.trainable_variables()}
    # As in bert_config.json's model, "uncased_L-12_H-768_A-12".
    self.assertEqual(sum(variables.values()), 109_482_240)
    self.assertLen(variables, 199)
    found = layers.prunable(variables)
    self.assertLen(found, 73)
    self.assertEqual(sum(variables[name] for name in found), 12 * 12 * 768**2 + 768**2)


if __name__ == "__main__":
  tf.test.main()
