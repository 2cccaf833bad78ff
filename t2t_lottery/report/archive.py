"""Copies the small files of runs, so that the same report can be made without checkpoints."""

from __future__ import annotations

import os

from t2t_lottery.report.study import Run, Study
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError


def copy(study: Study, folder: str) -> int:
  """Copies the runs of a study in their folder layout, without source and reference of the test set.

  Args:
    study: the runs.
    folder: destination; other files there stay.

  Returns:
    The number of bytes copied.

  Raises:
    UserError: the folder contains the runs themselves, or a file cannot be written.
  """
  size = 0
  for runs in study.runs.values():
    for run in runs:
      to = paths.Runs(folder, study.problem, study.size, run.seed).folder(run.about["run"])
      if os.path.realpath(to) == os.path.realpath(run.folder):
        raise UserError(f"{folder} contains the runs themselves: give another --archive")
      for path in _small_files(run):
        if os.path.exists(path):
          size += _copy(path, os.path.join(to, os.path.relpath(path, run.folder)))
  return size


def _small_files(run: Run) -> list[str]:
  found = [paths.description(run.folder), paths.result(run.folder)]
  found += paths.connections(run.folder)
  if run.result is not None:
    found += [paths.segments(run.folder), paths.layers(run.folder)]
  if translation := run.translation_path():
    found += [translation, paths.checksum(translation)]
  return found


def _copy(path: str, to: str) -> int:
  """Copies a file atomically."""
  try:
    with open(path, "rb") as file:
      content = file.read()
  except OSError as error:
    raise UserError(f"cannot copy {path} to {to}: {error.strerror}") from error
  atomic_files.write_bytes(to, [content])
  return len(content)
