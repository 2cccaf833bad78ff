"""Sparse and dense products in panels equal SciPy's, for any shape and sparsity."""

import numpy as np
import scipy.sparse
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.inference.sparse import layers, products
from t2t_lottery.inference.sparse.compilation import entry


@entry
def product(matrices, number, x, y, panels, add, relu):
  products.product(matrices, number, x, y, panels, add, relu)


def in_panels(values, panels):
  """[features, columns] as panels; unused columns are zero."""
  values = np.pad(values, ((0, 0), (0, panels.widths.sum() - values.shape[1])))
  parts = [values[:, first : first + width].ravel() for first, width in zip(*panels)]
  aligned = layers.aligned(values.size)
  aligned[:] = np.concatenate(parts)
  return aligned


def from_panels(flat, features, columns, panels):
  """Inverse of `in_panels`."""
  ends = np.cumsum(panels.widths * features)[:-1]
  parts = [part.reshape(features, -1) for part in np.split(flat, ends)]
  return np.concatenate(parts, axis=1)[:, :columns]


class ProductsTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.product(
    shape=((1, 1), (5, 3), (30, 70), (512, 512), (67, 513), (96, 2048)), sparsity=(0.0, 0.4, 0.7, 0.98, 1.0)
  )
  def test_equals_scipy(self, shape, sparsity):
    random = np.random.default_rng(0)
    weight = random.standard_normal(shape).astype(np.float32)
    weight[random.random(shape) < sparsity] = 0
    weight[shape[0] // 2] = 0
    bias = random.standard_normal(shape[0]).astype(np.float32)
    # A matrix before it, so that offsets are not all 0.
    matrices = products.pack([np.eye(7, dtype=np.float32), weight, weight], [None, bias, None])
    for columns in (1, 3, 4, 5, 32, 33, 40, 97):
      panels = products.panels(columns)
      x = random.standard_normal((shape[1], columns)).astype(np.float32)
      expected = scipy.sparse.csr_matrix(weight.astype(np.float64)) @ x
      # The bound on a sum of so many terms of about 1: one rounding each.
      tolerance = 4 * np.finfo(np.float32).eps * shape[1]
      y = in_panels(np.ones((shape[0], columns), np.float32), panels)
      product(matrices, 1, in_panels(x, panels), y, panels, False, False)
      self.assertAllClose(from_panels(y, shape[0], columns, panels), expected + bias[:, None], tolerance, tolerance)
      product(matrices, 2, in_panels(x, panels), y, panels, True, False)
      self.assertAllClose(from_panels(y, shape[0], columns, panels), 2 * expected + bias[:, None], tolerance, tolerance)
      product(matrices, 1, in_panels(x, panels), y, panels, False, True)
      rectified = np.maximum(expected + bias[:, None], 0)
      self.assertAllClose(from_panels(y, shape[0], columns, panels), rectified, tolerance, tolerance)

  def test_a_dense_matrix_is_stored_as_one(self):
    weight = np.ones((6, 600), np.float32)
    weight[:, 512:] = np.eye(6, 88)
    matrices = products.pack([weight], [None])
    # The first block of 512 inputs is dense, padded to 8 rows; the second has one weight in each row.
    self.assertLen(matrices.dense, 8 * 512)
    self.assertLen(matrices.values, 6)

  def test_panels_hold_all_columns(self):
    for columns in range(1, 200):
      panels = products.panels(columns)
      self.assertGreaterEqual(panels.widths.sum(), columns)
      self.assertLess(panels.widths.sum() - columns, panels.widths[-1])
      self.assertAllEqual(panels.first, np.cumsum(panels.widths) - panels.widths)


if __name__ == "__main__":
  tf.test.main()
