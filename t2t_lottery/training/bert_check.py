"""Checks of the hparams and checkpoints of `lottery_bert`, for `hparams_check.check`."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets, pretrained
from t2t_lottery.training import hparams_check
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError

_GELUS = ("erf", "tanh")


def check_model(hparams) -> None:
  """Rejects a model that cannot be built or trained.

  Args:
    hparams: t2t's.

  Raises:
    UserError: naming the hparam.
  """
  if "gelu" not in hparams:
    raise UserError("--model=lottery_bert needs the hparam gelu: use --hparams_set=bert_base, bert_tiny, ...")
  for name in ("batch_size", "hidden_size", "num_hidden_layers", "num_heads", "filter_size", "max_length"):
    if hparams.get(name) < 1:
      raise UserError(f"{name}={hparams.get(name)} is invalid: must be at least 1")
  if hparams.hidden_size % hparams.num_heads:
    raise UserError(f"num_heads={hparams.num_heads} does not divide hidden_size={hparams.hidden_size}")
  choices.known("gelu", hparams.gelu, _GELUS)
  problem = getattr(hparams, "problem", None)
  if problem is not None and hparams.max_length < (pieces := presets.pieces_of(problem.name)):
    raise UserError(
      f"max_length={hparams.max_length} is less than the {pieces} pieces that an example of {problem.name} may have: give a "
      f"BERT with position embeddings for {pieces}"
    )
  if "inputs_segments" not in hparams.problem_hparams.vocab_size:
    raise UserError("--model=lottery_bert needs a problem in BERT's form: use glue_cola, glue_rte, glue_sst2, ...")
  for name in ("activation_dtype", "weight_dtype"):
    if hparams.get(name) != "float32":
      raise UserError(f"{name}={hparams.get(name)} is not supported by lottery_bert: use float32")
  if hparams.label_smoothing or hparams.shared_embedding_and_softmax_weights:
    raise UserError("label_smoothing and shared_embedding_and_softmax_weights have no effect on lottery_bert: set to 0")
  if hparams.ticket_score in methods.OF_MODEL and hparams.ticket_score not in (methods.GRADIENT, methods.RUNNING_SUM):
    raise UserError(
      f"ticket_score={hparams.ticket_score} is for lottery_transformer: use magnitude, random, gradient or running_sum"
    )
  for name, default in (("prune_embedding", True), ("embedding_fan", methods.SHAPE)):
    if hparams.get(name) != default:
      raise UserError(f"{name}={hparams.get(name)} has no effect: lottery_bert never prunes embeddings")
  hparams_check.check_training_hparams(hparams)
  if hparams.get("warm_start_from") and not tf.train.latest_checkpoint(hparams.model_dir):
    require(Checkpoint(hparams.warm_start_from, "warm_start_from"), hparams)


def layer_sizes(hparams) -> list[int]:
  """Number of weights of each kind of layer."""
  return [hparams.hidden_size**2, hparams.hidden_size * hparams.filter_size]


def require(source: Checkpoint, hparams) -> None:
  """Rejects a checkpoint of another model.

  Raises:
    UserError: naming the first variable that is missing, has another shape, or is one too many.
  """
  shapes = pretrained.shapes(hparams.problem_hparams.vocab_size["inputs"], hparams.values())
  source.require({name: list(shape) for name, shape in shapes.items()}, "this run")
  if extra := pretrained.surplus(source.shapes, hparams.values()):
    raise UserError(f"{source.role}: {source.prefix} is from another model: it has {extra}, this run does not")


def _attention_blocks(hparams) -> int:
  return hparams.num_hidden_layers


CHECKS = hparams_check.Model(
  check_model,
  layer_sizes,
  require,
  "bert_tiny+{}",
  (methods.WEIGHTS, methods.HEADS, methods.MLPS, methods.HEADS_MLPS),
  _attention_blocks,
)
