"""Forecasts the remaining steps, time, disk and memory of a graph of runs. No TensorFlow."""

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

# Checkpoints that later levels rewind to.
_REWIND_CHECKPOINTS = 2
# Other checkpoints of an evaluated run with --keep=essential (`retention.delete_intermediate`).
_ESSENTIAL_CHECKPOINTS = 2
# Bytes that t2t writes for the graph, per layer of encoder and decoder (measured, tiny, 2 layers): with each checkpoint; once,
# into graph.pbtxt and the events.
_META_BYTES, _GRAPH_BYTES = 2_400_000, 14_000_000
_TARGET_SPACES = 32
# Of a BERT, likewise: for the model and per layer (measured, 2 and 6 layers); it is written once.
_BERT_GRAPH_BYTES, _BERT_LAYER_GRAPH_BYTES = 2_600_000, 3_000_000
# Values that a step keeps for each piece and layer, as multiples of hidden size, filter size, and attention weights: a count of
# the outputs of matrix products, norms, GELU, softmax and dropout in the graph. With what `trainer_bytes` adds for the
# parameters, 6 layers of 384 in batches of 32 x 128 pieces make 3.4 GB; measured 2.8 GB.
_KEPT_HIDDEN, _KEPT_FILTER, _KEPT_ATTENTION = 16, 4, 4


class Forecast(NamedTuple):
  """Forecast for the remaining runs.

  Attributes:
    steps: of training.
    speed: steps per second of similar runs so far; None if there are none.
    disk: bytes, by retention (`retention.CHOICES`); `essential` includes the intermediate checkpoints of running runs.
    measured: whether `disk` is measured on finished runs, not computed from the model's size.
    free: free bytes of the disk.
  """

  steps: int
  speed: float | None
  disk: dict[str, int]
  measured: bool
  free: int

  @property
  def seconds(self) -> float | None:
    """Seconds of training, one run at a time; None if the speed is unknown."""
    return 0 if not self.steps else self.steps / self.speed if self.speed else None


class Workload(NamedTuple):
  """What every run of the graph has in common.

  Attributes:
    where: runs_dir, problem and size.
    train_steps: length of each run that has no length of its own.
    hparams: as the user gave them.
    checkpoints: number of checkpoints that each run saves.
    vocabulary: approximate number of subwords.
    jobs: number of runs trained in parallel.
    own_size: the model's, if it is of an hparams set of t2t's or the user's.
    of_bert: whether the model is a BERT, whose `own_size` has a batch in examples.
  """

  where: paths.Runs
  train_steps: int
  hparams: str
  checkpoints: int
  vocabulary: int
  jobs: int = 1
  own_size: presets.Size | None = None
  of_bert: bool = False

  @property
  def parameters(self) -> int:
    """The number of the model's parameters, without a task head."""
    return (bert_parameters if self.of_bert else parameters)(self.size, self.vocabulary)

  @property
  def size(self) -> presets.Size:
    """The model's size."""
    return self.own_size or presets.SIZES[self.where.size]


def steps_remaining(current: Status, train_steps: int) -> int:
  """The remaining steps of a run."""
  return 0 if current.state in (State.DONE, State.TRAINED) else max(0, train_steps - current.step)


def remaining_steps(runs: Sequence[PlannedRun], statuses: Sequence[Status], train_steps: int) -> list[int]:
  """The remaining steps of each run.

  Args:
    runs, statuses: the graph, and the status of each of its runs.
    train_steps: length of a run without one of its own.
  """
  return [steps_remaining(current, run.length(train_steps)) for run, current in zip(runs, statuses)]


def predict(runs: Sequence[PlannedRun], statuses: Sequence[Status], workload: Workload) -> Forecast:
  """Forecasts what remains of a graph.

  Args:
    runs, statuses: the graph, and the status of each of its runs.
    workload: what its runs have in common.
  """
  similar = list(_similar_runs(workload))
  speeds = [speed for folder, _ in similar if (speed := run_status.median_speed(folder))]
  measured = _measured_bytes(similar, workload)
  disk = dict.fromkeys(retention.CHOICES, 0)
  intermediate = []
  for run, current in zip(runs, statuses):
    if current.state in (State.DONE, State.TRAINED):
      continue
    present = folder_bytes(workload.where._replace(seed=run.seed).folder(run.name))
    full, essential = (_run_bytes(measured, workload, run, keep) for keep in retention.CHOICES)
    disk[retention.ALL] += max(0, full - present)
    disk[retention.ESSENTIAL] += max(0, essential - present)
    intermediate.append(full - essential)
  disk[retention.ESSENTIAL] += sum(sorted(intermediate)[-workload.jobs :])
  return Forecast(
    steps=sum(remaining_steps(runs, statuses, workload.train_steps)),
    speed=statistics.median(speeds) if speeds else None,
    disk=disk,
    measured=bool(measured),
    free=shutil.disk_usage(_existing(workload.where.runs_dir)).free,
  )


def _measured_bytes(similar: Iterable[tuple[str, dict]], workload: Workload) -> dict[tuple[bool, str], float]:
  """Median bytes of the folders of finished runs of this length, by whether they have masks and by retention."""
  found: dict[tuple[bool, str], list[int]] = defaultdict(list)
  for folder, about in similar:
    if about.get("train_steps") == workload.train_steps and os.path.exists(paths.result(folder)):
      keep = retention.ESSENTIAL if os.path.exists(paths.thinned(folder)) else retention.ALL
      found[methods.METHODS[about["method"]].prunes, keep].append(folder_bytes(folder))
  return {kind: statistics.median(sizes) for kind, sizes in found.items()}


def _run_bytes(measured: dict[tuple[bool, str], float], workload: Workload, run: PlannedRun, keep: str) -> int:
  """Bytes of a run's folder: as measured, or as estimated, in proportion to what was measured with the other retention."""
  prunes = methods.METHODS[run.method].prunes
  count = bert_run_bytes if workload.of_bert else run_bytes

  def estimated(retained: str) -> int:
    return count(workload.size, workload.vocabulary, prunes, workload.checkpoints, retained)

  for retained in (keep, *retention.CHOICES):
    if known := measured.get((prunes, retained), measured.get((not prunes, retained))):
      return round(known * estimated(keep) / estimated(retained))
  return estimated(keep)


def peak_memory(workload: Workload) -> int:
  """Bytes of memory that a trainer needs: the maximum of similar runs, or an estimate from the model's size."""
  measured = []
  for folder, _ in _similar_runs(workload):
    with contextlib.suppress(UserError):
      measured.append(run_files.peak_memory(folder))
  if measured:
    return max(measured)
  return resource_split.trainer_bytes(workload.parameters) + (
    _bert_activations(workload.size, presets.pieces_of(workload.where.problem)) if workload.of_bert else 0
  )


def _similar_runs(workload: Workload) -> Iterable[tuple[str, dict]]:
  """Folders and descriptions of the runs with this problem, size and hparams."""
  expected = (workload.where.problem, workload.where.size, workload.hparams)
  for folder in paths.run_folders(workload.where.runs_dir):
    try:
      about = run_files.description(folder)
    except UserError:
      continue
    is_known = about.get("method") in methods.METHODS
    if is_known and (about.get("problem"), about.get("size"), about.get("hparams", "")) == expected:
      yield folder, about


def folder_bytes(folder: str) -> int:
  """Bytes of all files in a folder; 0 if there is none."""
  total = 0
  for where, _, names in os.walk(folder):
    for name in names:
      try:
        total += os.path.getsize(os.path.join(where, name))
      except OSError:  # Deleted meanwhile, as t2t rotates checkpoints.
        continue
  return total


def parameters(size: presets.Size, vocabulary: int) -> int:
  """The number of parameters of t2t's Transformer of a size."""
  hidden, ffn = size.hidden_size, 2 * size.hidden_size * size.filter_size + size.filter_size + size.hidden_size
  norm = 2 * hidden
  encoder = 4 * hidden**2 + ffn + 2 * norm
  decoder = 8 * hidden**2 + ffn + 3 * norm
  return size.num_hidden_layers * (encoder + decoder) + 2 * norm + (vocabulary + _TARGET_SPACES) * hidden


def bert_parameters(size: presets.Size, pieces: int) -> int:
  """The number of parameters of a BERT of a size, with its pooler, without a task head.

  Args:
    size: its widths and depth.
    pieces: of its vocabulary.
  """
  hidden, ffn = size.hidden_size, size.filter_size
  norm, square = 2 * hidden, hidden**2 + hidden
  # Of two kinds of segments.
  embeddings = (pieces + presets.BERT_POSITIONS + 2) * hidden + norm
  return embeddings + size.num_hidden_layers * (4 * square + 2 * hidden * ffn + ffn + hidden + 2 * norm) + square


def _bert_layers(size: presets.Size) -> int:
  """The number of weights that have a mask."""
  hidden = size.hidden_size
  return size.num_hidden_layers * (4 * hidden**2 + 2 * hidden * size.filter_size) + hidden**2


def _saved(checkpoints: int) -> int:
  """How many checkpoints of a run stay: those asked for, and that of step 0 if t2t has room for it."""
  return max(checkpoints, min(checkpoints + 1, presets.CHECKPOINTS_KEPT))


def bert_run_bytes(size: presets.Size, pieces: int, prunes: bool, checkpoints: int, keep: str = retention.ALL) -> int:
  """As `run_bytes`, for a BERT: each checkpoint has Adam's two moments, and step 0 is all that is rewound to.

  Args:
    size, prunes, checkpoints, keep: as of `run_bytes`.
    pieces: of its vocabulary.
  """
  model = 12 * bert_parameters(size, pieces) + (_bert_layers(size) if prunes else 0)
  kept = 1 if keep == retention.ESSENTIAL else _saved(checkpoints)
  return (kept + 1) * model + _BERT_GRAPH_BYTES + size.num_hidden_layers * _BERT_LAYER_GRAPH_BYTES


def _bert_activations(size: presets.Size, pieces: int) -> int:
  """Bytes that a training step keeps for the gradients: of a batch of examples of the longest length.

  Args:
    size: its widths and depth; its batch, in examples.
    pieces: of an example.
  """
  per_piece = (
    _KEPT_HIDDEN * size.hidden_size + _KEPT_FILTER * size.filter_size + _KEPT_ATTENTION * size.num_heads * pieces
  )
  return 4 * size.batch_size * pieces * size.num_hidden_layers * per_piece


def run_bytes(
  size: str | presets.Size, vocabulary: int, prunes: bool, checkpoints: int, keep: str = retention.ALL
) -> int:
  """The approximate bytes of a finished run's folder.

  Counts float32 weights, masks of one byte per weight, and t2t's graph; Adafactor's factored moments are negligible.
  """
  size = presets.SIZES[size] if isinstance(size, str) else size
  model = parameters(size, vocabulary) * (5 if prunes else 4)
  # Step 0 is saved as well, until it is rotated out.
  kept = _ESSENTIAL_CHECKPOINTS if keep == retention.ESSENTIAL else _saved(checkpoints)
  graph = size.num_hidden_layers * (kept * _META_BYTES + _GRAPH_BYTES)
  return (kept + _REWIND_CHECKPOINTS) * model + graph


def _existing(path: str) -> str:
  path = os.path.abspath(path)
  while not os.path.exists(path):
    path = os.path.dirname(path)
  return path
