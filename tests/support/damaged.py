"""Damages files like disk errors and crashes."""

import os


def flip(path, position=None):
  """Flips one bit, in the middle of the file or at a position."""
  with open(path, "r+b") as file:
    file.seek(os.path.getsize(path) // 2 if position is None else position)
    byte = file.read(1)[0]
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 4]))


def truncate(path):
  """Truncates a file to half its size."""
  os.truncate(path, os.path.getsize(path) // 2)


def empty(path):
  """Empties a file, as after a power failure."""
  os.truncate(path, 0)


def data(prefix):
  """The data file of a checkpoint."""
  return f"{prefix}.data-00000-of-00001"
