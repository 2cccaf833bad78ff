"""Learned gates, against their distribution by scipy and on losses whose best gates are known."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy import integrate, optimize, stats

from t2t_lottery.pruning import hard_concrete

SETTINGS = hard_concrete.Settings(steps=4000, learning_rate=0.01, penalty=0.1)


def gate(noise, location):
  """A gate for a draw from the logistic distribution (Louizos et al. 2018, equations 10 and 11)."""
  concrete = 1 / (1 + np.exp(-(noise + location) / hard_concrete.TEMPERATURE))
  return np.clip(concrete * 1.2 - 0.1, 0, 1)


def share_of_zeros(location):
  """The probability that a gate is 0: that its noise is below the value at which it becomes 0."""
  return stats.logistic.cdf(hard_concrete.TEMPERATURE * np.log((0.1 / 1.2) / (1.1 / 1.2)) - location)


def expected(function, location):
  """The mean of a function of a gate."""
  return integrate.quad(lambda x: function(gate(x, location)) * stats.logistic.pdf(x), -25, 25, limit=300)[0]


class HardConcreteTest(tf.test.TestCase):
  def test_gates_are_drawn_from_their_distribution(self):
    found = {}

    def gradient(gates):
      found.update(gates)
      return {name: np.zeros_like(value) for name, value in gates.items()}

    hard_concrete.learn({"heads": 200_000}, gradient, SETTINGS._replace(steps=1, penalty=0), seed=1)
    gates = found["heads"]
    self.assertAllClose(np.mean(gates == 0), share_of_zeros(0), atol=0.005)
    self.assertAllClose(np.mean(gates == 1), share_of_zeros(0), atol=0.005)
    self.assertAllClose(np.mean(gates**2), expected(np.square, 0), atol=0.005)

  def test_probability_of_an_open_gate(self):
    locations = np.linspace(-4, 4, 9, dtype=np.float32)
    self.assertAllClose(hard_concrete.probability_open(locations), 1 - share_of_zeros(locations), atol=1e-6)

  @pytest.mark.slow
  def test_locations_minimize_expected_loss_and_penalty(self):
    """The loss of each gate is steepness * (gate - best)^2; the minimum of its expectation is found by quadrature."""
    steepness = np.array([0.5, 0.5, 1, 1, 2, 2], np.float32)
    best = np.array([0.9, 0.2, 0.6, 0.3, 0.7, 0.4], np.float32)

    def gradient(gates):
      return {"heads": 2 * steepness * (gates["heads"] - best)}

    found = hard_concrete.learn({"heads": len(best)}, gradient, SETTINGS, seed=2)["heads"]
    for location, a, b in zip(found, steepness, best):

      def objective(x, a=a, b=b):
        return expected(lambda g: a * (g - b) ** 2, x) + SETTINGS.penalty * (1 - share_of_zeros(x))

      minimum = optimize.minimize_scalar(objective, bounds=(-6, 6), method="bounded")
      # Where the objective is flat, noise of the samples moves the location.
      self.assertLess(objective(float(location)) - minimum.fun, 0.01 * a)
      self.assertGreater(objective(-float(location)) - minimum.fun, 0.05 * a)

  def test_penalty_closes_the_gates_that_save_less_than_it(self):
    saved = np.array([0.5, 0.3, 0.2, 0.05, 0.02, 0, -0.1], np.float32)

    def gradient(gates):
      return {"heads": -saved * np.ones_like(gates["heads"])}

    found = hard_concrete.learn({"heads": len(saved)}, gradient, SETTINGS, seed=3)["heads"]
    is_open = hard_concrete.probability_open(found)
    self.assertAllGreater(is_open[saved > SETTINGS.penalty], 0.95)
    self.assertAllLess(is_open[saved < SETTINGS.penalty], 0.05)

  def test_a_seed_fixes_the_samples(self):
    def gradient(gates):
      return {"heads": gates["heads"] - 0.5}

    settings = SETTINGS._replace(steps=20)
    first, again, other = (hard_concrete.learn({"heads": 4}, gradient, settings, seed)["heads"] for seed in (1, 1, 2))
    self.assertAllEqual(first, again)
    self.assertNotAllEqual(first, other)


if __name__ == "__main__":
  tf.test.main()
