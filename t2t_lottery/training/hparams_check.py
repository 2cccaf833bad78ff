"""Checks that a run's hparams are consistent, before its graph is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.pruning import hard_concrete, masks, methods, structures, supermask, tickets
from t2t_lottery.runs import presets
from t2t_lottery.utils import file_names, tf_config
from t2t_lottery.utils.errors import UserError

_VALUES = {
  "pruning_method": tuple(methods.METHODS),
  "ticket_score": methods.SCORES,
  "ticket_structure": methods.STRUCTURES,
  "ticket_scope": methods.SCOPES,
  "ticket_values": methods.VALUES,
  "ticket_signs": methods.SIGNS,
  "embedding_fan": methods.FANS,
}
_REQUIRED = ("pruning_method", *methods.HPARAMS, *presets.PRUNING_STEPS)
_SOURCES = ("mask_checkpoint", "rewind_checkpoint")
# t2t's schedules that train (`--schedule`); the others evaluate a trained run.
_TRAINING = ("train", "train_and_evaluate", "continuous_train_and_eval", "train_eval_and_decode", "test")
# Their values in the hparams sets; a run that is not pruned during training ignores these.
_PRUNING_STEPS = {
  name: {getattr(presets.for_length(size.train_steps), name) for size in presets.SIZES.values()}
  for name in presets.PRUNING_STEPS
}
# Factors of `learning_rate_schedule` that end with the run.
_ENDING = ("linear_decay", "single_cycle_cos_decay")
# Structure -> the scores that are for structures alone, and its scope.
_OWN_SCORES = {
  methods.UNITS: (methods.ACTIVATION,),
  **dict.fromkeys(methods.BY_GATES, (methods.GRADIENT, methods.RUNNING_SUM)),
  methods.HEADS: (methods.GRADIENT, methods.RUNNING_SUM, methods.GATES),
}
_OWN_SCOPE = {methods.UNITS: methods.LAYER, **dict.fromkeys(methods.BY_GATES, methods.GLOBAL)}
# Hparams that make t2t truncate or split sentences before it filters them by length.
_TRUNCATING = ("max_input_seq_length", "max_target_seq_length", "split_to_length")


class Model(NamedTuple):
  """What the checks need to know of a model.

  Attributes:
    check: rejects hparams of which no model can be built.
    layer_sizes: number of weights of each kind of layer.
    require: (checkpoint, hparams): rejects a checkpoint of another model.
    hparams_set: the name of a method's hparams set, with {} for the method, for errors.
    structures: those that its tickets can be of, from `methods.STRUCTURES`.
    attention_blocks: how many it has; each has `num_heads` heads.
  """

  check: Callable[[Any], None]
  layer_sizes: Callable[[Any], list[int]]
  require: Callable[[Checkpoint, Any], None]
  hparams_set: str
  structures: tuple[str, ...]
  attention_blocks: Callable[[Any], int]


def ticket_spec(hparams, seed: int) -> tickets.TicketSpec:
  """How the run's ticket is drawn."""
  return tickets.TicketSpec(
    sparsity=hparams.initial_sparsity if methods.METHODS[hparams.pruning_method].gradual else hparams.sparsity,
    score=hparams.ticket_score,
    structure=hparams.ticket_structure,
    num_heads=hparams.num_heads,
    scope=hparams.ticket_scope,
    shuffle=hparams.shuffle_mask,
    bad=hparams.bad_mask,
    values=hparams.ticket_values,
    signs=hparams.ticket_signs,
    fan=hparams.embedding_fan,
    prune_embedding=hparams.prune_embedding,
    seed=seed,
  )


def supermask_settings(hparams) -> supermask.Settings:
  """How the mask of a run with `ticket_score=supermask` is learned."""
  return supermask.Settings(*(hparams.get(name) for name in methods.SUPERMASK_HPARAMS))


def gates_settings(hparams) -> hard_concrete.Settings:
  """How the gates of a run with `ticket_score=gates` are learned."""
  return hard_concrete.Settings(*(hparams.get(name) for name in methods.GATES_HPARAMS))


def check(hparams, model: Model | None = None) -> None:
  """Checks the hparams of a run.

  Args:
    hparams: t2t's, with `model_dir` and `problem_hparams`; optionally `schedule`, `train_steps` and `warm_start_from`,
      taken from the flags of t2t-trainer.
    model: the run's; None for `lottery_transformer`.

  Raises:
    UserError: if hparams contradict one another or the checkpoints they name.
  """
  for flag, folder in (("output_dir", hparams.model_dir), ("data_dir", hparams.get("data_dir"))):
    if folder:
      file_names.check_folder(flag, folder)
  model = model or TRANSFORMER
  _check_values(hparams, model)
  method = methods.METHODS[hparams.pruning_method]
  model.check(hparams)
  _check_sources(hparams, method, model)
  if method.gradual:
    _check_gradual(hparams)
  is_new = not tf.train.latest_checkpoint(hparams.model_dir)
  _check_usage(hparams, method, model, is_new)
  if _trains(hparams):
    _check_training(hparams, method, model, is_new)
  if method.prunes:
    _check_pruning(hparams, model)
  if method.from_ticket and is_new:
    _check_ticket(hparams, method, model)  # A resumed run continues with the masks of its own checkpoint.


def check_devices(hparams, config) -> None:
  """Checks that a run of `lottery_transformer` can train on its devices.

  Args:
    hparams: t2t's, which passed `check`.
    config: t2t's RunConfig.

  Raises:
    UserError: if it cannot.
  """
  method = methods.METHODS[hparams.pruning_method]
  on_one_device = not (config.train_distribute or tf_config.servers() or getattr(config, "use_xla", False))
  if method.from_ticket and hparams.ticket_score in methods.OF_GRAPH and not on_one_device:
    what = methods.computed_from(hparams.ticket_score)
    raise UserError(
      f"ticket_score={hparams.ticket_score} takes {what} on one device: train this run without --optionally_use_dist_strat, "
      "several --gpus, --hosts, parameter servers or --xla_compile"
    )
  if method.gradual and tf_config.has_async_masters():
    raise UserError(
      f"pruning_method={hparams.pruning_method} prunes during training, and asynchronous masters would update pruned "
      "weights by stale gradients: use one master with --sync, or --hosts"
    )


def _trains(hparams) -> bool:
  """Whether t2t-trainer will train; True if its schedule is unknown."""
  return hparams.get("schedule") in (None, *_TRAINING)


def _check_values(hparams, model: Model) -> None:
  """Checks that each hparam of pruning exists, and that those with a list of values have one of them."""
  for name in _REQUIRED:
    if name not in hparams:
      raise UserError(
        f"--model={hparams.get('model_name', 'lottery_transformer')} needs the hparam {name}: use"
        f" --hparams_set={model.hparams_set.format('dense')}, {model.hparams_set.format('slt')}, ... or one derived from"
        " them"
      )
  for name, values in _VALUES.items():
    if hparams.get(name) not in values:
      raise UserError(f"{name}={hparams.get(name)} is not one of {', '.join(values)}")


def check_model(hparams) -> None:
  """Rejects a model that cannot be trained, or with a matrix unknown to `layers`.

  Args:
    hparams: t2t's.

  Raises:
    UserError: naming the hparam.
  """
  presets.check_positive(hparams.values(), [*presets.SIZE_HPARAMS, "symbol_modality_num_shards"])
  for name in ("num_encoder_layers", "num_decoder_layers"):
    if (hparams.get(name) or 0) < 0:
      raise UserError(f"{name}={hparams.get(name)} is invalid: must be at least 0")
  # To t2t, 0 means the batch size; a sentence is at least a subword and its end.
  if hparams.max_length < 0 or hparams.max_length == 1:
    raise UserError(f"max_length={hparams.max_length} excludes all sentences: must be at least 2, or 0 for no limit")
  presets.check_heads(hparams.values())
  if hparams.weight_dtype != "float32":
    raise UserError(
      f"weight_dtype={hparams.weight_dtype} is not supported, masks and tickets need float32 weights: use "
      "activation_dtype=bfloat16, which keeps them"
    )
  if hparams.get("attention_variables_3d"):
    raise UserError(
      "attention_variables_3d=True stores attention kernels in three dimensions, but only matrices are pruned: set it "
      "to False"
    )
  if hparams.ffn_layer not in ("dense_relu_dense", "conv_hidden_relu"):
    raise UserError(f"ffn_layer={hparams.ffn_layer} has weights that would stay dense: use dense_relu_dense")
  check_training_hparams(hparams)


def check_training_hparams(hparams) -> None:
  """Rejects an invalid optimizer, learning rate, dropout, seed or rewind step, whatever the model.

  Args:
    hparams: t2t's.

  Raises:
    UserError: naming the hparam.
  """
  if hparams.data_seed < -1:
    raise UserError(f"data_seed={hparams.data_seed} is invalid: must be at least 0, or -1 for the seed of the run")
  if hparams.rewind_step < 0:
    raise UserError(f"rewind_step={hparams.rewind_step} is invalid: must be at least 0")
  if any(not word.isdecimal() for word in hparams.rewind_also.split()):
    raise UserError(f"rewind_also={hparams.rewind_also} is invalid: must be steps, separated by spaces")
  _check_rates(hparams)
  try:
    registry.optimizer(hparams.optimizer)
  except KeyError:
    known = ", ".join(sorted(registry.Registries.optimizers))
    raise UserError(f"optimizer={hparams.optimizer} is not one of {known}") from None


def _check_rates(hparams) -> None:
  """Checks dropout, label smoothing and the learning rate."""
  for name, value in hparams.values().items():
    if (name.endswith("dropout") or name == "label_smoothing") and value is not None and not 0 <= value < 1:
      raise UserError(f"{name}={value} is not in [0, 1)")
  factors = hparams.learning_rate_schedule.split("*")
  if "constant" in factors and hparams.learning_rate_constant <= 0:
    raise UserError(
      f"learning_rate_constant={hparams.learning_rate_constant} cannot reduce the loss: must be greater than 0"
    )
  for factor in {"rsqrt_decay", "linear_warmup"}.intersection(factors):
    if hparams.learning_rate_warmup_steps < 1:
      raise UserError(
        f"learning_rate_warmup_steps={hparams.learning_rate_warmup_steps} is invalid: {factor} needs at least 1"
      )


def _check_sources(hparams, method: methods.Method, model: Model) -> None:
  """Checks that a run has the checkpoints that its ticket is drawn from, and no others."""
  name = hparams.pruning_method
  surplus = [source for source in _SOURCES if hparams.get(source) and source not in method.sources]
  if surplus:
    why = "keeps the weights of its mask_checkpoint" if method.from_ticket else "starts from random weights"
    others = _sets(model, lambda other: {*surplus} <= {*other.sources})
    raise UserError(f"pruning_method={name} takes no {' and '.join(surplus)}, it {why}: use one of {others}")
  if missing := [source for source in method.sources if not hparams.get(source)]:
    raise UserError(f"pruning_method={name} needs {' and '.join(missing)} in --hparams")


def _sets(model: Model, fits: Callable[[methods.Method], bool]) -> str:
  """The hparams sets of the methods that fit."""
  return ", ".join(model.hparams_set.format(name) for name, method in methods.METHODS.items() if fits(method))


def _check_usage(hparams, method: methods.Method, model: Model, is_new: bool) -> None:
  """Rejects hparams that have no effect, and missing ones that the method needs."""
  name = hparams.pruning_method
  for hparam, (default, is_used_by) in methods.HPARAMS.items():
    value = hparams.get(hparam)
    if not is_used_by(method) and value != default:
      why = "is not pruned" if not method.prunes else "draws no ticket"
      if hparam == "initial_sparsity" and method.from_ticket:
        why = "does not prune during training"
      elif hparam == "schedule_from":
        why = "starts the learning-rate schedule at step 0"
      others = _sets(model, is_used_by)
      raise UserError(f"pruning_method={name} takes no {hparam}={value}, it {why}: use one of {others}")
    if hparam in ("sparsity", "initial_sparsity") and is_used_by(method) and not value:
      raise UserError(f"pruning_method={name} needs {hparam} in --hparams, such as {hparam}=0.6 for 60%")
  if hparams.embedding_fan != methods.SHAPE and hparams.ticket_values != methods.CONSTANT:
    raise UserError(
      f"embedding_fan={hparams.embedding_fan} has no effect with ticket_values={hparams.ticket_values}: use "
      "ticket_values=constant"
    )
  if hparams.ticket_signs != methods.KEPT and hparams.ticket_values == methods.REINITIALIZED:
    raise UserError(
      f"ticket_signs={hparams.ticket_signs} has no effect with ticket_values={methods.REINITIALIZED}, whose signs are "
      f"random already: use ticket_signs={methods.KEPT}"
    )
  # Older drivers set them for every run.
  if not method.gradual and is_new:
    for hparam in ("prune_until", "prune_every"):
      if hparams.get(hparam) not in _PRUNING_STEPS[hparam]:
        raise UserError(
          f"pruning_method={name} takes no {hparam}={hparams.get(hparam)}: it does not prune during training"
        )
  _check_schedule(hparams, method)
  _check_score(hparams, method)
  _check_structure(hparams, model)


def _check_schedule(hparams, method: methods.Method) -> None:
  """Rejects a part of the learning-rate schedule that does not exist."""
  start = hparams.schedule_from
  if start < 0 or (method.constant_rate and not start):
    raise UserError(
      f"schedule_from={start} is invalid: "
      + (
        "finetune needs the length of the run whose last learning rate it keeps, such as schedule_from=500000"
        if method.constant_rate
        else "must be 0 or the step of rewind_checkpoint"
      )
    )
  ending = [factor for factor in hparams.learning_rate_schedule.split("*") if factor.strip() in _ENDING]
  if start and ending and not method.constant_rate:
    raise UserError(
      f"schedule_from={start} has no effect at the end of the run, where learning_rate_schedule={ending[0]} is over: use "
      "schedule_from=0"
    )


def _check_score(hparams, method: methods.Method) -> None:
  """Rejects scores and scopes that cannot be combined."""
  if hparams.ticket_scope == methods.GLOBAL:
    if method.gradual:
      raise UserError(
        f"pruning_method={hparams.pruning_method} prunes layer by layer during training: ticket_scope=global is for "
        "tickets only"
      )
  if hparams.ticket_score == methods.SYNFLOW and not hparams.shared_embedding_and_softmax_weights:
    raise UserError("ticket_score=synflow needs shared_embedding_and_softmax_weights=True")
  for score in methods.LEARNED:
    _check_learned(hparams, score)


def _check_learned(hparams, score: str) -> None:
  """Rejects hparams by which no score can be learned, or that have no effect."""
  names = methods.LEARNED[score]
  if hparams.ticket_score != score:
    for name in names:
      usual = _PRUNING_STEPS[name] if name in _PRUNING_STEPS else {methods.HPARAMS[name][0]}
      if hparams.get(name) not in usual:
        raise UserError(
          f"{name}={hparams.get(name)} has no effect with ticket_score={hparams.ticket_score}: use ticket_score={score}"
        )
    return
  for name in names:
    methods.check_learned(name, hparams.get(name))


def _check_structure(hparams, model: Model) -> None:
  """Rejects tickets of structures that the model does not have, and hparams without effect on them."""
  structure, score = hparams.ticket_structure, hparams.ticket_score
  if structure not in model.structures:
    raise UserError(f"ticket_structure={structure} is not for this model: use {', '.join(model.structures)}")
  owners = [of for of, own in _OWN_SCORES.items() if score in own and of in model.structures]
  if owners and structure not in owners:
    raise UserError(f"ticket_score={score} is that of {owners[0]}: use ticket_structure={' or '.join(owners)}")
  if structure == methods.WEIGHTS:
    return
  allowed = {
    "ticket_score": (*_OWN_SCORES[structure], methods.MAGNITUDE, methods.RANDOM),
    "ticket_scope": (_OWN_SCOPE[structure],),
    "prune_embedding": (True,),
  }
  for name, values in allowed.items():
    if hparams.get(name) not in values:
      raise UserError(
        f"{name}={hparams.get(name)} does not fit ticket_structure={structure}: use {', '.join(map(str, values))}"
      )
  if hparams.shuffle_mask and methods.MLPS in structures.kinds(structure):
    raise UserError(
      "shuffle_mask=True shuffles within blocks, and each has one MLP, which would stay: use ticket_score=random"
    )


def _check_training(hparams, method: methods.Method, model: Model, is_new: bool) -> None:
  """Checks t2t-trainer's flags."""
  steps = hparams.get("train_steps")
  if steps is not None and steps < 1:
    raise UserError(f"--train_steps={steps} trains nothing: must be at least 1")
  if steps is not None and hparams.rewind_step > steps:
    tf.logging.warning("rewind_step=%d is after --train_steps=%d: nothing can rewind to it", hparams.rewind_step, steps)
  if method.gradual and steps is not None and hparams.prune_until >= steps:
    raise UserError(
      f"prune_until={hparams.prune_until} must be before the end of the run, train_steps={steps}: otherwise no "
      f"checkpoint has the sparsity {hparams.sparsity}"
    )
  for name in ("warm_start_from", "warm_start_from_second"):
    path = hparams.get(name)
    if not path:
      continue
    if method.prunes:
      raise UserError(
        f"{name} copies weights without a mask: start from a ticket by --hparams_set=transformer_slt, or _slt_mp to "
        "prune it further during training, with mask_checkpoint and rewind_checkpoint in --hparams"
      )
    if is_new and Checkpoint(path, name).is_pruned:
      raise UserError(
        f"{name}: {path} is pruned, and {hparams.pruning_method} would train without its mask: use "
        "--hparams_set=transformer_slt with mask_checkpoint and rewind_checkpoint in --hparams"
      )


def _check_pruning(hparams, model: Model) -> None:
  """Checks that each layer keeps a weight and pruned weights stay zero."""
  if hparams.ticket_structure != methods.WEIGHTS:
    blocks = model.attention_blocks(hparams)
    # A layer of BERT has an attention block and an MLP.
    structures.check_share(
      hparams.ticket_structure, hparams.sparsity, hparams.filter_size, hparams.num_heads * blocks, blocks
    )
  elif hparams.ticket_scope != methods.GLOBAL:
    for size in model.layer_sizes(hparams):
      masks.kept_count(size, hparams.sparsity)
  for noise in ("grad_noise_scale", "weight_noise"):
    if hparams.get(noise):
      raise UserError(f"{noise}={hparams.get(noise)} would move pruned weights away from zero: set it to 0")


def _layer_sizes(hparams) -> list[int]:
  """Number of weights of each kind of layer."""
  hidden = hparams.hidden_size
  sizes = [hidden * (hparams.get(f"attention_{part}_channels") or hidden) for part in ("key", "value")]
  sizes.append(hidden * hparams.filter_size)
  vocab = (hparams.problem_hparams.vocab_size or {}).get("targets")
  if hparams.prune_embedding and vocab:
    sizes.append(hidden * (vocab // hparams.symbol_modality_num_shards))
  return sizes


def check_lengths(hparams) -> None:
  """Checks that some training pairs have a valid length: t2t drops the others, and would hang if none were left.

  Logs the fraction that is dropped.

  Args:
    hparams: t2t's, with `problem` and `data_dir`.

  Raises:
    UserError: if no training pair is left.
  """
  problem = getattr(hparams, "problem", None)
  # Truncating, splitting or joining sentences changes their lengths.
  joined = getattr(problem, "packed_length", None) or hparams.get("prepend_mode", "none") != "none"
  if problem is None or joined or any(hparams.get(name) for name in _TRUNCATING):
    return
  shortest, longest = hparams.min_length, problem.max_length(hparams)

  def fits(length: int) -> bool:
    return shortest <= length <= longest

  counts = manifest.train_lengths(problem.name, hparams.data_dir)
  records = sorted(tf.gfile.Glob(problem.filepattern(hparams.data_dir, tf.estimator.ModeKeys.TRAIN)))
  if not counts and not records:
    return  # t2t reports the missing files.
  total = sum(counts.values())
  fit = sum(count for length, count in counts.items() if fits(length))
  if not (fit if counts else any(map(fits, _lengths(records)))):
    raise UserError(
      f"no training pair of {problem.name} has min_length={shortest} to max_length={longest} subwords"
      + (f", they have {min(counts)} to {max(counts)}" if counts else "")
      + ": set another --hparams=max_length=N"
    )
  if fit < total:
    tf.logging.info(
      "%d of %d training pairs (%.2g%%) are not used: they do not have min_length=%d to max_length=%d subwords",
      *(total - fit, total, 100 * (total - fit) / total, shortest, longest),
    )


def _lengths(records: Iterable[str]) -> Iterator[int]:
  """Lengths of the pairs in training records, as computed by t2t."""
  for path in records:
    for record in tf.io.tf_record_iterator(path):
      features = tf.train.Example.FromString(record).features.feature
      yield max((len(feature.int64_list.value) for feature in features.values()), default=0)


def _check_gradual(hparams) -> None:
  if not 0 <= hparams.initial_sparsity < hparams.sparsity < 1:
    raise UserError(
      f"pruning_method={hparams.pruning_method} cannot prune from initial_sparsity={hparams.initial_sparsity} to "
      f"sparsity={hparams.sparsity}: both must be in [0, 1), and the second larger"
    )
  if hparams.prune_every < 1 or hparams.prune_until < hparams.prune_every:
    raise UserError(
      f"prune_every={hparams.prune_every} and prune_until={hparams.prune_until} leave no step to prune after: "
      "1 <= prune_every <= prune_until is needed"
    )


def _check_ticket(hparams, method: methods.Method, model: Model) -> None:
  mask_from = Checkpoint(hparams.mask_checkpoint, "mask_checkpoint")
  rewind_to = Checkpoint(hparams.get(method.sources[-1]), method.sources[-1])
  # A pre-trained checkpoint is not of a run, and has no step.
  step = int(rewind_to.read("global_step")) if "global_step" in rewind_to.shapes else 0
  # The first checkpoint of a ticket is that ticket, whatever it was rewound to.
  is_ticket = step == 0 and mask_from.prefix == rewind_to.prefix and mask_from.is_pruned
  rewinds = method.rewinds_to != methods.FINAL and not is_ticket
  if rewinds and (step == 0) != (method.rewinds_to == methods.INITIAL):
    name = hparams.pruning_method
    raise UserError(
      f"rewind_checkpoint: {rewind_to.prefix} is at step {step}, but "
      + (f"{name} rewinds to step 0 (slt to a later one)" if step else f"{name} rewinds to a step after 0 (lt to 0)")
    )
  if rewinds and method.may_continue_schedule and hparams.schedule_from not in (0, step):
    raise UserError(
      f"schedule_from={hparams.schedule_from} is neither 0 nor the step of rewind_checkpoint {rewind_to.prefix}: {step}"
    )
  for source in (mask_from, rewind_to):
    model.require(source, hparams)
  tickets.check(mask_from, rewind_to, ticket_spec(hparams, seed=0))


def _require(source: Checkpoint, hparams) -> None:
  """Rejects a checkpoint of another Transformer."""
  source.require(_characteristic_shapes(hparams), "this run")
  extra = [name for name in source.layers if f"layer_{_num_layers(hparams, name)}/" in name]
  if extra:
    raise UserError(f"{source.role}: {source.prefix} is from another model: it has {extra[0]}, this run does not")


def _num_layers(hparams, name: str) -> int:
  own = hparams.num_encoder_layers if "/encoder/" in name else hparams.num_decoder_layers
  return own or hparams.num_hidden_layers


def _attention_blocks(hparams) -> int:
  """Self-attention of each layer, and the decoder's attention to the encoder."""
  return _num_layers(hparams, "/encoder/") + 2 * _num_layers(hparams, "/decoder/")


def _characteristic_shapes(hparams) -> dict[str, list[int]]:
  """Shapes that identify a model's vocabulary, depth and widths, known without building it."""
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


TRANSFORMER = Model(
  check_model,
  _layer_sizes,
  _require,
  "transformer_{}",
  (methods.WEIGHTS, methods.UNITS, methods.HEADS),
  _attention_blocks,
)
