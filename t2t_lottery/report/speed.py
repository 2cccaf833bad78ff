"""Translation speed in the report: measures each run with each engine, and makes a table and a plot of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from t2t_lottery.data import manifest
from t2t_lottery.inference import translator
from t2t_lottery.report import plot_style
from t2t_lottery.report.aggregates import Entry
from t2t_lottery.report.paper_tables import Cell, Table, percent
from t2t_lottery.report.plots import Plot
from t2t_lottery.runs import model_source, paths, run_files
from t2t_lottery.utils.errors import UserError

# The lines of a plot; a method has its color.
_DASHES = {translator.CTRANSLATE2: "--", translator.SPARSE: "-"}
_BATCH = 32


class Speed(NamedTuple):
  """How fast a cell's model translates.

  Attributes:
    entry: the cell.
    rates: engine -> sentences per second.
  """

  entry: Entry
  rates: dict[str, float]


def measure(
  entries: Sequence[Entry],
  problem: str,
  data_dir: str,
  rounds: int = 3,
  sentences: int = 500,
  show: Callable[[str], None] = print,
) -> list[Speed]:
  """Times the translation of the test set by one thread: beam 4, 32 sentences in a batch, the fastest of some rounds.

  Seconds are those of this process on a core, so what else runs on the machine matters little. Of several seeds, the first
  is measured.

  Args:
    entries: of the main table; those without a result are left out.
    problem: t2t's name.
    data_dir: where the test set and the vocabulary are stored.
    rounds: how often each engine translates all sentences, after a batch that is not timed.
    sentences: the number of test sentences, at most.
    show: prints a line for each run.

  Raises:
    UserError: if there is no text or no result, a checkpoint is gone, or an engine cannot run a model.
  """
  sources, _ = manifest.raw_text(problem, data_dir, "test")
  vocabulary = manifest.vocabulary(problem, data_dir)
  measured: dict[str, dict[str, float]] = {}
  found = []
  for entry in entries:
    if "bleu" not in entry.figures:
      continue
    run = entry.place.run
    if run not in measured:
      checkpoint = _checkpoint(entry)
      measured[run] = _rates(checkpoint, entry.runs[0].folder, vocabulary, sources[:sentences], rounds)
      show(f"{run}: " + ", ".join(f"{rate:.1f} sentences/s by {name}" for name, rate in measured[run].items()))
    found.append(Speed(entry, measured[run]))
  if not found:
    raise UserError("--measure_speed: no run is evaluated yet")
  return found


def _checkpoint(entry: Entry) -> str:
  """Prefix of the evaluated checkpoint of an entry's first seed."""
  checkpoint = model_source.find(entry.runs[0].folder)
  if not paths.checkpoint_exists(checkpoint):
    raise UserError(
      f"{checkpoint} is gone, so --measure_speed cannot translate with it: run it where the checkpoints are"
    )
  return checkpoint


def _rates(checkpoint: str, folder: str, vocabulary: str, sources: list[str], rounds: int) -> dict[str, float]:
  options = translator.Options(threads=1, batch_size=_BATCH)
  hparams = run_files.hparams(folder)
  engines = {name: translator.Translator(checkpoint, hparams, vocabulary, name, options) for name in translator.ENGINES}
  for engine in engines.values():
    engine.translate(sources[:_BATCH])
  seconds: dict[str, list[float]] = {name: [] for name in engines}
  for _ in range(rounds):
    for name, engine in engines.items():
      begin = time.process_time()
      engine.translate(sources)
      seconds[name].append(time.process_time() - begin)
  return {name: len(sources) / min(times) for name, times in seconds.items()}


def table(caption: str, speeds: Sequence[Speed]) -> Table:
  """One row per run, by sparsity: sentences per second by each engine, and how often that of the slowest run by CTranslate2.

  Args:
    caption: of the table.
    speeds: as `measure` returns them.
  """
  heads = [("", "sparsity"), ("", "run"), ("", "BLEU")]
  heads += [(name, column) for name in translator.ENGINES for column in ("sentences/s", "ratio")]
  base = min(speeds, key=lambda speed: speed.entry.place.level).rates[translator.CTRANSLATE2]
  rows: dict[str, list[list[Cell]]] = {}
  for speed in sorted(speeds, key=lambda speed: speed.entry.place.level):
    level, run, bleu = speed.entry.place.level, speed.entry.place.run, speed.entry.figures["bleu"].mean
    row = [Cell(percent(level), level), Cell(run, run), Cell(f"{bleu:.1f}", bleu)]
    for name in translator.ENGINES:
      rate = speed.rates[name]
      row += [Cell(f"{rate:.1f}", rate), Cell(f"{rate / base:.2f}", rate / base)]
    rows.setdefault(run, [row])
  note = (
    f"CPU time of one thread, beam 4, {_BATCH} sentences in a batch; ratio: to the least sparse run by CTranslate2. Compare "
    "within this table only: it is of one machine."
  )
  return Table(caption, heads, list(rows.values()), [note])


def plot(speeds: Sequence[Speed]) -> Plot:
  """BLEU against sentences per second.

  Args:
    speeds: as `measure` returns them.
  """
  with plot_style.settings():
    made = plot_style.figure(6.4, 4)
    axes = made.subplots()
    columns = list(dict.fromkeys(speed.entry.column for speed in speeds))
    for column in columns:
      look = plot_style.LINES[column]
      ours = sorted((s for s in speeds if s.entry.column == column), key=lambda s: s.entry.place.level)
      for name in translator.ENGINES:
        rates, bleu = [s.rates[name] for s in ours], [s.entry.figures["bleu"].mean for s in ours]
        label = f"{column}, {name}"
        axes.plot(rates, bleu, color=look.color, marker=look.marker, linestyle=_DASHES[name], label=label)
        for s, rate, score in zip(ours, rates, bleu):
          axes.annotate(percent(s.entry.place.level), (rate, score), (3, 3), textcoords="offset points", fontsize=6)
    axes.set_xlabel("sentences per second of one core")
    axes.set_ylabel("BLEU [%]")
    axes.legend()
  return Plot(
    "speed",
    made,
    "BLEU on test against the speed of translation; each point's sparsity is next to it.",
    f"Lines of BLEU against sentences per second for {', '.join(columns)}; the table of speeds contains the numbers.",
  )
