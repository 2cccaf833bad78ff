"""All file and folder names of a run. Standard library only."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from typing import NamedTuple


class Runs(NamedTuple):
  """The runs of one table: same problem, model size and seed.

  Attributes:
    runs_dir: folder of all runs.
    problem: t2t's problem name.
    size: `base`, `big`, `small`, `tiny` or `micro`; or the name of an hparams set (`--hparams_set`).
    seed: `--random_seed` of each run.
  """

  runs_dir: str
  problem: str
  size: str
  seed: int

  def folder(self, run: str) -> str:
    """The folder of a run: t2t-trainer's `--output_dir`. PROBLEM/RUN is a run of another problem, of this size and seed."""
    problem, _, name = run.rpartition("/")
    return os.path.join(self.runs_dir, problem or self.problem, self.size, f"seed{self.seed}", name)


def is_of_other_problem(run: str) -> bool:
  """Whether the name of a run is PROBLEM/RUN (`Runs.folder`)."""
  return "/" in run


def run_folders(runs_dir: str) -> list[str]:
  """The folders of all runs of all problems, sizes and seeds, sorted."""
  found = glob.glob(os.path.join(glob.escape(runs_dir), "*", "*", "seed*", "*"))
  return sorted(folder for folder in found if os.path.exists(description(folder)) or os.path.exists(result(folder)))


def report(runs_dir: str, problem: str, size: str) -> str:
  """The folder of the report of a problem's runs of one size."""
  return os.path.join(runs_dir, problem, size, "report")


def kept(model_dir: str, step: int) -> str:
  """The checkpoint of a step that later levels rewind to; t2t does not rotate it out."""
  return os.path.join(model_dir, "rewind", f"model.ckpt-{step}")


def ticket(model_dir: str, host: int = 0) -> str:
  """The checkpoint from which a new run starts on a host; removed once it has started."""
  return os.path.join(model_dir, f"ticket.host{host}" if host else "ticket", "ticket.ckpt")


def checkpoint(model_dir: str, step: int) -> str:
  """t2t's own checkpoint of a step."""
  return os.path.join(model_dir, f"model.ckpt-{step}")


def average(model_dir: str, steps: Sequence[int]) -> str:
  """The mean of the checkpoints of some steps."""
  return os.path.join(model_dir, f"average-{len(steps)}", f"model.ckpt-{steps[-1]}")


def stored(model_dir: str, step: int) -> str:
  """The checkpoint of a step: the kept one if it exists, else t2t's own."""
  path = kept(model_dir, step)
  return path if checkpoint_exists(path) else checkpoint(model_dir, step)


def checkpoint_exists(prefix: str) -> bool:
  """Whether a checkpoint exists: its index is written last and removed first."""
  return os.path.exists(f"{prefix}.index")


def checkpoint_steps(model_dir: str) -> list[int]:
  """Steps of t2t's own checkpoints in a run's folder, ascending."""
  found = (re.fullmatch(r"model\.ckpt-(\d+)\.index", name) for name in os.listdir(model_dir))
  return sorted(int(match[1]) for match in found if match)


def has_output(model_dir: str) -> bool:
  """Whether a run has produced a checkpoint, anywhere in its folder, or a result."""
  found = glob.iglob(os.path.join(glob.escape(model_dir), "**", "model.ckpt-*.index"), recursive=True)
  return any(found) or os.path.exists(result(model_dir))


def description(model_dir: str) -> str:
  """The description of a run: written before it starts, compared when it is requested again."""
  return os.path.join(model_dir, "run.json")


def state(model_dir: str) -> str:
  """TensorFlow's list of the checkpoints in a run's folder, which names the one that a run resumes from."""
  return os.path.join(model_dir, "checkpoint")


def quarantine(model_dir: str, number: int) -> str:
  """A folder for files that an interrupted run does not resume from."""
  return os.path.join(model_dir, "set_aside", str(number))


def usage(model_dir: str) -> str:
  """Resources that the training of a run used."""
  return os.path.join(model_dir, "usage.json")


def thinned(model_dir: str) -> str:
  """Steps of all checkpoints of a finished run before intermediate ones were deleted (`--keep=essential`)."""
  return os.path.join(model_dir, "thinned.json")


def failed(model_dir: str) -> str:
  """The marker of a permanently failed run: step, loss and reason."""
  return os.path.join(model_dir, "failed.json")


def train_log(model_dir: str, host: int = 0) -> str:
  """The output of t2t-trainer on a host."""
  return os.path.join(model_dir, f"train.host{host}.log" if host else "train.log")


def joined(model_dir: str) -> str:
  """Exists while the chief of several hosts trains a run: the workers may start."""
  return os.path.join(model_dir, "joined.json")


def decode_log(model_dir: str) -> str:
  """The output of t2t_decoder."""
  return os.path.join(model_dir, "decode.log")


def datagen_log(data_dir: str, problem: str) -> str:
  """The output of t2t-datagen."""
  return os.path.join(data_dir, f"{problem}.datagen.log")


def last_error(model_dir: str) -> str:
  """The error of a run's last failed step; removed when the run is resumed."""
  return os.path.join(model_dir, "last_error.json")


def steps_log(model_dir: str) -> str:
  """The output of a run's steps, written when one of them fails."""
  return os.path.join(model_dir, "steps.log")


def hparams(model_dir: str) -> str:
  """The hparams that t2t-trainer saves."""
  return os.path.join(model_dir, "hparams.json")


def translation(model_dir: str, split: str, checkpoint: str, decoder: str = "ctranslate2") -> str:
  """The translation of `dev` or `test` by a checkpoint in the run's folder."""
  name = os.path.relpath(checkpoint, model_dir).replace("model.ckpt-", "").replace(os.sep, ".")
  by = "" if decoder == "ctranslate2" else f".{decoder}"
  return os.path.join(model_dir, "translations", f"{split}.{name}{by}.txt")


def checksum(path: str) -> str:
  """The SHA-256 of a translation, as `sha256sum` writes and checks it."""
  return f"{path}.sha256"


def loss(model_dir: str, split: str, checkpoint: str, decoder: str = "ctranslate2") -> str:
  """A checkpoint's loss on a split."""
  return translation(model_dir, split, checkpoint, decoder)[: -len("txt")] + "loss.json"


def connectivity(model_dir: str, seed: int, run: str) -> str:
  """Dev loss and BLEU on the line from a run to another one, of a seed and a name."""
  return os.path.join(model_dir, "connectivity", f"seed{seed}.{run}.json")


def connections(model_dir: str) -> list[str]:
  """All such files of a run, sorted."""
  return sorted(glob.glob(os.path.join(glob.escape(model_dir), "connectivity", "seed*.json")))


def segments(model_dir: str) -> str:
  """Sufficient statistics of each sentence of the test translation, one array per metric."""
  return os.path.join(model_dir, "segments.npz")


def layers(model_dir: str) -> str:
  """Statistics of each layer of the best checkpoint."""
  return os.path.join(model_dir, "layers.json")


def result(model_dir: str) -> str:
  """A run's line of results; exists once the run is evaluated."""
  return os.path.join(model_dir, "result.json")


def results(runs_dir: str) -> str:
  """The results of all runs, one line per run."""
  return os.path.join(runs_dir, "results.jsonl")
