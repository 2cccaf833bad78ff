"""Whether a run's hparams are consistent, checked before its graph is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.pruning import masks, methods, tickets
from t2t_lottery.runs import presets
from t2t_lottery.utils import file_names, tf_config
from t2t_lottery.utils.errors import UserError

_CHOICES = {
  "ticket_score": methods.SCORES,
  "ticket_scope": methods.SCOPES,
  "ticket_values": methods.VALUES,
  "ticket_signs": methods.SIGNS,
  "embedding_fan": methods.FANS,
}
_NEEDED = (*methods.MEANINGS, "rewind_step", "prune_until", "prune_every")
# t2t's schedules that train (`--schedule`); the others look at a run that is trained.
_TRAINING = ("train", "train_and_evaluate", "continuous_train_and_eval", "train_eval_and_decode", "test")
# The values of these in the hparams sets, where a run that is not pruned while it trains ignores them.
_PRUNING_STEPS = {
  name: {getattr(presets.for_length(size.train_steps), name) for size in presets.SIZES.values()}
  for name in ("prune_until", "prune_every")
}
# Hparams by which t2t cuts sentences before it looks at their lengths.
_CUTTING = ("max_input_seq_length", "max_target_seq_length", "split_to_length")


def choices(hparams, seed: int) -> tickets.TicketSpec:
  """How the run's ticket is drawn."""
  return tickets.TicketSpec(
    sparsity=hparams.initial_sparsity if methods.METHODS[hparams.pruning_method].gradual else hparams.sparsity,
    score=hparams.ticket_score,
    scope=hparams.ticket_scope,
    shuffle=hparams.shuffle_mask,
    values=hparams.ticket_values,
    signs=hparams.ticket_signs,
    fan=hparams.embedding_fan,
    prune_embedding=hparams.prune_embedding,
    seed=seed,
  )


def check(hparams) -> None:
  """Checks the hparams of a run of `lottery_transformer`.

  Args:
    hparams: t2t's, with `model_dir` and `problem_hparams`; and with `schedule`, `train_steps` and `warm_start_from`, which
      count as the flags of t2t-trainer that they come from.

  Raises:
    UserError: if hparams contradict one another or the checkpoints they name.
  """
  for flag, folder in (("output_dir", hparams.model_dir), ("data_dir", hparams.get("data_dir"))):
    if folder:
      file_names.check_folder(flag, folder)
  for name in ("pruning_method", *_NEEDED):
    if name not in hparams:
      raise UserError(
        f"--model=lottery_transformer needs the hparam {name}: use --hparams_set=transformer_dense, transformer_slt, "
        "... or one derived from them"
      )
  name = hparams.pruning_method
  if name not in methods.METHODS:
    raise UserError(f"pruning_method={name} is none of {', '.join(methods.METHODS)}")
  for choice, known in _CHOICES.items():
    if hparams.get(choice) not in known:
      raise UserError(f"{choice}={hparams.get(choice)} is none of {', '.join(known)}")
  method = methods.METHODS[name]
  _check_model(hparams)
  there = [name for name in ("mask_checkpoint", "rewind_checkpoint") if hparams.get(name)]
  if not method.from_ticket and there:
    raise UserError(
      f"pruning_method={name} takes no {' and '.join(there)}: it starts from random weights; use one of "
      f"{', '.join('transformer_' + n for n, other in methods.METHODS.items() if other.from_ticket)}"
    )
  if method.from_ticket and len(there) < 2:
    missing = [name for name in ("mask_checkpoint", "rewind_checkpoint") if not hparams.get(name)]
    raise UserError(f"pruning_method={name} needs {' and '.join(missing)} in --hparams")
  if method.gradual:
    _check_gradual(hparams)
  is_new = not tf.train.latest_checkpoint(hparams.model_dir)
  _check_meanings(hparams, method, is_new)
  if _trains(hparams):
    _check_training(hparams, method, is_new)
  if not method.prunes:
    return
  if hparams.ticket_scope != methods.GLOBAL:
    for size in _layer_sizes(hparams):
      masks.kept_count(size, hparams.sparsity)
  for noise in ("grad_noise_scale", "weight_noise"):
    if hparams.get(noise):
      raise UserError(f"{noise}={hparams.get(noise)} would move pruned weights away from zero: set it to 0")
  if method.from_ticket and is_new:
    _check_ticket(hparams, method)  # A resumed run continues with the masks of its own checkpoint.


def check_devices(hparams, config) -> None:
  """Checks that what a run of `lottery_transformer` needs can be done on its devices.

  Args:
    hparams: t2t's, which `check` has passed.
    config: t2t's RunConfig.

  Raises:
    UserError: if it cannot.
  """
  method = methods.METHODS[hparams.pruning_method]
  on_one_device = not (config.train_distribute or tf_config.servers() or getattr(config, "use_xla", False))
  if method.from_ticket and hparams.ticket_score == methods.SNIP and not on_one_device:
    raise UserError(
      "ticket_score=snip takes gradients on one device: train this run without --optionally_use_dist_strat, several "
      "--gpus, --hosts, parameter servers or --xla_compile"
    )
  if method.gradual and tf_config.has_async_masters():
    raise UserError(
      f"pruning_method={hparams.pruning_method} prunes while it trains, and masters that do not wait for one another "
      "would move the pruned weights by gradients of before: use one master with --sync, or --hosts"
    )


def _trains(hparams) -> bool:
  """Whether t2t-trainer is going to train, as far as it says so."""
  return hparams.get("schedule") in (None, *_TRAINING)


def _check_model(hparams) -> None:
  """Refuses a model that cannot be, or of which not every matrix is known to `layers`."""
  for name in (
    *("batch_size", "hidden_size", "num_hidden_layers", "num_heads", "filter_size"),
    "symbol_modality_num_shards",
  ):
    if hparams.get(name) < 1:
      raise UserError(f"{name}={hparams.get(name)} makes no model that can be trained: 1 is the least")
  for name in ("num_encoder_layers", "num_decoder_layers", "rewind_step"):
    if (hparams.get(name) or 0) < 0:
      raise UserError(f"{name}={hparams.get(name)} is below 0")
  # To t2t, 0 means the batch size; a sentence is at least a subword and its end.
  if hparams.max_length < 0 or hparams.max_length == 1:
    raise UserError(f"max_length={hparams.max_length} leaves no sentence to train on: 2 is the least, 0 is no limit")
  for name, value in hparams.values().items():
    if (name.endswith("dropout") or name == "label_smoothing") and value is not None and not 0 <= value < 1:
      raise UserError(f"{name}={value} is no share in [0, 1)")
  factors = hparams.learning_rate_schedule.split("*")
  if "constant" in factors and hparams.learning_rate_constant <= 0:
    raise UserError(f"learning_rate_constant={hparams.learning_rate_constant} moves no weight towards a lower loss")
  if "rsqrt_decay" in factors and hparams.learning_rate_warmup_steps < 1:
    raise UserError(f"learning_rate_warmup_steps={hparams.learning_rate_warmup_steps}: rsqrt_decay needs 1 at least")
  for name in ("attention_key_channels", "attention_value_channels"):
    depth, of = (hparams.get(name), name) if hparams.get(name) else (hparams.hidden_size, "hidden_size")
    if depth % hparams.num_heads:
      raise UserError(f"num_heads={hparams.num_heads} does not divide {of}={depth}")
  if hparams.weight_dtype != "float32":
    raise UserError(
      f"weight_dtype={hparams.weight_dtype} is not supported: masks and tickets are of float32 weights; use "
      "activation_dtype=bfloat16, which leaves them so"
    )
  if hparams.get("attention_variables_3d"):
    raise UserError("attention_variables_3d=True stores attention kernels as no matrices, and only matrices are pruned")
  if hparams.ffn_layer not in ("dense_relu_dense", "conv_hidden_relu"):
    raise UserError(f"ffn_layer={hparams.ffn_layer} has weights that would stay dense: use dense_relu_dense")
  try:
    registry.optimizer(hparams.optimizer)
  except KeyError:
    known = ", ".join(sorted(registry.Registries.optimizers))
    raise UserError(f"optimizer={hparams.optimizer} is none of {known}") from None


def _check_meanings(hparams, method: methods.Method, is_new: bool) -> None:
  """Refuses hparams that would be without effect, and the lack of those that a method needs."""
  name = hparams.pruning_method
  for hparam, (nothing, says_something) in methods.MEANINGS.items():
    value = hparams.get(hparam)
    if not says_something(method) and value != nothing:
      why = "is not pruned" if not method.prunes else "draws no ticket"
      if hparam == "initial_sparsity" and method.from_ticket:
        why = "does not prune while it trains"
      others = ", ".join(f"transformer_{n}" for n, other in methods.METHODS.items() if says_something(other))
      raise UserError(f"pruning_method={name} takes no {hparam}={value}: it {why}; use one of {others}")
    if hparam in ("sparsity", "initial_sparsity") and says_something(method) and not value:
      raise UserError(f"pruning_method={name} needs {hparam} in --hparams, such as {hparam}=0.6 for 60%")
  if hparams.embedding_fan != methods.SHAPE and hparams.ticket_values != methods.CONSTANT:
    raise UserError(
      f"embedding_fan={hparams.embedding_fan} is of ticket_values=constant: ticket_values={hparams.ticket_values} has no use for it"
    )
  # The drivers of before gave them to every run.
  if not method.gradual and is_new:
    for hparam, defaults in _PRUNING_STEPS.items():
      if hparams.get(hparam) not in defaults:
        raise UserError(
          f"pruning_method={name} takes no {hparam}={hparams.get(hparam)}: it does not prune while it trains"
        )
  if hparams.ticket_scope == methods.GLOBAL:
    if method.gradual:
      raise UserError(
        f"pruning_method={name} prunes layer by layer while it trains: ticket_scope=global is for tickets alone"
      )
    if hparams.ticket_score == methods.SYNFLOW:
      raise UserError(
        "ticket_score=synflow is computed layer by layer: of all layers together (ticket_scope=global), attention without its "
        "softmax outweighs each feed-forward block, and all of that would go"
      )
  if hparams.ticket_score == methods.SYNFLOW and not hparams.shared_embedding_and_softmax_weights:
    raise UserError("ticket_score=synflow needs shared_embedding_and_softmax_weights=True")


def _check_training(hparams, method: methods.Method, is_new: bool) -> None:
  """Checks t2t-trainer's flags."""
  steps = hparams.get("train_steps")
  if steps is not None and steps < 1:
    raise UserError(f"--train_steps={steps} trains nothing: 1 is the least")
  if steps is not None and hparams.rewind_step > steps:
    tf.logging.warning("rewind_step=%d is after --train_steps=%d: nothing can rewind to it", hparams.rewind_step, steps)
  if method.gradual and steps is not None and hparams.prune_until >= steps:
    raise UserError(
      f"prune_until={hparams.prune_until} must be before the end of the run, train_steps={steps}: otherwise no checkpoint has "
      f"the sparsity {hparams.sparsity}"
    )
  for name in ("warm_start_from", "warm_start_from_second"):
    path = hparams.get(name)
    if not path:
      continue
    if method.prunes:
      raise UserError(
        f"{name} takes weights along, but no mask: start from a ticket by --hparams_set=transformer_slt, or _slt_mp to prune "
        "on while it trains, with mask_checkpoint and rewind_checkpoint in --hparams"
      )
    if is_new and Checkpoint(path, name).is_pruned:
      raise UserError(
        f"{name}: {path} is pruned, and {hparams.pruning_method} would train without its mask: use "
        "--hparams_set=transformer_slt with mask_checkpoint and rewind_checkpoint in --hparams"
      )


def _layer_sizes(hparams) -> list[int]:
  """How many weights the layers have, each kind once."""
  hidden = hparams.hidden_size
  sizes = [hidden * (hparams.get(f"attention_{part}_channels") or hidden) for part in ("key", "value")]
  sizes.append(hidden * hparams.filter_size)
  vocab = (hparams.problem_hparams.vocab_size or {}).get("targets")
  if hparams.prune_embedding and vocab:
    sizes.append(hidden * (vocab // hparams.symbol_modality_num_shards))
  return sizes


def check_lengths(hparams) -> None:
  """Checks that there is something to train on: t2t drops pairs that are too long, and would look for others for ever.

  Logs what share is dropped.

  Args:
    hparams: t2t's, with `problem` and `data_dir`.

  Raises:
    UserError: if no training pair is left.
  """
  problem = getattr(hparams, "problem", None)
  # Where sentences are cut or joined, what comes of them has other lengths.
  joined = getattr(problem, "packed_length", None) or hparams.get("prepend_mode", "none") != "none"
  if problem is None or joined or any(hparams.get(name) for name in _CUTTING):
    return
  shortest, longest = hparams.min_length, problem.max_length(hparams)

  def fits(length: int) -> bool:
    return shortest <= length <= longest

  counts = manifest.train_lengths(problem.name, hparams.data_dir)
  records = sorted(tf.gfile.Glob(problem.filepattern(hparams.data_dir, tf.estimator.ModeKeys.TRAIN)))
  if not counts and not records:
    return  # t2t names what it looked for.
  total = sum(counts.values())
  fit = sum(count for length, count in counts.items() if fits(length))
  if not (fit if counts else any(map(fits, _lengths(records)))):
    raise UserError(
      f"no training pair of {problem.name} is of min_length={shortest} to max_length={longest} subwords"
      + (f", they are of {min(counts)} to {max(counts)}" if counts else "")
      + ": give another --hparams=max_length=N"
    )
  if fit < total:
    tf.logging.info(
      "%d of %d training pairs (%.2g%%) are not used: they are not of min_length=%d to max_length=%d subwords",
      *(total - fit, total, 100 * (total - fit) / total, shortest, longest),
    )


def _lengths(records: Iterable[str]) -> Iterator[int]:
  """Lengths of the pairs in training records, as t2t takes them."""
  for path in records:
    for record in tf.io.tf_record_iterator(path):
      features = tf.train.Example.FromString(record).features.feature
      yield max((len(feature.int64_list.value) for feature in features.values()), default=0)


def _check_gradual(hparams) -> None:
  if not 0 <= hparams.initial_sparsity < hparams.sparsity < 1:
    raise UserError(
      f"pruning_method={hparams.pruning_method} prunes from initial_sparsity={hparams.initial_sparsity} to "
      f"sparsity={hparams.sparsity}: shares in [0, 1), the second larger, are needed"
    )
  if hparams.prune_every < 1 or hparams.prune_until < hparams.prune_every:
    raise UserError(
      f"prune_every={hparams.prune_every} and prune_until={hparams.prune_until} leave no step to prune after: "
      "1 <= prune_every <= prune_until is needed"
    )


def _check_ticket(hparams, method: methods.Method) -> None:
  mask_from = Checkpoint(hparams.mask_checkpoint, "mask_checkpoint")
  rewind_to = Checkpoint(hparams.rewind_checkpoint, "rewind_checkpoint")
  step = int(rewind_to.read("global_step"))
  if (step == 0) != method.from_step_0:
    name = hparams.pruning_method
    raise UserError(
      f"rewind_checkpoint: {rewind_to.prefix} is at step {step}, but "
      + (f"{name} rewinds to step 0 (slt to a later one)" if step else f"{name} rewinds to a step after 0 (lt to 0)")
    )
  for source in (mask_from, rewind_to):
    source.require(_telling_shapes(hparams), "this run")
    extra = [name for name in source.layers if f"layer_{_num_layers(hparams, name)}/" in name]
    if extra:
      raise UserError(f"{source.role}: {source.prefix} is of another model: it has {extra[0]}, this run has not")
  tickets.check(mask_from, rewind_to, choices(hparams, seed=0))


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
