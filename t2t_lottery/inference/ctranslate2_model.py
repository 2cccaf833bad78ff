"""Converts t2t's Transformer into a CTranslate2 model that computes the same function.

Comments explain each difference between the two.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

import numpy as np
from ctranslate2.specs import common_spec, transformer_spec

from t2t_lottery.data import subword_vocabulary
from t2t_lottery.data.subword_vocabulary import MAX_LENGTH
from t2t_lottery.inference.transformer_weights import Attention, Layer, LayerNorm, Transformer, timing_signal

FLOAT32, INT8 = "float32", "int8"
COMPUTE_TYPES = (FLOAT32, INT8)
# Joins the two inputs at a source position: the subword and its position.
_INPUTS_JOINED_BY = "\uffe8"


class Converted(NamedTuple):
  """A model as CTranslate2 models. Vocabularies are the subword ids as text.

  Pruning can make a subword padding (`Transformer.padding`): attention ignores it. CTranslate2 cannot mask a position. So
  such subwords are removed from its source, and each other subword's position is a second input (`source_tokens`), whose
  embedding is the position encoding. The result is the same.

  Attributes:
    model: for sources with at least one subword that is not padding.
    padding: ids of the subwords that are padding, ascending.
    unseen: for sources of padding only; None if the end of sentence is not padding, so that there are no such sources.
      If all positions are masked, t2t's softmax is uniform, as with zero queries; its feed-forward blocks skip padding
      (`expert_utils.PadRemover`).
  """

  model: transformer_spec.TransformerSpec
  padding: list[int]
  unseen: transformer_spec.TransformerSpec | None


def source_tokens(source: Sequence[int], padding: Set[int]) -> list[str]:
  """CTranslate2's input for a source of subword ids; empty if the source is all padding."""
  return [f"{number}{_INPUTS_JOINED_BY}{at}" for at, number in enumerate(source) if number not in padding]


def convert(model: Transformer, compute_type: str = FLOAT32) -> Converted:
  """Converts a model to CTranslate2.

  Args:
    model: the model.
    compute_type: of `COMPUTE_TYPES`: the type of its matrices. In int8 each row has a scale (CTranslate2's quantization).
  """
  padding = model.padding
  unseen = _spec(_without_attention(model), compute_type) if subword_vocabulary.EOS in padding else None
  return Converted(_spec(model, compute_type), padding, unseen)


def _without_attention(model: Transformer) -> Transformer:
  """A model with zero queries to the source and, if they skip padding, encoder's feed-forward blocks without effect."""

  def zero_queries(attention: Attention) -> Attention:
    return attention._replace(q=np.zeros_like(attention.q))

  def unseen(layer: Layer) -> Layer:
    block = layer.feed_forward
    if model.removes_padding:
      block = block._replace(outer=np.zeros_like(block.outer), outer_bias=np.zeros_like(block.outer_bias))
    return layer._replace(self_attention=zero_queries(layer.self_attention), feed_forward=block)

  encoder = [unseen(layer) for layer in model.encoder.layers]
  decoder = [
    layer._replace(source_attention=zero_queries(layer.source_attention))
    for layer in model.decoder.layers
    if layer.source_attention
  ]
  return model._replace(encoder=model.encoder._replace(layers=encoder), decoder=model.decoder._replace(layers=decoder))


def _spec(model: Transformer, compute_type: str) -> transformer_spec.TransformerSpec:
  """A model as a specification of CTranslate2."""
  spec = _empty_spec(model)
  _set_embeddings(spec, model)
  for stack, weights in ((spec.encoder, model.encoder), (spec.decoder, model.decoder)):
    _set_norm(stack.layer_norm, weights.norm)
    for layer, from_layer in zip(stack.layer, weights.layers):
      own, source = from_layer.self_attention, from_layer.source_attention
      _set_attention(layer.self_attention, own, [[own.q, own.k, own.v]])
      if source is not None:
        _set_attention(layer.attention, source, [[source.q], [source.k, source.v]])
      block = from_layer.feed_forward
      _set_norm(layer.ffn.layer_norm, block.norm)
      _set_linear(layer.ffn.linear_0, [block.inner], block.inner_bias)
      _set_linear(layer.ffn.linear_1, [block.outer], block.outer_bias)
  spec.validate()
  spec.optimize(quantization=None if compute_type == FLOAT32 else compute_type)
  return spec


def _set_embeddings(spec: transformer_spec.TransformerSpec, model: Transformer) -> None:
  """Embeddings and position encodings of both stacks, from the shared embedding."""
  hidden = model.embedding.shape[1]
  # t2t multiplies the embedding of id 0 by zero in the input, not in the output.
  table = model.embedding.copy()
  table[0] = 0
  spec.decoder.embeddings.weight = table
  # CTranslate2 scales a matrix that it quantizes in place.
  spec.decoder.projection.weight = model.embedding.copy()
  # In t2t, the decoder's first input is a zero vector, not the embedding of a start symbol.
  spec.decoder.start_from_zero_embedding = True

  signal = timing_signal(MAX_LENGTH, hidden)
  spec.decoder.position_encodings.encodings = signal
  # The encoder's position encodings are the embeddings of its second input, without scaling. t2t's encoder adds the
  # embedding of the target space (0 for text) at every position.
  spec.encoder.scale_embeddings = False
  spec.encoder.embeddings[0].weight = table * np.float32(hidden**0.5)
  spec.encoder.embeddings[1].weight = signal + model.target_space
  spec.encoder.position_encodings.encodings = np.zeros_like(signal)


def _set_norm(spec: common_spec.LayerNormSpec, norm: LayerNorm) -> None:
  spec.gamma, spec.beta = norm.scale, norm.bias


def _set_attention(spec: Any, attention: Attention, inputs: list[list[np.ndarray]]) -> None:
  """An attention block; CTranslate2 joins kernels with the same input."""
  _set_norm(spec.layer_norm, attention.norm)
  for linear, kernels in zip(spec.linear, [*inputs, [attention.output]]):
    _set_linear(linear, kernels)


def _set_linear(spec: common_spec.LinearSpec, kernels: list[np.ndarray], bias: np.ndarray | None = None) -> None:
  """One or more kernels as one matrix: [in, out] in t2t, [out, in] in CTranslate2."""
  spec.weight = np.concatenate([kernel.T for kernel in kernels])
  if bias is not None:
    spec.bias = bias


def _empty_spec(model: Transformer) -> transformer_spec.TransformerSpec:
  """A model specification without weights."""
  spec = transformer_spec.TransformerSpec.from_config(
    (len(model.encoder.layers), len(model.decoder.layers)),
    model.heads,
    pre_norm=True,
    activation=common_spec.Activation.RELU,
    num_source_embeddings=2,
    embeddings_merge=common_spec.EmbeddingsMerge.ADD,
  )
  spec.config.layer_norm_epsilon = model.epsilon
  spec.config.unk_token = spec.config.bos_token = spec.config.decoder_start_token = "0"
  spec.config.eos_token = "1"
  tokens = [str(i) for i in range(len(model.embedding))]
  spec.register_source_vocabulary(tokens)
  spec.register_source_vocabulary([str(at) for at in range(MAX_LENGTH)])
  spec.register_target_vocabulary(tokens)
  return spec
