"""A pre-trained BERT, theta_0 of Chen et al. (2020): a folder with `bert_model.ckpt` and `vocab.txt`, as google-research/bert
publishes its models and `import_bert` writes them. No TensorFlow.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from t2t_lottery.checkpoints import hugging_face, tensor_bundle
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.runs import paths, presets
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

_EMBEDDINGS = "bert/embeddings/word_embeddings"
# hparam -> the field of `bert_config.json`.
_CONFIG = {
  "hidden_size": "hidden_size",
  "num_hidden_layers": "num_hidden_layers",
  "num_heads": "num_attention_heads",
  "filter_size": "intermediate_size",
  "max_length": "max_position_embeddings",
}


def checkpoint(folder: str) -> str:
  """The prefix of its checkpoint.

  Raises:
    UserError: if there is none.
  """
  prefix = os.path.join(folder, presets.BERT_CHECKPOINT)
  if not paths.checkpoint_exists(prefix):
    raise UserError(f"--checkpoint={folder} contains no {presets.BERT_CHECKPOINT}.index: give a folder of a BERT")
  return prefix


def vocabulary(folder: str) -> str:
  """The path of its vocabulary."""
  return os.path.join(folder, presets.BERT_VOCABULARY)


def fingerprint(folder: str) -> str:
  """A hash that identifies the weights: of the checkpoint's index, which contains the checksum of each variable.

  Raises:
    UserError: if there is no checkpoint.
  """
  with open(f"{checkpoint(folder)}.index", "rb") as file:
    return hashlib.sha256(file.read()).hexdigest()[:16]


def check_intact(folder: str) -> None:
  """Reads its weights whole: a damaged one is noticed here, not when the dense run starts.

  Raises:
    UserError: if there is no checkpoint, or one of its variables cannot be read, or contains NaN or infinity.
  """
  prefix = checkpoint(folder)
  with _advising():
    if name := tensor_bundle.check(prefix):
      raise UserError(f"{name} of {prefix} contains NaN or infinity: give another --checkpoint")


def _entries(folder: str) -> dict[str, tensor_bundle.Entry]:
  prefix = checkpoint(folder)
  with _advising():
    return tensor_bundle.entries(prefix)


@contextlib.contextmanager
def _advising() -> Iterator[None]:
  """No command of this project makes a pre-trained model again."""
  try:
    yield
  except tensor_bundle.Damaged as error:
    raise UserError(f"{error.what}: download or convert this BERT again") from error


def vocabulary_size(folder: str) -> int:
  """The number of its pieces.

  Raises:
    UserError: if there is no checkpoint, or it is of no BERT.
  """
  entries = _entries(folder)
  if _EMBEDDINGS not in entries:
    raise UserError(f"--checkpoint={folder} lacks {_EMBEDDINGS}: give a folder of a BERT")
  return entries[_EMBEDDINGS].shape[0]


def shapes(pieces: int, hparams: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
  """Name -> shape of the variables that show a BERT's size.

  Args:
    pieces: of its vocabulary.
    hparams: of the run.
  """
  hidden, last = hparams["hidden_size"], hparams["num_hidden_layers"] - 1
  return {
    _EMBEDDINGS: (pieces, hidden),
    "bert/embeddings/position_embeddings": (hparams["max_length"], hidden),
    f"bert/encoder/layer_{last}/intermediate/dense/kernel": (hidden, hparams["filter_size"]),
    "bert/pooler/dense/kernel": (hidden, hidden),
  }


def surplus(names: Iterable[str], hparams: Mapping[str, Any]) -> str | None:
  """The first variable of a layer that the run's BERT does not have; None if there is none.

  Args:
    names: of a checkpoint's variables.
    hparams: of the run.
  """
  layer = f"bert/encoder/layer_{hparams['num_hidden_layers']}/"
  return next((name for name in names if name.startswith(layer)), None)


def check(folder: str, hparams: Mapping[str, Any]) -> None:
  """Rejects a BERT of another shape than the run's, or with a vocabulary of another size.

  Args:
    folder: the BERT's.
    hparams: of the run.

  Raises:
    UserError: naming the first difference.
  """
  entries = _entries(folder)
  pieces = len(WordPiece.read(vocabulary(folder)).pieces)
  embeddings = entries.get(_EMBEDDINGS)
  if embeddings and embeddings.shape[0] != pieces:
    raise UserError(f"{vocabulary(folder)} has {pieces} pieces, but the checkpoint next to it {embeddings.shape[0]}")
  for name, shape in shapes(pieces, hparams).items():
    found = entries[name].shape if name in entries else None
    if found != shape:
      has = f"has {name} of shape {list(found)}" if found else f"lacks {name}"
      raise UserError(
        f"--checkpoint={folder} {has}, but by --hparams_set it is of shape {list(shape)}: give "
        "the --hparams_set of this BERT"
      )
  if surplus(entries, hparams):
    raise UserError(
      f"--checkpoint={folder} has more than {hparams['num_hidden_layers']} layers: give the --hparams_set of this BERT"
    )
  _check_config(folder, hparams)


def _check_config(folder: str, hparams: Mapping[str, Any]) -> None:
  """Compares `bert_config.json`, if there is one: no variable shows the number of heads or the GELU."""
  path = os.path.join(folder, "bert_config.json")
  try:
    config = atomic_files.read_json(path, dict)
  except atomic_files.Missing:
    return
  # "gelu" is the exact one for Hugging Face, and the approximation for google-research/bert.
  if hugging_face.GELUS.get(config.get("hidden_act")) == "tanh" and hparams["gelu"] != "tanh":
    raise UserError(
      f"{path} has hidden_act={config['hidden_act']}, but the run gelu={hparams['gelu']}: give --hparams=gelu=tanh"
    )
  for name, field in _CONFIG.items():
    if config.get(field, hparams[name]) != hparams[name]:
      raise UserError(
        f"{path} has {field}={config[field]}, but the run {name}={hparams[name]}: give the --hparams_set of this "
        f"BERT, or --hparams={name}={config[field]}"
      )
