"""Converts a BERT of Hugging Face for `lottery_bert`: `python -m t2t_lottery.import_bert --from=FOLDER --out=FOLDER`.

Reads model.safetensors, config.json and vocab.txt. Writes, as google-research/bert distributes its models,
bert_model.ckpt, with that code's variable names, bert_config.json and vocab.txt.
"""

from __future__ import annotations

import collections
import os
import shlex
from typing import Any

import numpy as np
from absl import flags

from t2t_lottery.checkpoints import hugging_face
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.runs import presets
from t2t_lottery.utils import atomic_files, command_line, errors
from t2t_lottery.utils.errors import UserError

_FROM = flags.DEFINE_string(
  "from", None, "Folder with model.safetensors, config.json and vocab.txt of a BERT.", required=True
)
_OUT = flags.DEFINE_string("out", None, "Folder to write; must not exist yet.", required=True)
_POOLER_SEED = flags.DEFINE_integer(
  "pooler_seed",
  None,
  "For a model without a pooler: initialize one at random, by this seed. Default: such a model is refused.",
  lower_bound=0,
)
# Types of safetensors that numpy has.
_REALS = ("F16", "F32", "F64")
# Integers, which transformers stores next to the weights.
_CONSTANT = "position_ids"
_SAVE_AGAIN = "save the model again by transformers' save_pretrained"


def read(folder: str) -> dict[str, np.ndarray]:
  """The tensors of a model.safetensors.

  Args:
    folder: that contains it.

  Returns:
    name -> value.

  Raises:
    UserError: if it is missing or damaged, or has a tensor of a type that numpy does not have.
  """
  from safetensors import SafetensorError, safe_open

  path = os.path.join(folder, "model.safetensors")
  if not os.path.exists(path):
    raise UserError(f"{path} is missing: save the model there by transformers' save_pretrained")
  try:
    with safe_open(path, framework="numpy") as file:
      # `file` is no dict.
      names = [name for name in file.keys() if not name.endswith(_CONSTANT)]  # noqa: SIM118
      for name in names:
        if (kind := file.get_slice(name).get_dtype()) not in _REALS:
          raise UserError(f"{path}: {name} is of the type {kind}: save the model as float32")
      return {name: file.get_tensor(name) for name in names}
  except (SafetensorError, OSError) as error:
    raise UserError(f"cannot read {path}: {error}") from error


def vocabulary(folder: str, config: dict[str, Any]) -> str:
  """The text of a model's vocab.txt.

  Raises:
    UserError: if it is missing, is not BERT's, has another size than the model, or its tokenizer would be another.
  """
  path = os.path.join(folder, "vocab.txt")
  tokenizer = WordPiece.read(path)
  if len(tokenizer.pieces) != config["vocab_size"]:
    raise UserError(f"{path} has {len(tokenizer.pieces)} pieces, by config.json {config['vocab_size']}")
  if twice := next((piece for piece, count in collections.Counter(tokenizer.pieces).items() if count > 1), None):
    raise UserError(f"{path} has the piece {twice} twice")
  try:
    given = atomic_files.read_json(os.path.join(folder, "tokenizer_config.json"), {"*": object}, _SAVE_AGAIN)
  except atomic_files.Missing:
    given = {}
  lower_case = tokenizer.lower_case
  for name, ours in (("do_lower_case", lower_case), ("strip_accents", lower_case), ("tokenize_chinese_chars", True)):
    if given.get(name) not in (None, ours):
      raise UserError(
        f"{folder}: tokenizer_config.json has {name}={given[name]}, but a vocab.txt of "
        f"{'lower case' if lower_case else 'both cases'} is used with {ours}: texts would be split otherwise than in "
        "pre-training"
      )
  with open(path, encoding="utf-8", newline="\n") as file:
    return file.read()


def write(out: str, variables: dict[str, np.ndarray], config: dict[str, Any], vocab: str) -> None:
  """Writes the folder.

  Raises:
    UserError: if it already exists or cannot be written.
  """
  from t2t_lottery.checkpoints import tf_checkpoint

  with atomic_files.new_folder(out) as folder:
    tf_checkpoint.write(os.path.join(folder, presets.BERT_CHECKPOINT), variables)
    # For a folder in place of a checkpoint.
    atomic_files.write_text(os.path.join(folder, "checkpoint"), f'model_checkpoint_path: "{presets.BERT_CHECKPOINT}"\n')
    atomic_files.write_json(os.path.join(folder, "bert_config.json"), config)
    atomic_files.write_text(os.path.join(folder, "vocab.txt"), vocab)


def trainer_flags(config: dict[str, Any]) -> str:
  """The flags of t2t-trainer for a model of this shape."""
  fields = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
  size = presets.BertSize(*(config[field] for field in fields))
  known = [name for name, other in presets.BERT_SIZES.items() if other == size]
  hparams = {} if known else size._asdict()
  if config["max_position_embeddings"] != presets.BERT_POSITIONS:
    hparams = {**hparams, "max_length": config["max_position_embeddings"]}
  if (gelu := hugging_face.GELUS[config["hidden_act"]]) != "erf":
    hparams = {**hparams, "gelu": gelu}
  found = f"--hparams_set={known[0] if known else 'bert_base'}"
  return found + (" --hparams=" + ",".join(f"{name}={value}" for name, value in hparams.items()) if hparams else "")


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  with errors.one_line():
    source, out = (os.path.expanduser(flag.value) for flag in (_FROM, _OUT))
    path = os.path.join(source, "config.json")
    config = atomic_files.read_json(path, {"*": object}, _SAVE_AGAIN)
    hugging_face.check_config(path, config)
    vocab = vocabulary(source, config)
    converted = hugging_face.convert(read(source), config, _POOLER_SEED.value)
    write(out, converted.variables, config, vocab)
    weights = sum(value.size for value in converted.variables.values())
    print(f"{source} -> {out}: {len(converted.variables)} variables, {weights:,} weights")
    if not converted.has_pooler:
      print(f"pooler: new, at random (seed {_POOLER_SEED.value}), because the model has none")
    if converted.left_out:
      print(f"left out, because google-research/bert has no such head: {', '.join(converted.left_out)}")
    checkpoint = os.path.join(out, presets.BERT_CHECKPOINT)
    print(f"train from it: {trainer_flags(config)} {shlex.quote(f'--warm_start_from={checkpoint}')}")


if __name__ == "__main__":
  command_line.run(main)
