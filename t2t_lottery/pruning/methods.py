"""The paper's methods (section 3), two of others, and their controls. Standard library only.

Each method is a set of t2t hparams; each constant below is a value of one of them, or of an attribute of `Method`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

from t2t_lottery.utils.errors import UserError

# The score by which a ticket's mask keeps the highest weights (hparam `ticket_score`).
MAGNITUDE = "magnitude"  # |w|, as in the paper
RANDOM = "random"  # at random
SNIP = "snip"  # |w * dL/dw| over several batches (Lee et al. 2019)
SYNFLOW = "synflow"  # w * dR/dw of the network with |w| in place of w, over many rounds (Tanaka et al. 2020)
SUPERMASK = "supermask"  # logits of a mask that is learned while the weights stay as they are (Zhou et al. 2019)
ACTIVATION = "activation"  # of a unit: its mean activation on several batches, block by block (`unit_scores`)
GRADIENT = (
  "gradient"  # of a head or an MLP: |dL/dgate| of a gate of 1 on its output (Michel et al. 2019), by `gate_scores`
)
GATES = (
  "gates"  # of a head: log(alpha) of a gate that is learned while the weights stay as they are (Voita et al. 2019)
)
# Likewise, but |dL/dgate summed over all batches so far|, as the code of Prasanna et al. (2020) has it.
RUNNING_SUM = "running_sum"
SCORES = (MAGNITUDE, RANDOM, SNIP, SYNFLOW, SUPERMASK, ACTIVATION, GRADIENT, RUNNING_SUM, GATES)
# The hparams of `SUPERMASK`; its steps scale with the run, as the steps of prunings do (`presets.PRUNING_STEPS`).
SUPERMASK_HPARAMS = ("supermask_steps", "supermask_learning_rate", "supermask_temperature", "supermask_penalty")
# Those of `GATES`, with lambda last.
GATES_HPARAMS = ("gates_steps", "gates_learning_rate", "gates_penalty")
# Score that is learned -> its hparams; lambda may be 0.
LEARNED = {SUPERMASK: SUPERMASK_HPARAMS, GATES: GATES_HPARAMS}
# Those that need the training graph, on one device.
OF_GRAPH = (SNIP, SUPERMASK, ACTIVATION, GRADIENT, RUNNING_SUM, GATES)
# Those that a model computes (`pruned_model.Parts.score`); tickets themselves compute the others.
OF_MODEL = (*OF_GRAPH, SYNFLOW)

# What is kept or removed as a whole (hparam `ticket_structure`).
WEIGHTS = "weights"  # single weights, as in the paper
UNITS = "units"  # units of feed-forward blocks; all other layers keep their mask
HEADS = "heads"  # heads of attention blocks, of the whole model together; likewise
MLPS = "mlps"  # whole feed-forward blocks of BERT, likewise
HEADS_MLPS = "heads_mlps"  # heads among heads and MLPs among MLPs, the same share of both (Prasanna et al. 2020)
BY_GATES = (HEADS, MLPS, HEADS_MLPS)  # those with a score by gradients of gates
STRUCTURES = (WEIGHTS, UNITS, HEADS, MLPS, HEADS_MLPS)

# The weights that compete (hparam `ticket_scope`).
LAYER = "layer"  # those of one layer: each has the same sparsity, as in the paper
GLOBAL = "global"  # those of all layers
SCOPES = (LAYER, GLOBAL)

# Values of a ticket's kept weights (hparam `ticket_values`); the first three keep their signs.
REWOUND = "rewound"  # those of the rewind checkpoint, as in LT and SLT
CONSTANT = "constant"  # one magnitude per layer, as in CLT
REDRAWN = "redrawn"  # magnitudes resampled from the distribution that the layer is initialized from
PERMUTED = "permuted"  # those of the rewind checkpoint, shuffled with their signs among the kept weights of the layer
REINITIALIZED = "reinitialized"  # a new model: all variables are drawn anew, with those that are never pruned
VALUES = (REWOUND, CONSTANT, REDRAWN, PERMUTED, REINITIALIZED)

# Their signs, set afterwards (hparam `ticket_signs`).
KEPT = "kept"
SIGNS = (KEPT, RANDOM)

# n_in and n_out of the embedding, for CLT's constant (hparam `embedding_fan`); the paper does not specify them.
SHAPE = "shape"  # its two dimensions, vocabulary and hidden size, as for any other matrix
HIDDEN = "hidden"  # the hidden size for both
FANS = (SHAPE, HIDDEN)


# The weights that a ticket rewinds to.
INITIAL = "theta_0"
EARLY = "theta_t"
FINAL = "theta_T"  # those that the mask is drawn from: nothing is rewound


class Method(NamedTuple):
  """Properties of a method's runs.

  Attributes:
    from_ticket: whether they start from a ticket instead of random weights.
    rewinds_to: `INITIAL`, `EARLY` or `FINAL`: the weights of the ticket.
    values: of the ticket's kept weights.
    gradual: whether they are pruned during training.
    constant_rate: whether they train at the last learning rate of their parent.
  """

  from_ticket: bool = False
  rewinds_to: str = EARLY
  values: str = REWOUND
  gradual: bool = False
  constant_rate: bool = False

  @property
  def prunes(self) -> bool:
    """Whether the runs have masks."""
    return self.from_ticket or self.gradual

  @property
  def prunes_further(self) -> bool:
    """Whether the runs start from a ticket and prune it further during training."""
    return self.from_ticket and self.gradual

  @property
  def sources(self) -> tuple[str, ...]:
    """The hparams that name the checkpoints of a ticket."""
    if not self.from_ticket:
      return ()
    return ("mask_checkpoint",) if self.rewinds_to == FINAL else ("mask_checkpoint", "rewind_checkpoint")

  @property
  def may_continue_schedule(self) -> bool:
    """Whether the learning rate may continue from theta_t instead of starting anew (`schedule_from`)."""
    return self.from_ticket and self.rewinds_to == EARLY


# Hparam -> its default, and whether a method uses it.
HPARAMS: dict[str, tuple[str | float | bool, Callable[[Method], bool]]] = {
  "mask_checkpoint": ("", lambda method: method.from_ticket),
  "rewind_checkpoint": ("", lambda method: "rewind_checkpoint" in method.sources),
  "sparsity": (0.0, lambda method: method.prunes),
  "initial_sparsity": (0.0, lambda method: method.prunes_further),
  "ticket_score": (MAGNITUDE, lambda method: method.from_ticket),
  "ticket_structure": (WEIGHTS, lambda method: method.from_ticket and not method.gradual),
  "ticket_scope": (LAYER, lambda method: method.from_ticket),
  "ticket_values": (REWOUND, lambda method: method.from_ticket),
  "ticket_signs": (KEPT, lambda method: method.from_ticket),
  "shuffle_mask": (False, lambda method: method.from_ticket),
  "bad_mask": (False, lambda method: method.from_ticket),
  "embedding_fan": (SHAPE, lambda method: method.from_ticket),
  "prune_embedding": (True, lambda method: method.prunes),
  "supermask_learning_rate": (0.1, lambda method: method.from_ticket),
  "supermask_temperature": (0.2, lambda method: method.from_ticket),
  "supermask_penalty": (1e-6, lambda method: method.from_ticket),
  "gates_steps": (500, lambda method: method.from_ticket),
  "gates_learning_rate": (0.02, lambda method: method.from_ticket),
  "gates_penalty": (0.01, lambda method: method.from_ticket),
  "data_seed": (-1, lambda method: True),
  "rewind_also": ("", lambda method: True),
  "schedule_from": (0, lambda method: method.may_continue_schedule or method.constant_rate),
}

# Those by which a ticket is drawn from its checkpoints; the others say what it consists of.
OF_DRAWING = ("ticket_score", "ticket_values", "ticket_signs", "shuffle_mask", "bad_mask")

METHODS = {
  "dense": Method(),
  "mp": Method(gradual=True),
  "lt": Method(from_ticket=True, rewinds_to=INITIAL),
  "slt": Method(from_ticket=True),
  "clt": Method(from_ticket=True, values=CONSTANT),
  "slt_mp": Method(from_ticket=True, gradual=True),
  "mp_slt": Method(from_ticket=True),
  # Not the paper's: Renda, Frankle and Carbin (2020), sections 2 and 3.
  "lrr": Method(from_ticket=True, rewinds_to=FINAL),
  "finetune": Method(from_ticket=True, rewinds_to=FINAL, constant_rate=True),
}

# Control or variant of a method -> the hparams in which it differs.
CONTROLS: dict[str, dict[str, str | bool]] = {
  "random_signs": {"ticket_signs": RANDOM},
  "constant_values": {"ticket_values": CONSTANT},
  "redrawn_values": {"ticket_values": REDRAWN},
  "permuted_values": {"ticket_values": PERMUTED},
  "reinitialized": {"ticket_values": REINITIALIZED},
  "random_mask": {"ticket_score": RANDOM},
  "shuffled_mask": {"shuffle_mask": True},
  "bad_mask": {"bad_mask": True},
  "global_magnitude": {"ticket_scope": GLOBAL},
  "layer_magnitude": {"ticket_scope": LAYER},
  "global_scores": {"ticket_scope": GLOBAL},
  "dense_embedding": {"prune_embedding": False},
  "snip": {"ticket_score": SNIP, "ticket_scope": GLOBAL},
  "synflow": {"ticket_score": SYNFLOW},
  "supermask": {"ticket_score": SUPERMASK, "ticket_scope": GLOBAL},
  "units": {"ticket_structure": UNITS, "ticket_score": ACTIVATION},
  **{
    structure: {"ticket_structure": structure, "ticket_score": GRADIENT, "ticket_scope": GLOBAL}
    for structure in BY_GATES
  },
  # Of units and heads, and of heads: after them in the list of a run's controls.
  "magnitude": {"ticket_score": MAGNITUDE},
  "gates": {"ticket_score": GATES},
  # Of heads and MLPs, likewise.
  "running_sum": {"ticket_score": RUNNING_SUM},
}


def default_hparams(name: str, hparams: Container[str]) -> dict[str, str | float | bool]:
  """The hparams that define a run's ticket and pruning, with their defaults.

  Args:
    name: the run's method.
    hparams: the names of the other hparams of its model.
  """
  method = METHODS[name]
  defaults = {hparam: default for hparam, (default, _) in HPARAMS.items()}
  defaults["ticket_values"] = method.values
  if "gelu" in hparams and method.from_ticket and not method.gradual:
    # Of BERT, all layers compete (Chen et al. 2020, section 3).
    defaults["ticket_scope"] = GLOBAL
  return defaults


def check_learned(name: str, value: float) -> None:
  """Rejects an hparam of `LEARNED` by which no score can be learned.

  Raises:
    UserError: it is negative or not finite, or 0 if it is not a penalty.
  """
  may_be_0 = name.endswith("penalty")
  if not (0 < value < math.inf or (may_be_0 and value == 0)):
    raise UserError(f"{name}={value:g} is invalid: must be {'at least' if may_be_0 else 'greater than'} 0")


def without_effect(method: Method, hparams: Mapping[str, object]) -> tuple[str, ...]:
  """Those hparams of pruning during training, and of learning a mask, that have no effect on a run.

  Args:
    method: the run's.
    hparams: of the run, with `ticket_score` if it is not the default.
  """
  return (
    *(() if method.gradual else ("prune_until", "prune_every")),
    *(name for score, names in LEARNED.items() if hparams.get("ticket_score") != score for name in names),
  )


def computed_from(score: str) -> str:
  """What scores of `OF_GRAPH` are computed from, for errors."""
  return "activations" if score == ACTIVATION else "gradients"


def score_of(controls: Sequence[str]) -> str:
  """By what the tickets of runs with these controls are scored: one of `SCORES`."""
  found = [CONTROLS.get(control, {}).get("ticket_score") for control in controls]
  return next((str(score) for score in reversed(found) if score), MAGNITUDE)


def structure_of(controls: Sequence[str]) -> str:
  """What runs with these controls keep or remove as a whole: one of `STRUCTURES`."""
  found = [CONTROLS.get(control, {}).get("ticket_structure") for control in controls]
  return next((str(structure) for structure in found if structure), WEIGHTS)
