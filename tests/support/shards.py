"""A problem with several record files of training data, and its batches as read by t2t-trainer."""

from __future__ import annotations

import os
import random

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import generator_utils, problem
from tensor2tensor.layers import modalities
from tensor2tensor.utils import trainer_lib

FILES = 10
VOCABULARY = 100


class Shards(problem.Problem):
  """Sentences of random subwords."""

  name = "shards"

  def hparams(self, defaults, model_hparams):
    """See `Problem`."""
    del model_hparams
    defaults.modality = dict.fromkeys(("inputs", "targets"), modalities.ModalityType.SYMBOL)
    defaults.vocab_size = dict.fromkeys(("inputs", "targets"), VOCABULARY)


def write(folder: str, sentences: int) -> None:
  """Writes the training set, with the given number of sentences per file."""
  rng = random.Random(0)
  for path in Shards().training_filepaths(folder, FILES, shuffled=True):
    with tf.python_io.TFRecordWriter(path) as writer:
      for _ in range(sentences):
        ids = [rng.randrange(2, VOCABULARY) for _ in range(rng.randint(3, 30))]
        writer.write(generator_utils.to_example({"inputs": ids, "targets": ids[::-1]}).SerializeToString())


def reader(folder: str, seed: int, overrides: str = ""):
  """An iterator over the training set's batches, seeded as in t2t-trainer, and the model's hparams."""
  trainer_lib.set_random_seed(seed)
  hparams = trainer_lib.create_hparams("transformer_dense", overrides, data_dir=os.path.abspath(folder))
  shards = Shards()
  dataset = shards.input_fn(tf.estimator.ModeKeys.TRAIN, hparams)
  hparams.problem_hparams = shards.get_hparams(hparams)
  return tf.data.make_initializable_iterator(dataset), hparams


def as_ids(batch: np.ndarray) -> list:
  """A batch's sentences, with their padding."""
  return batch.reshape(len(batch), -1).tolist()
