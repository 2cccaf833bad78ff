"""A mask that is learned while the weights stay as they are (supermask; Zhou et al. 2019), by the relaxation of Ghosh et al.
(2024): Bernoulli masks sampled by Gumbel-softmax, with a penalty on their distance from the target sparsity. Arrays in,
arrays out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from t2t_lottery.pruning.adam import Adam

# Uniform noise is kept from 0 and 1, whose logits are infinite.
_MARGIN = 1e-6

Arrays = Mapping[str, np.ndarray]


class Settings(NamedTuple):
  """How a mask is learned.

  Attributes:
    steps: of Adam, each on a batch and a sample of the mask.
    learning_rate: Adam's, constant.
    temperature: of the samples; towards 0 they are 0 or 1.
    penalty: factor of the sum over all weights of KL(Bernoulli(p) || Bernoulli(1 - sparsity)), added to the loss.
  """

  steps: int
  learning_rate: float
  temperature: float
  penalty: float


def learn(
  weights: Arrays, gradient: Callable[[dict[str, np.ndarray]], Arrays], sparsity: float, settings: Settings, seed: int
) -> dict[str, np.ndarray]:
  """Learns the probability p of each weight to be kept, with the weights fixed, and returns its logit.

  Minimizes the expected loss of the weights under masks drawn from p, plus the penalty. A sample is binary concrete
  (Maddison et al. 2017): sigmoid((logit(p) + logit(u)) / temperature), with u uniform. All p start at 0.5.

  Args:
    weights: layer -> float32 array: the weights that compete.
    gradient: (layer -> masked weights) -> layer -> gradient of the loss at these weights, on the next batch.
    sparsity: in (0, 1), the target.
    settings: how.
    seed: of the samples.

  Returns:
    Layer -> logits, float32.
  """
  rng = np.random.default_rng(seed)
  target = np.float32(np.log((1 - sparsity) / sparsity))
  logits = {name: np.zeros(value.shape, np.float32) for name, value in weights.items()}
  optimizer = Adam(logits, settings.learning_rate)
  for _ in range(settings.steps):
    masks = {name: sample(value, settings.temperature, rng) for name, value in logits.items()}
    found = gradient({name: weights[name] * mask for name, mask in masks.items()})
    slopes = {}
    for name, mask in masks.items():
      slopes[name] = found[name] * weights[name] * mask * (1 - mask) / np.float32(settings.temperature)
      p = sigmoid(logits[name])
      slopes[name] += np.float32(settings.penalty) * p * (1 - p) * (logits[name] - target)
    optimizer.step(slopes)
  return logits


def scores(logits: Arrays) -> dict[str, np.ndarray]:
  """The logits as scores of `tickets.draw`, which keeps the largest magnitudes: shifted, so that the lowest of all is 0."""
  lowest = min(value.min() for value in logits.values())
  return {name: value - lowest for name, value in logits.items()}


def sigmoid(x: np.ndarray) -> np.ndarray:
  """1 / (1 + exp(-x)), without overflow."""
  return 0.5 * (1 + np.tanh(0.5 * x))


def sample(logit: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
  """Binary concrete variables, float32 of the shape of their logits."""
  u = np.clip(rng.random(logit.shape, np.float32), _MARGIN, 1 - _MARGIN)
  return sigmoid((logit + np.log(u / (1 - u))) / np.float32(temperature))
