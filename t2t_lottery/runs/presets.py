"""Step counts of a run: the paper's (section 4), scaled to other run lengths. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from t2t_lottery.data import squad, wordpiece
from t2t_lottery.utils.errors import UsageError, UserError

# In the name of an hparams set, between any set of a transformer and the method whose pruning is added to it.
PLUS = "+"
# Hparams of t2t's learning rates that count steps.
_RATE_STEPS = (
  "learning_rate_warmup_steps",
  "learning_rate_decay_steps",
  "learning_rate_cosine_cycle_steps",
  "learning_rate_boundaries",
)
# t2t's factors of a learning rate that are functions of the share of the run alone, if the above are scaled.
_RELATIVE_FACTORS = (
  "constant",
  "linear_warmup",
  "cosdecay",
  "multi_cycle_cos_decay",
  "rsqrt_normalized_decay",
  "exp_decay",
)
_RELATIVE_SCHEMES = ("", "none", "exp", "piecewise", "cosine", "cyclelinear10x")


class Steps(NamedTuple):
  """Step counts of one run.

  Attributes:
    train_steps: T, the run's length.
    warmup_steps: of the learning rate.
    rewind_step: t, step of the early checkpoint that SLT rewinds to.
    checkpoint_steps: steps between two checkpoints.
    prune_until: the last step after which a gradually pruned run is pruned.
    prune_every: steps between two prunings.
    supermask_steps: of learning a mask of fixed weights (`supermask.sh`), before the run; not the paper's.
  """

  train_steps: int
  warmup_steps: int
  rewind_step: int
  checkpoint_steps: int
  prune_until: int
  prune_every: int
  supermask_steps: int


# t2t's default number of checkpoints before the oldest is rotated out.
CHECKPOINTS_KEPT = 20
# By default, of a fine-tuning run, of which the last is evaluated; as `imp.sh`.
FINE_TUNING_CHECKPOINTS = 2

PAPER = Steps(
  train_steps=500_000,
  warmup_steps=10_000,
  rewind_step=25_000,
  checkpoint_steps=25_000,
  prune_until=400_000,
  prune_every=10_000,
  supermask_steps=25_000,
)


# The hparams of pruning that count steps.
PRUNING_STEPS = ("rewind_step", "prune_until", "prune_every", "supermask_steps")


# Steps of the shortest run: one between two of the 20 checkpoints.
SHORTEST = 20


def for_length(train_steps: int) -> Steps:
  """The paper's step counts scaled to another run length, each at least 1."""
  return Steps(*(max(1, round(count * train_steps / PAPER.train_steps)) for count in PAPER))


class Size(NamedTuple):
  """A model size and the length of its runs.

  Attributes:
    train_steps: T.
    hidden_size, num_hidden_layers, filter_size, num_heads, batch_size: t2t's hparams; batch_size counts subwords.
    peak_learning_rate: Adafactor's, reached at the end of warm-up (0.01 in the paper, from 1/sqrt(10k)).
    dropout: of the model, in all places where t2t has one.
  """

  train_steps: int
  hidden_size: int
  num_hidden_layers: int
  filter_size: int
  num_heads: int
  batch_size: int
  peak_learning_rate: float
  dropout: float = 0.1


# t2t's hparams that shape a model.
_SHAPE = ("hidden_size", "filter_size", "num_heads", "num_hidden_layers", "num_encoder_layers", "num_decoder_layers")

# t2t's hparams that are positive whatever the model.
SIZE_HPARAMS = ("batch_size", "hidden_size", "num_hidden_layers", "num_heads", "filter_size")
# t2t's hparams of what heads share; 0: the hidden size.
HEAD_DEPTHS = ("attention_key_channels", "attention_value_channels")

SIZES = {
  "base": Size(PAPER.train_steps, 512, 6, 2048, 8, 2048, 0.01),
  "small": Size(20_000, 256, 3, 1024, 4, 2048, 0.02),
  "tiny": Size(3_000, 128, 2, 512, 4, 2048, 0.05),
  # Small enough for four minutes on one core: too small to need dropout, which would slow it down.
  "micro": Size(4_000, 64, 1, 256, 4, 1024, 0.05, dropout=0.0),
  # The shape of t2t's transformer_big; all else is as in base.
  "big": Size(PAPER.train_steps, 1024, 6, 4096, 16, 2048, 0.01),
}


class BertSize(NamedTuple):
  """The shape of a BERT, as t2t's hparams."""

  hidden_size: int
  num_hidden_layers: int
  num_heads: int
  filter_size: int


# By hparams set. The miniatures have the shapes of small encoders that are published as packages; `bert_miniature_2x128` is
# that of Turc et al.'s (2019) smallest.
BERT_SIZES = {
  "bert_base": BertSize(768, 12, 12, 3072),
  "bert_miniature_2x128": BertSize(128, 2, 2, 512),
  "bert_miniature_3x384": BertSize(384, 3, 12, 1536),
  "bert_miniature_6x384": BertSize(384, 6, 12, 1536),
  "bert_tiny": BertSize(32, 2, 2, 64),
}
# Their number of position embeddings.
BERT_POSITIONS = 512
# The names that google-research/bert gives a pre-trained checkpoint and its vocabulary.
BERT_CHECKPOINT = "bert_model.ckpt"
BERT_VOCABULARY = "vocab.txt"
# Problem of BERT -> training examples in its published files: those of GLUE (Wang et al. 2019, table 1), and of film reviews.
BERT_EXAMPLES = {
  "glue_cola": 8551,
  "glue_sst2": 67_349,
  "glue_rte": 2490,
  "glue_wnli": 635,
  "glue_qnli": 104_743,
  "glue_qqp": 363_846,
  "glue_mnli": 392_702,
  "glue_mrpc": 3668,
  "glue_stsb": 5749,
  "text_polarity": 9661,
  "text_subjectivity": 9000,
}
# All problems of BERT of this project; how many examples the others have depends on the user's text, or on windows.
BERT_PROBLEMS = (*BERT_EXAMPLES, "squad_v1", "mlm_text")
# Problem of BERT -> pieces of an example, where they differ from the others'.
_BERT_PIECES = {"squad_v1": squad.LONGEST}
# Of a fine-tuning run (Chen et al. 2020, section 2).
_BERT_EPOCHS, _BERT_BATCH = 3, 32


def check_fit(train_steps: int, rewind_step: int, checkpoints: int) -> None:
  """Raises UserError if t lies beyond the end of a run, or its checkpoints are more than its steps."""
  if checkpoints > train_steps:
    raise UserError(f"--checkpoints={checkpoints} are more than a run of {train_steps} steps can save")
  if rewind_step > train_steps:
    raise UserError(f"--rewind_step={rewind_step} is after the end of a run of {train_steps} steps")


def check_data_seed(data_seed: int, seed: int) -> None:
  """Raises UsageError if the seed of another order of batches is the run's own."""
  if data_seed == seed:
    raise UsageError(f"--data_seed={data_seed} is the seed of the run, which orders its batches: give another")


def check_positive(hparams: Mapping[str, Any], names: Iterable[str]) -> None:
  """Rejects an hparam of these names that is less than 1, with a UserError that names it."""
  for name in names:
    if hparams[name] < 1:
      raise UserError(f"{name}={hparams[name]} is invalid: must be at least 1")


def check_heads(hparams: Mapping[str, Any]) -> None:
  """Rejects a number of heads that does not divide what they share, with a UserError that names both."""
  for name in HEAD_DEPTHS:
    of = name if hparams.get(name) else "hidden_size"
    if hparams[of] % hparams["num_heads"]:
      raise UserError(f"num_heads={hparams['num_heads']} does not divide {of}={hparams[of]}")


def pieces_of(problem: str) -> int:
  """The most pieces of an example of a problem of BERT."""
  return _BERT_PIECES.get(problem, wordpiece.LONGEST)


def fine_tuning_steps(problem: str) -> int:
  """The length of a fine-tuning run: 3 epochs in batches of 32 examples, as by Chen et al. (2020).

  Raises:
    UserError: if the problem's number of examples is not known.
  """
  if problem not in BERT_EXAMPLES:
    raise UserError(
      f"{problem}: how many training examples it has is not known before its data are made: give --steps=N"
    )
  return -(-_BERT_EPOCHS * BERT_EXAMPLES[problem] // _BERT_BATCH)


def hparams_set(method: str, size: str) -> str:
  """Name of the hparams set of a method at a size."""
  return f"transformer_{method}" + ("" if size == "base" else f"_{size}")


def shape(hparams: str) -> str:
  """Those of a user's `--hparams` that give a model another shape than its size has, such as "hidden_size=384"."""
  return ",".join(word for word in hparams.split(",") if word.partition("=")[0].strip() in _SHAPE)


def overrides(train_steps: int, size: Size) -> dict[str, float | str]:
  """t2t's hparams that depend on a run's length.

  rsqrt_decay depends on the step alone, so its factor grows with the run's length: the learning rate is then the same
  at the same fraction of any run.
  """
  steps = for_length(train_steps)
  return {
    "learning_rate_schedule": "constant*rsqrt_decay",
    "learning_rate_warmup_steps": steps.warmup_steps,
    "learning_rate_constant": size.peak_learning_rate * steps.warmup_steps**0.5,
    "rewind_step": steps.rewind_step,
    "prune_until": steps.prune_until,
    "prune_every": steps.prune_every,
    "supermask_steps": steps.supermask_steps,
  }


def rescaled(hparams: Mapping[str, Any], train_steps: int) -> dict[str, Any]:
  """The hparams of any set that depend on a run's length, for another length than the paper's 500,000 steps.

  The learning rate is then the same at the same fraction of the run, as in `overrides`.

  Args:
    hparams: all values of the set, for a run of the paper's length.
    train_steps: the run's length.

  Raises:
    UserError: if the set's learning rate cannot be scaled.
  """
  steps = for_length(train_steps)
  found: dict[str, Any] = {name: getattr(steps, name) for name in PRUNING_STEPS}
  share = train_steps / PAPER.train_steps
  for name in _RATE_STEPS:
    if value := hparams.get(name):
      scaled = [max(1, round(count * share)) for count in (value if isinstance(value, list) else [value])]
      found[name] = scaled if isinstance(value, list) else scaled[0]
  factors = [factor.strip() for factor in hparams["learning_rate_schedule"].split("*") if factor.strip()]
  warmup = hparams["learning_rate_warmup_steps"]
  # rsqrt_decay depends on the step alone (as in `overrides`), and so does noam.
  grown = (found["learning_rate_warmup_steps"] / warmup) ** 0.5 if warmup else share**0.5
  for factor in factors:
    if factor == "rsqrt_decay":
      constant = hparams["learning_rate_constant"] if "constant" in factors else 1.0
      found["learning_rate_constant"] = constant * grown
      if "constant" not in factors:
        found["learning_rate_schedule"] = "*".join(["constant", *factors])
    elif factor == "legacy" and hparams["learning_rate_decay_scheme"] == "noam":
      found["learning_rate"] = hparams["learning_rate"] * grown
    elif factor == "legacy" and (hparams["learning_rate_decay_scheme"] or "") not in _RELATIVE_SCHEMES:
      raise UserError(_unscalable("learning_rate_decay_scheme", hparams["learning_rate_decay_scheme"], train_steps))
    elif factor not in ("legacy", "rsqrt_hidden_size", *_RELATIVE_FACTORS):
      raise UserError(_unscalable("learning_rate_schedule", hparams["learning_rate_schedule"], train_steps))
  return found


def _unscalable(name: str, value: str, train_steps: int) -> str:
  return (
    f"{name}={value} cannot be scaled to --steps={train_steps}: give another {name} in --hparams, or --steps="
    f"{PAPER.train_steps}"
  )
