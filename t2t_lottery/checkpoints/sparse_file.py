"""The project's own lossless file of a model: pruned weights cost their place, kept ones little more than their entropy.

A file is

    magic (8 bytes) | version (uint16) | header's length (uint32) | header | streams | SHA-256 of all before

with little-endian numbers. The header is JSON, compressed by Zstandard: `about`, and for each variable in turn name, type,
shape, and of each of its streams [bytes in the file, bytes unpacked]. A stream is compressed by Zstandard, or stored as it is
where that is no longer, so where both numbers are equal.

Streams of a float32 variable:
- Where it holds +0.0 (all bits zero: pruned), the places of the other values come first: `places` says whether as a bitmap or
  as gaps (`bit_planes.PLACES`), whichever is smaller. Pruned values are not stored; a ticket's mask is known from its zeros.
- The values that are kept (all, where there are no places), cut into planes (`bit_planes.split`, whose `highest` is there too).
Any other variable: a stream for each byte of its type. Every bit comes back: -0.0, denormals and the payloads of NaNs as well.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from t2t_lottery.checkpoints import bit_planes
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

_MAGIC = b"\x89T2TSPR\n"
_VERSION = 1
_START = struct.Struct("<8sHI")
_CHECKSUM_BYTES = hashlib.sha256().digest_size
# Already at its lowest level Zstandard codes a plane near its entropy. At higher ones it searches for repetition, which is
# not there: much slower, not smaller.
_LEVEL = 1
# What a file may unpack to, as a multiple of its bytes, and at least: far above any model's, so that a crafted file cannot
# take the machine's memory.
_HEADER_RATIO, _HEADER_LEAST = 200, 1 << 20
_RATIO, _LEAST = 10_000, 64 << 20
_HEADER = {
  "about": {},
  "variables": [
    {"name": str, "dtype": str, "shape": [int], "streams": [[int]], "places?": str, "highest?": int},
  ],
}


def write(path: str, variables: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> None:
  """Writes a model whole or not at all.

  Args:
    path: the file.
    variables: name -> array of floats, integers or bools, of any shape.
    about: what else should travel with the model, such as its hparams; JSON.

  Raises:
    UserError: if it cannot be written.
    ValueError: for an array of another type.
  """
  atomic_files.write_bytes(path, _encode(variables, about or {}))


def size(variables: Mapping[str, np.ndarray]) -> int:
  """Bytes of the file that `write` makes of the variables."""
  return sum(map(len, _encode(variables, {})))


def read(path: str) -> dict[str, np.ndarray]:
  """Reads a model.

  Returns:
    name -> array, in the order and with the bits that were written.

  Raises:
    UserError: if the file is missing, cut off, changed in any bit, or none of `write`.
  """
  data, position, header = _open(path)
  starts = []
  for variable in header["variables"]:
    starts.append(position)
    position += sum(stored for stored, _ in variable["streams"])

  def decode(variable: dict[str, Any], position: int) -> np.ndarray:
    streams = []
    for stored, unpacked in variable["streams"]:
      streams.append(_unpacked(data[position : position + stored], unpacked))
      position += stored
    return _decode_variable(variable, streams)

  try:
    with ThreadPoolExecutor(_threads()) as pool:
      arrays = list(pool.map(decode, header["variables"], starts))
  except (ValueError, IndexError, _zstandard().ZstdError) as error:
    raise _damaged(path, str(error)) from error
  return {variable["name"]: array for variable, array in zip(header["variables"], arrays)}


def about(path: str) -> dict[str, Any]:
  """What was written of a model beside its variables.

  Raises:
    UserError: as `read`.
  """
  return _open(path)[2]["about"]


def _encode(variables: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> list[bytes]:
  """The parts of a file."""
  with ThreadPoolExecutor(_threads()) as pool:
    encoded = list(pool.map(_encode_variable, variables, variables.values()))
  described = {"about": about, "variables": [description for description, _ in encoded]}
  header = _compress(json.dumps(described, separators=(",", ":")).encode("utf-8"))
  parts = [_START.pack(_MAGIC, _VERSION, len(header)), header]
  parts += [stream for _, streams in encoded for stream in streams]
  digest = hashlib.sha256()
  for part in parts:
    digest.update(part)
  return [*parts, digest.digest()]


def _open(path: str) -> tuple[memoryview, int, dict[str, Any]]:
  """All bytes of a sound file, where its streams start, and its header."""
  try:
    with open(path, "rb") as file:
      data = file.read()
  except OSError as error:
    raise UserError(f"cannot read {path}: {error.strerror}") from error
  if data[: len(_MAGIC)] != _MAGIC:
    raise UserError(f"{path} is no sparse file of t2t-lottery (python -m t2t_lottery.export --to=sparse writes one)")
  content, checksum = memoryview(data)[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
  if len(content) < _START.size or hashlib.sha256(content).digest() != checksum:
    raise UserError(f"{path} is damaged: its checksum is wrong; copy it again, or export the model again")
  _, version, length = _START.unpack_from(content)
  if version != _VERSION:
    raise UserError(f"{path} is a sparse file of version {version}, this t2t-lottery reads {_VERSION}: use a newer one")
  start = _START.size + length
  zstandard = _zstandard()
  try:
    if start > len(content):
      raise ValueError("its header is cut off")
    header = content[_START.size : start]
    _unpacked_size(header, max(_HEADER_LEAST, _HEADER_RATIO * length))
    found = json.loads(zstandard.ZstdDecompressor().decompress(header).decode("utf-8"))
    _check(found, len(content) - start)
  except (ValueError, TypeError, RecursionError, zstandard.ZstdError) as error:
    raise _damaged(path, f"its header is malformed ({str(error).splitlines()[0]})") from error
  return content, start, found


def _damaged(path: str, why: str) -> UserError:
  return UserError(f"{path} is damaged: {why}; copy it again, or export the model again")


def _check(header: Any, stored: int) -> None:
  """Checks that a header describes so many bytes of streams, and arrays that these can be.

  Raises:
    ValueError, TypeError: if it does not.
  """
  if wrong := atomic_files.shape_error(header, _HEADER):
    raise ValueError(wrong)
  variables = header["variables"]
  if len({variable["name"] for variable in variables}) < len(variables):
    raise ValueError("a name comes twice")
  total = 0
  for variable in variables:
    name, streams = variable["name"], variable["streams"]
    dtype = np.dtype(variable["dtype"])
    if dtype.kind not in "fiub" or any(length < 0 for length in variable["shape"]):
      raise ValueError(f"{name} is no array of numbers")
    if any(len(stream) != 2 or min(stream) < 0 for stream in streams):
      raise ValueError(f"a stream of {name} has no size")
    size = math.prod(variable["shape"])
    total += size * dtype.itemsize
    if [unpacked for _, unpacked in streams] not in _stream_sizes(variable, dtype, size):
      raise ValueError(f"the streams of {name} are not of its shape")
  if sum(length for variable in variables for length, _ in variable["streams"]) != stored:
    raise ValueError("its streams are not as long as the file")
  if total > max(_LEAST, _RATIO * stored):
    raise ValueError(f"{stored:,} bytes would become {total:,}")


def _stream_sizes(variable: dict[str, Any], dtype: np.dtype, size: int) -> list[list[int]]:
  """The sizes that a variable's unpacked streams can have; none if its description makes no sense."""
  if dtype != np.float32:
    return [[size] * dtype.itemsize]
  if not 0 <= variable.get("highest", -1) < 256:
    return []
  planes_of = [size] * 4 + [(size + 1) // 2]
  if "places" not in variable:
    return [planes_of]
  if variable["places"] not in bit_planes.PLACES or len(variable["streams"]) != 6:
    return []
  (_, places), (_, kept) = variable["streams"][:2]
  fits = places == (size + 7) // 8 if variable["places"] == "bitmap" else kept <= places <= kept + size // 255
  return [[places] + [kept] * 4 + [(kept + 1) // 2]] if fits and kept <= size else []


def _zstandard() -> Any:
  """The module, which only this format needs.

  Raises:
    UserError: if it is not installed.
  """
  try:
    import zstandard  # pylint: disable=import-outside-toplevel
  except ImportError as error:
    raise UserError("sparse files need the package zstandard: pip install zstandard") from error
  return zstandard


def _encode_variable(name: str, value: np.ndarray) -> tuple[dict[str, Any], list[bytes]]:
  """Description and streams of a variable."""
  value = np.asarray(value)
  dtype = value.dtype.newbyteorder("<")
  if dtype.kind not in "fiub":
    raise ValueError(f"{name} holds {value.dtype}, not numbers")
  values = value.astype(dtype).ravel()
  description: dict[str, Any] = {"name": name, "dtype": dtype.str, "shape": value.shape}
  streams: list[tuple[bytes, int]] = []
  if dtype == np.float32:
    bits = values.view("<u4")
    kept = bits != 0
    if not kept.all():
      bits = bits[kept]
      ways = {way: _packed(encode(kept)) for way, (encode, _) in bit_planes.PLACES.items()}
      description["places"] = min(ways, key=lambda way: len(ways[way][0]))
      streams.append(ways[description["places"]])
    description["highest"] = bit_planes.highest_exponent(bits)
    streams += map(_packed, bit_planes.split(bits, description["highest"]))
  else:
    streams += map(_packed, values.view(np.uint8).reshape(-1, dtype.itemsize).T)
  description["streams"] = [(len(stored), unpacked) for stored, unpacked in streams]
  return description, [stored for stored, _ in streams]


def _decode_variable(description: dict[str, Any], streams: list[np.ndarray]) -> np.ndarray:
  """The variable of a description and unpacked streams, uint8 each."""
  dtype = np.dtype(description["dtype"])
  shape = description["shape"]
  size = math.prod(shape)
  if dtype != np.float32:
    return np.stack(streams, axis=-1).reshape(-1).view(dtype).reshape(shape)
  bits = np.zeros(size, "<u4")
  if "places" in description:
    _, decode = bit_planes.PLACES[description["places"]]
    kept = decode(streams.pop(0), size)
    count = np.count_nonzero(kept)
    if count != streams[0].size:
      raise ValueError(f"{description['name']} has {streams[0].size} values in {count} places")
    bits[kept] = bit_planes.join(streams, count, description["highest"])
  else:
    bits[:] = bit_planes.join(streams, size, description["highest"])
  return bits.view(dtype).reshape(shape)


def _packed(stream: np.ndarray) -> tuple[bytes, int]:
  """A stream as it is stored, and its length before."""
  raw = stream.tobytes()
  return min(raw, _compress(raw), key=len), len(raw)


def _unpacked(stored: memoryview, unpacked: int) -> np.ndarray:
  """Inverse of `_packed`; a ValueError or ZstdError if it is none of its results."""
  if len(stored) == unpacked:
    return np.frombuffer(stored, np.uint8)
  _unpacked_size(stored, unpacked)
  raw = np.frombuffer(_zstandard().ZstdDecompressor().decompress(stored), np.uint8)
  if raw.size != unpacked:
    raise ValueError(f"a stream unpacks to {raw.size:,} bytes, not to {unpacked:,}")
  return raw


def _unpacked_size(stored: memoryview, most: int) -> int:
  """What Zstandard would unpack a stream to, before it takes the memory.

  Raises:
    ValueError: if that is not told, or too much.
  """
  size = _zstandard().frame_content_size(stored)
  if not 0 <= size <= most:
    raise ValueError(f"{len(stored):,} bytes would become {size:,}" if size >= 0 else "a stream does not tell its size")
  return size


def _compress(raw: bytes) -> bytes:
  return _zstandard().ZstdCompressor(level=_LEVEL).compress(raw)


def _threads() -> int:
  return len(os.sched_getaffinity(0))
