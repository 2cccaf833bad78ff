"""CRC-32C, the checksum that TensorFlow stores for each tensor, in pure numpy.

A checksum is the remainder of the data, as a polynomial over GF(2), by the generator (RFC 3720, section 12.1, and
"iSCSI CRC" there). x^5685 + x^1362 + x^426 + 1 is a multiple of it (found by search over powers of x modulo the
generator; the test divides). So is its 2^k-th power, which over GF(2) has the same four terms with 2^k times the
exponents. Hence a block of data can be XORed into the data 4323, 5259 and 5685 times 2^k bits further on, and then be dropped:
three vectorized XORs in numpy instead of a table lookup for each byte.
"""

from __future__ import annotations

import numpy as np

# 5685 minus the exponents of the multiple; with k >= 3 these count bytes.
_SHIFTS = (5685 - 1362, 5685 - 426, 5685)
# Blocks of about 270 kB, which fit in the CPU cache.
_LARGEST = 6


def crc32c(data: bytes | np.ndarray) -> int:
  """The checksum of bytes, or of an array's."""
  values = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else np.ravel(data).view(np.uint8)
  if values.size > _SHIFTS[-1]:
    values = _folded(values)
    crc = 0
  else:
    crc = 0xFFFFFFFF
  for byte in values.tobytes():
    crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
  return crc ^ 0xFFFFFFFF


def masked(data: bytes | np.ndarray) -> int:
  """The checksum as LevelDB and TensorFlow store it (leveldb/util/crc32c.h)."""
  crc = crc32c(data)
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _folded(data: np.ndarray) -> np.ndarray:
  """Reduces data to a few kilobytes with the same remainder, including the checksum's initial value."""
  data = data.copy()
  data[:4] ^= 0xFF
  start = 0
  for exponent in range(_LARGEST, -1, -1):
    near, middle, far = (shift << exponent for shift in _SHIFTS)
    while (size := min(near, data.size - start - far)) > 0:
      piece = data[start : start + size]
      for shift in (near, middle, far):
        target = data[start + shift : start + shift + size]
        np.bitwise_xor(target, piece, out=target)
      start += size
  return data[start:]


def _table() -> list[int]:
  table = []
  for value in range(256):
    for _ in range(8):
      value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    table.append(value)
  return table


_TABLE = _table()
