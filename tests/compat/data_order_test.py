"""What a seed fixes: initial weights and the order of batches."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from tensor2tensor.models import transformer

import usr_dir  # noqa: F401
from t2t_lottery import compat
from tests.support import fresh, shards

# Buffers smaller than what the first batches read.
SMALL = "hidden_size=16,num_hidden_layers=1,filter_size=16,num_heads=2,batch_size=256,batch_shuffle_size=4"
BATCHES = 20


def start_of_training(folder, seed, data_seed=-1):
  """The first batches of a run and its initial weights."""
  compat.apply_patches()
  with tf.Graph().as_default(), tf.Session() as session:
    iterator, hparams = shards.reader(folder, seed, f"{SMALL},data_seed={data_seed}")
    features, _ = iterator.get_next()
    inputs = features["inputs"]
    features["target_space_id"] = tf.constant(0)
    transformer.Transformer(hparams, tf.estimator.ModeKeys.TRAIN, hparams.problem_hparams)(features)
    session.run([iterator.initializer, tf.global_variables_initializer()])
    weights = {variable.op.name: variable.eval().tolist() for variable in tf.trainable_variables()}
    return [shards.as_ids(session.run(inputs)) for _ in range(BATCHES)], weights


class OrderTest(tf.test.TestCase):
  def test_a_seed_fixes_initial_weights_and_order_of_batches(self):
    folder = self.create_tempdir().full_path
    shards.write(folder, sentences=200)
    (batches, weights), again, (other_batches, other_weights) = (
      fresh.call(start_of_training, folder, seed) for seed in (1, 1, 2)
    )
    self.assertLen(batches, BATCHES)
    self.assertEqual((batches, weights), again)
    self.assertNotEqual(batches, other_batches)
    self.assertNotEqual(weights, other_weights)
    # With a seed of its own, the order is that of a run of this seed; the weights stay.
    self.assertEqual(fresh.call(start_of_training, folder, 1, data_seed=2), (other_batches, weights))
    self.assertEqual(fresh.call(start_of_training, folder, 2, data_seed=1), (batches, other_weights))


if __name__ == "__main__":
  tf.test.main()
