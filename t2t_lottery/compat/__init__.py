"""Mends of stock tensor2tensor 1.15.7 on TensorFlow 2.15.1; nothing of t2t is edited on disk or copied.

`mend` is the first thing that `usr_dir/__init__.py` calls. t2t's commands import t2t before a `usr_dir`, so every mend
works on modules that are loaded already. Each mend is one function whose docstring names the symptom it cures.
"""

from t2t_lottery.compat import contrib, graph

# Without these, nothing trains as t2t on TF 1.15 does.
NEEDED = (
    graph.use_v1_behavior,
    graph.use_v1_layers,
    graph.restore_ops_names,
    contrib.use_v1_optimizers,
)
MENDS = NEEDED + (
    contrib.restore_adams,
    contrib.register_base_optimizers,
    contrib.restore_validation_monitor,
    contrib.restore_training,
    contrib.restore_metrics,
    contrib.restore_framework,
    graph.leave_model_unconverted,
)
_done = set()


def mend(mends=MENDS) -> None:
  """Mends t2t in this process, before it builds a graph. Each mend is done once, however often it is asked for.

  Args:
    mends: functions of this package; all of them, except for measuring what one brings.
  """
  for one in mends:
    if one not in _done:
      one()
      _done.add(one)
