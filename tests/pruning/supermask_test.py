"""A learned mask, on losses whose best mask is known."""

import itertools

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.pruning import masks, supermask

# Slow enough that noise of samples and of Adam averages out.
SETTINGS = supermask.Settings(steps=5000, learning_rate=0.01, temperature=0.1, penalty=1.0)


def quadratic(size, seed, coupled):
  """Weights theta, and a loss (w - a)' H (w - a) / 2 as (H, a)."""
  rng = np.random.RandomState(seed)
  hessian = np.diag(rng.uniform(0.5, 1.5, size))
  if coupled:
    # Small enough for a single optimum.
    factor = rng.randn(size, size) / size**0.5
    hessian += 0.5 * factor @ factor.T
  return rng.randn(size).astype(np.float32), hessian, rng.randn(size)


def learn(theta, hessian, center, sparsity, settings=SETTINGS, seed=1):
  """The logits of a layer whose loss is quadratic; the layer is split in two."""
  half = len(theta) // 2

  def gradient(masked):
    slope = hessian @ (np.concatenate([masked["first"], masked["second"]]) - center)
    return {"first": slope[:half].astype(np.float32), "second": slope[half:].astype(np.float32)}

  found = supermask.learn({"first": theta[:half], "second": theta[half:]}, gradient, sparsity, settings, seed)
  return np.concatenate([found["first"], found["second"]])


def loss(weights, hessian, center):
  return (weights - center) @ hessian @ (weights - center) / 2


def exact(theta, hessian, center, sparsity, penalty):
  """The logits that minimize expected loss and penalty."""
  logits = np.zeros(len(theta))
  target = np.log((1 - sparsity) / sparsity)
  own = np.diag(hessian) * theta**2 / 2
  for _ in range(20_000):
    p = 1 / (1 + np.exp(-logits))
    # Of (theta p - a)' H (theta p - a) / 2 + sum_i H_ii theta_i^2 p_i (1 - p_i) / 2.
    slope = theta * (hessian @ (theta * p - center)) + own * (1 - 2 * p)
    logits -= 0.1 * p * (1 - p) * (slope + penalty * (logits - target))
  return logits


class SupermaskTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(0.5, 0.8)
  def test_probabilities_minimize_expected_loss_and_penalty(self, sparsity):
    """With independent weights, in closed form: logit(p) = logit(1 - sparsity) - (loss if kept - loss if pruned) / penalty."""
    theta, hessian, center = quadratic(40, 0, coupled=False)
    kept_costs = np.diag(hessian) / 2 * ((theta - center) ** 2 - center**2)
    best = np.log((1 - sparsity) / sparsity) - kept_costs / SETTINGS.penalty
    found = learn(theta, hessian, center, sparsity)
    # Samples are nearly 0 or 1, not exactly.
    clear = np.abs(best) < 3
    self.assertGreater(clear.sum(), 25)
    self.assertAllClose(supermask.sigmoid(found[clear]), supermask.sigmoid(best[clear]), atol=0.13)
    self.assertGreater(np.corrcoef(found[clear], best[clear])[0, 1], 0.96)

  @parameterized.parameters(*range(4))
  def test_mask_of_weights_that_depend_on_one_another(self, seed):
    """Against the same objective without samples: the exact expectation over independent Bernoulli masks, in closed form,
    minimized by plain gradient descent in double precision; and against all 924 masks of this size.
    """
    theta, hessian, center = quadratic(12, seed, coupled=True)
    settings = SETTINGS._replace(penalty=0.3)
    best = exact(theta.astype(float), hessian, center, 0.5, settings.penalty)
    logits = learn(theta, hessian, center, 0.5, settings)
    self.assertAllClose(supermask.sigmoid(logits), supermask.sigmoid(best), atol=0.13)
    found = masks.magnitude_mask(supermask.scores({"": logits})[""], 0.5)
    # Weights whose logits differ by more than the noise are in the order of the optimum.
    for kept, pruned in itertools.product(np.flatnonzero(found), np.flatnonzero(~found)):
      self.assertGreater(best[kept], best[pruned] - 0.2)
    of_all = sorted(
      loss(np.where(np.isin(np.arange(12), kept), theta, 0), hessian, center)
      for kept in itertools.combinations(range(12), 6)
    )
    self.assertLessEqual(loss(np.where(found, theta, 0), hessian, center), of_all[5])

  def test_penalty_sets_the_size_of_the_mask(self):
    theta, hessian, center = quadratic(40, 0, coupled=False)
    quick = SETTINGS._replace(steps=600, learning_rate=0.05)
    sizes = [
      supermask.sigmoid(learn(theta, hessian, center, 0.9, quick._replace(penalty=penalty))).mean()
      for penalty in (0.0, 100.0)
    ]
    self.assertGreater(sizes[0], 0.2)
    self.assertAllClose(sizes[1], 0.1, atol=0.02)

  def test_samples_follow_from_the_seed(self):
    arguments = (*quadratic(40, 0, coupled=True), 0.5, SETTINGS._replace(steps=5))
    self.assertAllEqual(learn(*arguments, seed=1), learn(*arguments, seed=1))
    self.assertNotAllEqual(learn(*arguments, seed=1), learn(*arguments, seed=2))

  def test_scores_keep_the_order_of_logits_across_layers(self):
    logits = {"a": np.array([-30.0, 2.0], np.float32), "b": np.array([40.0, -1.0], np.float32)}
    kept = masks.global_mask(supermask.scores(logits), 0.5, {name: np.ones(2, bool) for name in logits})
    self.assertAllEqual(kept["a"], [False, True])
    self.assertAllEqual(kept["b"], [True, False])


if __name__ == "__main__":
  tf.test.main()
