"""The paper's methods (section 3) and their controls: how they differ. Standard library only.

Each method is a set of t2t's hparams; each choice below is the value of one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# By what score a ticket's mask keeps weights, those of the highest (hparam `ticket_score`).
MAGNITUDE = "magnitude"  # |w|, as the paper
RANDOM = "random"  # at random
SNIP = "snip"  # |w * dL/dw| over some batches (Lee et al. 2019)
SYNFLOW = "synflow"  # w * dR/dw of the network with |w| for w, in many rounds (Tanaka et al. 2020)
SCORES = (MAGNITUDE, RANDOM, SNIP, SYNFLOW)

# Among which weights (hparam `ticket_scope`).
LAYER = "layer"  # of each layer as many, as the paper
GLOBAL = "global"  # of all layers together
SCOPES = (LAYER, GLOBAL)

# What the kept weights of a ticket are set to (hparam `ticket_values`), their signs first kept.
REWOUND = "rewound"  # the rewind checkpoint's, as LT and SLT
CONSTANT = "constant"  # one value per layer, as CLT
REDRAWN = "redrawn"  # resampled from the distribution that t2t initializes the layer from
PERMUTED = "permuted"  # the rewind checkpoint's, shuffled among the kept weights of the layer, signs and all
VALUES = (REWOUND, CONSTANT, REDRAWN, PERMUTED)

# What their signs are set to afterwards (hparam `ticket_signs`).
KEPT = "kept"
SIGNS = (KEPT, RANDOM)

# n_in and n_out of the embedding, for CLT's constant (hparam `embedding_fan`); the paper does not say.
SHAPE = "shape"  # its two sizes, vocabulary and hidden size, as for any other matrix
HIDDEN = "hidden"  # the hidden size for both
FANS = (SHAPE, HIDDEN)


class Method(NamedTuple):
  """What a run of a method is.

  Attributes:
    from_ticket: whether it starts from a ticket, not from random weights.
    from_step_0: whether that ticket's weights are theta_0, not theta_t.
    values: what they are set to.
    gradual: whether it is pruned while it trains.
  """

  from_ticket: bool = False
  from_step_0: bool = False
  values: str = REWOUND
  gradual: bool = False

  @property
  def prunes(self) -> bool:
    """Whether its runs have masks."""
    return self.from_ticket or self.gradual

  @property
  def prunes_on(self) -> bool:
    """Whether its runs start from a ticket that is pruned while they train."""
    return self.from_ticket and self.gradual


# Hparam -> its default, and the methods that use it.
MEANINGS: dict[str, tuple[str | float | bool, Callable[[Method], bool]]] = {
  "mask_checkpoint": ("", lambda method: method.from_ticket),
  "rewind_checkpoint": ("", lambda method: method.from_ticket),
  "sparsity": (0.0, lambda method: method.prunes),
  "initial_sparsity": (0.0, lambda method: method.prunes_on),
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

# Control or relative of a method -> the hparams in which it differs.
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
