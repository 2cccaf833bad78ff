"""SQuAD 1.1 (Rajpurkar et al. 2016) in BERT's form: where in a text is the answer to a question?"""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem, text_problems
from tensor2tensor.layers import common_layers, modalities
from tensor2tensor.utils import registry

from problems import classification
from t2t_lottery.data import squad
from t2t_lottery.utils import errors


def span_accuracy(predictions, labels, weights_fn=common_layers.weights_all, features=None):
  """Fraction of windows whose first and last piece of the answer are predicted, in t2t's form of a metric: (1.0 or 0.0 of each
  row, its weight).
  """
  del weights_fn
  ids = tf.reshape(features["inputs"], [tf.shape(predictions)[0], -1])
  logits = tf.reshape(predictions, [tf.shape(ids)[0], -1, 2])
  logits = tf.where(
    tf.tile(tf.not_equal(ids, 0)[:, :, None], [1, 1, 2]), logits, tf.fill(tf.shape(logits), logits.dtype.min)
  )
  found = tf.to_int32(tf.argmax(logits, axis=1))
  labels = tf.reshape(tf.to_int32(labels), [-1, 2])
  return tf.to_float(tf.reduce_all(tf.equal(found, labels), axis=1)), tf.to_float(tf.not_equal(ids[:, 0], 0))


@registry.register_problem
class SquadV1(classification.BertInput, text_problems.Text2ClassProblem):
  """Question answering: an example is a window of a context; its target is the first and the last piece of the answer, or twice
  `[CLS]` if the window does not contain it.

  t2t has a problem `squad`, whose models write the answer.
  """

  folder = "SQuAD"
  files = ("train-v1.1.json", "dev-v1.1.json")

  @property
  def num_classes(self):
    """Outputs of the head for each piece: first and last."""
    return 2

  def generate_data(self, data_dir, tmp_dir, task_id=-1):
    """See `Text2TextProblem.generate_data`; also keeps the questions of dev, in whose text answers are found."""
    with errors.one_line():
      self._check_files(tmp_dir)
      _, questions = (squad.read(os.path.join(os.path.expanduser(tmp_dir), self.folder, name)) for name in self.files)
      self.get_or_create_vocab(data_dir, tmp_dir)
    squad.write_stored(os.path.join(data_dir, self._stored()), questions)
    super().generate_data(data_dir, tmp_dir, task_id)

  def _stored(self) -> str:
    return f"{self.name}.dev.json"

  def _more_facts(self) -> dict[str, str]:
    return {"questions": self._stored()}

  def generate_encoded_samples(self, data_dir, tmp_dir, dataset_split) -> Iterator[dict]:
    """See `Text2TextProblem.generate_encoded_samples`."""
    is_train = dataset_split == problem.DatasetSplit.TRAIN
    with errors.one_line():
      path = os.path.join(os.path.expanduser(tmp_dir), self.folder, self.files[not is_train])
      questions = squad.read(path)
      tokenizer = self.get_or_create_vocab(data_dir, tmp_dir).tokenizer
      unusable = 0
      for question in questions:
        windows = squad.windows(tokenizer, question)
        if not windows:
          raise errors.UserError(f"{path}: question {question.id!r}: its context has no pieces")
        if is_train and question.span is None:
          unusable += 1
          continue
        for window in windows:
          targets = window.target(question.span)
          yield {"inputs": window.ids, "inputs_segments": window.segments, "targets": list(targets)}
    if unusable:
      tf.logging.warning("%s: %d questions are left out: answer_start is not where the answer is", path, unusable)

  def example_reading_spec(self):
    """See `Problem.example_reading_spec`."""
    fields, decoders = super().example_reading_spec()
    fields["targets"] = tf.VarLenFeature(tf.int64)
    return fields, decoders

  def hparams(self, defaults, model_hparams):
    """See `Problem.hparams`; the target is places, by which `lottery_bert` knows its head."""
    super().hparams(defaults, model_hparams)
    defaults.modality["targets"] = modalities.ModalityType.IDENTITY_SYMBOL

  def eval_metric_fns(self, model_hparams):
    """See `Problem.eval_metric_fns`."""
    del model_hparams
    return {"accuracy": span_accuracy}
