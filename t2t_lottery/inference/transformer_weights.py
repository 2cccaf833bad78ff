"""The weights of t2t's Transformer by their meaning, read from a checkpoint and checked against its hparams.

Source: tensor2tensor/models/transformer.py, layers/transformer_layers.py, layers/common_attention.py and
layers/modalities.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.runs import model_source
from t2t_lottery.utils.errors import UserError

# Hparam -> values whose function the engines compute. A missing hparam has its default.
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
_REQUIRED = ("hidden_size", "norm_epsilon", "num_heads", "num_hidden_layers")
_COUNTS = ("hidden_size", "num_heads", "num_hidden_layers", "num_encoder_layers", "num_decoder_layers")


class LayerNorm(NamedTuple):
  """A layer norm: float32 [hidden] each."""

  scale: np.ndarray
  bias: np.ndarray


class Attention(NamedTuple):
  """An attention block: its layer norm, and kernels, float32 [hidden, hidden] (inputs, outputs) each."""

  norm: LayerNorm
  q: np.ndarray
  k: np.ndarray
  v: np.ndarray
  output: np.ndarray


class FeedForward(NamedTuple):
  """A feed-forward block: its layer norm, kernels [hidden, units] and [units, hidden], and their biases; float32."""

  norm: LayerNorm
  inner: np.ndarray
  inner_bias: np.ndarray
  outer: np.ndarray
  outer_bias: np.ndarray

  def without_idle_units(self) -> FeedForward:
    """The block without the units that add 0 to every output: those without output weights, and those that are never active,
    without input weights and with a bias of at most 0. One unit is left in any case.
    """
    idle = ~self.outer.any(axis=1) | (~self.inner.any(axis=0) & (self.inner_bias <= 0))
    used = np.flatnonzero(~idle) if not idle.all() else np.array([0])
    return self._replace(inner=self.inner[:, used], inner_bias=self.inner_bias[used], outer=self.outer[used])


class Layer(NamedTuple):
  """A layer; one of the encoder has no attention to the source."""

  self_attention: Attention
  source_attention: Attention | None
  feed_forward: FeedForward


class Stack(NamedTuple):
  """The encoder or the decoder, and the layer norm at its end."""

  layers: list[Layer]
  norm: LayerNorm


class Transformer(NamedTuple):
  """A model.

  Attributes:
    embedding: float32 [subwords, hidden], shared by source, target and output.
    target_space: float32 [hidden], which t2t adds to each source position.
    encoder, decoder: the stacks.
    heads: of each attention.
    epsilon: of the layer norms.
    removes_padding: whether the encoder's feed-forward blocks skip padding (`expert_utils.PadRemover`).
  """

  embedding: np.ndarray
  target_space: np.ndarray
  encoder: Stack
  decoder: Stack
  heads: int
  epsilon: float
  removes_padding: bool

  @property
  def padding(self) -> list[int]:
    """The ids of the subwords that are padding in a source because their embedding is all zeros, ascending.

    Source: `common_attention.embedding_to_padding`. Such a subword counts in positions and length, but attention ignores
    it. If all positions are padding, t2t's softmax weighs them alike.
    """
    return np.flatnonzero(~self.embedding.any(axis=1)).tolist()


def read(checkpoint: str, hparams: Mapping[str, Any], vocab_size: int) -> Transformer:
  """Reads a model; feed-forward units that have no effect are left out (`FeedForward.without_idle_units`).

  Args:
    checkpoint: prefix of the checkpoint, or a sparse file.
    hparams: of the run, as saved by t2t-trainer in `hparams.json`.
    vocab_size: number of subwords in the vocabulary.

  Raises:
    UserError: if checkpoint, hparams and vocabulary do not match, a weight is not finite, or the model is of a kind that
      only t2t computes.
  """
  _check(checkpoint, hparams)
  variables = dict(model_source.read(checkpoint))
  variables.pop(model_source.GLOBAL_STEP, None)
  for name, value in variables.items():
    if not np.isfinite(value).all():
      raise UserError(f"{checkpoint} contains weights that are not finite ({name}): training diverged")
  reader = _Reader(checkpoint, variables, hparams["hidden_size"])
  model = reader.model(hparams, vocab_size)
  if variables:
    raise UserError(f"{checkpoint} does not match its hparams: they do not include {next(iter(variables))}")
  return model


def unsupported(hparams: Mapping[str, Any]) -> str:
  """Why only t2t computes a model of these hparams; empty if the engines do too."""
  for name, values in _SUPPORTED.items():
    if name in hparams and hparams[name] not in values:
      return f"{name} is {hparams[name]!r}, not {values[0]!r}"
  for name in ("attention_key_channels", "attention_value_channels"):
    if hparams.get(name, 0) not in (0, hparams.get("hidden_size")):
      return f"{name} differs from hidden_size"
  return ""


def _check(checkpoint: str, hparams: Mapping[str, Any]) -> None:
  for name in _REQUIRED:
    if name not in hparams:
      raise UserError(f"the hparams of {checkpoint} do not contain {name}")
  for name in _COUNTS:
    value = hparams.get(name, 1)
    if not isinstance(value, int) or value < (1 if name in _REQUIRED else 0):
      raise UserError(f"the hparams of {checkpoint} contain {name}={value!r}, not a positive number")
  if not isinstance(hparams["norm_epsilon"], float) or hparams["hidden_size"] % hparams["num_heads"]:
    raise UserError(
      f"the hparams of {checkpoint} are not of a Transformer: see norm_epsilon, hidden_size and num_heads"
    )
  if why := unsupported(hparams):
    raise UserError(f"{checkpoint} can only be translated by t2t_decoder: {why}")


class _Reader:
  """Moves variables one by one into a model; those left over are an error."""

  def __init__(self, checkpoint: str, variables: dict[str, np.ndarray], hidden: int):
    self.checkpoint = checkpoint
    self.variables = variables
    self.hidden = hidden

  def take(self, name: str, *shape: int | None) -> np.ndarray:
    """Removes and returns the variable of that name in the model's scope; None is any length.

    Engines compute without checks, so a file of other shapes must not reach them.
    """
    name = tensor_bundle.MODEL_SCOPE + name
    value = self.variables.pop(name, None)
    if value is None:
      raise UserError(f"{self.checkpoint} does not match its hparams: it has no variable {name}")
    fits = len(value.shape) == len(shape) and all(size in (None, given) for size, given in zip(shape, value.shape))
    if value.dtype != np.float32 or not fits:
      raise UserError(
        f"{self.checkpoint} does not match its hparams: {name} is {value.dtype} {list(value.shape)}, not float32 "
        f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
      )
    return value

  def model(self, hparams: Mapping[str, Any], vocab_size: int) -> Transformer:
    depth = hparams["num_hidden_layers"]
    return Transformer(
      embedding=self.embedding(vocab_size),
      target_space=self.take("body/target_space_embedding/kernel", None, self.hidden)[0],
      encoder=self.stack("body/encoder", hparams.get("num_encoder_layers") or depth, False),
      decoder=self.stack("body/decoder", hparams.get("num_decoder_layers") or depth, True),
      heads=hparams["num_heads"],
      epsilon=hparams["norm_epsilon"],
      removes_padding=hparams.get("use_pad_remover", True),
    )

  def embedding(self, vocab_size: int) -> np.ndarray:
    """The shared embedding; shards are joined in numeric order."""
    pattern = re.compile(tensor_bundle.MODEL_SCOPE + r"(symbol_modality_\d+_\d+/shared/weights_(\d+))")
    found = map(pattern.fullmatch, self.variables)
    shards = [name for _, name in sorted((int(match[2]), match[1]) for match in found if match)]
    if not shards:
      raise UserError(f"{self.checkpoint} has no shared embedding ({pattern.pattern})")
    embedding = np.concatenate([self.take(name, None, None) for name in shards])
    if embedding.shape != (vocab_size, self.hidden):
      raise UserError(
        f"{self.checkpoint} has an embedding of {list(embedding.shape)}, but vocabulary and hparams need "
        f"[{vocab_size}, {self.hidden}]"
      )
    return embedding

  def stack(self, scope: str, depth: int, attends_to_source: bool) -> Stack:
    layers = [self.layer(f"{scope}/layer_{number}", attends_to_source) for number in range(depth)]
    return Stack(layers, self.norm(scope))

  def layer(self, scope: str, attends_to_source: bool) -> Layer:
    inner_bias = self.take(f"{scope}/ffn/conv1/bias", None)
    width = len(inner_bias)
    return Layer(
      self.attention(f"{scope}/self_attention"),
      self.attention(f"{scope}/encdec_attention") if attends_to_source else None,
      FeedForward(
        self.norm(f"{scope}/ffn"),
        self.take(f"{scope}/ffn/conv1/kernel", self.hidden, width),
        inner_bias,
        self.take(f"{scope}/ffn/conv2/kernel", width, self.hidden),
        self.take(f"{scope}/ffn/conv2/bias", self.hidden),
      ).without_idle_units(),
    )

  def norm(self, scope: str) -> LayerNorm:
    """The layer norm at the start of a block or at the end of a stack."""
    scope += "/layer_prepostprocess/layer_norm/layer_norm_"
    return LayerNorm(self.take(f"{scope}scale", self.hidden), self.take(f"{scope}bias", self.hidden))

  def attention(self, scope: str) -> Attention:
    kernels = (f"{scope}/multihead_attention/{name}/kernel" for name in ("q", "k", "v", "output_transform"))
    return Attention(self.norm(scope), *(self.take(name, self.hidden, self.hidden) for name in kernels))


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
