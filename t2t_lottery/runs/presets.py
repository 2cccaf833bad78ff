"""Step counts of a run: the paper's (section 4), scaled to other run lengths. Standard library only."""

from __future__ import annotations

from typing import NamedTuple


class Steps(NamedTuple):
  """Step counts of one run.

  Attributes:
    train_steps: T, the run's length.
    warmup_steps: of the learning rate.
    rewind_step: t, step of the early checkpoint that SLT rewinds to.
    checkpoint_steps: steps between two checkpoints.
    prune_until: the last step after which a gradually pruned run is pruned.
    prune_every: steps between two prunings.
  """

  train_steps: int
  warmup_steps: int
  rewind_step: int
  checkpoint_steps: int
  prune_until: int
  prune_every: int


# t2t's default number of checkpoints before the oldest is rotated out.
CHECKPOINTS_KEPT = 20

PAPER = Steps(
  train_steps=500_000,
  warmup_steps=10_000,
  rewind_step=25_000,
  checkpoint_steps=25_000,
  prune_until=400_000,
  prune_every=10_000,
)


def for_length(train_steps: int) -> Steps:
  """The paper's step counts scaled to another run length, each at least 1."""
  return Steps(*(max(1, round(count * train_steps / PAPER.train_steps)) for count in PAPER))


class Size(NamedTuple):
  """A model size and the length of its runs.

  Attributes:
    train_steps: T.
    hidden_size, num_hidden_layers, filter_size, num_heads, batch_size: t2t's hparams; batch_size counts subwords.
    peak_learning_rate: Adafactor's, reached at the end of warm-up (0.01 in the paper, from 1/sqrt(10k)).
  """

  train_steps: int
  hidden_size: int
  num_hidden_layers: int
  filter_size: int
  num_heads: int
  batch_size: int
  peak_learning_rate: float


SIZES = {
  "base": Size(PAPER.train_steps, 512, 6, 2048, 8, 2048, 0.01),
  "small": Size(20_000, 256, 3, 1024, 4, 2048, 0.02),
  "tiny": Size(3_000, 128, 2, 512, 4, 2048, 0.05),
}


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
  }
