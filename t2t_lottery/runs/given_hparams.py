"""A user's `--hparams`: their syntax, and their names and types in this project's hparams sets. Standard library only, so that
drivers can check them before there is an environment.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from t2t_lottery.pruning import methods
from t2t_lottery.runs import presets
from t2t_lottery.utils import choices
from t2t_lottery.utils.errors import UserError

# The hparams of `transformer_dense` and all other sets of this project, by type.
_INTEGERS = """
  attention_key_channels attention_value_channels batch_shuffle_size batch_size compress_steps conv_first_kernel
  data_seed filter_size gates_steps hard_attention_k hidden_size kernel_height kernel_width
  learning_rate_cosine_cycle_steps
  learning_rate_decay_steps learning_rate_warmup_steps max_area_height max_area_width max_input_seq_length max_length
  max_relative_position max_target_seq_length memory_height min_length min_length_bucket
  mixed_precision_optimizer_init_loss_scale moe_k moe_num_experts multiproblem_fixed_train_length
  multiproblem_max_input_length multiproblem_max_target_length multiproblem_vocab_size nbr_decoder_problems
  num_area_layers num_decoder_layers num_encoder_layers num_heads num_hidden_layers
  optimizer_multistep_accumulate_steps parameter_attention_key_channels parameter_attention_value_channels prune_every
  prune_until rewind_step sampling_keep_top_k schedule_from scheduled_sampling_num_passes scheduled_sampling_warmup_steps
  split_targets_chunk_length split_targets_max_chunks split_to_length supermask_steps symbol_modality_num_shards
  video_num_input_frames video_num_target_frames vocab_divisor
""".split()
_REALS = """
  attention_dropout clip_grad_norm dropout gates_learning_rate gates_penalty grad_noise_scale gumbel_noise_weight
  initial_sparsity initializer_gain
  label_smoothing layer_prepostprocess_dropout learning_rate learning_rate_constant learning_rate_decay_rate
  length_bucket_step moe_loss_coef moe_overhead_eval moe_overhead_train multiproblem_label_weight
  multiproblem_schedule_max_examples multiproblem_schedule_threshold norm_epsilon optimizer_adafactor_beta1
  optimizer_adafactor_beta2 optimizer_adafactor_clipping_threshold optimizer_adafactor_memory_exponent
  optimizer_adam_beta1 optimizer_adam_beta2 optimizer_adam_epsilon optimizer_momentum_momentum relu_dropout
  sampling_temp scheduled_sampling_gold_mixin_prob scheduled_sampling_prob sparsity supermask_learning_rate
  supermask_penalty supermask_temperature symbol_dropout weight_decay weight_noise
""".split()
_OTHERS = """
  activation_dtype add_relative_to_values area_key_mode area_value_mode attention_dropout_broadcast_dims
  attention_variables_3d bad_mask causal_decoder_self_attention daisy_chain_variables embedding_fan eval_drop_long_sequences
  eval_run_autoregressive factored_logits ffn_layer force_full_predict gpu_automatic_mixed_precision
  heads_share_relative_embedding initializer layer_postprocess_sequence layer_prepostprocess_dropout_broadcast_dims
  layer_preprocess_sequence learning_rate_decay_scheme learning_rate_decay_staircase learning_rate_minimum
  learning_rate_schedule mask_checkpoint mixed_precision_optimizer_loss_scaler mlperf_mode moe_hidden_sizes
  multiply_embedding_mode multiproblem_mixing_schedule multiproblem_per_task_threshold
  multiproblem_reweight_label_loss multiproblem_target_eval_only no_data_parallelism norm_type optimizer
  optimizer_adafactor_decay_type optimizer_adafactor_factored optimizer_adafactor_multiply_by_parameter_scale
  optimizer_momentum_nesterov optimizer_zero_grads overload_eval_metric_name pack_dataset pad_batch pos
  position_features prepend_mode pretrained_model_dir proximity_bias prune_embedding pruning_method rewind_also
  relu_dropout_broadcast_dims rewind_checkpoint sampling_method scheduled_sampling_method
  scheduled_sampling_warmup_schedule self_attention_type shared_embedding shared_embedding_and_softmax_weights
  shuffle_mask split_targets_strided_training summarize_grads summarize_vars ticket_scope ticket_score ticket_signs
  ticket_structure ticket_values tpu_enable_host_call unidirectional_encoder use_custom_ops use_fixed_batch_size use_pad_remover
  use_target_space_embedding warm_start_from_second weight_dtype
""".split()

# t2t hparams that have their own flag or driver: set by --hparams, a run would contradict its name and its line of results.
_HAVE_FLAGS = {
  "pruning_method": "the driver of the method, such as slt.sh",
  "mask_checkpoint": "the driver of a method",
  "rewind_checkpoint": "--rewind",
  "rewind_step": "--rewind_step",
  "rewind_also": "--rewind_steps",
  "sparsity": "--levels",
  "initial_sparsity": "--switch",
  "ticket_score": "snip.sh, synflow.sh, supermask.sh, units.sh, heads.sh or --controls=random_mask or running_sum",
  "ticket_structure": "units.sh, heads.sh or imp.sh",
  "ticket_scope": "--variant=global_magnitude, global_scores of synflow.sh, or layer_magnitude of imp.sh",
  "ticket_values": "clt.sh, or --controls=constant_values, redrawn_values, permuted_values or reinitialized",
  "ticket_signs": "--controls=random_signs",
  "shuffle_mask": "--controls=shuffled_mask",
  "bad_mask": "--controls=bad_mask",
  "prune_embedding": "--variant=dense_embedding",
  "schedule_from": "--schedule_from",
  "data_seed": "--data_seed",
}
# As t2t parses them (`hparam.parse_values`).
_HPARAM = re.compile(r"([A-Za-z][\w.]*(?:\[\s*\d+\s*\])?)\s*=\s*([^,\[]*|\[[^\]]*\])(?:$|,\s*)")


def parse(text: str) -> dict[str, str]:
  """Parses a list of hparams: name -> value, as text.

  Args:
    text: in the format of t2t's `--hparams`, such as "batch_size=1024,dropout=0.1".

  Raises:
    UserError: if it is malformed, repeats an hparam, or sets one that has a flag.
  """
  found: dict[str, str] = {}
  end = 0
  for match in _HPARAM.finditer(text):
    if match.start() != end:
      break
    end = match.end()
    name, value = match.groups()
    if name in found:
      raise UserError(f"--hparams gives {name} twice")
    if name in _HAVE_FLAGS:
      raise UserError(f"--hparams={name}={value}: {name} is given by {_HAVE_FLAGS[name]}")
    found[name] = value
  if end != len(text):
    raise UserError(f"--hparams: {text[end:]} is not NAME=VALUE,NAME=VALUE,...")
  return found


def check(given: Mapping[str, str], size: presets.Size) -> None:
  """Checks hparams against the hparams sets of this project.

  Args:
    given: name -> value, as text.
    size: of the hparams set.

  Raises:
    UserError: one is unknown, with the nearest name, or not of its type; or no model has their shape.
  """
  for full_name, value in given.items():
    name = full_name.partition("[")[0]
    choices.known("hparam", name, (*_INTEGERS, *_REALS, *_OTHERS), lists_all=False)
    kind = int if name in _INTEGERS else float if name in _REALS else str
    try:
      kind(value)
    except ValueError:
      what = "an integer" if kind is int else "a number"
      raise UserError(f"--hparams={full_name}={value}: {name} is {what}") from None
  widths = (*presets.SIZE_HPARAMS, *presets.HEAD_DEPTHS)
  shape = {**size._asdict(), **{name: int(given[name]) for name in widths if name in given}}
  try:
    for name in itertools.chain(*methods.LEARNED.values()):
      if name in given:
        methods.check_learned(name, float(given[name]))
    presets.check_positive(shape, presets.SIZE_HPARAMS)
    presets.check_heads(shape)
  except UserError as error:
    raise UserError(f"--hparams: {error}") from None
