"""The list of patches."""

from t2t_lottery.compat.patches import (
  contrib,
  data_order,
  distribute,
  graph,
  parameter_servers,
  startup_speed,
  tpu,
  xla,
)

# Without these, nothing trains as t2t on TF 1.15 does.
NEEDED = (
  graph.use_v1_behavior,
  graph.use_v1_layers,
  graph.restore_ops_names,
  contrib.use_v1_optimizers,
)
COMPLETE = (
  contrib.restore_adams,
  contrib.register_base_optimizers,
  contrib.restore_validation_monitor,
  contrib.restore_training,
  contrib.restore_metrics,
  contrib.restore_framework,
  distribute.replicate_by_strategy,
  distribute.train_on_all_hosts,
  distribute.read_apart,
  parameter_servers.share_variables,
  parameter_servers.serve_own_session,
  tpu.restore_tpu_estimator,
  tpu.look_for_no_tpu,
  xla.compile_step,
)
# Without this, a seed does not fix the order of batches.
REPRODUCIBLE = (data_order.keep_order,)
FAST = (
  startup_speed.leave_code_unconverted,
  startup_speed.read_examples_plainly,
  startup_speed.optimize_graph_once,
  startup_speed.write_graph_fast,
  startup_speed.fill_early,
)
