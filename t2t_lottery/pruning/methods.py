"""The paper's methods (section 3) and their controls. Standard library only.

Each method is a set of t2t hparams; each constant below is a value of one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# The score by which a ticket's mask keeps the highest weights (hparam `ticket_score`).
MAGNITUDE = "magnitude"  # |w|, as in the paper
RANDOM = "random"  # at random
SNIP = "snip"  # |w * dL/dw| over several batches (Lee et al. 2019)
SYNFLOW = "synflow"  # w * dR/dw of the network with |w| in place of w, over many rounds (Tanaka et al. 2020)
SCORES = (MAGNITUDE, RANDOM, SNIP, SYNFLOW)

# The weights that compete (hparam `ticket_scope`).
LAYER = "layer"  # those of one layer: each has the same sparsity, as in the paper
GLOBAL = "global"  # those of all layers
SCOPES = (LAYER, GLOBAL)

# Values of a ticket's kept weights (hparam `ticket_values`); all but the last keep their signs.
REWOUND = "rewound"  # those of the rewind checkpoint, as in LT and SLT
CONSTANT = "constant"  # one magnitude per layer, as in CLT
REDRAWN = "redrawn"  # resampled from the distribution that t2t initializes the layer from
PERMUTED = "permuted"  # those of the rewind checkpoint, shuffled with their signs among the kept weights of the layer
VALUES = (REWOUND, CONSTANT, REDRAWN, PERMUTED)

# Their signs, set afterwards (hparam `ticket_signs`).
KEPT = "kept"
SIGNS = (KEPT, RANDOM)

# n_in and n_out of the embedding, for CLT's constant (hparam `embedding_fan`); the paper does not specify them.
SHAPE = "shape"  # its two dimensions, vocabulary and hidden size, as for any other matrix
HIDDEN = "hidden"  # the hidden size for both
FANS = (SHAPE, HIDDEN)


class Method(NamedTuple):
  """Properties of a method's runs.

  Attributes:
    from_ticket: whether they start from a ticket instead of random weights.
    from_step_0: whether the ticket rewinds to theta_0 instead of theta_t.
    values: of the ticket's kept weights.
    gradual: whether they are pruned during training.
  """

  from_ticket: bool = False
  from_step_0: bool = False
  values: str = REWOUND
  gradual: bool = False

  @property
  def prunes(self) -> bool:
    """Whether the runs have masks."""
    return self.from_ticket or self.gradual

  @property
  def prunes_further(self) -> bool:
    """Whether the runs start from a ticket and prune it further during training."""
    return self.from_ticket and self.gradual


# Hparam -> its default, and whether a method uses it.
HPARAMS: dict[str, tuple[str | float | bool, Callable[[Method], bool]]] = {
  "mask_checkpoint": ("", lambda method: method.from_ticket),
  "rewind_checkpoint": ("", lambda method: method.from_ticket),
  "sparsity": (0.0, lambda method: method.prunes),
  "initial_sparsity": (0.0, lambda method: method.prunes_further),
  "ticket_score": (MAGNITUDE, lambda method: method.from_ticket),
  "ticket_scope": (LAYER, lambda method: method.from_ticket),
  "ticket_values": (REWOUND, lambda method: method.from_ticket),
  "ticket_signs": (KEPT, lambda method: method.from_ticket),
  "shuffle_mask": (False, lambda method: method.from_ticket),
  "embedding_fan": (SHAPE, lambda method: method.from_ticket),
  "prune_embedding": (True, lambda method: method.prunes),
}

METHODS = {
  "dense": Method(),
  "mp": Method(gradual=True),
  "lt": Method(from_ticket=True, from_step_0=True),
  "slt": Method(from_ticket=True),
  "clt": Method(from_ticket=True, values=CONSTANT),
  "slt_mp": Method(from_ticket=True, gradual=True),
  "mp_slt": Method(from_ticket=True),
}

# Control or variant of a method -> the hparams in which it differs.
CONTROLS: dict[str, dict[str, str | bool]] = {
  "random_signs": {"ticket_signs": RANDOM},
  "redrawn_values": {"ticket_values": REDRAWN},
  "permuted_values": {"ticket_values": PERMUTED},
  "reinitialized": {"ticket_values": REDRAWN, "ticket_signs": RANDOM},
  "random_mask": {"ticket_score": RANDOM},
  "shuffled_mask": {"shuffle_mask": True},
  "global_magnitude": {"ticket_scope": GLOBAL},
  "dense_embedding": {"prune_embedding": False},
  "snip": {"ticket_score": SNIP, "ticket_scope": GLOBAL},
  "synflow": {"ticket_score": SYNFLOW},
}
