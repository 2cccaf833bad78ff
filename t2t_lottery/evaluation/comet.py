"""COMET by a tool in an environment of its own: `comet-score` of unbabel-comet, or `pymarian-eval` of pymarian.

Both need packages that do not fit into this project's environment, so they are called as commands. The model is on disk:
a checkpoint of unbabel-comet (`.ckpt`), or a model of Marian (`.npz` or `.bin`, with its `vocab.spm` next to it).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from t2t_lottery.evaluation import metrics
from t2t_lottery.utils import atomic_files, t2t_process
from t2t_lottery.utils.errors import UsageError, UserError

# Ending of a model's file -> pip package and command that read it.
_TOOLS = {
  ".ckpt": ("unbabel-comet", "comet-score"),
  ".npz": ("pymarian", "pymarian-eval"),
  ".bin": ("pymarian", "pymarian-eval"),
}
# Where a downloaded model of unbabel-comet has its checkpoint.
_CHECKPOINT = os.path.join("checkpoints", "model.ckpt")
# In a model of Marian: how it is used, such as "type: comet-qe".
_CONFIGURATION, _TYPE = "special:model.yml", re.compile(rb"^type: *([a-z-]+)", re.MULTILINE)
# The tools load their encoder's vocabulary from the cache of transformers.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class Comet(NamedTuple):
  """A tool and its model.

  Attributes:
    model: path of the model.
    command: the tool's command.
    signature: of its scores.
  """

  model: str
  command: tuple[str, ...]
  signature: str

  def score(self, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]) -> metrics.Score:
    """Scores translations.

    Args:
      sources, hypotheses, references: one sentence each, raw.

    Returns:
      The mean over sentences, times 100. Its `segments` are [sentences, 2]: the score of each sentence in millionths, and a
      million.

    Raises:
      UserError: the tool fails.
    """
    with tempfile.TemporaryDirectory() as folder:
      files = {}
      for name, lines in (("s", sources), ("t", hypotheses), ("r", references)):
        files[name] = os.path.join(folder, f"{name}.txt")
        atomic_files.write_lines(files[name], list(lines))
      scores = self._run(folder, files)
    if len(scores) != len(hypotheses) or not np.isfinite(scores).all():
      raise UserError(f"{self.command[-1]} gave {len(scores)} scores for {len(hypotheses)} translations")
    segments = np.stack([np.round(np.array(scores) * 1e6), np.full(len(scores), 1e6)], axis=1).astype(np.int64)
    value = float(metrics.corpus_scores("comet", segments.sum(axis=0)))
    return metrics.Score(value, self.signature, segments)

  def _run(self, folder: str, files: dict[str, str]) -> list[float]:
    """The tool's score of each sentence of the files."""
    words = [*self.command, *(word for name, path in files.items() for word in (f"-{name}", path))]
    out = os.path.join(folder, "scores")
    if self.model.endswith(".ckpt"):
      words += ["--model", self.model, "--gpus", str(t2t_process.default_gpus()), "--quiet", "--to_json", out]
    else:
      words += ["-m", self.model, "-l", _marian_type(self.model), "-a", "skip", "-w", "6", "-o", out]
      words += [] if t2t_process.default_gpus() else ["-c", str(len(os.sched_getaffinity(0)))]
    done = subprocess.run(
      words, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, **_OFFLINE}
    )
    if done.returncode or not os.path.exists(out):
      output = [line.strip() for text in (done.stdout, done.stderr) for line in text.splitlines() if line.strip()]
      last = (output or ["no output"])[-1]
      raise UserError(f"{self.command[-1]} ended with status {done.returncode}: {last}")
    try:
      with open(out, encoding="utf-8") as file:
        if not self.model.endswith(".ckpt"):
          return [float(line.split()[0]) for line in file if line.strip()]
        (of_file,) = json.load(file).values()
        return [float(sentence["COMET"]) for sentence in of_file]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
      raise UserError(f"the scores of {self.command[-1]} cannot be read: {error!r}") from error


def find(model: str, python: str = "") -> Comet:
  """The tool for a model.

  Args:
    model: path of the model, or of the folder of a model of unbabel-comet.
    python: of the environment in which the tool is installed; empty to look for the tool on PATH.

  Raises:
    UsageError: there is no such model, or it is none that a tool reads.
    UserError: the tool is not installed.
  """
  path = os.path.abspath(os.path.expanduser(model))
  if os.path.isdir(path):
    path = os.path.join(path, _CHECKPOINT)
  if not os.path.isfile(path):
    raise UsageError(f"--comet={model}: {path} does not exist: give the path of a model, it is not downloaded")
  if os.path.splitext(path)[1] not in _TOOLS:
    raise UsageError(f"--comet={model} is no model: give a .ckpt of unbabel-comet, or an .npz or .bin of pymarian")
  package, name = _TOOLS[os.path.splitext(path)[1]]
  if not path.endswith(".ckpt") and not os.path.exists(os.path.join(os.path.dirname(path), "vocab.spm")):
    raise UsageError(f"--comet={model}: its vocabulary is missing: put it next to the model, as vocab.spm")
  bin_folder = os.path.dirname(os.path.abspath(os.path.expanduser(python))) if python else None
  tool = shutil.which(name, path=bin_folder)
  if tool is None:
    where = f"next to --comet_python={python}" if python else "on PATH: give --comet_python, of the environment with it"
    raise UserError(f"--comet={model} needs {name} of the package {package}, and there is none {where}")
  version = _version(os.path.join(os.path.dirname(os.path.realpath(tool)), "python"), package)
  # A folder of unbabel-comet is named after its model, its checkpoint is not.
  folder, is_folder = path.removesuffix(os.sep + _CHECKPOINT), path.endswith(os.sep + _CHECKPOINT)
  shown = os.path.basename(folder if is_folder else path)
  return Comet(path, (tool,), f"COMET|model:{shown}|sha256:{_checksum(path)}|tool:{package}-{version}")


def _version(python: str, package: str) -> str:
  code = f"import importlib.metadata as m; print(m.version({package!r}))"
  try:
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
  except OSError:
    return "unknown"
  return done.stdout.strip() or "unknown"


def _checksum(path: str) -> str:
  """The first 12 digits of a file's SHA-256."""
  found = hashlib.sha256()
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      found.update(block)
  return found.hexdigest()[:12]


def _marian_type(model: str) -> str:
  """What pymarian calls the kind of a model: comet, unless the model says otherwise."""
  if not model.endswith(".npz"):
    return "comet"
  with np.load(model) as arrays:
    if _CONFIGURATION not in arrays:
      return "comet"
    match = _TYPE.search(arrays[_CONFIGURATION].tobytes())
  return match[1].decode("ascii") if match else "comet"
