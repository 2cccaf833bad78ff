"""Whether a run's hparams make sense together, told before its graph is built."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow.compat.v1 as tf

from t2t_lottery import hosts, methods, paths, rawtext, tickets
from t2t_lottery.checkpoints import Checkpoint
from t2t_lottery.errors import UserError

_CHOICES = {
  "ticket_score": methods.SCORES,
  "ticket_scope": methods.SCOPES,
  "ticket_values": methods.VALUES,
  "ticket_signs": methods.SIGNS,
  "embedding_fan": methods.FANS,
}
# Hparams by which t2t cuts sentences before it looks at their lengths.
_CUTTING = ("max_input_seq_length", "max_target_seq_length", "split_to_length")
_NEEDED = ("mask_checkpoint", "rewind_checkpoint", "sparsity", "initial_sparsity", "rewind_step", *_CHOICES)


def choices(hparams, seed: int) -> tickets.Choices:
  """How the run's ticket is drawn."""
  return tickets.Choices(
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
    hparams: t2t's, with `model_dir` and `problem_hparams`.

  Raises:
    UserError: if hparams contradict one another or the checkpoints they name.
  """
  for flag, folder in (("output_dir", hparams.model_dir), ("data_dir", hparams.get("data_dir"))):
    if folder:
      paths.check_folder(flag, folder)
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
  elif hparams.initial_sparsity:
    raise UserError(f"pruning_method={name} takes no initial_sparsity: it does not prune while it trains")
  if not method.prunes:
    if hparams.sparsity:
      raise UserError(f"pruning_method={name} takes no sparsity: use --hparams_set=transformer_slt or another method's")
    return
  for noise in ("grad_noise_scale", "weight_noise"):
    if hparams.get(noise):
      raise UserError(f"{noise}={hparams.get(noise)} would move pruned weights away from zero: set it to 0")
  if method.from_ticket and not tf.train.latest_checkpoint(hparams.model_dir):
    _check_ticket(hparams, method)  # A resumed run goes on with the masks of its own checkpoint.


def check_devices(hparams, config) -> None:
  """Checks that what a run of `lottery_transformer` needs can be done on its devices.

  Args:
    hparams: t2t's, which `check` has passed.
    config: t2t's RunConfig.

  Raises:
    UserError: if it cannot.
  """
  method = methods.METHODS[hparams.pruning_method]
  on_one_device = not (config.train_distribute or hosts.servers() or getattr(config, "use_xla", False))
  if method.from_ticket and hparams.ticket_score == methods.SNIP and not on_one_device:
    raise UserError(
      "ticket_score=snip takes gradients on one device: train this run without --optionally_use_dist_strat, several "
      "--gpus, --hosts, parameter servers or --xla_compile"
    )
  if method.gradual and hosts.masters_apart():
    raise UserError(
      f"pruning_method={hparams.pruning_method} prunes while it trains, and masters that do not wait for one another "
      "would move the pruned weights by gradients of before: use one master with --sync, or --hosts"
    )


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

  counts = rawtext.train_lengths(problem.name, hparams.data_dir)
  total = sum(counts.values())
  fit = sum(count for length, count in counts.items() if fits(length))
  if not (fit if counts else any(map(fits, _lengths(problem, hparams.data_dir)))):
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


def _lengths(problem, data_dir: str) -> Iterator[int]:
  """Lengths of the pairs in a problem's training records, as t2t takes them."""
  for path in sorted(tf.gfile.Glob(problem.filepattern(data_dir, tf.estimator.ModeKeys.TRAIN))):
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
