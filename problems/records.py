"""Converts line-aligned text to t2t's TFRecords in parallel processes.

t2t encodes in one process, which takes hours for WMT14 English-French (36M pairs). Here, processes
encode chunks of lines, each chunk into one part file with its records grouped by shard; then
processes collect, shuffle, pack and write the shards. The content of a shard does not depend on the
number of processes: line i goes to shard i mod n, as in t2t's `generate_files`.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import generator_utils, text_encoder, text_problems

from problems import lines, workers
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.utils import errors

LINES_PER_CHUNK = 20_000
_LENGTH = struct.Struct("<I")


class Chunk(NamedTuple):
  """A range of lines: byte offsets in both files, and 0-based line numbers."""

  number: int
  first_line: int
  end_line: int
  source_offset: int
  target_offset: int


@dataclasses.dataclass(frozen=True)
class Job:
  """The conversion of one split to records.

  Attributes:
    problem: packs the examples (its packed_length).
    encoder: the shared vocabulary.
    source: path of the source sentences.
    target: path of the target sentences.
    origins: names of the two files in errors.
    parts_dir: folder of the part files.
    shard_paths: the record files to write.
    is_train: shuffle, and drop pairs with an empty side as t2t's compile_data does; dev and test
      stay aligned with their text.
  """

  problem: text_problems.Text2TextProblem
  encoder: text_encoder.SubwordTextEncoder
  source: str
  target: str
  origins: tuple[str, str]
  parts_dir: str
  shard_paths: list[str]
  is_train: bool

  def part_path(self, number: int) -> str:
    return os.path.join(self.parts_dir, f"part-{number}")


def chunks(source: str, target: str) -> list[Chunk]:
  """Splits two line-aligned files into chunks of lines.

  Raises:
    errors.UserError: a file is empty or the two differ in length.
  """
  starts, counts = [], []
  for path in (source, target):
    offset, number, offsets = 0, 0, []
    with open(path, "rb") as stream:
      for number, line in enumerate(stream, 1):
        if number % LINES_PER_CHUNK == 1:
          offsets.append(offset)
        offset += len(line)
    lines.check_not_empty(path, number)
    starts.append(offsets)
    counts.append(number)
  lines.check_lengths(source, target, counts[0], counts[1])
  return [
    Chunk(n, n * LINES_PER_CHUNK, min((n + 1) * LINES_PER_CHUNK, counts[0]), *offsets)
    for n, offsets in enumerate(zip(*starts))
  ]


def _encoded(source: str, target: str, encoder: text_encoder.SubwordTextEncoder) -> dict[str, list[int]]:
  return {
    "inputs": encoder.encode(source) + [text_encoder.EOS_ID],
    "targets": encoder.encode(target) + [text_encoder.EOS_ID],
  }


def _check_lengths(job: Job, pair: dict[str, list[int]], line: int) -> None:
  """Rejects sentences too long to be translated or scored; t2t itself drops training pairs that are too long."""
  for origin, ids, most in zip(job.origins, pair.values(), subword_vocabulary.EVALUATED_LENGTHS):
    if len(ids) > most:
      raise errors.UserError(
        f"{origin}, line {line}: {len(ids)} subwords, more than the {most} that can be evaluated: split the sentence, or"
        " remove it from both sides"
      )


def encode_chunk(job: Job, chunk: Chunk) -> tuple[list[int], dict[int, int]]:
  """Encodes a chunk's pairs into its part file.

  Returns:
    Byte offsets in the part file: shard s is in [offsets[s], offsets[s + 1]); and the number of pairs by length: the longer
    side's number of subwords, including its end.

  Raises:
    errors.UserError: bytes that are not UTF-8, or a sentence of dev or test that is too long to be evaluated.
  """
  shards: list[list[bytes]] = [[] for _ in job.shard_paths]
  lengths: collections.Counter[int] = collections.Counter()
  with open(job.source, "rb") as source_stream, open(job.target, "rb") as target_stream:
    source_stream.seek(chunk.source_offset)
    target_stream.seek(chunk.target_offset)
    for number in range(chunk.first_line, chunk.end_line):
      source = lines.decode(source_stream.readline(), job.origins[0], number + 1).strip()
      target = lines.decode(target_stream.readline(), job.origins[1], number + 1).strip()
      if job.is_train and not (source and target):
        continue
      pair = _encoded(source, target, job.encoder)
      if not job.is_train:
        _check_lengths(job, pair, number + 1)
      lengths[max(map(len, pair.values()))] += 1
      record = generator_utils.to_example(pair).SerializeToString(deterministic=True)
      shards[number % len(shards)] += [_LENGTH.pack(len(record)), record]
  offsets = [0]
  with open(job.part_path(chunk.number), "wb") as stream:
    for shard in shards:
      offsets.append(offsets[-1] + stream.write(b"".join(shard)))
  return offsets, dict(lengths)


def _unpacked(job: Job, pieces: list[tuple[int, int, int]]) -> list[bytes]:
  records = []
  for number, start, end in pieces:
    with open(job.part_path(number), "rb") as stream:
      stream.seek(start)
      block = stream.read(end - start)
    place = 0
    while place < len(block):
      (length,) = _LENGTH.unpack_from(block, place)
      place += _LENGTH.size + length
      records.append(block[place - length : place])
  return records


def _packed(problem: text_problems.Text2TextProblem, records: list[bytes]) -> Iterator[bytes]:
  """Packs examples one by one: t2t's own `_pack_fn` keeps all ids of a shard as Python lists."""

  def examples() -> Iterator[dict[str, list[int]]]:
    for record in records:
      features = tf.train.Example.FromString(record).features.feature
      yield {key: list(features[key].int64_list.value) for key in ("inputs", "targets")}

  for packed in problem._maybe_pack_examples(examples()):
    yield generator_utils.to_example(packed).SerializeToString(deterministic=True)


def write_shard(job: Job, task: tuple[int, list[tuple[int, int, int]]]) -> tuple[str, manifest.FileInfo]:
  """Collects one shard from the part files.

  Args:
    job: the split.
    task: the shard's index, and its pieces: (part, start, end).

  Returns:
    Name of the record file, its size and checksum.
  """
  shard, pieces = task
  records = _unpacked(job, pieces)
  if job.is_train:
    random.Random(shard).shuffle(records)
  path = job.shard_paths[shard]
  with tf.io.TFRecordWriter(path) as writer:
    for record in _packed(job.problem, records) if job.problem.packed_length else records:
      writer.write(record)
  return os.path.basename(path), manifest.file_info(path)


def write(job: Job, processes: int) -> tuple[dict[int, int], dict[str, manifest.FileInfo]]:
  """Encodes a split and writes its record files.

  Returns:
    The number of written pairs by length (`encode_chunk`), ascending; and the record files.

  Raises:
    errors.UserError: empty files, sides of different length, and as `encode_chunk`.
  """
  todo = chunks(job.source, job.target)
  pieces: list[list[tuple[int, int, int]]] = [[] for _ in job.shard_paths]
  lengths: collections.Counter[int] = collections.Counter()
  for chunk, (offsets, chunk_lengths) in zip(todo, workers.each(encode_chunk, job, todo, processes)):
    lengths.update(chunk_lengths)
    for shard, (start, end) in enumerate(zip(offsets, offsets[1:])):
      pieces[shard].append((chunk.number, start, end))
    if chunk.number % 50 == 49 or chunk is todo[-1]:
      tf.logging.info("Encoded %d of %d pairs of %s", chunk.end_line, todo[-1].end_line, job.source)
  files = {}
  for name, info in workers.each(write_shard, job, list(enumerate(pieces)), processes):
    files[name] = info
  for chunk in todo:
    os.remove(job.part_path(chunk.number))
  return dict(sorted(lengths.items())), files
