"""Collects the results of all runs in one file, and prints them as a table."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence, Set
from typing import Any, NamedTuple

from t2t_lottery.runs import paths, presets, run_files, run_spec
from t2t_lottery.utils import atomic_files, file_lock, text_table
from t2t_lottery.utils.errors import UserError

# Metrics with a column, if a run has them; a result without those of one kind of problem is from an early version.
_COLUMNS = ("bleu", "ter", "comet", "accuracy", "f1", "mcc", "pearson", "spearman", "exact_match", "answer_f1")
_REQUIRED = ({"bleu", "ter"}, {"accuracy"}, {"pearson", "spearman"}, {"exact_match", "answer_f1"})
# Of metrics whose name is not their head.
_HEADS = {"exact_match": "EM", "answer_f1": "F1"}


class _Extra(NamedTuple):
  """A column that only some results have.

  Attributes:
    field: of the results.
    head: of the column.
    value: of the field; None if an earlier version did not write it.
    digits: after the point.
  """

  field: str
  head: str
  value: Callable[[dict[str, Any]], float | None]
  digits: int = 1


class _Key(NamedTuple):
  """What results of several seeds have in common if they are averaged.

  Attributes:
    run: its name.
    hparams: that the user gave.
    steps: its length and where its weights come from, in words (`run_spec.length`).
    tokenizer: sacreBLEU's; empty if unknown.
  """

  run: str
  hparams: str
  steps: str
  tokenizer: str


# BLEU of a mean of checkpoints, BLEU and size with matrices in int8, and the size of the same file in float32.
_EXTRA = (
  _Extra("average", "averaged", lambda found: found["test_bleu"]),
  _Extra("int8", "int8", lambda found: found["test"]["bleu"]),
  _Extra("int8", "int8-MB", lambda found: found.get("megabytes"), 2),
  _Extra("int8", "float32-MB", lambda found: found.get("float32_megabytes"), 2),
)


def collect(runs_dir: str) -> list[dict[str, Any]]:
  """Collects each run's line of results in one file, and returns the lines.

  The file is always rebuilt from the runs' own results, so interrupted runs cannot leave it incomplete. Damaged results are
  reported and left out.
  """
  # Of two concurrent processes, the second must read after the first has written.
  with file_lock.exclusive(runs_dir, "results"):
    atomic_files.remove_unfinished(paths.results(runs_dir))
    lines = _collected(runs_dir)
    atomic_files.write_lines(paths.results(runs_dir), map(atomic_files.to_json, lines))
  return lines


def _collected(runs_dir: str) -> list[dict[str, Any]]:
  lines = []
  for folder in paths.run_folders(runs_dir):
    path = paths.result(folder)
    try:
      lines.append(run_files.identified(path, run_files.result(folder)))
    except atomic_files.Missing:
      continue
    except UserError as error:
      print(f"t2t-lottery: left out: {error}", file=sys.stderr, flush=True)
  lines.sort(
    key=lambda line: (
      line["problem"],
      line["size"],
      line["seed"],
      line["method"],
      line["sparsity_asked"],
    )
  )
  return lines


def table(lines: list[dict[str, Any]], runs: list[str]) -> str:
  """A table with one row per run: sparsity, size, each metric that a run has, name.

  Args:
    lines: results of one problem and size; runs that differ only in the seed are averaged.
    runs: names of the runs. Hparams that the user gave are part of a run's name in the table if they shape the model, or if
      not all lines have them.

  Runs of different length or t, or scored with different tokenizers, are not averaged either.

  The sparsity of a run that removes structures is the share of its weights that is gone. If an average of checkpoints was
  evaluated, or int8, its BLEU has a separate column, and the size of the exported model in int8 and in float32 too. A row of some
  of the seeds only says which. A result that missed the sparsity of its run
  has a separate row, at the sparsity that it reached.
  """
  found: dict[_Key, list[dict[str, Any]]] = defaultdict(list)
  missed: dict[_Key, list[dict[str, Any]]] = defaultdict(list)
  for line in lines:
    if any(line.get("test", {}).keys() >= names for names in _REQUIRED) and "paper" in line.get("megabytes", {}):
      (missed if run_spec.sparsity_miss(line) else found)[_key(line)].append(line)
  is_mixed = len({key.hparams for key in (*found, *missed)}) > 1
  shown = [key for run in runs for key in dict.fromkeys((*found, *missed)) if key.run == run]
  every = [line for key in shown for line in (*found[key], *missed[key])]
  seeds = {line["seed"] for line in every}
  columns = [metric for metric in _COLUMNS if any(metric in line["test"] for line in every)] or ["bleu", "ter"]
  extra = [one for one in _EXTRA if any(one.field in line for line in every)]
  rows = [
    [
      "sparsity",
      "MB",
      *(_HEADS.get(metric, metric.upper()) for metric in columns),
      *(one.head for one in extra),
      "run",
    ]
  ]
  for key in shown:
    more = key.steps if len({one.steps for one in shown if one.run == key.run}) > 1 else ""
    tokenizer = f"BLEU by {key.tokenizer}" if len({one.tokenizer for one in shown}) > 1 else ""
    shape = key.hparams if is_mixed else presets.shape(key.hparams)
    run = ", ".join(filter(None, (key.run, shape, more, tokenizer)))
    if found[key]:
      main = found[key][0].get("test_set")
      names = [run, *([main] if main else []), *_removed(found[key][0]), *_fewer(found[key], seeds)]
      # Of structures, another share is asked for than that of the weights.
      sparsity = found[key][0]["sparsity" if "removed" in found[key][0] else "sparsity_asked"]
      rows.append(_row(sparsity, found[key], columns, extra, ", ".join(names)))
      rows += _other_test_sets(found[key], columns, extra, run, seeds)
    for line in missed[key]:
      name = f"{run}, seed {line['seed']}: {run_spec.sparsity_miss(line)}"
      rows.append(_row(line["sparsity"], [line], columns, extra, name))
  return text_table.aligned(rows)


def _key(line: dict[str, Any]) -> _Key:
  tokenizer = run_spec.tokenizer_of(line.get("signatures", {})) or ""
  return _Key(line["run"], line.get("hparams") or "", run_spec.length(line), tokenizer)


def _removed(line: dict[str, Any]) -> list[str]:
  """What a run of structures was asked to remove, such as "50% of the feed-forward units", and the share if it is not the same."""
  if "removed" not in line:
    return []
  asked, reached = (f"{share * 100:.4g}%" for share in (line["sparsity_asked"], line["removed"]["share"]))
  return [f"{asked} of the {run_spec.removed_kind(line)}" + (f" ({reached} reached)" if reached != asked else "")]


def _fewer(lines: list[dict[str, Any]], seeds: Set[int]) -> list[str]:
  """Of a mean over some of the seeds only, which these are."""
  own = sorted({line["seed"] for line in lines})
  return [f"{run_spec.named_seeds(own)} only"] if {*own} < seeds else []


def split_by_data(lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
  """Lines of runs trained on the most common data, or on unknown data; and all other lines."""
  known = Counter(line["data"] for line in lines if line.get("data"))
  usual = {None, *(data for data, _ in known.most_common(1))}
  return [line for line in lines if line.get("data") in usual], [
    line for line in lines if line.get("data") not in usual
  ]


def _row(
  sparsity: float, lines: list[dict[str, Any]], columns: Sequence[str], extra: Sequence[_Extra], name: str
) -> list[str]:
  """A row with the means of the results."""
  megabytes = _mean([line["megabytes"]["paper"] for line in lines])
  row = [f"{sparsity * 100:.6g}%", f"{megabytes:.2f}", *_means([line["test"] for line in lines], columns)]
  for one in extra:
    values = [one.value(line[one.field]) for line in lines if one.field in line]
    found = [value for value in values if value is not None]
    # Means over another number of checkpoints are another score.
    is_one_score = len({line[one.field].get("checkpoints") for line in lines if one.field in line}) == 1
    row.append(f"{_mean(found):.{one.digits}f}" if len(found) == len(lines) and is_one_score else "-")
  return [*row, name]


def _means(scores: list[dict[str, float]], columns: Sequence[str]) -> list[str]:
  """The mean of each metric; a dash if not all have it."""
  return [
    f"{_mean([one[metric] for one in scores]):.1f}" if all(metric in one for one in scores) else "-"
    for metric in columns
  ]


def _other_test_sets(
  lines: list[dict[str, Any]], columns: Sequence[str], extra: Sequence[_Extra], run: str, seeds: Set[int]
) -> list[list[str]]:
  """A row for each further test set, of the seeds that have it."""
  having: dict[str, list[dict[str, Any]]] = defaultdict(list)
  for line in lines:
    for name, found in line.get("other_test_sets", {}).items():
      if found.keys() >= {"bleu", "ter"}:
        having[name].append(line)
  return [
    [
      "",
      "",
      *_means([line["other_test_sets"][name] for line in found], columns),
      *([""] * len(extra)),
      ", ".join([run, name, *_fewer(found, seeds)]),
    ]
    for name, found in having.items()
  ]


def _mean(values: list[float]) -> float:
  return sum(values) / len(values)
