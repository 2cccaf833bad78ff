"""BERT's encoder (Devlin et al. 2019) as a TensorFlow graph, with the variable names of google-research/bert's checkpoints.

Source of names and arithmetic: modeling.py of google-research/bert.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

# Standard deviation of the initial weights (`initializer_range`).
_INITIAL_DEVIATION = 0.02
# Added to the logits of padding.
MASKED_LOGIT = -10000.0
_NORM_EPSILON = 1e-12


class Shape(NamedTuple):
  """A BERT's size.

  Attributes:
    vocab: number of pieces.
    hidden, layers, heads, filter: `hidden_size`, `num_hidden_layers`, `num_attention_heads`, `intermediate_size` of a
      bert_config.json.
    positions: longest input, in pieces.
    gelu: a key of `GELUS`.
  """

  vocab: int
  hidden: int
  layers: int
  heads: int
  filter: int
  positions: int = 512
  gelu: str = "erf"

  @classmethod
  def of(cls, vocab: int, hparams: Mapping[str, Any]) -> Shape:
    """The size by a number of pieces and t2t's hparams."""
    names = ("hidden_size", "num_hidden_layers", "num_heads", "filter_size", "max_length", "gelu")
    return cls(vocab, *(hparams[name] for name in names))


class Dropout(NamedTuple):
  """Fractions set to zero in training: of the sums of each block, and of the attention weights."""

  hidden: float = 0.0
  attention: float = 0.0


NO_DROPOUT = Dropout()


def _gelu_erf(x: tf.Tensor) -> tf.Tensor:
  return 0.5 * x * (1.0 + tf.erf(x / math.sqrt(2.0)))


def _gelu_tanh(x: tf.Tensor) -> tf.Tensor:
  return 0.5 * x * (1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * tf.pow(x, 3))))


# `erf` is exact, as in Hugging Face transformers; `tanh` is google-research/bert's approximation.
GELUS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {"erf": _gelu_erf, "tanh": _gelu_tanh}


def initializer():
  """BERT's initial distribution of a matrix."""
  return tf.truncated_normal_initializer(stddev=_INITIAL_DEVIATION)


def drop(x: tf.Tensor, rate: float) -> tf.Tensor:
  """Dropout; no operation at rate 0."""
  return tf.nn.dropout(x, rate=rate) if rate else x


def encode(
  shape: Shape, ids: tf.Tensor, segments: tf.Tensor, dropout: Dropout = NO_DROPOUT
) -> tuple[tf.Tensor, tf.Tensor]:
  """The encoder and its pooler, in the variable scope `bert`.

  Args:
    shape: the model's size.
    ids: int32 [batch, length], pieces; 0 is padding.
    segments: int32 [batch, length], 0 or 1.
    dropout: rates of this graph; none outside training.

  Returns:
    The sequence output, float32 [batch, length, hidden], and the pooled output, float32 [batch, hidden].
  """
  batch, length = tf.shape(ids)[0], tf.shape(ids)[1]
  with tf.variable_scope("bert"):
    x = _embed(shape, ids, segments, dropout)
    with tf.variable_scope("encoder"):
      bias = (1.0 - tf.to_float(tf.not_equal(ids, 0)))[:, None, None, :] * MASKED_LOGIT
      # Matrix products of two dimensions are the faster ones on a CPU.
      x = tf.reshape(x, [-1, shape.hidden])
      for layer in range(shape.layers):
        with tf.variable_scope(f"layer_{layer}"):
          x = _attend(shape, x, bias, batch, length, dropout)
          x = _feed_forward(shape, x, dropout)
    sequence = tf.reshape(x, [batch, length, shape.hidden])
    with tf.variable_scope("pooler"):
      pooled = tf.tanh(_dense(sequence[:, 0], shape.hidden, "dense"))
  return sequence, pooled


def classify(pooled: tf.Tensor, outputs: int, dropout: Dropout = NO_DROPOUT) -> tf.Tensor:
  """A task head, as in run_classifier.py.

  Args:
    pooled: float32 [batch, hidden].
    outputs: number of classes; 1 for a real number.
    dropout: rates of this graph; none outside training.

  Returns:
    float32 [batch, outputs].
  """
  weights = tf.get_variable("output_weights", [outputs, pooled.shape[-1]], initializer=initializer())
  bias = tf.get_variable("output_bias", [outputs], initializer=tf.zeros_initializer())
  return tf.matmul(drop(pooled, dropout.hidden), weights, transpose_b=True) + bias


def predict_masked(shape: Shape, sequence: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
  """The masked language model's head, in the variable scope `cls/predictions`; its matrix is the embedding.

  Source: `get_masked_lm_output` in run_pretraining.py of google-research/bert. Call it after `encode`, whose embedding it reads.

  Args:
    shape: the model's size.
    sequence: float32 [batch, length, hidden], from `encode`.
    positions: int64 [n, 2], row and column of each piece to predict.

  Returns:
    Logits, float32 [n, vocab].
  """
  with tf.variable_scope("bert/embeddings", reuse=True):
    embedding = tf.get_variable("word_embeddings", [shape.vocab, shape.hidden])
  with tf.variable_scope("cls/predictions"):
    with tf.variable_scope("transform"):
      x = _norm(GELUS[shape.gelu](_dense(tf.gather_nd(sequence, positions), shape.hidden, "dense")))
    bias = tf.get_variable("output_bias", [shape.vocab], initializer=tf.zeros_initializer())
  return tf.matmul(x, embedding, transpose_b=True) + bias


def find_span(sequence: tf.Tensor) -> tf.Tensor:
  """A head for spans, in the variable scope `cls/squad`.

  Source: `create_model` in run_squad.py of google-research/bert.

  Args:
    sequence: float32 [batch, length, hidden], from `encode`.

  Returns:
    Logits that an answer starts, and ends, at each piece: float32 [batch, length, 2].
  """
  hidden = sequence.shape[-1]
  with tf.variable_scope("cls/squad"):
    weights = tf.get_variable("output_weights", [2, hidden], initializer=initializer())
    bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())
  logits = tf.matmul(tf.reshape(sequence, [-1, hidden]), weights, transpose_b=True) + bias
  return tf.reshape(logits, [tf.shape(sequence)[0], -1, 2])


def _embed(shape: Shape, ids: tf.Tensor, segments: tf.Tensor, dropout: Dropout) -> tf.Tensor:
  with tf.variable_scope("embeddings"):

    def table(name: str, rows: int) -> tf.Tensor:
      return tf.get_variable(name, [rows, shape.hidden], initializer=initializer())

    pieces = tf.gather(table("word_embeddings", shape.vocab), ids)
    types = tf.gather(table("token_type_embeddings", 2), segments)
    positions = table("position_embeddings", shape.positions)[: tf.shape(ids)[1]]
    return drop(_norm(pieces + types + positions), dropout.hidden)


def _attend(
  shape: Shape, x: tf.Tensor, bias: tf.Tensor, batch: tf.Tensor, length: tf.Tensor, dropout: Dropout
) -> tf.Tensor:
  """Self-attention of a layer, with its residual; x is [batch * length, hidden]."""
  depth = shape.hidden // shape.heads

  def heads(name: str) -> tf.Tensor:
    return tf.transpose(tf.reshape(_dense(x, shape.hidden, name), [batch, length, shape.heads, depth]), [0, 2, 1, 3])

  with tf.variable_scope("attention"):
    with tf.variable_scope("self"):
      query, key, value = (heads(name) for name in ("query", "key", "value"))
      weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / math.sqrt(depth) + bias)
      context = tf.matmul(drop(weights, dropout.attention), value)
      context = tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [-1, shape.hidden])
    with tf.variable_scope("output"):
      return _norm(drop(_dense(context, shape.hidden, "dense"), dropout.hidden) + x)


def _feed_forward(shape: Shape, x: tf.Tensor, dropout: Dropout) -> tf.Tensor:
  with tf.variable_scope("intermediate"):
    inner = GELUS[shape.gelu](_dense(x, shape.filter, "dense"))
  with tf.variable_scope("output"):
    return _norm(drop(_dense(inner, shape.hidden, "dense"), dropout.hidden) + x)


def _dense(x: tf.Tensor, size: int, name: str) -> tf.Tensor:
  with tf.variable_scope(name):
    kernel = tf.get_variable("kernel", [x.shape[-1], size], initializer=initializer())
    return tf.matmul(x, kernel) + tf.get_variable("bias", [size], initializer=tf.zeros_initializer())


def _norm(x: tf.Tensor) -> tf.Tensor:
  with tf.variable_scope("LayerNorm"):
    beta = tf.get_variable("beta", [x.shape[-1]], initializer=tf.zeros_initializer())
    gamma = tf.get_variable("gamma", [x.shape[-1]], initializer=tf.ones_initializer())
  mean, variance = tf.nn.moments(x, [-1], keepdims=True)
  return (x - mean) * tf.rsqrt(variance + _NORM_EPSILON) * gamma + beta
