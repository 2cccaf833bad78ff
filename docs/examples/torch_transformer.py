"""t2t's Transformer in PyTorch, from a file of `python -m t2t_lottery.export --to=safetensors`.

Needs torch and safetensors only. Computes what t2t computes, for models of which the sparse engine does so too (shared
embedding, `transformer_base_v3`'s kind of layers), of any shape.
"""

import json
import math
import re

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional

HIDDEN = -1e9  # t2t adds this to the scores of positions that attention must not see.


def timing_signal(length, channels):
  """float32 [length, channels]: all sines, then all cosines (`common_attention.get_timing_signal_1d`)."""
  count = channels // 2
  rates = torch.exp(torch.arange(count) * -(math.log(1.0e4) / max(count - 1, 1)))
  angles = torch.arange(length)[:, None] * rates
  return functional.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, channels % 2))


class Attention(nn.Module):
  """Multi-head attention without biases."""

  def __init__(self, size, heads):
    super().__init__()
    self.heads = heads
    self.q, self.k, self.v, self.output_transform = (nn.Linear(size, size, bias=False) for _ in range(4))

  def forward(self, queries, memory, bias):
    """Of [sentences, positions, size], with a bias that broadcasts to [sentences, heads, queries, memory]."""
    q, k, v = (
      part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q(queries), self.k(memory), self.v(memory))
    )
    weights = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias
    return self.output_transform((weights.softmax(-1) @ v).transpose(1, 2).flatten(-2))


class Layer(nn.Module):
  """A layer of the encoder or, if it attends to the source, of the decoder; a layer norm is before each block."""

  def __init__(self, size, heads, width, epsilon, attends_to_source):
    super().__init__()
    self.self_attention = Attention(size, heads)
    self.encdec_attention = Attention(size, heads) if attends_to_source else None
    self.conv1, self.conv2 = nn.Linear(size, width), nn.Linear(width, size)
    self.norms = nn.ModuleList(nn.LayerNorm(size, epsilon) for _ in range(3 if attends_to_source else 2))

  def forward(self, x, bias, source=None, source_bias=None, keep=None):
    """`keep`: [sentences, positions, 1], 0 where t2t's encoder skips the feed-forward block."""
    normed = self.norms[0](x)
    x = x + self.self_attention(normed, normed, bias)
    if self.encdec_attention is not None:
      x = x + self.encdec_attention(self.norms[1](x), source, source_bias)
    added = self.conv2(self.conv1(self.norms[-1](x)).relu())
    return x + (added if keep is None else added * keep)


class Transformer(nn.Module):
  """A model with the hparams of its run (`hparams.json`) and a vocabulary of `subwords`."""

  def __init__(self, hparams, subwords):
    super().__init__()
    size, epsilon = hparams["hidden_size"], hparams["norm_epsilon"]
    shape = size, hparams["num_heads"], hparams["filter_size"], epsilon
    depth = hparams["num_hidden_layers"]
    self.skips_padding = hparams.get("use_pad_remover", True)
    self.embedding = nn.Parameter(torch.empty(subwords, size))
    self.target_space = nn.Parameter(torch.empty(size))
    self.encoder = nn.ModuleList(Layer(*shape, False) for _ in range(hparams.get("num_encoder_layers") or depth))
    self.decoder = nn.ModuleList(Layer(*shape, True) for _ in range(hparams.get("num_decoder_layers") or depth))
    self.encoder_norm, self.decoder_norm = nn.LayerNorm(size, epsilon), nn.LayerNorm(size, epsilon)

  def embed(self, ids):
    """[sentences, positions, size] of int64 [sentences, positions]; id 0 is t2t's padding."""
    return self.embedding[ids] * self.embedding.shape[1] ** 0.5 * (ids != 0)[..., None]

  def forward(self, sources, targets):
    """Log probabilities, float32 [sentences, target positions, subwords], of each next subword.

    Args:
      sources, targets: int64 [sentences, positions], each sentence ends with id 1 and is padded with 0.
    """
    source = self.embed(sources)
    # t2t takes for padding what is all zeros: also a subword whose embedding has been pruned.
    padding = (source == 0).all(-1)
    source_bias = (padding * HIDDEN)[:, None, None, :]
    x = source + self.target_space + timing_signal(*source.shape[1:])
    keep = (~padding)[..., None] if self.skips_padding else None
    for layer in self.encoder:
      x = layer(x, source_bias, keep=keep)
    source = self.encoder_norm(x)
    # The decoder sees each subword one position later.
    x = functional.pad(self.embed(targets), (0, 0, 1, 0))[:, :-1]
    x = x + timing_signal(*x.shape[1:])
    later = torch.full((x.shape[1], x.shape[1]), HIDDEN).triu(1)
    for layer in self.decoder:
      x = layer(x, later, source, source_bias)
    return (self.decoder_norm(x) @ self.embedding.T).log_softmax(-1)


def _norm(tensors, scope):
  """The two parameters of the layer norm of a scope."""
  scope += "/layer_prepostprocess/layer_norm/layer_norm_"
  return {"weight": tensors[f"{scope}scale"], "bias": tensors[f"{scope}bias"]}


def _layer(tensors, scope, attentions):
  """The state of a layer; t2t stores a kernel as [inputs, outputs], PyTorch as [outputs, inputs]."""
  state = {}
  for i, block in enumerate([*attentions, "ffn"]):
    state.update({f"norms.{i}.{name}": value for name, value in _norm(tensors, f"{scope}/{block}").items()})
  for block in attentions:
    for part in ("q", "k", "v", "output_transform"):
      state[f"{block}.{part}.weight"] = tensors[f"{scope}/{block}/multihead_attention/{part}/kernel"].T
  for part in ("conv1", "conv2"):
    state[f"{part}.weight"] = tensors[f"{scope}/ffn/{part}/kernel"].T
    state[f"{part}.bias"] = tensors[f"{scope}/ffn/{part}/bias"]
  return state


def load(path):
  """The model in a file, ready to evaluate or to train on; its masks are the file's tensors `.../mask`."""
  with safe_open(path, framework="pt") as file:
    hparams = json.loads(file.metadata()["hparams"])
    tensors = {name.removeprefix("transformer/"): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
  shards = [(int(found[1]), name) for name in tensors if (found := re.search(r"/shared/weights_(\d+)$", name))]
  embedding = torch.cat([tensors[name] for _, name in sorted(shards)])
  state = {"embedding": embedding, "target_space": tensors["body/target_space_embedding/kernel"][0]}
  model = Transformer(hparams, len(embedding))
  for stack, attentions in (("encoder", ["self_attention"]), ("decoder", ["self_attention", "encdec_attention"])):
    state.update({f"{stack}_norm.{name}": value for name, value in _norm(tensors, f"body/{stack}").items()})
    for i in range(len(getattr(model, stack))):
      layer = _layer(tensors, f"body/{stack}/layer_{i}", attentions)
      state.update({f"{stack}.{i}.{name}": value for name, value in layer.items()})
  model.load_state_dict(state)
  return model
