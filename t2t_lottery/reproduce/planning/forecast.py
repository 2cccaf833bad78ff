"""What a graph of runs still takes: steps, time, disk, memory. No TensorFlow."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from t2t_lottery.pruning import methods
from t2t_lottery.reproduce.planning import resource_split
from t2t_lottery.reproduce.planning.run_graph import PlannedRun
from t2t_lottery.runs import paths, presets, retention, run_files, run_status
from t2t_lottery.runs.run_status import State, Status
from t2t_lottery.utils.errors import UserError

# Those that later levels rewind to.
_REWIND_CHECKPOINTS = 2
# Of a run that is evaluated, these can be all (`retention.delete_intermediate`).
_ESSENTIAL_CHECKPOINTS = 2
# What t2t writes of the graph, in bytes for each layer of encoder and decoder (measured, tiny, 2 layers): next to each checkpoint;
# once, into graph.pbtxt and the events.
_META_BYTES, _GRAPH_BYTES = 2_400_000, 14_000_000
_TARGET_SPACES = 32


class Outlook(NamedTuple):
  """What remains to be done.

  Attributes:
    steps: of training.
    speed: steps a second of such runs so far; None if there is none.
    disk: bytes by what is kept (`retention.CHOICES`); with `essential`, what running ones hold before they are thinned
      counts as well.
    measured: whether the disk is that of finished runs, not computed from the model's size.
    free: bytes that the disk has left.
  """

  steps: int
  speed: float | None
  disk: dict[str, int]
  measured: bool
  free: int

  @property
  def seconds(self) -> float | None:
    """Of training, one run at a time."""
    return 0 if not self.steps else self.steps / self.speed if self.speed else None


class Workload(NamedTuple):
  """What every run of the graph shares.

  Attributes:
    where: runs_dir, problem and size.
    train_steps: each run's length.
    hparams: as the user gave them.
    checkpoints: how many each run saves.
    vocabulary: about how many subwords there are.
    jobs: how many runs are trained side by side.
  """

  where: paths.Runs
  train_steps: int
  hparams: str
  checkpoints: int
  vocabulary: int
  jobs: int = 1


def steps_remaining(current: Status, train_steps: int) -> int:
  """Steps that a run still has to train."""
  return 0 if current.state in (State.DONE, State.TRAINED) else max(0, train_steps - current.step)


def predict(runs: Sequence[PlannedRun], statuses: Sequence[Status], asked: Workload) -> Outlook:
  """What remains to be done.

  Args:
    runs, statuses: the graph, and the status of each of its runs.
    asked: what its runs share.
  """
  alike = list(_alike(asked))
  speeds = [speed for folder, _ in alike if (speed := run_status.median_speed(folder))]
  held = _held(alike, asked)
  disk = dict.fromkeys(retention.CHOICES, 0)
  unthinned = []
  for run, current in zip(runs, statuses):
    if current.state in (State.DONE, State.TRAINED):
      continue
    there = folder_bytes(asked.where._replace(seed=run.seed).folder(run.name))
    full, essential = (_run_bytes(held, asked, run, keep) for keep in retention.CHOICES)
    disk[retention.ALL] += max(0, full - there)
    disk[retention.ESSENTIAL] += max(0, essential - there)
    unthinned.append(full - essential)
  disk[retention.ESSENTIAL] += sum(sorted(unthinned)[-asked.jobs :])
  return Outlook(
    steps=sum(steps_remaining(current, asked.train_steps) for current in statuses),
    speed=statistics.median(speeds) if speeds else None,
    disk=disk,
    measured=bool(held),
    free=shutil.disk_usage(_existing(asked.where.runs_dir)).free,
  )


def _held(alike: Iterable[tuple[str, dict]], asked: Workload) -> dict[tuple[bool, str], float]:
  """What folders of finished runs of this length hold in bytes, by whether they have masks and by what was kept."""
  held: dict[tuple[bool, str], list[int]] = defaultdict(list)
  for folder, about in alike:
    if about.get("train_steps") == asked.train_steps and os.path.exists(paths.result(folder)):
      keep = retention.ESSENTIAL if os.path.exists(paths.thinned(folder)) else retention.ALL
      held[methods.METHODS[about["method"]].prunes, keep].append(folder_bytes(folder))
  return {kind: statistics.median(found) for kind, found in held.items()}


def _run_bytes(held: dict[tuple[bool, str], float], asked: Workload, run: PlannedRun, keep: str) -> int:
  prunes = methods.METHODS[run.method].prunes
  known = held.get((prunes, keep), held.get((not prunes, keep)))
  return round(known) if known else run_bytes(asked.where.size, asked.vocabulary, prunes, asked.checkpoints, keep)


def peak_memory(asked: Workload) -> int:
  """Bytes of memory that a trainer takes: the most that one of such runs took, or an estimate from the model's size."""
  measured = []
  for folder, _ in _alike(asked):
    with contextlib.suppress(UserError):
      measured.append(run_files.peak_memory(folder))
  size = presets.SIZES[asked.where.size]
  return max(measured) if measured else resource_split.trainer_bytes(parameters(size, asked.vocabulary))


def _alike(asked: Workload) -> Iterable[tuple[str, dict]]:
  """Folders and descriptions of the runs of this problem, size and hparams."""
  wanted = (asked.where.problem, asked.where.size, asked.hparams)
  for folder in paths.run_folders(asked.where.runs_dir):
    try:
      about = run_files.description(folder)
    except UserError:
      continue
    is_known = about.get("method") in methods.METHODS
    if is_known and (about.get("problem"), about.get("size"), about.get("hparams", "")) == wanted:
      yield folder, about


def folder_bytes(folder: str) -> int:
  """Bytes of all files in a folder; 0 without it."""
  total = 0
  for where, _, names in os.walk(folder):
    for name in names:
      try:
        total += os.path.getsize(os.path.join(where, name))
      except OSError:  # Gone meanwhile, as t2t rotates checkpoints.
        continue
  return total


def parameters(size: presets.Size, vocabulary: int) -> int:
  """How many parameters t2t's Transformer of a size has."""
  hidden, ffn = size.hidden_size, 2 * size.hidden_size * size.filter_size + size.filter_size + size.hidden_size
  norm = 2 * hidden
  encoder = 4 * hidden**2 + ffn + 2 * norm
  decoder = 8 * hidden**2 + ffn + 3 * norm
  return size.num_hidden_layers * (encoder + decoder) + 2 * norm + (vocabulary + _TARGET_SPACES) * hidden


def run_bytes(size_name: str, vocabulary: int, prunes: bool, checkpoints: int, keep: str = retention.ALL) -> int:
  """About how many bytes the folder of a finished run holds.

  float32 weights, a byte a weight for its mask, t2t's graph; Adafactor's factored moments hardly count.
  """
  size = presets.SIZES[size_name]
  model = parameters(size, vocabulary) * (5 if prunes else 4)
  # Step 0 is one more, until it is rotated out.
  full = max(checkpoints, min(checkpoints + 1, presets.CHECKPOINTS_KEPT))
  kept = _ESSENTIAL_CHECKPOINTS if keep == retention.ESSENTIAL else full
  graph = size.num_hidden_layers * (kept * _META_BYTES + _GRAPH_BYTES)
  return (kept + _REWIND_CHECKPOINTS) * model + graph


def _existing(path: str) -> str:
  path = os.path.abspath(path)
  while not os.path.exists(path):
    path = os.path.dirname(path)
  return path
