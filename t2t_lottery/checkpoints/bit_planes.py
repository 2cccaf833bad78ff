"""Splits float32 values and the positions of kept weights into byte streams that compress well. Arrays in, arrays out.

The compressible part of a trained weight is its magnitude to within an eighth of an octave: exponent and highest bits of
the mantissa. The sign and the rest of the mantissa are practically random.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The exponents of nearly all weights of a layer are at most this far below the highest.
_OCTAVES = 16
# Byte for a gap of 255 pruned weights that continues in the next byte.
_LONG = 255


def highest_exponent(bits: np.ndarray) -> int:
  """The highest exponent field among float32 values, 0 to 255; 0 for none.

  Args:
    bits: uint32, the values' bits.
  """
  return int((bits >> 23 & 255).max(initial=0))


def split(bits: np.ndarray, highest: int) -> list[np.ndarray]:
  """Splits float32 values into bit planes.

  Args:
    bits: uint32 [n], the values' bits.
    highest: the exponent that is shifted to 15 (modulo 256) first, so that the first plane is nearly always 0.

  Returns:
    uint8 [n] but for the last: the exponent's 4 high bits; its 4 low ones, the sign, the mantissa's bits 22 to 20; its bits
    19 to 12; its bits 11 to 4; and [ceil(n / 2)] its bits 3 to 0, two values a byte.
  """
  exponent = (bits >> 23) + np.uint32(_OCTAVES - 1 + 256 - highest)
  low = (bits & 15).astype(np.uint8)
  low = np.append(low, np.zeros(low.size % 2, np.uint8))
  return [
    (exponent >> 4 & 15).astype(np.uint8),
    ((exponent & 15) << 4 | bits >> 31 << 3 | bits >> 20 & 7).astype(np.uint8),
    (bits >> 12 & 255).astype(np.uint8),
    (bits >> 4 & 255).astype(np.uint8),
    low[::2] << 4 | low[1::2],
  ]


def join(planes: list[np.ndarray], count: int, highest: int) -> np.ndarray:
  """Inverse of `split`: uint32 [count]."""
  high, head, middle, lower, pairs = (plane.astype(np.uint32) for plane in planes)
  exponent = (high << 4 | head >> 4) + np.uint32(256 + highest - (_OCTAVES - 1)) & 255
  low = np.stack([pairs >> 4, pairs & 15], axis=-1).ravel()[:count]
  return (head >> 3 & 1) << 31 | exponent << 23 | (head & 7) << 20 | middle << 12 | lower << 4 | low


def bitmap(kept: np.ndarray) -> np.ndarray:
  """Positions as one bit each, uint8 [ceil(n / 8)].

  Args:
    kept: bool [n].
  """
  return np.packbits(kept)


def from_bitmap(stream: np.ndarray, size: int) -> np.ndarray:
  """Inverse of `bitmap`: bool [size]."""
  return np.unpackbits(stream, count=size).view(bool)


def gaps(kept: np.ndarray) -> np.ndarray:
  """Positions as the number of pruned weights before each kept one, uint8; 255 means 255, continued in the next byte.

  Args:
    kept: bool [n].
  """
  gap = np.diff(np.flatnonzero(kept), prepend=-1) - 1
  ends = np.cumsum(gap // _LONG + 1)
  stream = np.full(ends[-1] if ends.size else 0, _LONG, np.uint8)
  stream[ends - 1] = gap % _LONG
  return stream


def from_gaps(stream: np.ndarray, size: int) -> np.ndarray:
  """Inverse of `gaps`: bool [size]."""
  ended = stream != _LONG
  kept = np.zeros(size, bool)
  kept[np.cumsum(stream + ended.astype(np.int64))[ended] - 1] = True
  return kept


# Name -> (encode, decode).
PLACES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray, int], np.ndarray]]] = {
  "bitmap": (bitmap, from_bitmap),
  "gaps": (gaps, from_gaps),
}
