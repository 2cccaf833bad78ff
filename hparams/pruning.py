"""The hparams of pruning, added to any set."""

from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets


def add(hparams, name):
  """Adds the hparams that define a run's ticket and pruning.

  Args:
    hparams: t2t's; changed.
    name: a method.
  """
  added = {"pruning_method": name, **methods.default_hparams(name, hparams)}
  for hparam in presets.PRUNING_STEPS:
    added[hparam] = hparams.get(hparam, getattr(presets.PAPER, hparam))
  for hparam, value in added.items():
    (hparams.set_hparam if hparam in hparams else hparams.add_hparam)(hparam, value)
  # Daisy-chained variables change no result and need more than one device.
  hparams.daisy_chain_variables = False
