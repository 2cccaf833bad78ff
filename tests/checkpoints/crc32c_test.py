"""The checksum of tensors, compared with its definition."""

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import crc32c

GENERATOR = 0x11EDC6F41


def reference(data):
  """The definition in RFC 3720, one byte at a time."""
  crc = 0xFFFFFFFF
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
  return crc ^ 0xFFFFFFFF


class Crc32cTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    # RFC 3720, appendix B.4; the check value is that of "CRC-32/ISCSI" in the catalogue of parametrised CRCs.
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (b"123456789", 0xE3069283),
    (b"", 0),
  )
  def test_known_values(self, data, expected):
    self.assertEqual(crc32c.crc32c(data), expected)

  @parameterized.parameters(1, 3, 5684, 5685, 5686, 11371, 40000, 363841, 700001)
  def test_any_length(self, size):
    data = np.random.RandomState(size).bytes(size)
    self.assertEqual(crc32c.crc32c(data), reference(data))

  def test_an_array_equals_its_bytes_and_is_unchanged(self):
    values = np.random.RandomState(1).randn(70, 50).astype(np.float32)
    before = values.copy()
    self.assertEqual(crc32c.crc32c(values), reference(values.tobytes()))
    self.assertAllEqual(values, before)

  def test_the_polynomial_is_a_multiple_of_the_generator(self):
    rest = 1 << 5685 | 1 << 1362 | 1 << 426 | 1
    while rest.bit_length() >= GENERATOR.bit_length():
      rest ^= GENERATOR << rest.bit_length() - GENERATOR.bit_length()
    self.assertEqual(rest, 0)


if __name__ == "__main__":
  tf.test.main()
