"""Converts a checkpoint of t2t's Transformer into a CTranslate2 model that computes the same function.

Comments explain each difference between the two. Source: tensor2tensor/models/transformer.py,
layers/transformer_layers.py, layers/common_attention.py and layers/modalities.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
from ctranslate2.specs import common_spec, transformer_spec

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import subword_vocabulary
from t2t_lottery.data.subword_vocabulary import MAX_LENGTH
from t2t_lottery.runs import model_source
from t2t_lottery.utils.errors import UserError

# Joins the two inputs at a source position: the subword and its position.
_INPUTS_JOINED_BY = "\uffe8"
# Hparam -> values that CTranslate2 supports. A missing hparam has its default.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
  "activation_dtype": ("float32",),
  "attention_variables_3d": (False,),
  "bottom": ({},),
  "causal_decoder_self_attention": (True,),
  "ffn_layer": ("dense_relu_dense", "conv_hidden_relu"),
  "hard_attention_k": (0,),
  "layer_postprocess_sequence": ("da", "a"),
  "layer_preprocess_sequence": ("n",),
  "multiply_embedding_mode": ("sqrt_depth",),
  "norm_type": ("layer",),
  "num_area_layers": (0,),
  "pos": ("timing",),
  "prepend_mode": ("none",),
  "proximity_bias": (False,),
  "self_attention_type": ("dot_product",),
  "shared_embedding_and_softmax_weights": (True,),
  "top": ({},),
  "unidirectional_encoder": (False,),
  "use_target_space_embedding": (True,),
  "vocab_divisor": (1,),
}
# Parts without effect on a source that is all padding: queries to the source, and the encoder's feed-forward blocks.
_QUERIES = re.compile(r"/(encoder/.*/self_attention|decoder/.*/encdec_attention)/multihead_attention/q/kernel$")
_FEED_FORWARD = re.compile(r"/encoder/.*/ffn/conv2/(kernel|bias)$")
_REQUIRED = ("hidden_size", "norm_epsilon", "num_heads", "num_hidden_layers")


class Converted(NamedTuple):
  """A checkpoint as CTranslate2 models. Vocabularies are the subword ids as text.

  t2t treats a source position as padding if its embedding is all zeros (`common_attention.embedding_to_padding`), which
  pruning can cause: the subword counts in positions and length, but attention ignores it. CTranslate2 cannot mask a
  position. So such subwords are removed from its source, and each other subword's position is a second input
  (`source_tokens`), whose embedding is the position encoding. The result is the same.

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


def unsupported(hparams: Mapping[str, Any]) -> str:
  """Why CTranslate2 cannot translate with a model of these hparams; empty if it can."""
  for name, values in _SUPPORTED.items():
    if name in hparams and hparams[name] not in values:
      return f"{name} is {hparams[name]!r}, not {values[0]!r}"
  for name in ("attention_key_channels", "attention_value_channels"):
    if hparams.get(name, 0) not in (0, hparams.get("hidden_size")):
      return f"{name} differs from hidden_size"
  return ""


def convert(checkpoint: str, hparams: Mapping[str, Any], vocab_size: int) -> Converted:
  """Converts a checkpoint to CTranslate2.

  Args:
    checkpoint: prefix of the checkpoint, or a sparse file.
    hparams: of the run, as saved by t2t-trainer in `hparams.json`.
    vocab_size: number of subwords in the vocabulary.

  Raises:
    UserError: if checkpoint, hparams and vocabulary do not match, or CTranslate2 does not support the model.
  """
  if why := unsupported(hparams):
    raise UserError(f"{checkpoint} cannot be translated by CTranslate2: {why}; use t2t_decoder")
  for name in _REQUIRED:
    if name not in hparams:
      raise UserError(f"the hparams of {checkpoint} do not contain {name}")
  variables = model_source.read(checkpoint)
  variables.pop(model_source.GLOBAL_STEP, None)
  for name, value in variables.items():
    if not np.isfinite(value).all():
      raise UserError(f"{checkpoint} contains weights that are not finite ({name}): training diverged")
  model, embedding = _convert(checkpoint, dict(variables), hparams, vocab_size)
  padding = np.flatnonzero(~embedding.any(axis=1)).tolist()
  unseen = None
  if subword_vocabulary.EOS in padding:
    without = [_QUERIES, *([_FEED_FORWARD] if hparams.get("use_pad_remover", True) else [])]
    for name in variables:
      if any(pattern.search(name) for pattern in without):
        variables[name] = np.zeros_like(variables[name])
    unseen, _ = _convert(checkpoint, variables, hparams, vocab_size)
  return Converted(model, padding, unseen)


def _convert(
  checkpoint: str, variables: dict[str, np.ndarray], hparams: Mapping[str, Any], vocab_size: int
) -> tuple[transformer_spec.TransformerSpec, np.ndarray]:
  """The model, and its embedding [vocab_size, hidden size]."""
  converter = _Converter(checkpoint, variables)
  spec, embedding = converter.model(hparams, vocab_size)
  if converter.variables:
    raise UserError(f"{checkpoint} does not match its hparams: they do not include {next(iter(converter.variables))}")
  spec.validate()
  spec.optimize()
  return spec, embedding


class _Converter:
  """Moves variables one by one into a model specification; those left over are an error."""

  def __init__(self, checkpoint: str, variables: dict[str, np.ndarray]):
    self.checkpoint = checkpoint
    self.variables = variables

  def take(self, name: str) -> np.ndarray:
    """Removes and returns the variable of that name in the model's scope."""
    try:
      return self.variables.pop(tensor_bundle.MODEL_SCOPE + name)
    except KeyError:
      raise UserError(
        f"{self.checkpoint} does not match its hparams: it has no variable {tensor_bundle.MODEL_SCOPE}{name}"
      ) from None

  def model(self, hparams: Mapping[str, Any], vocab_size: int) -> tuple[transformer_spec.TransformerSpec, np.ndarray]:
    """The model, and its embedding [vocab_size, hidden size]."""
    hidden = hparams["hidden_size"]
    embedding = self.embedding(hidden, vocab_size)
    spec = _empty_spec(hparams, vocab_size)
    self.embeddings(spec, embedding)
    for stack, side in ((spec.encoder, "body/encoder"), (spec.decoder, "body/decoder")):
      self.layer_norm(stack.layer_norm, side)
      for number, layer in enumerate(stack.layer):
        scope = f"{side}/layer_{number}"
        self.attention(layer.self_attention, f"{scope}/self_attention", (("q", "k", "v"),))
        if stack is spec.decoder:
          self.attention(layer.attention, f"{scope}/encdec_attention", (("q",), ("k", "v")))
        self.layer_norm(layer.ffn.layer_norm, f"{scope}/ffn")
        self.linear(layer.ffn.linear_0, (f"{scope}/ffn/conv1",), with_bias=True)
        self.linear(layer.ffn.linear_1, (f"{scope}/ffn/conv2",), with_bias=True)
    return spec, embedding

  def embeddings(self, spec: transformer_spec.TransformerSpec, embedding: np.ndarray) -> None:
    """Embeddings and position encodings of both stacks, from the shared embedding [vocab_size, hidden]."""
    hidden = embedding.shape[1]
    # t2t multiplies the embedding of id 0 by zero in the input, not in the output.
    table = embedding.copy()
    table[0] = 0
    spec.decoder.embeddings.weight = table
    spec.decoder.projection.weight = embedding
    # In t2t, the decoder's first input is a zero vector, not the embedding of a start symbol.
    spec.decoder.start_from_zero_embedding = True

    signal = timing_signal(MAX_LENGTH, hidden)
    spec.decoder.position_encodings.encodings = signal
    # The encoder's position encodings are the embeddings of its second input, without scaling. t2t's encoder adds the
    # embedding of the target space (0 for text) at every position.
    spec.encoder.scale_embeddings = False
    spec.encoder.embeddings[0].weight = table * np.float32(hidden**0.5)
    spec.encoder.embeddings[1].weight = signal + self.take("body/target_space_embedding/kernel")[0]
    spec.encoder.position_encodings.encodings = np.zeros_like(signal)

  def embedding(self, hidden: int, vocab_size: int) -> np.ndarray:
    """The shared embedding, float32 [vocab_size, hidden]; shards are joined in numeric order."""
    pattern = re.compile(tensor_bundle.MODEL_SCOPE + r"(symbol_modality_\d+_\d+/shared/weights_(\d+))")
    found = map(pattern.fullmatch, self.variables)
    shards = [name for _, name in sorted((int(match[2]), match[1]) for match in found if match)]
    if not shards:
      raise UserError(f"{self.checkpoint} has no shared embedding ({pattern.pattern})")
    embedding = np.concatenate([self.take(name) for name in shards])
    if embedding.shape != (vocab_size, hidden):
      raise UserError(
        f"{self.checkpoint} has an embedding of {list(embedding.shape)}, but vocabulary and hparams need "
        f"[{vocab_size}, {hidden}]"
      )
    return embedding

  def layer_norm(self, spec: common_spec.LayerNormSpec, scope: str) -> None:
    """The layer norm at the start of a block or at the end of a stack."""
    scope += "/layer_prepostprocess/layer_norm"
    spec.gamma = self.take(f"{scope}/layer_norm_scale")
    spec.beta = self.take(f"{scope}/layer_norm_bias")

  def attention(self, spec: Any, scope: str, inputs: tuple[tuple[str, ...], ...]) -> None:
    """An attention block; CTranslate2 joins kernels with the same input."""
    self.layer_norm(spec.layer_norm, scope)
    scope += "/multihead_attention"
    joined = (*inputs, ("output_transform",))
    for linear, names in zip(spec.linear, joined):
      self.linear(linear, tuple(f"{scope}/{name}" for name in names))

  def linear(self, spec: common_spec.LinearSpec, scopes: tuple[str, ...], with_bias: bool = False) -> None:
    """One or more kernels as one matrix: [in, out] in t2t, [out, in] in CTranslate2."""
    spec.weight = np.concatenate([self.take(f"{scope}/kernel").T for scope in scopes])
    if with_bias:
      spec.bias = np.concatenate([self.take(f"{scope}/bias") for scope in scopes])


def _empty_spec(hparams: Mapping[str, Any], vocab_size: int) -> transformer_spec.TransformerSpec:
  """A model specification without weights."""
  spec = transformer_spec.TransformerSpec.from_config(
    (
      hparams.get("num_encoder_layers") or hparams["num_hidden_layers"],
      hparams.get("num_decoder_layers") or hparams["num_hidden_layers"],
    ),
    hparams["num_heads"],
    pre_norm=True,
    activation=common_spec.Activation.RELU,
    num_source_embeddings=2,
    embeddings_merge=common_spec.EmbeddingsMerge.ADD,
  )
  spec.config.layer_norm_epsilon = hparams["norm_epsilon"]
  spec.config.unk_token = spec.config.bos_token = spec.config.decoder_start_token = "0"
  spec.config.eos_token = "1"
  tokens = [str(i) for i in range(vocab_size)]
  spec.register_source_vocabulary(tokens)
  spec.register_source_vocabulary([str(at) for at in range(MAX_LENGTH)])
  spec.register_target_vocabulary(tokens)
  return spec


def timing_signal(length: int, channels: int) -> np.ndarray:
  """t2t's position encodings, float32 [length, channels]: all sines, then all cosines.

  Source: `common_attention.get_timing_signal_1d`.
  """
  timescales = channels // 2
  increment = np.log(1.0e4) / max(timescales - 1, 1)
  inverse = np.exp(np.arange(timescales, dtype=np.float32) * np.float32(-increment))
  scaled = np.arange(length, dtype=np.float32)[:, None] * inverse[None, :]
  signal = np.concatenate([np.sin(scaled), np.cos(scaled)], axis=1)
  return np.pad(signal, ((0, 0), (0, channels % 2)))
