"""Unpacks members of WMT's tar archives atomically.

t2t's compile_data unpacks in place: if it is killed, its next run mistakes the partial corpus for a complete one.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import tarfile
import zlib

from t2t_lottery.utils import errors


def plain_name(member: str) -> str:
  """Name of a member after unpacking: the 10^9 corpus has .gz files in its tar."""
  return member[:-3] if member.endswith(".gz") else member


def _write(archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
  """Unpacks a member to `path.incomplete`."""
  stream = archive.extractfile(info)
  if stream is None:
    raise tarfile.ReadError(f"{info.name} is not a file")
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with stream, open(path + ".incomplete", "wb") as out:
    if info.name.endswith(".gz"):
      with gzip.open(stream, "rb") as unzipped:
        shutil.copyfileobj(unzipped, out, 1 << 20)
    else:
      shutil.copyfileobj(stream, out, 1 << 20)


def _read_to_the_end(archive: tarfile.TarFile) -> None:
  """Reads the rest of an archive, because the checksum of the compressed data is at its end."""
  while archive.fileobj and archive.fileobj.read(1 << 20):
    pass


def unpack(archive_path: str, members: tuple[str, ...], folder: str) -> None:
  """Unpacks the members that are missing in the folder, without .gz, under their names in the archive.

  Args:
    archive_path: a tar file, compressed or not.
    members: names inside it.
    folder: the target.

  Raises:
    errors.UserError: the archive is truncated, damaged, or has no such member.
  """
  missing = {m for m in members if not os.path.exists(os.path.join(folder, plain_name(m)))}
  unpacked: list[str] = []
  if not missing:
    return
  try:
    with tarfile.open(archive_path) as archive:
      for info in archive:
        name = os.path.normpath(info.name)
        if name in missing:
          unpacked.append(os.path.join(folder, plain_name(name)))
          _write(archive, info, unpacked[-1])
          missing.remove(name)
        if not missing:
          break
      _read_to_the_end(archive)
  except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
    reason = str(error).partition("\n")[0].rstrip(":")
    raise errors.UserError(f"{archive_path} is truncated or damaged ({reason}): delete it and fetch it again") from None
  if missing:
    raise errors.UserError(
      f"{archive_path} does not contain {', '.join(sorted(missing))}: truncated, or another archive?"
    )
  for path in unpacked:
    os.replace(path + ".incomplete", path)
