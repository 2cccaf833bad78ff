"""The paper's hparams set and its relatives, derived from `transformer_base_v3`.

`transformer_dense`, `transformer_lt` and `transformer_slt` are the paper's (section 4); `_small` and `_tiny` are
for a CPU.
"""

import functools

from tensor2tensor.models import transformer
from tensor2tensor.utils import registry

from t2t_lottery import run_check, schedule


def _add_pruning(hparams, method):
  """The hparams that say which ticket a run starts from."""
  hparams.add_hparam("pruning_method", method)
  hparams.add_hparam("mask_checkpoint", "")
  hparams.add_hparam("rewind_checkpoint", "")
  hparams.add_hparam("sparsity", 0.0)


def _base():
  """`transformer_base_v3` with t2t's TPU adaptations.

  Adafactor, rsqrt decay, 10k steps of warm-up, one embedding shard.
  """
  hparams = transformer.transformer_base_v3()
  transformer.update_hparams_for_tpu(hparams)
  # Reading variables through a chain of devices changes no number and needs more than one device.
  hparams.daisy_chain_variables = False
  hparams.add_hparam("rewind_step", schedule.PAPER.rewind_step)
  return hparams


def _scaled(size):
  """The paper's set at another size: every step count scales with the run's length."""
  hparams = _base()
  for name, value in schedule.overrides(size.train_steps, size).items():
    hparams.set_hparam(name, value)
  hparams.hidden_size = size.hidden_size
  hparams.num_hidden_layers = size.num_hidden_layers
  hparams.filter_size = size.filter_size
  hparams.num_heads = size.num_heads
  hparams.batch_size = size.batch_size
  # t2t fills 512 batches before the first step; small data is shuffled as well with fewer.
  hparams.batch_shuffle_size = 8
  return hparams


def _register(method, size_name, make):
  name = f"transformer_{method}" + ("" if size_name == "base" else f"_{size_name}")

  def hparams_set():
    hparams = make()
    _add_pruning(hparams, method)
    return hparams

  hparams_set.__doc__ = f"The {method} runs of the paper, {size_name} size."
  registry.register_hparams(name)(hparams_set)


for _method in run_check.METHODS:
  _register(_method, "base", _base)
  for _name in ("small", "tiny"):
    _register(_method, _name, functools.partial(_scaled, schedule.SIZES[_name]))
