"""The list of patches."""

from t2t_lottery.compat import startup_log
from t2t_lottery.compat.estimator import namespace, removed_modules
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

# Without these, t2t cannot be imported; `tf_support` applies them when TensorFlow is imported.
IMPORTABLE = (
  namespace.use_keras_2,
  namespace.restore_namespace,
  namespace.replace_addons,
  removed_modules.restore_export_names,
  removed_modules.restore_host_training,
  removed_modules.restore_tpu_modules,
)
# Without this, TensorFlow's notices precede each command's own messages; `tf_support` applies it too.
QUIET = (startup_log.hide_notices,)
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
  contrib.refuse_profiler,
  distribute.replicate_by_strategy,
  distribute.train_on_all_hosts,
  distribute.shard_input_by_host,
  parameter_servers.share_variables,
  parameter_servers.start_own_server,
  tpu.restore_tpu_estimator,
  tpu.skip_tpu_lookup,
  xla.compile_step,
)
# Without this, a seed does not fix the order of batches.
REPRODUCIBLE = (data_order.keep_order,)
FAST = (
  startup_speed.disable_autograph,
  startup_speed.map_single_examples,
  startup_speed.optimize_graph_once,
  startup_speed.write_graph_fast,
  startup_speed.prefill_shuffle_buffer,
  startup_speed.leave_input_untuned,
)
