"""Reads TensorFlow checkpoints ("tensor bundles") with numpy only.

It takes milliseconds, while importing TensorFlow takes seconds. A checkpoint is an index
`PREFIX.index`, a table in LevelDB's format from names to `BundleEntryProto`, and shards
`PREFIX.data-?????-of-?????` that hold the bytes of the tensors.
Sources: tensorflow/core/util/tensor_bundle/tensor_bundle.h,
tensorflow/core/protobuf/tensor_bundle.proto, leveldb/doc/table_format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from t2t_lottery.checkpoints import crc32c
from t2t_lottery.pruning import layers
from t2t_lottery.utils.errors import UserError

MODEL_SCOPE = "transformer/"
# Of google-research/bert: encoder, heads of pre-training and of a task.
_OF_BERT = ("bert/", "cls/", "output_weights", "output_bias")
_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # Compression type and checksum after each block.
# DataType of tensorflow/core/framework/types.proto; others do not occur in a model.
_DTYPES = dict(
  zip(
    (1, 2, 3, 4, 5, 6, 9, 10, 19, 22, 23),
    ("<f4", "<f8", "<i4", "u1", "<i2", "i1", "<i8", "?", "<f2", "<u4", "<u8"),
  )
)


class Damaged(UserError):
  """A checkpoint that cannot be read, with advice for one that a command can make again.

  Attributes:
    what: the message without this advice.
  """

  def __init__(self, what: str):
    super().__init__(f"{what}: delete this checkpoint, then repeat the command that needs it")
    self.what = what


def is_model_variable(name: str) -> bool:
  """True for the own variables of the Transformer or of BERT; False for masks, optimizer slots, step, losses."""
  return name.startswith((MODEL_SCOPE, *_OF_BERT)) and not layers.is_mask(name)


class Entry(NamedTuple):
  """Location of a tensor.

  Attributes:
    dtype: TensorFlow's number of its type.
    shape: its shape.
    shard: index of the data file.
    offset, size: in bytes.
    crc32c: masked checksum of its bytes.
    sliced: whether the tensor was saved in parts, under other names.
  """

  dtype: int
  shape: tuple[int, ...]
  shard: int
  offset: int
  size: int
  crc32c: int
  sliced: bool


def entries(prefix: str) -> dict[str, Entry]:
  """Reads the index of a checkpoint.

  Args:
    prefix: `.../model.ckpt-3000`.

  Returns:
    name -> location of the tensor, sorted by name.

  Raises:
    UserError: if there is no such checkpoint or its index is damaged.
  """
  return _index(prefix)[1]


def read(prefix: str, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
  """Reads a checkpoint.

  Args:
    prefix: `.../model.ckpt-3000`.
    wanted: selects the names to read. Default: all numeric and bool tensors.

  Returns:
    name -> value, sorted by name.

  Raises:
    UserError: if there is no such checkpoint, it is damaged (each tensor has a checksum), or a wanted tensor was saved
      in slices.
  """
  return dict(_tensors(prefix, wanted))


def check(prefix: str) -> str | None:
  """Reads a complete checkpoint to verify that it is intact.

  Returns:
    The name of the first variable that contains NaN or infinity; None if there is none.

  Raises:
    UserError: as `read`.
  """
  unfit = None
  for name, value in _tensors(prefix, lambda name: True):
    if value.dtype.kind == "f" and not np.isfinite(value).all():
      unfit = unfit or name
  return unfit


def _tensors(prefix: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, np.ndarray]]:
  """Names and values, one in memory at a time."""
  shards, found = _index(prefix)
  for name, entry in found.items():
    if not wanted(name) or entry.dtype not in _DTYPES:
      continue
    if entry.sliced:
      raise UserError(f"{prefix}: {name} was saved in slices by a partitioned variable: save it without a partitioner")
    path = f"{prefix}.data-{entry.shard:05d}-of-{shards:05d}"
    dtype = np.dtype(_DTYPES[entry.dtype])
    count = int(np.prod(entry.shape, dtype=np.int64))
    try:
      values = np.fromfile(path, dtype, count, offset=entry.offset)
    except OSError as error:
      raise Damaged(f"cannot read {path}: {error.strerror}") from error
    if values.size != count or entry.size != count * dtype.itemsize:
      raise Damaged(f"{path} is damaged: {name} is truncated")
    if crc32c.masked(values) != entry.crc32c:
      raise Damaged(f"{path} is damaged: {name} does not match its checksum")
    yield name, values.reshape(entry.shape)


def _index(prefix: str) -> tuple[int, dict[str, Entry]]:
  """Number of shards, and the entries."""
  path = f"{prefix}.index"
  try:
    with open(path, "rb") as file:
      table = dict(_table(file.read()))
    header = {number: value for number, value in _fields(table.pop(b""))}
    # A key that starts with a zero byte is of a slice; its variable has another key.
    found = {k.decode("utf-8"): _entry(v) for k, v in table.items() if k[:1] != b"\0"}
  except OSError as error:
    raise UserError(f"no checkpoint {prefix}: cannot read {path}: {error.strerror}") from error
  except (ValueError, IndexError, KeyError, struct.error) as error:
    raise Damaged(f"{path} is damaged or not a TensorFlow checkpoint: {error}") from error
  if header.get(2, 0):
    raise UserError(f"{path} was written on a big-endian machine")
  return int(header.get(1, 0)), found


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Keys and values of a table in LevelDB's format.

  Raises:
    ValueError, IndexError, struct.error: if it is damaged.
  """
  if len(data) < _FOOTER_BYTES or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
    raise ValueError("no table footer")
  position = len(data) - _FOOTER_BYTES
  for _ in range(2):  # The handle of the metaindex, which is not needed, comes first.
    _, position = _varint(data, position)
  for _, handle in _block(data, position):
    yield from _block(data, 0, handle)


def _block(data: bytes, position: int, handle: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
  """Keys and values of the block whose handle is at a position of data, or in `handle`."""
  source = data if handle is None else handle
  offset, position = _varint(source, position)
  size, _ = _varint(source, position)
  block = data[offset : offset + size + _TRAILER_BYTES]
  if len(block) != size + _TRAILER_BYTES:
    raise ValueError("a block is truncated")
  if block[size] != 0:
    raise ValueError("a block is compressed, which TensorFlow does not do")
  if struct.unpack("<I", block[size + 1 :])[0] != crc32c.masked(block[: size + 1]):
    raise ValueError("the checksum of a block is wrong")
  restarts = struct.unpack("<I", block[size - 4 : size])[0]
  end = size - 4 * (restarts + 1)
  position, key = 0, b""
  while position < end:
    shared, position = _varint(block, position)
    fresh, position = _varint(block, position)
    length, position = _varint(block, position)
    key = key[:shared] + block[position : position + fresh]
    position += fresh
    yield key, block[position : position + length]
    position += length


def _entry(message: bytes) -> Entry:
  """Decodes a `BundleEntryProto`."""
  numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
  shape: tuple[int, ...] = ()
  sliced = False
  for number, value in _fields(message):
    if number == 2:
      # TensorShapeProto: dim = 2, whose size = 1; a size of 0 is not written.
      shape = tuple(int(dict(_fields(dim)).get(1, 0)) for tag, dim in _fields(value) if tag == 2)
    elif number == 7:
      sliced = True
    elif number == 6 and isinstance(value, bytes):
      numbers[number] = int.from_bytes(value, "little")
    elif number in numbers:
      numbers[number] = int(value)
  return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], sliced)


def _fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
  """Numbers and raw values of the fields of a protocol buffer."""
  if isinstance(message, int):
    raise ValueError("a number in place of a message")
  position = 0
  while position < len(message):
    tag, position = _varint(message, position)
    wire = tag & 7
    if wire == 0:
      value, position = _varint(message, position)
      yield tag >> 3, value
      continue
    if wire == 2:
      length, position = _varint(message, position)
    elif wire in (1, 5):
      length = 8 if wire == 1 else 4
    else:
      raise ValueError(f"wire type {wire} of a field is unknown")
    if position + length > len(message):
      raise ValueError("a field is truncated")
    yield tag >> 3, message[position : position + length]
    position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
  """The number at a position, and the position after it."""
  value = shift = 0
  while True:
    byte = data[position]
    position += 1
    value |= (byte & 127) << shift
    if byte < 128:
      return value, position
    shift += 7
