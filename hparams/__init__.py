"""The paper's hparams set and its variants, derived from `transformer_base_v3`; and any other set of a transformer with a
method's pruning on top.

`transformer_dense`, `_mp`, `_lt`, `_slt`, `_clt`, `_slt_mp` and `_mp_slt` are the paper's (section 4); `_lrr` and
`_finetune` are two methods of Renda, Frankle and Carbin (2020). With the suffix `_big` they have the shape of
`transformer_big`, with `_small`, `_tiny` and `_micro` they are for a CPU. `SET+METHOD`, such as `transformer_relative+slt`, is
registered when t2t is asked for it (`register_on_top`). `bert_base`, `bert_tiny`, ... are in `hparams/bert.py`.
"""

import contextlib
import functools

from tensor2tensor.models import transformer
from tensor2tensor.utils import registry

from hparams import bert, pruning
from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets


def _base():
  """`transformer_base_v3` with t2t's TPU adaptations.

  Adafactor, rsqrt decay, 10k steps of warm-up, one embedding shard.
  """
  hparams = transformer.transformer_base_v3()
  transformer.update_hparams_for_tpu(hparams)
  return hparams


def _shaped(size):
  """The paper's set at another size."""
  hparams = _base()
  for name in ("hidden_size", "num_hidden_layers", "filter_size", "num_heads", "batch_size"):
    hparams.set_hparam(name, getattr(size, name))
  for name in ("layer_prepostprocess_dropout", "attention_dropout", "relu_dropout"):
    hparams.set_hparam(name, size.dropout)
  return hparams


def _scaled(size):
  """The paper's set at a size for a CPU: all step counts scale with the run's length."""
  hparams = _shaped(size)
  for name, value in presets.overrides(size.train_steps, size).items():
    (hparams.set_hparam if name in hparams else hparams.add_hparam)(name, value)
  # t2t buffers 512 batches before the first step; fewer shuffle small data equally well.
  hparams.batch_shuffle_size = 8
  return hparams


def _register(name, method, make, about):
  def hparams_set():
    hparams = make()
    pruning.add(hparams, method)
    return hparams

  hparams_set.__doc__ = f"Runs of the method {method}, {about}."
  registry.register_hparams(name)(hparams_set)


def register_on_top(name):
  """Registers the hparams set `SET+METHOD`, if SET is registered; t2t reports any other name.

  Args:
    name: the value of t2t's `--hparams_set`.
  """
  base, _, method = (name or "").rpartition(presets.PLUS)
  if method in methods.METHODS and base in registry.Registries.hparams:
    # Registered before, by a user or an earlier call. Asked for a name that it lacks, t2t's registry would import all of t2t.
    with contextlib.suppress(KeyError):
      _register(name, method, functools.partial(registry.hparams, base), f"on top of {base}")


_MAKE = {"base": _base, "big": functools.partial(_shaped, presets.SIZES["big"])}
_MAKE.update((_name, functools.partial(_scaled, presets.SIZES[_name])) for _name in ("small", "tiny", "micro"))
for _method in methods.METHODS:
  for _name, _make in _MAKE.items():
    _register(presets.hparams_set(_method, _name), _method, _make, f"{_name} size")
bert.register()
