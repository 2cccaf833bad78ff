"""The sparse file is bit-exact, detects damage, and is as small as claimed."""

import collections
import hashlib
import json
import os
import struct
import subprocess
import sys
import warnings

import numpy as np
import tensorflow.compat.v1 as tf
import zstandard
from absl.testing import parameterized

from t2t_lottery.checkpoints import bit_planes, sparse_file
from t2t_lottery.pruning import layers, masks
from t2t_lottery.utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARIABLES = os.path.join(ROOT, "tests", "transformer_tpu_vars.txt")
DTYPES = ("float16", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")


def floats(*bits):
  """float32 values with the given bits."""
  return np.array(bits, np.uint32).view(np.float32)


def pruned(random, shape, sparsity):
  values = random.standard_normal(shape).astype(np.float32)
  return np.where(masks.magnitude_mask(values, sparsity), values, np.float32(0))


def many():
  """Variables of every type, shape and density, and all special floats."""
  random = np.random.default_rng(1)
  variables = {f"pruned/{s}": pruned(random, (70, 90), s) for s in (0.0, 0.1, 0.5, 0.9, 0.98, 0.999)}
  # +-0, the smallest and largest denormals, +-infinity, quiet and signaling NaNs with payloads.
  special = (0, 1 << 31, 1, 0x807FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345, 0x3F800000)
  variables["special"] = floats(*special)
  variables["special among many"] = np.concatenate([floats(*special), pruned(random, 5000, 0.9)])
  variables["any bits"] = random.integers(0, 1 << 32, 4001, np.uint32).view(np.float32)
  variables["constant"] = np.where(random.random((64, 64)) < 0.3, np.float32(0.125), np.float32(-0.125))
  variables["zeros"] = np.zeros((33, 17), np.float32)
  variables["last alone"] = np.float32([0] * 2000 + [3])
  variables["far apart"] = np.float32(([0] * 254 + [1] + [0] * 255 + [1] + [0] * 256 + [1] + [0] * 511 + [1]) * 2)
  variables["rank 4"] = pruned(random, (3, 1, 4, 5), 0.5)
  variables["transposed"] = pruned(random, (30, 40), 0.5).T
  variables["größe \u2028 \U0001f600"] = np.float32([1, 0, 2])
  for name in DTYPES:
    variables[f"type/{name}"] = random.integers(0, 2, (13, 7)).astype(name)
  for name in ("float32", *DTYPES):
    variables[f"scalar/{name}"] = np.ones((), name)
    variables[f"empty/{name}"] = np.zeros((3, 0), name)
  variables["global_step"] = np.int64(2**40 + 1)
  variables["half"] = random.integers(0, 1 << 16, 999, np.uint16).view(np.float16)
  return variables


def variables_of_the_paper():
  """(shape, whether it is prunable) -> number of such variables in the paper's model."""
  with open(VARIABLES, encoding="utf-8") as file:
    lines = [line.split("\t") for line in file if not line.startswith("#")]
  return collections.Counter((tuple(json.loads(shape)), layers.is_prunable(name)) for name, shape, *_ in lines)


class SparseFileTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "model.sparse")

  def assert_same(self, found, expected):
    self.assertEqual(list(found), list(expected))
    for name, value in expected.items():
      self.assertEqual((found[name].dtype, found[name].shape), (value.dtype, value.shape), name)
      self.assertEqual(found[name].tobytes(), value.tobytes(), name)

  def test_round_trip_is_bit_exact(self):
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      sparse_file.write(self.path, many())
      self.assert_same(sparse_file.read(self.path), many())

  def test_minus_zero_is_preserved(self):
    sparse_file.write(self.path, {"a": np.float32([0.0, -0.0, 1])})
    self.assertAllEqual(np.signbit(sparse_file.read(self.path)["a"]), [False, True, False])

  def test_big_endian_values_are_read_in_native_order(self):
    sparse_file.write(self.path, {"a": np.array([1, 2, 0], ">f4"), "b": np.array([258], ">i8")})
    self.assert_same(sparse_file.read(self.path), {"a": np.float32([1, 2, 0]), "b": np.int64([258])})

  def test_no_variables(self):
    sparse_file.write(self.path, {})
    self.assertEqual(sparse_file.read(self.path), {})

  def test_size_equals_the_file_size(self):
    sparse_file.write(self.path, many())
    self.assertEqual(sparse_file.size(many()), os.path.getsize(self.path))

  def test_same_model_same_file(self):
    content = []
    for _ in range(2):
      sparse_file.write(self.path, many())
      with open(self.path, "rb") as file:
        content.append(file.read())
    self.assertEqual(content[0], content[1])

  def test_metadata_round_trip(self):
    about = {"hparams": {"hidden_size": 128, "norm_epsilon": 1e-6}, "name": "größe"}
    sparse_file.write(self.path, {"a": np.float32([1])}, about)
    self.assertEqual(sparse_file.about(self.path), about)

  def test_values_that_are_not_numbers_are_rejected_and_nothing_is_written(self):
    with self.assertRaisesRegex(ValueError, "text contains .*, not numbers"):
      sparse_file.write(self.path, {"a": np.float32([1]), "text": np.array(["x"])})
    self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

  def test_cannot_write(self):
    with self.assertRaisesRegex(UserError, "cannot write .*model.sparse/deeper/file: Not a directory"):
      sparse_file.write(self.path, {})
      sparse_file.write(os.path.join(self.path, "deeper", "file"), {})

  def test_any_flipped_bit_is_detected(self):
    sparse_file.write(self.path, {"a": np.float32([1, 0, 2]), "b": np.int64(5)})
    with open(self.path, "rb") as file:
      intact = file.read()
    for bit in range(8 * len(intact)):
      damaged = bytearray(intact)
      damaged[bit // 8] ^= 1 << bit % 8
      with open(self.path, "wb") as file:
        file.write(damaged)
      with self.assertRaisesRegex(UserError, r"^[^\n]*model.sparse is (damaged|not a sparse file)[^\n]*$"):
        sparse_file.read(self.path)

  def test_any_truncation_is_detected(self):
    sparse_file.write(self.path, {"a": np.float32([1, 0, 2]), "b": np.int64(5)})
    for size in reversed(range(os.path.getsize(self.path))):
      os.truncate(self.path, size)
      with self.assertRaisesRegex(UserError, r"^[^\n]*model.sparse is (damaged|not a sparse file)[^\n]*$"):
        sparse_file.about(self.path)

  def test_trailing_bytes_are_detected(self):
    sparse_file.write(self.path, {"a": np.float32([1])})
    with open(self.path, "ab") as file:
      file.write(b"\0")
    with self.assertRaisesRegex(UserError, "model.sparse is damaged"):
      sparse_file.read(self.path)

  def test_another_version_is_reported(self):
    with open(self.path, "wb") as file:
      content = b"\x89T2TSPR\n" + (7).to_bytes(2, "little") + bytes(9)
      file.write(content + hashlib.sha256(content).digest())
    with self.assertRaisesRegex(UserError, "model.sparse is a sparse file of version 7, .* reads 1"):
      sparse_file.read(self.path)

  def test_missing_file(self):
    with self.assertRaisesRegex(UserError, "cannot read .*model.sparse: No such file"):
      sparse_file.read(self.path)

  def read_by_hand(self):
    """Header, and the streams of each variable, read according to the format's description without shared code."""
    with open(self.path, "rb") as file:
      data = file.read()
    self.assertEqual(hashlib.sha256(data[:-32]).digest(), data[-32:])
    _, _, length = struct.unpack("<8sHI", data[:14])
    header = json.loads(zstandard.decompress(data[14 : 14 + length]))
    position, streams = 14 + length, []
    for described in header["variables"]:
      streams.append([])
      for stored, unpacked in described["streams"]:
        stream = data[position : position + stored]
        streams[-1].append(stream if stored == unpacked else zstandard.decompress(stream))
        position += stored
    self.assertEqual(position, len(data) - 32)
    return header["variables"], streams

  def test_values_follow_the_format(self):
    values = np.float32([0, 1.5, -0.375, 0, 0, 3e-9, -1e20])
    sparse_file.write(self.path, {"a": values})
    (described,), (streams,) = self.read_by_hand()
    self.assertEqual([described[n] for n in ("name", "dtype", "shape", "places")], ["a", "<f4", [7], "bitmap"])
    places = [i for i in range(7) if streams[0][i // 8] >> (7 - i % 8) & 1]
    found = [0.0] * 7
    for i, place in enumerate(places):
      high, head, middle, lower = (plane[i] for plane in streams[1:5])
      low = streams[5][i // 2] >> (0 if i % 2 else 4) & 15
      exponent = (16 * high + head // 16 + described["highest"] - 15) % 256
      mantissa = (head % 8 << 20) + (middle << 12) + (lower << 4) + low
      found[place] = (-1) ** (head // 8 % 2) * (1 + mantissa / 2**23) * 2.0 ** (exponent - 127)
    self.assertEqual(np.float32(found).tolist(), values.tolist())

  def test_gaps_follow_the_format(self):
    values = pruned(np.random.default_rng(1), 100_000, 0.99)
    sparse_file.write(self.path, {"a": values})
    (described,), (streams,) = self.read_by_hand()
    self.assertEqual(described["places"], "gaps")
    places, position = [], 0
    for byte in streams[0]:
      position += byte
      if byte < 255:
        places.append(position)
        position += 1
    self.assertEqual(places, np.flatnonzero(values).tolist())

  @parameterized.parameters((0.3, "bitmap"), (0.5, "bitmap"), (0.9, "gaps"), (0.98, "gaps"))
  def test_positions_use_the_smaller_encoding(self, sparsity, smaller):
    values = pruned(np.random.default_rng(1), 100_000, sparsity)
    sparse_file.write(self.path, {"a": values})
    (described,), _ = self.read_by_hand()
    self.assertEqual(described["places"], smaller)
    packed = {name: len(zstandard.compress(encode(values != 0), 1)) for name, (encode, _) in bit_planes.PLACES.items()}
    self.assertEqual(min(packed, key=packed.get), smaller)

  # Megabytes of Table 1 of the paper, column Memory. Just after pruning, weights are above a threshold; retraining spreads
  # them, at most as if they were resampled.
  @parameterized.product(level=((0.5, 137), (0.9, 31), (0.98, 7)), retrained=(False, True))
  def test_at_most_four_fifths_of_the_papers_column(self, level, retrained):
    sparsity, paper = level
    random = np.random.default_rng(1)
    weights = size = 0
    for (shape, is_layer), count in variables_of_the_paper().items():
      value = (0.04 * random.standard_normal(shape)).astype(np.float32)
      if is_layer:
        mask = masks.magnitude_mask(value, sparsity)
        value = np.where(mask, np.roll(value, 1) if retrained else value, np.float32(0))
      weights += count * value.size
      size += count * sparse_file.size({"name": value})
    self.assertEqual(weights, 61_163_520)
    self.assertLessEqual(size / 1e6, 0.8 * paper)

  def test_needs_no_tensorflow(self):
    code = "import sys, t2t_lottery.checkpoints.sparse_file; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def crafted(path, header, streams=b""):
  """Writes a file with a valid checksum."""
  packed = header if isinstance(header, bytes) else zstandard.compress(json.dumps(header).encode("utf-8"))
  content = struct.pack("<8sHI", b"\x89T2TSPR\n", 1, len(packed)) + packed + streams
  with open(path, "wb") as file:
    file.write(content + hashlib.sha256(content).digest())


def variable(**changed):
  """A header: two float32 values in a bitmap of four positions."""
  streams = [[1, 1], *([[2, 2]] * 4), [1, 1]]
  default = {"name": "a", "dtype": "<f4", "shape": [4], "places": "bitmap", "highest": 127, "streams": streams}
  return {"about": {}, "variables": [{**default, **changed}]}


class CraftedFileTest(parameterized.TestCase, tf.test.TestCase):
  """A valid checksum does not make a file trustworthy."""

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "file")

  def read_error(self):
    with self.assertRaises(UserError) as caught:
      sparse_file.read(self.path)
    message = str(caught.exception)
    self.assertLen(message.splitlines(), 1)
    self.assertStartsWith(message, f"{self.path} is damaged: ")
    self.assertEndsWith(message, "; copy it again, or export the model again")
    return message

  def test_unpacked_header_size_is_bounded(self):
    # A Zstandard frame of 13 bytes that claims 4 GiB, and 1 GiB of zeros in 33 kB.
    claim = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", 2**32 - 1) + b"\x01\x00\x00"
    compressor = zstandard.ZstdCompressor().compressobj(size=1 << 30)
    zeros = b"".join(compressor.compress(bytes(1 << 24)) for _ in range(64)) + compressor.flush()
    for header in (claim, zeros):
      crafted(self.path, header)
      self.assertIn("would become", self.read_error())

  def test_unpacked_stream_size_is_bounded(self):
    empty = zstandard.compress(b"")
    for header, streams in (
      (variable(shape=[1 << 30], places="gaps", streams=[[0, 0]] * 6), b""),
      (variable(dtype="<f8", shape=[1 << 30], streams=[[len(empty), 1 << 30]] * 8), empty * 8),
    ):
      crafted(self.path, header, streams)
      self.assertIn("would become", self.read_error())
    # A size that matches the shape, but an empty stream.
    crafted(self.path, variable(dtype="|u1", shape=[1 << 20], streams=[[len(empty), 1 << 20]]), empty)
    self.read_error()

  @parameterized.parameters(
    (header,)
    for header in (
      *(b"", b"no frame", zstandard.compress(b"\xff"), zstandard.compress(b"[" * 100_000)),
      *([], None, {}, {"about": {}}, {"about": [], "variables": []}, {"about": {}, "variables": [{}]}),
      *(variable(**{name: None}) for name in ("name", "dtype", "shape", "streams", "places", "highest")),
      *(variable(dtype=dtype) for dtype in ("V4", "O", "f4,f4", "nonsense", "<U4")),
      *(variable(shape=shape) for shape in ([-4], [4.0], ["4"], [10**30], [50], [2, 50])),
      *(
        variable(streams=streams) for streams in ([], [[1, 1]], [[-1, 1]] * 6, [[1]] * 6, [[1, 1, 1]] * 6, [[9, 9]] * 6)
      ),
      *(variable(places="lists"), variable(highest=256), variable(highest=-1), variable(highest=True)),
      {"about": {}, "variables": variable()["variables"] * 2},
    )
  )
  def test_a_malformed_header_is_one_line(self, header):
    crafted(self.path, header, bytes(10))
    self.read_error()

  def test_positions_that_do_not_match_the_values_are_one_line(self):
    crafted(self.path, variable(), b"\xc0" + bytes(9))
    self.assertEqual(sparse_file.read(self.path)["a"].shape, (4,))
    crafted(self.path, variable(), b"\xe0" + bytes(9))
    self.read_error()

  def test_any_changed_byte_is_a_model_or_one_line(self):
    random = np.random.default_rng(2)
    model = {"a": pruned(random, (9, 7), 0.5), "b": np.arange(5), "c": pruned(random, (600,), 0.99)}
    sparse_file.write(self.path, model, {"hparams": {"hidden_size": 8}})
    with open(self.path, "rb") as file:
      content = file.read()[:-32]
    for position in range(10, len(content)):
      changed = bytearray(content)
      changed[position] ^= 1 << position % 8
      with open(self.path, "wb") as file:
        file.write(bytes(changed) + hashlib.sha256(changed).digest())
      try:
        sparse_file.read(self.path)
      except UserError as error:
        self.assertLen(str(error).splitlines(), 1)


if __name__ == "__main__":
  tf.test.main()
