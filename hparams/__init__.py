"""The paper's hparams set and its variants, derived from `transformer_base_v3`.

`transformer_dense`, `_mp`, `_lt`, `_slt`, `_clt`, `_slt_mp` and `_mp_slt` are the paper's (section 4); `_lrr` and
`_finetune` are two methods of Renda, Frankle and Carbin (2020). With the suffixes `_small` and `_tiny` they are for a CPU.
"""

import functools

from tensor2tensor.models import transformer
from tensor2tensor.utils import registry

from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets


def _add_pruning(hparams, name, method):
  """Adds the hparams that define a run's ticket and pruning."""
  hparams.add_hparam("pruning_method", name)
  hparams.add_hparam("mask_checkpoint", "")
  hparams.add_hparam("rewind_checkpoint", "")
  # Sparsity at the end of the run; in gradual pruning, `initial_sparsity` is that of the ticket.
  hparams.add_hparam("sparsity", 0.0)
  hparams.add_hparam("initial_sparsity", 0.0)
  # The choices are listed in `t2t_lottery/pruning/methods.py`.
  hparams.add_hparam("ticket_score", methods.MAGNITUDE)
  hparams.add_hparam("ticket_scope", methods.LAYER)
  hparams.add_hparam("ticket_values", method.values)
  hparams.add_hparam("ticket_signs", methods.KEPT)
  # Shuffles the mask within each layer, which restores pruned weights.
  hparams.add_hparam("shuffle_mask", False)
  hparams.add_hparam("embedding_fan", methods.SHAPE)
  hparams.add_hparam("prune_embedding", True)
  # Step of the learning-rate schedule at which the run starts: 0, or that of the rewind checkpoint; in fine-tuning, the
  # length of the schedule whose last learning rate the run keeps.
  hparams.add_hparam("schedule_from", 0)
  # Seed of the order of batches; -1 for that of the run.
  hparams.add_hparam("data_seed", -1)


def _base():
  """`transformer_base_v3` with t2t's TPU adaptations.

  Adafactor, rsqrt decay, 10k steps of warm-up, one embedding shard.
  """
  hparams = transformer.transformer_base_v3()
  transformer.update_hparams_for_tpu(hparams)
  # Daisy-chained variables change no result and need more than one device.
  hparams.daisy_chain_variables = False
  hparams.add_hparam("rewind_step", presets.PAPER.rewind_step)
  hparams.add_hparam("prune_until", presets.PAPER.prune_until)
  hparams.add_hparam("prune_every", presets.PAPER.prune_every)
  return hparams


def _scaled(size):
  """The paper's set at another size: all step counts scale with the run's length."""
  hparams = _base()
  for name, value in presets.overrides(size.train_steps, size).items():
    hparams.set_hparam(name, value)
  hparams.hidden_size = size.hidden_size
  hparams.num_hidden_layers = size.num_hidden_layers
  hparams.filter_size = size.filter_size
  hparams.num_heads = size.num_heads
  hparams.batch_size = size.batch_size
  # t2t buffers 512 batches before the first step; fewer shuffle small data equally well.
  hparams.batch_shuffle_size = 8
  return hparams


def _register(method, size_name, make):
  name = f"transformer_{method}" + ("" if size_name == "base" else f"_{size_name}")

  def hparams_set():
    hparams = make()
    _add_pruning(hparams, method, methods.METHODS[method])
    return hparams

  hparams_set.__doc__ = f"Runs of the method {method}, {size_name} size."
  registry.register_hparams(name)(hparams_set)


for _method in methods.METHODS:
  _register(_method, "base", _base)
  for _name in ("small", "tiny"):
    _register(_method, _name, functools.partial(_scaled, presets.SIZES[_name]))
