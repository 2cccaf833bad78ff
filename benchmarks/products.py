"""Speed of the sparse engine's products, in GFLOP/s of kept weights, beside what one core of this machine can do.

  python benchmarks/products.py [--sparsities=0,80,90,95,98] [--columns=4,32,128]

The matrices are those of the paper's Transformer. The limits are measured by the same vectors: multiplications that add, from
registers (peak), and with a load from the first cache for each (loads), as many as a sparse product has at least.
"""

import os
import sys
import time

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
import numpy as np  # noqa: E402

from t2t_lottery.inference.sparse import layers, products  # noqa: E402
from t2t_lottery.inference.sparse.compilation import entry  # noqa: E402
from t2t_lottery.inference.sparse.vectors import LANES, fma, load, longest, splat, store  # noqa: E402
from t2t_lottery.pruning import masks  # noqa: E402

_SPARSITIES = flags.DEFINE_list("sparsities", ["0", "80", "90", "95", "98"], "In percent.")
_COLUMNS = flags.DEFINE_list("columns", ["4", "32", "128"], "Positions at a time.")
_SECONDS = flags.DEFINE_float("seconds", 0.3, "Least time of a measurement.", lower_bound=0)

SHAPES = {
  "queries, keys, values": (1536, 512),
  "attention's output": (512, 512),
  "feed-forward, inner": (2048, 512),
  "feed-forward, outer": (512, 2048),
  "vocabulary": (33_708, 512),
}
# Vectors in registers, of `peak` and `loads`: enough to hide the time that one multiplication takes.
_CHAINS = 8


@entry
def product(matrices, x, y, panels):
  products.product(matrices, 0, x, y, panels, False, False)


@entry
def peak(count, x, y):
  """count * `_CHAINS` multiplications of vectors in registers."""
  zero = longest()
  one = splat(zero, np.float32(1))
  a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
  for _ in range(count):
    a, b, c, d = fma(a, one, one), fma(b, one, one), fma(c, one, one), fma(d, one, one)
    e, f, g, h = fma(e, one, one), fma(f, one, one), fma(g, one, one), fma(h, one, one)
  store(a + b + c + d + e + f + g + h, y, 0)


@entry
def loads(count, x, y):
  """The same, with one factor of each from x."""
  zero = longest()
  one = splat(zero, np.float32(1))
  a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
  at = 0
  for _ in range(count):
    a, b = fma(load(zero, x, at), one, a), fma(load(zero, x, at + LANES), one, b)
    c, d = fma(load(zero, x, at + 2 * LANES), one, c), fma(load(zero, x, at + 3 * LANES), one, d)
    e, f = fma(load(zero, x, at + 4 * LANES), one, e), fma(load(zero, x, at + 5 * LANES), one, f)
    g, h = fma(load(zero, x, at + 6 * LANES), one, g), fma(load(zero, x, at + 7 * LANES), one, h)
    at += 8 * LANES
    if at == x.size:
      at = 0
  store(a + b + c + d + e + f + g + h, y, 0)


def seconds(function, *arguments):
  """The fastest call."""
  function(*arguments)
  best, end = np.inf, time.perf_counter() + _SECONDS.value
  while True:
    start = time.perf_counter()
    function(*arguments)
    now = time.perf_counter()
    best = min(best, now - start)
    if now > end:
      return best


def main(argv):
  del argv
  count = 100_000
  # 64 vectors stay in the first cache.
  x, y = layers.aligned(64 * LANES), layers.aligned(LANES)
  flops = count * _CHAINS * LANES * 2
  for name, function in (("peak", peak), ("loads", loads)):
    print(f"{name:30} {flops / seconds(function, count, x, y) / 1e9:6.1f} GFLOP/s, {LANES} lanes", flush=True)
  random = np.random.default_rng(0)
  for name, shape in SHAPES.items():
    weight = random.standard_normal(shape, np.float32)
    for sparsity in map(int, _SPARSITIES.value):
      pruned = weight * masks.magnitude_mask(weight, sparsity / 100)
      matrices = products.pack([pruned], [None])
      rates = []
      for columns in map(int, _COLUMNS.value):
        panels = products.panels(columns)
        padded = int(panels.widths.sum())
        x, y = layers.aligned(padded * shape[1]), layers.aligned(padded * shape[0])
        x[:] = 1
        rates.append(2 * np.count_nonzero(pruned) * columns / seconds(product, matrices, x, y, panels) / 1e9)
      printed = ", ".join(f"{rate:.1f} ({columns} columns)" for rate, columns in zip(rates, _COLUMNS.value))
      print(f"{name:24} {sparsity:4}% {printed} GFLOP/s", flush=True)


if __name__ == "__main__":
  app.run(main)
