"""Files damaged as disks and crashes damage them."""

import os


def flip(path, position=None):
  """Flips one bit, in the middle of the file or at a position."""
  with open(path, "r+b") as file:
    file.seek(os.path.getsize(path) // 2 if position is None else position)
    byte = file.read(1)[0]
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 4]))


def truncate(path):
  """Cuts a file off in its middle."""
  os.truncate(path, os.path.getsize(path) // 2)


def empty(path):
  """Leaves a file's name only, as a machine that lost its power may."""
  os.truncate(path, 0)


def data(prefix):
  """The data file of a checkpoint."""
  return f"{prefix}.data-00000-of-00001"
