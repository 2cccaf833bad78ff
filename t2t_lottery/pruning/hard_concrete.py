"""Gates that are learned while the weights stay as they are: hard concrete (Louizos, Welling and Kingma 2018), of attention
heads as Voita et al. (2019) use them. Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning import supermask
from t2t_lottery.pruning.adam import Adam

# Those of Voita et al.'s code.
TEMPERATURE = 0.33
LOW, HIGH = -0.1, 1.1


class Settings(NamedTuple):
  """How gates are learned.

  Attributes:
    steps: of Adam, each on a batch and a sample of the gates.
    learning_rate: Adam's, constant.
    penalty: lambda, the factor of the expected number of open gates, added to the loss.
  """

  steps: int
  learning_rate: float
  penalty: float


def learn(
  sizes: Mapping[str, int],
  gradient: Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]],
  settings: Settings,
  seed: int,
) -> dict[str, np.ndarray]:
  """Learns the location log(alpha) of each gate.

  Minimizes the expected loss under gates drawn from their distributions, plus the penalty. A gate is a binary concrete variable
  stretched to (LOW, HIGH) and cut to [0, 1], so that it is 0 or 1 with probabilities above 0. All log(alpha) start at 0.

  Args:
    sizes: group -> how many gates.
    gradient: (group -> gates, float32) -> group -> gradient of the loss by each gate, on the next batch.
    settings: how.
    seed: of the samples.

  Returns:
    Group -> log(alpha), float32.
  """
  rng = np.random.default_rng(seed)
  locations = {name: np.zeros(size, np.float32) for name, size in sizes.items()}
  optimizer = Adam(locations, settings.learning_rate)
  for _ in range(settings.steps):
    concrete = {name: supermask.sample(value, TEMPERATURE, rng) for name, value in locations.items()}
    stretched = {name: value * np.float32(HIGH - LOW) + np.float32(LOW) for name, value in concrete.items()}
    found = gradient({name: np.clip(value, 0, 1) for name, value in stretched.items()})
    slopes = {}
    for name, value in concrete.items():
      # A gate that is cut to 0 or 1 does not change with its location.
      inside = (stretched[name] > 0) & (stretched[name] < 1)
      by_location = value * (1 - value) * np.float32((HIGH - LOW) / TEMPERATURE)
      is_open = probability_open(locations[name])
      slopes[name] = found[name] * inside * by_location + np.float32(settings.penalty) * is_open * (1 - is_open)
    optimizer.step(slopes)
  return locations


def probability_open(location: np.ndarray) -> np.ndarray:
  """The probability that a gate is not 0.

  Args:
    location: log(alpha).
  """
  return supermask.sigmoid(location - np.float32(TEMPERATURE * np.log(-LOW / HIGH)))
