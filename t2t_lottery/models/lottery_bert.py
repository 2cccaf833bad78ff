"""The model `lottery_bert`: BERT with a task head, tickets, pruning and masks (Chen et al. 2020), on Google's checkpoints."""

from __future__ import annotations

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.layers import modalities
from tensor2tensor.utils import registry, t2t_model

from t2t_lottery.models import bert_encoder, pruned_model
from t2t_lottery.pruning import gate_scores, methods, structures, tickets
from t2t_lottery.training import bert_check, masked_optimizer


@registry.register_model
class LotteryBert(t2t_model.T2TModel):
  """BERT with masks, for classification and regression of a sentence or a pair, for answers in a text, and as a masked language
  model.

  Its variables have the names of google-research/bert (`bert/encoder/layer_0/attention/self/query/kernel`, ...; the head is
  `output_weights` and `output_bias`, as in run_classifier.py, `cls/squad`, as in run_squad.py, or `cls/predictions`, as in
  run_pretraining.py), so
  `--warm_start_from`, `mask_checkpoint` and `rewind_checkpoint` take Google's checkpoints. Features: `inputs`, pieces with
  `[CLS]` first, 0 for padding; `inputs_segments`, 0 or 1; `targets`, a class or a real number; two
  places of `inputs`, where an answer starts and ends; or at each place of `inputs` the piece to predict, 0 for none.
  """

  @staticmethod
  def train_hooks(hook_context):
    """See `T2TModel.train_hooks`; also rejects invalid hparams, before the graph is built."""
    return pruned_model.train_hooks(hook_context, _PARTS)

  def bottom(self, features):
    """See `T2TModel.bottom`: the encoder embeds the pieces itself."""
    return features

  def body(self, features):
    """See `T2TModel.body`.

    Returns:
      The head's output, float32 [batch, classes]; [batch, 1] for regression; of a masked language model
      [pieces to predict, vocabulary]; for answers [batch, length, 2].
    """
    hparams = self.hparams
    ids, segments = (
      tf.reshape(tf.to_int32(features[name]), [tf.shape(features[name])[0], -1])
      for name in ("inputs", "inputs_segments")
    )
    dropout = bert_encoder.NO_DROPOUT
    if self.is_training:
      dropout = bert_encoder.Dropout(hparams.layer_prepostprocess_dropout, hparams.attention_dropout)
    # Outside t2t's own variable scopes, so that names are Google's; without reference variables, as in t2t's.
    root = tf.VariableScope(reuse=tf.AUTO_REUSE, name="", use_resource=True)
    with tf.variable_scope(root, auxiliary_name_scope=False):
      shape = bert_encoder.Shape.of(self._problem_hparams.vocab_size["inputs"], hparams.values())
      sequence, pooled = bert_encoder.encode(shape, ids, segments, dropout)
      if self._is_masked_lm:
        return bert_encoder.predict_masked(shape, sequence, tf.where(tf.not_equal(_targets(features), 0)))
      if self._is_span:
        return bert_encoder.find_span(sequence)
      return bert_encoder.classify(pooled, self._problem_hparams.vocab_size["targets"], dropout)

  def top(self, body_output, features):
    """See `T2TModel.top`: t2t's shape of logits, [batch, 1, 1, 1, classes]; [batch, 1, 1, 1] for a real number; for answers
    [batch, length, 1, 1, 2].
    """
    del features
    if self._is_span:
      return body_output[:, :, None, None]
    return body_output[:, None, None] if self._is_regression else body_output[:, None, None, None]

  def loss(self, logits, features):
    """See `T2TModel.loss`: mean cross entropy, or mean squared error, of the examples or of the pieces to predict.

    For answers it is the mean of the cross entropies of first and last piece, over all pieces but padding. In evaluation t2t fills the last batch with empty examples, which do not count.
    """
    if self._is_masked_lm:
      targets = _targets(features)
      targets = tf.boolean_mask(targets, tf.not_equal(targets, 0))
      scores = tf.reshape(logits, [-1, logits.shape[-1]])
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=scores)
      return tf.reduce_sum(losses), tf.to_float(tf.size(losses))
    rows = tf.shape(logits)[0]
    ids = tf.reshape(features["inputs"], [rows, -1])
    is_example = tf.to_float(tf.not_equal(ids[:, 0], 0))
    if self._is_span:
      losses = _span_losses(tf.reshape(logits, [rows, -1, 2]), _targets(features), ids)
      return tf.reduce_sum(losses * is_example), tf.reduce_sum(is_example)
    targets = tf.reshape(features["targets"], [rows])
    if self._is_regression:
      losses = tf.squared_difference(tf.reshape(logits, [rows]), targets)
    else:
      scores = tf.reshape(logits, [rows, logits.shape[-1]])
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=scores)
    return tf.reduce_sum(losses * is_example), tf.reduce_sum(is_example)

  def initialize_from_ckpt(self, ckpt_dir):
    """See `T2TModel.initialize_from_ckpt`; of encoder and head of pre-training. A task head stays random, also if the checkpoint has
    one: it is of a run of this or of another task.
    """
    if tf.train.latest_checkpoint(self.hparams.model_dir):
      return
    present = tf.train.load_checkpoint(ckpt_dir).get_variable_to_shape_map()
    variables = {variable.op.name: variable for variable in tf.trainable_variables()}
    found = {n: v for n, v in variables.items() if n in present and n.startswith(("bert/", "cls/predictions/"))}
    tf.logging.info("Warm start: %s; random: %s", ckpt_dir, ", ".join(sorted(variables.keys() - found.keys())))
    tf.train.init_from_checkpoint(ckpt_dir, found)

  def optimize(self, loss, num_async_replicas=1, use_tpu=False, variables=None):
    """See `T2TModel.optimize`; masks the gradients before they reach the optimizer.

    The learning rate of a `linear_decay` without `learning_rate_decay_steps` falls to 0 at the end of the run.
    """
    if not self.hparams.learning_rate_decay_steps:
      warmup = self.hparams.learning_rate_warmup_steps
      self.hparams.learning_rate_decay_steps = max(1, self.hparams.train_steps - warmup)
    pruned_model.mask_gradients(self.hparams, tf.trainable_variables() if variables is None else variables)
    return super().optimize(loss, num_async_replicas=num_async_replicas, use_tpu=use_tpu, variables=variables)

  @property
  def _is_regression(self) -> bool:
    return self._problem_hparams.modality["targets"] == modalities.ModalityType.REAL_L2_LOSS

  @property
  def _is_masked_lm(self) -> bool:
    return self._problem_hparams.modality["targets"] == modalities.ModalityType.SYMBOL

  @property
  def _is_span(self) -> bool:
    return self._problem_hparams.modality["targets"] == modalities.ModalityType.IDENTITY_SYMBOL


def _span_losses(logits: tf.Tensor, places: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
  """Mean cross entropy of the first and last piece of each answer, float32 [batch].

  Padding has no part in it, so that it does not depend on the other examples of a batch; run_squad.py pads all to one length.

  Args:
    logits: float32 [batch, length, 2].
    places: int32 [batch, 2].
    ids: int32 [batch, length], 0 for padding.
  """
  logits += (tf.to_float(tf.equal(ids, 0)) * bert_encoder.MASKED_LOGIT)[:, :, None]
  scores = tf.transpose(logits, [0, 2, 1])
  return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=places, logits=scores), axis=1)


def _targets(features) -> tf.Tensor:
  """The pieces that a masked language model predicts, int32 [batch, length], or the places of answers, int32 [batch, 2]."""
  return tf.reshape(tf.to_int32(features["targets"]), [tf.shape(features["targets"])[0], -1])


def _initialize(hparams, layer: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
  """Random values for a layer, from BERT's initial distribution."""
  del hparams, layer
  with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(seed)
    return session.run(bert_encoder.initializer()(shape, tf.float32))


def _may_lack(name: str) -> bool:
  """True for the task head, which a pre-trained checkpoint does not have."""
  return not name.startswith("bert/")


def _score(hparams, spec: tickets.TicketSpec, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Block -> importance of its heads, or of its MLP: the one score of BERT that needs the graph."""
  assert spec.score in (methods.GRADIENT, methods.RUNNING_SUM)
  groups = structures.groups(spec.structure, structures.shapes_of(weights), hparams.num_heads)
  gradients = masked_optimizer.unmasked_gradients({group.output_bias for group in groups})
  return gate_scores.importance(
    weights,
    gradients,
    groups,
    rounds=gate_scores.rounds(spec.sparsity),
    running_sum=spec.score == methods.RUNNING_SUM,
  )


_PARTS = pruned_model.Parts(bert_check.CHECKS, _initialize, _score, _may_lack)
