"""Whether a run's hparams make sense together, told before its graph is built."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from t2t_lottery import tickets
from t2t_lottery.checkpoints import Checkpoint
from t2t_lottery.errors import UserError

DENSE = "dense"
LT = "lt"
SLT = "slt"
METHODS = (DENSE, LT, SLT)


def is_pruned(hparams) -> bool:
  """Whether the run starts from a ticket."""
  return bool(hparams.get("mask_checkpoint"))


def check(hparams) -> None:
  """Checks the hparams of a run of `lottery_transformer`.

  Args:
    hparams: t2t's, with `model_dir` and `problem_hparams`.

  Raises:
    UserError: if hparams contradict one another or the checkpoints they name.
  """
  for name in ("pruning_method", "mask_checkpoint", "rewind_checkpoint", "sparsity", "rewind_step"):
    if name not in hparams:
      raise UserError(
        f"--model=lottery_transformer needs the hparam {name}: use --hparams_set=transformer_dense, transformer_slt, "
        "... or one derived from them"
      )
  method = hparams.pruning_method
  if method not in METHODS:
    raise UserError(f"pruning_method={method} is none of {', '.join(METHODS)}")
  missing = [name for name in ("mask_checkpoint", "rewind_checkpoint") if not hparams.get(name)]
  if method == DENSE:
    if len(missing) < 2 or hparams.sparsity:
      raise UserError(
        "pruning_method=dense takes no mask_checkpoint, rewind_checkpoint or sparsity: use "
        "--hparams_set=transformer_slt or transformer_lt"
      )
    return
  if missing:
    raise UserError(f"pruning_method={method} needs {' and '.join(missing)} in --hparams")
  for noise in ("grad_noise_scale", "weight_noise"):
    if hparams.get(noise):
      raise UserError(f"{noise}={hparams.get(noise)} would move pruned weights away from zero: set it to 0")
  if tf.train.latest_checkpoint(hparams.model_dir):
    return  # A resumed run goes on with the masks of its own checkpoint.
  mask_from = Checkpoint(hparams.mask_checkpoint, "mask_checkpoint")
  rewind_to = Checkpoint(hparams.rewind_checkpoint, "rewind_checkpoint")
  step = int(rewind_to.read("global_step"))
  if (step == 0) != (method == LT):
    raise UserError(
      f"rewind_checkpoint: {rewind_to.prefix} is at step {step}, but "
      + ("lt rewinds to step 0 (slt to a later one)" if method == LT else "slt rewinds to a step after 0 (lt to 0)")
    )
  for source in (mask_from, rewind_to):
    source.require(_telling_shapes(hparams), "this run")
    extra = [name for name in source.layers if f"layer_{_num_layers(hparams, name)}/" in name]
    if extra:
      raise UserError(f"{source.role}: {source.prefix} is of another model: it has {extra[0]}, this run has not")
  tickets.check(mask_from, rewind_to, hparams.sparsity)


def _num_layers(hparams, name: str) -> int:
  own = hparams.num_encoder_layers if "/encoder/" in name else hparams.num_decoder_layers
  return own or hparams.num_hidden_layers


def _telling_shapes(hparams) -> dict[str, list[int]]:
  """Shapes by which a model's vocabulary, depth and widths are known without building it."""
  hidden = hparams.hidden_size
  shapes = {}
  vocab = hparams.problem_hparams.vocab_size["targets"]
  if hparams.shared_embedding_and_softmax_weights and hparams.symbol_modality_num_shards == 1:
    vocab += -vocab % hparams.vocab_divisor
    shapes[f"transformer/symbol_modality_{vocab}_{hidden}/shared/weights_0"] = [vocab, hidden]
  for side in ("encoder", "decoder"):
    last = _num_layers(hparams, f"/{side}/") - 1
    shapes[f"transformer/body/{side}/layer_{last}/ffn/conv1/kernel"] = [hidden, hparams.filter_size]
  return shapes
