"""Converts a BERT of Hugging Face transformers to google-research/bert's variables. Numpy only.

Sources of the names: modeling_bert.py of transformers (tensors), modeling.py, run_pretraining.py, run_classifier.py and
run_squad.py of google-research/bert (variables).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from t2t_lottery.utils.errors import UserError

POOLER = "bert/pooler/dense/kernel"
# Standard deviation of the initial weights (`initializer_range`); values beyond two of them are redrawn.
_INITIAL_DEVIATION = 0.02
# transformers' name of an activation -> the hparam `gelu`.
GELUS = {"gelu": "erf", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
# What `models/bert_encoder.py` computes; transformers' default, and so Google's.
_FIXED = {
  **{"model_type": "bert", "layer_norm_eps": 1e-12, "position_embedding_type": "absolute", "type_vocab_size": 2},
  **{"is_decoder": False, "add_cross_attention": False},
}
_SIZES = (
  *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
  "max_position_embeddings",
)
# Of the heads; their matrices are [outputs, inputs] on both sides, except the transform's.
_HEADS = {
  "classifier.weight": "output_weights",
  "classifier.bias": "output_bias",
  "qa_outputs.weight": "cls/squad/output_weights",
  "qa_outputs.bias": "cls/squad/output_bias",
  "cls.seq_relationship.weight": "cls/seq_relationship/output_weights",
  "cls.seq_relationship.bias": "cls/seq_relationship/output_bias",
  "cls.predictions.bias": "cls/predictions/output_bias",
  "cls.predictions.transform.dense.weight": "cls/predictions/transform/dense/kernel",
  "cls.predictions.transform.dense.bias": "cls/predictions/transform/dense/bias",
  "cls.predictions.transform.LayerNorm.weight": "cls/predictions/transform/LayerNorm/gamma",
  "cls.predictions.transform.LayerNorm.bias": "cls/predictions/transform/LayerNorm/beta",
}
# Copies of other tensors, and constants.
_REDUNDANT = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "embeddings.position_ids"}
_ENCODER = ("embeddings.", "encoder.", "pooler.")


class Converted(NamedTuple):
  """A converted model.

  Attributes:
    variables: google-research/bert's name -> float32 value.
    left_out: tensors of heads that google-research/bert does not have, sorted.
    has_pooler: whether the pooler is the model's own.
  """

  variables: dict[str, np.ndarray]
  left_out: list[str]
  has_pooler: bool


def check_config(path: str, config: Mapping[str, Any]) -> None:
  """Rejects a config.json of a model that is not BERT as `models/bert_encoder.py` computes it.

  Args:
    path: of the file, for errors.
    config: its content.

  Raises:
    UserError: naming the first field that differs.
  """
  for name, value in _FIXED.items():
    if config.get(name, value) != value:
      raise UserError(f"{path}: {name}={config[name]} cannot be converted: lottery_bert computes {name}={value}")
  for name in _SIZES:
    if type(config.get(name)) is not int or config[name] < 1:
      raise UserError(f"{path}: {name}={config.get(name)} is not a size")
  if config["hidden_size"] % config["num_attention_heads"]:
    raise UserError(
      f"{path}: num_attention_heads={config['num_attention_heads']} does not divide hidden_size={config['hidden_size']}"
    )
  if config.get("hidden_act") not in [*GELUS]:
    raise UserError(f"{path}: hidden_act={config.get('hidden_act')} cannot be converted: must be {' or '.join(GELUS)}")


def convert(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any], pooler_seed: int | None = None) -> Converted:
  """Google's variables of a model.

  Args:
    tensors: transformers' name, with or without `bert.` -> value; matrices of dense layers are [outputs, inputs].
    config: of config.json, which passed `check_config`.
    pooler_seed: seed of a new pooler, from BERT's initial distribution, for a model without one; None to reject that.

  Returns:
    The variables; matrices of dense layers are [inputs, outputs].

  Raises:
    UserError: a tensor of the encoder is unknown, missing or of another shape than `config` says; output embeddings are
      not the input's; or the pooler is missing, or a seed is given though it is not.
  """
  for name in tensors:
    if f"bert.{name}" in tensors:
      raise UserError(f"the model has both {name} and bert.{name}")
  tensors = {name.removeprefix("bert."): value for name, value in tensors.items()}
  _check_tied(tensors)
  variables, left_out = {}, []
  for name, value in tensors.items():
    found = _HEADS.get(name) or _of_encoder(name)
    if found:
      variables[found] = (value.T if found.endswith("/kernel") else value).astype(np.float32)
    elif name.startswith(_ENCODER) and name not in _REDUNDANT:
      raise UserError(f"the tensor {name} has no place in google-research/bert: this is another kind of model")
    elif name not in _REDUNDANT:
      left_out.append(name)
  has_pooler = POOLER in variables
  if has_pooler and pooler_seed is not None:
    raise UserError(f"--pooler_seed={pooler_seed} has no effect: the model has a pooler")
  if not has_pooler and pooler_seed is None:
    raise UserError(
      "the model has no pooler (pooler.dense.weight), which BERT's classifier needs: --pooler_seed=1 initializes one at "
      "random"
    )
  if pooler_seed is not None:
    variables.update(_new_pooler(config["hidden_size"], pooler_seed))
  _check_shapes(variables, config)
  return Converted(variables, sorted(left_out), has_pooler)


def _of_encoder(name: str) -> str | None:
  """Google's name of a tensor of the encoder or the pooler; None if it does not have one."""
  match = re.fullmatch(
    r"embeddings\.(?:word|position|token_type)_embeddings\.weight"
    r"|(?:embeddings|encoder\.layer\.\d+\.(?:attention\.)?output)\.LayerNorm\.(?:weight|bias|gamma|beta)"
    r"|encoder\.layer\.\d+\.(?:attention\.self\.(?:query|key|value)"
    r"|(?:attention\.output|intermediate|output)\.dense)\.(?:weight|bias)"
    r"|pooler\.dense\.(?:weight|bias)",
    name,
  )
  if not match:
    return None
  *parts, last = re.sub(r"layer\.(\d+)", r"layer_\1", name).split(".")
  if parts[-1] == "LayerNorm":
    # Early versions of transformers kept Google's names.
    parts.append({"weight": "gamma", "bias": "beta"}.get(last, last))
  elif parts[0] != "embeddings":
    parts.append({"weight": "kernel"}.get(last, last))
  return "/".join(["bert", *parts])


def _check_tied(tensors: Mapping[str, np.ndarray]) -> None:
  """Google's masked LM reads the embeddings as output weights."""
  for name, other in (
    ("cls.predictions.decoder.weight", "embeddings.word_embeddings.weight"),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
  ):
    if name in tensors and other in tensors and not np.array_equal(tensors[name], tensors[other]):
      raise UserError(f"{name} is not equal to {other}: google-research/bert has one variable for both")


def _new_pooler(hidden: int, seed: int) -> dict[str, np.ndarray]:
  rng = np.random.default_rng(seed)
  kernel = rng.standard_normal((hidden, hidden))
  while (far := np.abs(kernel) > 2).any():
    kernel[far] = rng.standard_normal(np.count_nonzero(far))
  return {
    POOLER: (kernel * _INITIAL_DEVIATION).astype(np.float32),
    "bert/pooler/dense/bias": np.zeros(hidden, np.float32),
  }


def _check_shapes(variables: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> None:
  shapes = _shapes(config)
  for name in shapes:
    if name not in variables:
      raise UserError(f"the model lacks {name}, which its config.json describes")
  for name, shape in {**shapes, **_head_shapes(variables, config)}.items():
    if name in variables and variables[name].shape != shape:
      raise UserError(f"{name} has shape {list(variables[name].shape)}, by config.json {list(shape)}")
  for name, value in variables.items():
    if not np.isfinite(value).all():
      raise UserError(f"{name} has a value that is not finite: the model is damaged")
  if more := [name for name in variables if name.startswith("bert/") and name not in shapes]:
    raise UserError(f"the model has {more[0]}, which its config.json does not describe")


def _head_shapes(variables: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
  """Name -> shape of the variables of heads."""
  hidden = config["hidden_size"]
  classes = len(variables.get("output_weights", variables.get("output_bias", ())))
  transform = "cls/predictions/transform"
  return {
    "output_weights": (classes, hidden),
    "output_bias": (classes,),
    "cls/squad/output_weights": (2, hidden),
    "cls/squad/output_bias": (2,),
    "cls/seq_relationship/output_weights": (2, hidden),
    "cls/seq_relationship/output_bias": (2,),
    "cls/predictions/output_bias": (config["vocab_size"],),
    f"{transform}/dense/kernel": (hidden, hidden),
    **{f"{transform}/{name}": (hidden,) for name in ("dense/bias", "LayerNorm/gamma", "LayerNorm/beta")},
  }


def _shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
  """Name -> shape of the variables of the encoder and the pooler."""
  hidden, inner = config["hidden_size"], config["intermediate_size"]
  shapes: dict[str, tuple[int, ...]] = {
    "embeddings/word_embeddings": (config["vocab_size"], hidden),
    "embeddings/position_embeddings": (config["max_position_embeddings"], hidden),
    "embeddings/token_type_embeddings": (2, hidden),
  }
  dense, norms = {"pooler/dense": (hidden, hidden)}, ["embeddings"]
  for layer in range(config["num_hidden_layers"]):
    scope = f"encoder/layer_{layer}"
    names = (*(f"attention/self/{name}" for name in ("query", "key", "value")), "attention/output/dense")
    dense.update((f"{scope}/{name}", (hidden, hidden)) for name in names)
    dense[f"{scope}/intermediate/dense"], dense[f"{scope}/output/dense"] = (hidden, inner), (inner, hidden)
    norms += [f"{scope}/attention/output", f"{scope}/output"]
  for name, shape in dense.items():
    shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = shape, shape[1:]
  for name in norms:
    shapes[f"{name}/LayerNorm/gamma"] = shapes[f"{name}/LayerNorm/beta"] = (hidden,)
  return {f"bert/{name}": shape for name, shape in shapes.items()}
