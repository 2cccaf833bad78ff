"""Atomic downloads: resumed after a broken connection, verified, and only then renamed.

t2t's maybe_download restarts a broken download of gigabytes and verifies nothing.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, NamedTuple

import tensorflow.compat.v1 as tf

from t2t_lottery.utils import errors

_TIMEOUT_SECONDS = 60


class Checksum(NamedTuple):
  """Checksum of a published file: its size in bytes, if known, and its digest by a hashlib algorithm."""

  size: int | None
  algorithm: str
  digest: str


def check_file(path: str, checksum: Checksum, origin: str) -> None:
  """Compares a file with its checksum.

  Args:
    path: the file.
    checksum: the expected one.
    origin: the file's name in errors.

  Raises:
    errors.UserError: another size (truncated) or another digest.
  """
  size = os.path.getsize(path)
  if checksum.size is not None and size != checksum.size:
    raise errors.UserError(f"{origin} has {size} bytes, not {checksum.size} (truncated?): delete it and fetch it again")
  digest = hashlib.new(checksum.algorithm)
  with open(path, "rb") as stream:
    while block := stream.read(1 << 20):
      digest.update(block)
  if digest.hexdigest() != checksum.digest:
    raise errors.UserError(
      f"wrong checksum: {origin} has {checksum.algorithm} {digest.hexdigest()}, not"
      f" {checksum.digest}: delete it and fetch it again"
    )


def _receive(url: str, path: str) -> None:
  """Downloads url to path; appends the missing part if the server supports ranges, else starts over."""
  have = os.path.getsize(path) if os.path.exists(path) else 0
  request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
  try:
    response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
  except urllib.error.HTTPError as error:
    if error.code != 416:
      raise
    return  # Nothing is missing: the break came between the last byte and the check.
  with response:
    resumed = have and getattr(response, "status", None) == 206
    remaining = response.headers.get("Content-Length")
    with open(path, "ab" if resumed else "wb") as stream:
      start = stream.tell()
      _copy(response, stream, url, start + int(remaining) if remaining is not None else None)
      got = stream.tell() - start
  if remaining is not None and got != int(remaining):
    raise urllib.error.URLError(f"the connection broke after {got} of {remaining} bytes")


def _copy(response: IO[bytes], stream: IO[bytes], url: str, size: int | None) -> None:
  """Copies the response; logs progress at each 5% of the size, or each 100 MB if it is unknown."""
  reported = stream.tell()
  while block := response.read(1 << 20):
    stream.write(block)
    if stream.tell() - reported >= (size / 20 if size else 1e8):
      reported = stream.tell()
      of = f" of {size / 1e6:,.1f}" if size else ""
      tf.logging.info("Downloaded %s MB of %s", f"{reported / 1e6:,.1f}{of}", url)


def fetch(url: str, path: str, check: Callable[[str], None]) -> None:
  """Downloads url to path.

  A broken download stays as `path.incomplete`, and the next call resumes it; a finished one that fails the check is
  deleted.

  Args:
    url: an http(s), ftp or file URL.
    path: the target file.
    check: raises errors.UserError if the file at a path is not the expected one.

  Raises:
    errors.UserError: the download or the check fails.
  """
  partial = path + ".incomplete"
  os.makedirs(os.path.dirname(path), exist_ok=True)
  tf.logging.info("Downloading %s to %s", url, path)
  try:
    _receive(url, partial)
  except (OSError, EOFError, http.client.HTTPException) as error:
    reason = getattr(error, "reason", None) or error
    raise errors.UserError(
      f"cannot download {url} ({reason}): run again to resume, or put the file at {path}"
    ) from error
  try:
    check(partial)
  except errors.UserError:
    os.remove(partial)
    raise
  os.replace(partial, path)
