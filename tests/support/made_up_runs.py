"""Folders of evaluated runs with made-up numbers."""

import os

import numpy as np

from t2t_lottery.data import manifest
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files

PROBLEM = "translate_ende_grammar"
SENTENCES = 60
FFN = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
CROSS = "transformer/body/decoder/layer_1/encdec_attention/multihead_attention/q/kernel"
EMBEDDING = "transformer/symbol_modality_9_4/shared/weights_0"


class Runs:
  """Writes runs of one problem and size.

  Attributes:
    folder: the runs_dir.
  """

  def __init__(self, folder, problem=PROBLEM, size="tiny"):
    self.folder = folder
    self.problem = problem
    self.size = size

  def path(self, run, seed=1):
    return paths.Runs(self.folder, self.problem, self.size, seed).folder(run)

  def begun(self, run, method, percent, mask_from=None, seed=1, controls=None):
    """Writes an unfinished run; returns its description."""
    about = {"run": run, "problem": self.problem, "size": self.size, "seed": seed, "method": method}
    about.update(sparsity_asked=percent / 100, hparams_set=f"transformer_{method}", train_steps=2000, rewind_step=100)
    if mask_from:
      about.update(mask_from=f"{mask_from}@2000", rewind_to=f"{mask_from}@100")
    if controls:
      about["controls"] = controls
    atomic_files.write_json(paths.description(self.path(run, seed)), about)
    return about

  def change(self, run, seed, **fields):
    """Changes fields of a run's description and of its result."""
    for path in (paths.description, paths.result):
      content = atomic_files.read_json(path(self.path(run, seed)))
      atomic_files.write_json(path(self.path(run, seed)), {**content, **fields})

  def evaluated(self, run, method, percent, bleu, ter, mask_from=None, seed=1, controls=None, segments=True):
    """Writes an evaluated run with the given scores; the statistics of its sentences result in the same TER, and in a
    BLEU that increases with the given one.
    """
    about = self.begun(run, method, percent, mask_from, seed, controls)
    folder = self.path(run, seed)
    weights = {"sparsity": percent / 100, "largest": 1 + percent / 10, "mean": 0.1, "signs": 0.9, "mask": None}
    result = {
      **about,
      "sparsity": percent / 100,
      "weights": weights,
      "decoder": "ctranslate2",
      "best_step": 1900,
      "dev_bleu": bleu + 1,
      "dev_bleu_by_step": {"1000": bleu - 1, "1900": bleu + 1, "2000": bleu},
      "dev_loss": 2.5,
      "test": {"bleu": bleu, "bleu_tokenized": bleu + 0.5, "chrf": bleu + 20, "ter": ter},
      "signatures": {"bleu": "BLEU|nrefs:1", "ter": "TER|nrefs:1", "translation": "beam:4"},
      "megabytes": {"paper": 100 - percent, "csc": 150 - percent, "file": 80 - percent / 2},
      "versions": {"numpy": "1.26.4"},
    }
    atomic_files.write_json(paths.result(folder), result)
    atomic_files.write_json(
      paths.layers(folder), {FFN: weights, EMBEDDING: weights, CROSS: {**weights, "signs": 0.5}, "total": weights}
    )
    translation = "".join(f"sentence {i} of {run} & <b>co</b>\n" for i in range(SENTENCES))
    atomic_files.write_text(paths.translation(folder, "test", paths.checkpoint(folder, 1900)), translation)
    if segments:
      np.savez_compressed(paths.segments(folder), **statistics(bleu, ter))


def write_test_set(problem, data_dir, texts, vocabulary):
  """Writes a problem's test set, of which `texts` has the sentences of each side, and a manifest that names a vocabulary."""
  written = {}
  for side, sentences in texts.items():
    name = manifest.raw_name(problem, "test", side)
    atomic_files.write_lines(os.path.join(data_dir, name), sentences)
    written[name] = manifest.file_info(os.path.join(data_dir, name))
  kept = os.path.join(data_dir, vocabulary)
  if os.path.exists(kept):
    written[vocabulary] = manifest.file_info(kept)
  manifest.write_manifest(problem, data_dir, written, {"vocabulary": vocabulary})


def statistics(bleu, ter):
  """Statistics of sentences of 100 words with `ter` edits on average; matches increase with `bleu` and are equal in all."""
  row = [100, 100] + [round(bleu)] * 4 + [100, 99, 98, 97]
  edits = np.linspace(ter - 5, ter + 5, SENTENCES).round().astype(np.int64)
  # The k-th sentence has k matches of each order of characters.
  chrf = np.array([[100, 100, k] * 6 for k in range(SENTENCES)], np.int64)
  bleu_rows = np.array([row] * SENTENCES, np.int64)
  ter_rows = np.stack([edits, np.full(SENTENCES, 100)], axis=1)
  return {"bleu": bleu_rows, "bleu_tokenized": bleu_rows, "chrf": chrf, "ter": ter_rows}


def study(folder, seeds=(1, 2), **where):
  """Writes Dense, MP, SLT and SLT-MP with two seeds each, a control, and an unfinished run."""
  runs = Runs(folder, **where)
  for seed in seeds:
    more = {"seed": seed}
    runs.evaluated("dense", "dense", 0, 26 + seed, 64, **more)
    runs.evaluated("mp-80", "mp", 80, 24, 66, **more)
    runs.evaluated("slt-50", "slt", 50, 26, 65, "dense", **more)
    runs.evaluated("slt-50-80", "slt", 80, 12, 80, "slt-50", **more)
    runs.evaluated("slt-50-60", "slt", 60, 25, 66, "slt-50", **more)
    runs.evaluated("slt-50-60-mp-80", "slt_mp", 80, 24.2, 66, "slt-50-60", **more)
  runs.evaluated("slt-50+random_signs", "slt", 50, 8, 90, "dense", controls=["random_signs"])
  runs.begun("slt-50-60-mp-90", "slt_mp", 90, "slt-50-60")
  return runs


def lines_of(path):
  with open(path, encoding="utf-8") as file:
    return file.read().splitlines()


def table_of(path):
  """The heads and the rows of a report's table in markdown, as lists of cells."""
  lines = [line for line in lines_of(path) if line.startswith("|")]
  heads, _, *rows = ([cell.strip() for cell in line.strip("|").split(" |")] for line in lines)
  return heads, rows


def exists(*parts):
  return os.path.exists(os.path.join(*parts))
