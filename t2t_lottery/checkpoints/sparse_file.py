"""The project's lossless file format for models: stores the positions of kept weights, and their values near entropy.

Layout:

    magic (8 bytes) | version (uint16) | header's length (uint32) | header | streams | SHA-256 of all before

Numbers are little-endian. The header is JSON, compressed with Zstandard: `about`, and for each variable in order its name,
type, shape, and for each of its streams [bytes in the file, bytes unpacked]. A stream is compressed with Zstandard, or stored
uncompressed if that is not longer, in which case both numbers are equal.

Streams of a float32 variable:
- If it contains +0.0 (all bits zero: pruned), first the positions of the other values, as a bitmap or as gaps
  (`bit_planes.PLACES`), whichever is smaller; `places` names the encoding. Pruned values are not stored: the zeros of a
  ticket define its mask.
- The kept values (all, if there are no positions) as bit planes (`bit_planes.split`; `highest` is its argument).
Any other variable: one stream per byte of its type. The format is bit-exact, including -0.0, denormals and NaN payloads.
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
# At its lowest level, Zstandard already codes a plane near its entropy. Higher levels search for repetitions, which do not
# exist here: much slower, not smaller.
_LEVEL = 1
# Limits on the unpacked size, as a multiple of the file's bytes, and a minimum: far above any model's, so that a crafted
# file cannot exhaust the memory.
_HEADER_RATIO, _HEADER_MINIMUM = 200, 1 << 20
_RATIO, _MINIMUM = 10_000, 64 << 20
_HEADER = {
  "about": {},
  "variables": [
    {"name": str, "dtype": str, "shape": [int], "streams": [[int]], "places?": str, "highest?": int},
  ],
}


def write(path: str, variables: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> None:
  """Writes a model atomically.

  Args:
    path: the file.
    variables: name -> array of floats, integers or bools, of any shape.
    about: metadata of the model, such as its hparams; JSON.

  Raises:
    UserError: if it cannot be written.
    ValueError: for an array of another type.
  """
  atomic_files.write_bytes(path, _encode(variables, about or {}))


def size(variables: Mapping[str, np.ndarray]) -> int:
  """Size in bytes of the file that `write` creates for the variables."""
  return sum(map(len, _encode(variables, {})))


def read(path: str) -> dict[str, np.ndarray]:
  """Reads a model.

  Returns:
    name -> array, in the order and with the bits that were written.

  Raises:
    UserError: if the file is missing, truncated, changed in any bit, or not a sparse file.
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
  """The metadata stored with a model.

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
  """All bytes of an intact file, the offset of its streams, and its header."""
  try:
    with open(path, "rb") as file:
      data = file.read()
  except OSError as error:
    raise UserError(f"cannot read {path}: {error.strerror}") from error
  if data[: len(_MAGIC)] != _MAGIC:
    raise UserError(f"{path} is not a sparse file of t2t-lottery (python -m t2t_lottery.export --to=sparse writes one)")
  content, checksum = memoryview(data)[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
  if len(content) < _START.size or hashlib.sha256(content).digest() != checksum:
    raise UserError(f"{path} is damaged: its checksum is wrong; copy it again, or export the model again")
  _, version, length = _START.unpack_from(content)
  if version != _VERSION:
    raise UserError(
      f"{path} is a sparse file of version {version}, but this t2t-lottery reads {_VERSION}: use a newer one"
    )
  start = _START.size + length
  zstandard = _zstandard()
  try:
    if start > len(content):
      raise ValueError("its header is truncated")
    header = content[_START.size : start]
    _unpacked_size(header, max(_HEADER_MINIMUM, _HEADER_RATIO * length))
    found = json.loads(zstandard.ZstdDecompressor().decompress(header).decode("utf-8"))
    _check(found, len(content) - start)
  except (ValueError, TypeError, RecursionError, zstandard.ZstdError) as error:
    raise _damaged(path, f"its header is malformed ({str(error).splitlines()[0]})") from error
  return content, start, found


def _damaged(path: str, why: str) -> UserError:
  return UserError(f"{path} is damaged: {why}; copy it again, or export the model again")


def _check(header: Any, stored: int) -> None:
  """Checks that a header is consistent with a number of bytes of streams.

  Raises:
    ValueError, TypeError: if it does not.
  """
  if wrong := atomic_files.shape_error(header, _HEADER):
    raise ValueError(wrong)
  variables = header["variables"]
  if len({variable["name"] for variable in variables}) < len(variables):
    raise ValueError("a name is repeated")
  total = 0
  for variable in variables:
    name, streams = variable["name"], variable["streams"]
    dtype = np.dtype(variable["dtype"])
    if dtype.kind not in "fiub" or any(length < 0 for length in variable["shape"]):
      raise ValueError(f"{name} is not an array of numbers")
    if any(len(stream) != 2 or min(stream) < 0 for stream in streams):
      raise ValueError(f"a stream of {name} has no size")
    size = math.prod(variable["shape"])
    total += size * dtype.itemsize
    if [unpacked for _, unpacked in streams] not in _stream_sizes(variable, dtype, size):
      raise ValueError(f"the streams of {name} do not match its shape")
  if sum(length for variable in variables for length, _ in variable["streams"]) != stored:
    raise ValueError("its streams are not as long as the file")
  if total > max(_MINIMUM, _RATIO * stored):
    raise ValueError(f"{stored:,} bytes would become {total:,}")


def _stream_sizes(variable: dict[str, Any], dtype: np.dtype, size: int) -> list[list[int]]:
  """The possible sizes of a variable's unpacked streams; none if its description is invalid."""
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
  """Imports the module, which only this format needs.

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
    raise ValueError(f"{name} contains {value.dtype}, not numbers")
  values = value.astype(dtype).ravel()
  description: dict[str, Any] = {"name": name, "dtype": dtype.str, "shape": value.shape}
  streams: list[tuple[bytes, int]] = []
  if dtype == np.float32:
    bits = values.view("<u4")
    kept = bits != 0
    if not kept.all():
      bits = bits[kept]
      encoded = {name: _packed(encode(kept)) for name, (encode, _) in bit_planes.PLACES.items()}
      description["places"] = min(encoded, key=lambda name: len(encoded[name][0]))
      streams.append(encoded[description["places"]])
    description["highest"] = bit_planes.highest_exponent(bits)
    streams += map(_packed, bit_planes.split(bits, description["highest"]))
  else:
    streams += map(_packed, values.view(np.uint8).reshape(-1, dtype.itemsize).T)
  description["streams"] = [(len(stored), unpacked) for stored, unpacked in streams]
  return description, [stored for stored, _ in streams]


def _decode_variable(description: dict[str, Any], streams: list[np.ndarray]) -> np.ndarray:
  """Decodes a variable from its description and unpacked streams, uint8 each."""
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
      raise ValueError(f"{description['name']} has {streams[0].size} values in {count} positions")
    bits[kept] = bit_planes.join(streams, count, description["highest"])
  else:
    bits[:] = bit_planes.join(streams, size, description["highest"])
  return bits.view(dtype).reshape(shape)


def _packed(stream: np.ndarray) -> tuple[bytes, int]:
  """A stream as stored, and its unpacked length."""
  raw = stream.tobytes()
  return min(raw, _compress(raw), key=len), len(raw)


def _unpacked(stored: memoryview, unpacked: int) -> np.ndarray:
  """Inverse of `_packed`; raises ValueError or ZstdError if the stream is invalid."""
  if len(stored) == unpacked:
    return np.frombuffer(stored, np.uint8)
  _unpacked_size(stored, unpacked)
  raw = np.frombuffer(_zstandard().ZstdDecompressor().decompress(stored), np.uint8)
  if raw.size != unpacked:
    raise ValueError(f"a stream unpacks to {raw.size:,} bytes, not to {unpacked:,}")
  return raw


def _unpacked_size(stored: memoryview, most: int) -> int:
  """Checks the size to which Zstandard would unpack a stream, before it allocates memory.

  Raises:
    ValueError: if the size is unknown or too large.
  """
  size = _zstandard().frame_content_size(stored)
  if not 0 <= size <= most:
    raise ValueError(
      f"{len(stored):,} bytes would become {size:,}" if size >= 0 else "a stream does not state its size"
    )
  return size


def _compress(raw: bytes) -> bytes:
  return _zstandard().ZstdCompressor(level=_LEVEL).compress(raw)


def _threads() -> int:
  return len(os.sched_getaffinity(0))
