"""Masked language modeling (Devlin et al. 2019, section 3.1) on any text: `mlm/train.txt` and `mlm/dev.txt`, a text on a line."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem, text_problems
from tensor2tensor.layers import common_layers, modalities
from tensor2tensor.utils import registry

from problems import classification, lines
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import errors

# As in create_pretraining_data.py of google-research/bert: training text is masked ten times, each time anew.
_COPIES = 10
_MASKED = 0.15
# Of the masked pieces, those that [MASK] replaces; another tenth becomes any piece, the rest stays.
_REPLACED, _CHANGED = 0.8, 0.9


def mask(tokenizer: WordPiece, pieces: list[int], rng: random.Random) -> tuple[list[int], list[int]]:
  """BERT's input for a text, and what it predicts.

  Args:
    tokenizer: of the model.
    pieces: of the text, at least one.
    rng: chooses what is masked, and how.

  Returns:
    The pieces with `[CLS]`, `[SEP]` and masks; and at each of their places the piece to predict, 0 for none.
  """
  ids = [tokenizer.cls, *pieces, tokenizer.sep]
  targets = [0] * len(ids)
  for place in rng.sample(range(1, len(pieces) + 1), max(1, round(_MASKED * len(pieces)))):
    targets[place] = ids[place]
    choice = rng.random()
    if choice < _REPLACED:
      ids[place] = tokenizer.mask
    elif choice < _CHANGED:
      # Any piece but padding.
      ids[place] = rng.randrange(1, len(tokenizer.pieces))
  return ids, targets


def masked_accuracy(predictions, labels, weights_fn=common_layers.weights_all, features=None):
  """Fraction of masked pieces that are predicted, in t2t's form of a metric: (1.0 or 0.0 of each, its weight)."""
  del weights_fn, features
  labels = tf.reshape(tf.to_int32(labels), [-1])
  labels = tf.boolean_mask(labels, tf.not_equal(labels, 0))
  found = tf.to_int32(tf.argmax(tf.reshape(predictions, [-1, predictions.shape[-1]]), axis=-1))
  return tf.to_float(tf.equal(found, labels)), tf.ones_like(labels, tf.float32)


@registry.register_problem
class MlmText(classification.BertInput, text_problems.Text2ClassProblem):
  """Predict masked pieces of a text; one longer than an example becomes several."""

  folder = "mlm"
  files = ("train.txt", "dev.txt")

  @property
  def num_classes(self):
    """The pieces of the vocabulary, once it has been read."""
    return self._encoders["inputs"].vocab_size

  def _outputs(self, pieces):
    return pieces

  def generate_encoded_samples(self, data_dir, tmp_dir, dataset_split) -> Iterator[dict]:
    """See `Text2TextProblem.generate_encoded_samples`."""
    is_train = dataset_split == problem.DatasetSplit.TRAIN
    with errors.one_line():
      self._check_files(tmp_dir)
      tokenizer = self.get_or_create_vocab(data_dir, tmp_dir).tokenizer
      path = os.path.join(os.path.expanduser(tmp_dir), self.folder, self.files[not is_train])
      longest = classification.LONGEST - 2
      for copy in range(_COPIES if is_train else 1):
        # Of each copy its own, the same on every machine.
        rng = random.Random(f"{self.files[not is_train]} {copy}")
        for line in lines.read_lines(path):
          pieces = tokenizer.encode(line)
          for start in range(0, len(pieces), longest):
            ids, targets = mask(tokenizer, pieces[start : start + longest], rng)
            yield {"inputs": ids, "inputs_segments": [0] * len(ids), "targets": targets}

  def feature_encoders(self, data_dir):
    """See `Problem.feature_encoders`."""
    encoder = self.get_or_create_vocab(data_dir, data_dir)
    return {"inputs": encoder, "targets": encoder}

  def hparams(self, defaults, model_hparams):
    """See `Problem.hparams`; the target is a sequence, by which `lottery_bert` knows its head."""
    super().hparams(defaults, model_hparams)
    defaults.modality["targets"] = modalities.ModalityType.SYMBOL

  def example_reading_spec(self):
    """See `Problem.example_reading_spec`."""
    fields, decoders = super().example_reading_spec()
    fields["targets"] = tf.VarLenFeature(tf.int64)
    return fields, decoders

  def eval_metric_fns(self, model_hparams):
    """See `Problem.eval_metric_fns`."""
    del model_hparams
    return {"accuracy": masked_accuracy}
