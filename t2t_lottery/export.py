"""Exports a model: `python -m t2t_lottery.export --checkpoint=RUN_FOLDER --to=ctranslate2 --out=PATH`.

Formats (`--to`):
- `ctranslate2`: a folder for translating raw text without TensorFlow (`translator.Translator.load`).
- `saved_model`: a SavedModel of t2t's own inference, with subword ids as input and output (`saved_model.save`).
- `t2t`: a folder with a plain `transformer` checkpoint for stock t2t_decoder.
- `sparse`: one small lossless file (`sparse_file`) with its vocabulary, for translating raw text by the sparse engine;
  it can be exported to each of the others (to `saved_model` where the data is).
- `safetensors`: one file with weights, masks, and in its metadata hparams and vocabulary, for numpy, PyTorch and others.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
from absl import flags

from t2t_lottery.checkpoints import sparse_file
from t2t_lottery.data import manifest
from t2t_lottery.inference import ctranslate2_model, translator
from t2t_lottery.runs import model_source, paths
from t2t_lottery.utils import atomic_files, command_line, errors, file_names
from t2t_lottery.utils.errors import UserError

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Checkpoint, sparse file, or a run's folder (its best checkpoint if evaluated, else its newest).",
  required=True,
)
_TO = flags.DEFINE_enum(
  "to", None, ["ctranslate2", "saved_model", "t2t", "sparse", "safetensors"], "Format.", required=True
)
_COMPUTE_TYPE = flags.DEFINE_enum(
  "compute_type",
  ctranslate2_model.FLOAT32,
  ctranslate2_model.COMPUTE_TYPES,
  "Type of the matrices, with --to=ctranslate2: int8 is smaller and faster, but not exact.",
)
_OUT = flags.DEFINE_string("out", None, "Output path; must not exist yet.", required=True)
_PROBLEM = flags.DEFINE_string("problem", None, "t2t problem of the vocabulary. Default: the run's.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the vocabulary. Default: the data_dir of the training.")


class Model:
  """A stored model and its metadata.

  Args:
    path: see `model_source.find`.
    problem, data_dir: of its vocabulary; None for those in the metadata.

  Raises:
    UserError: if the model cannot be found or its metadata is damaged.
  """

  def __init__(self, path: str, problem: str | None = None, data_dir: str | None = None):
    self.path = model_source.find(path)
    self.about = model_source.about(self.path)
    self._problem = problem or self.about.get("problem")
    self._data_dir = data_dir or self.about.get("hparams", {}).get("data_dir")
    # Of a sparse file, unless the user names another.
    self._vocabulary = None if problem or data_dir else self.about.get("vocabulary")
    if "gelu" in self.about.get("hparams", {}):
      raise UserError(f"{self.path} is of lottery_bert: only models for translation can be exported")

  @property
  def hparams(self) -> dict[str, Any]:
    """The run's hparams; raises UserError if unknown."""
    try:
      return self.about["hparams"]
    except KeyError:
      raise UserError(f"no hparams.json next to {self.path}: copy the run's there") from None

  @property
  def data(self) -> tuple[str, str]:
    """Problem and data_dir; raises UserError if unknown."""
    if not self._problem or not self._data_dir:
      raise UserError(f"{self.path} does not name its vocabulary: give --problem and --data_dir")
    if not file_names.is_name(self._problem):
      raise UserError(f"{self._problem!r} is not the name of a problem")
    data_dir = os.path.expanduser(self._data_dir)
    if self._problem == self.about.get("problem"):
      manifest.check_same(self.path, self.about.get("data"), self._problem, data_dir)
    return self._problem, data_dir

  @property
  def vocabulary(self) -> str:
    """The text of its vocabulary; raises UserError if unknown."""
    if self._vocabulary is not None:
      return self._vocabulary
    with open(manifest.vocabulary(*self.data), encoding="utf-8", newline="\n") as file:
      return file.read()


def to_ctranslate2(model: Model, out: str) -> None:
  """Writes a folder for `translator.Translator.load`."""
  vocabulary = model.vocabulary
  with atomic_files.new_folder(out) as folder, tempfile.TemporaryDirectory() as other:
    path = os.path.join(other, translator.VOCABULARY)
    atomic_files.write_text(path, vocabulary)
    padding = translator.save(folder, model.path, model.hparams, path, _COMPUTE_TYPE.value)
  if padding:
    print(
      f"{len(padding)} subwords have no embedding left, so t2t treats them as padding in a source. Translator does the "
      f"same; other programs that use {out} must remove them from sources (padding.json)"
    )


def to_saved_model(model: Model, out: str) -> None:
  """Writes a SavedModel."""
  from t2t_lottery.inference import saved_model

  vocabulary = manifest.vocabulary(*model.data)
  with atomic_files.new_folder(out) as folder:
    # TensorFlow requires a folder that does not exist.
    os.rmdir(folder)
    saved_model.save(folder, model_source.read(model.path), model.hparams, *model.data, vocabulary)


def to_t2t(model: Model, out: str) -> None:
  """Writes a folder with a checkpoint of t2t's `transformer`, and hparams.json if known."""
  from t2t_lottery.checkpoints import tf_checkpoint

  variables = model_source.read(model.path)
  # Stock t2t_decoder needs it.
  step = variables.setdefault(model_source.GLOBAL_STEP, np.array(0, np.int64))
  with atomic_files.new_folder(out) as folder:
    prefix = paths.checkpoint(folder, int(step))
    tf_checkpoint.write(prefix, variables)
    atomic_files.write_text(
      os.path.join(folder, "checkpoint"), f'model_checkpoint_path: "{os.path.basename(prefix)}"\n'
    )
    if "hparams" in model.about:
      atomic_files.write_json(paths.hparams(folder), model.about["hparams"])


def to_sparse(model: Model, out: str) -> None:
  """Writes a sparse file with the model's metadata and, if it can be found, its vocabulary."""
  _require_new(out)
  about = _with_vocabulary(model)
  sparse_file.write(out, model_source.read(model.path), about)


def _require_new(out: str) -> None:
  if os.path.lexists(out):
    raise UserError(f"{out} already exists: choose another path, or delete it")


def _with_vocabulary(model: Model) -> dict[str, Any]:
  """The model's metadata and, if it can be found, the text of its vocabulary."""
  about = dict(model.about)
  try:
    about["vocabulary"] = model.vocabulary
  except UserError as error:
    print(f"without a vocabulary, so it can be exported but not translated with: {error}")
  return about


def to_safetensors(model: Model, out: str) -> None:
  """Writes a safetensors file: variables and masks by t2t's names, the metadata of a sparse file as strings.

  Each mask is a bool array of its layer's shape. Metadata: "hparams" and "data" are JSON, "problem" is a name,
  "vocabulary" the text of t2t's file; unknown ones are absent.
  """
  from safetensors.numpy import save

  _require_new(out)
  about = _with_vocabulary(model)
  variables = model_source.read(model.path, with_masks=True)
  # The library writes an array's memory as it is, whatever its order.
  arrays = {name: np.ascontiguousarray(value) for name, value in variables.items()}
  texts = {name: value if isinstance(value, str) else atomic_files.to_json(value) for name, value in about.items()}
  atomic_files.write_bytes(out, [save(arrays, texts)])


_EXPORTS = {
  "ctranslate2": to_ctranslate2,
  "saved_model": to_saved_model,
  "t2t": to_t2t,
  "sparse": to_sparse,
  "safetensors": to_safetensors,
}


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    if _COMPUTE_TYPE.value != ctranslate2_model.FLOAT32 and _TO.value != "ctranslate2":
      raise errors.UsageError(f"--compute_type={_COMPUTE_TYPE.value} is for --to=ctranslate2: leave it out")
    model = Model(_CHECKPOINT.value, _PROBLEM.value, _DATA_DIR.value)
    out = os.path.expanduser(_OUT.value)
    _EXPORTS[_TO.value](model, out)
    print(f"{model.path} -> {out}")


if __name__ == "__main__":
  command_line.run(main)
