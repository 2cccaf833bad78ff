"""Writes a SavedModel: t2t's own inference graph with the weights. Needs TensorFlow and t2t."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from t2t_lottery import compat
from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.compat import user_code
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

compat.apply_patches()

# These need the patched t2t.
from tensor2tensor.models import transformer  # noqa: E402
from tensor2tensor.utils import trainer_lib  # noqa: E402

# Registers this project's problems with t2t.
importlib.import_module("problems")

# The signature for subword ids; the default one is for t2t's own clients.
IDS_SIGNATURE = "ids"


def save(
  folder: str,
  variables: Mapping[str, np.ndarray],
  hparams: Mapping[str, Any],
  problem: str,
  data_dir: str,
  vocabulary: str,
  beam_size: int = 4,
  alpha: float = 0.6,
  extra_length: int = 50,
) -> None:
  """Writes a SavedModel with two signatures for the same search.

  Both return `outputs`, int32 [batch, length], padded with 0 after the end of sentence, 1; with a beam also `scores`,
  float32 [batch]. The default signature takes `input`, string [batch], serialized `tf.Example`s whose `inputs` are the
  ids of a source, as exported by `tensor2tensor.serving`; `ids` takes `inputs`, int32 [batch, length], padded with 0. A
  source ends with 1. Outputs have at most `extra_length` ids more than the longest source of the batch, as in t2t.

  Args:
    folder: output; must not exist.
    variables: name -> value, of a `transformer` of t2t.
    hparams: of the run, as saved by t2t-trainer in `hparams.json`.
    problem: t2t's name of the problem.
    data_dir: where its vocabulary is stored.
    vocabulary: path of the subword vocabulary, which is copied to `assets/`.
    beam_size: 1 for greedy search.
    alpha: exponent of the length penalty.
    extra_length: see above.

  Raises:
    UserError: if variables and hparams do not match.
  """
  with tf.Graph().as_default(), tf.Session() as session:
    examples = tf.placeholder(tf.string, [None], name="input")
    parsed = tf.io.parse_example(examples, {"inputs": tf.io.VarLenFeature(tf.int64)})
    ids = tf.cast(tf.sparse.to_dense(parsed["inputs"]), tf.int32, name="inputs")
    outputs = _search(ids, _hparams(hparams, problem, data_dir), beam_size, alpha, extra_length)
    _set_weights(session, variables)
    _write(session, folder, {"input": examples, "inputs": ids}, outputs, vocabulary)


def _search(ids: tf.Tensor, hp: Any, beam_size: int, alpha: float, extra_length: int) -> dict[str, tf.Tensor]:
  """Builds t2t's own search for padded ids, int32 [batch, length]; returns its outputs (`save`)."""
  features = {
    "inputs": ids[:, :, tf.newaxis, tf.newaxis],
    "target_space_id": tf.constant(hp.problem_hparams.target_space_id),
  }
  model = transformer.Transformer(hp, tf.estimator.ModeKeys.PREDICT)
  found = model.infer(features, beam_size=beam_size, top_beams=1, alpha=alpha, decode_length=extra_length)
  outputs = {"outputs": tf.reshape(found["outputs"], [tf.shape(ids)[0], -1])}
  if beam_size > 1:
    outputs["scores"] = tf.reshape(found["scores"], [-1])
  return outputs


def _write(
  session: tf.Session,
  folder: str,
  inputs: Mapping[str, tf.Tensor],
  outputs: Mapping[str, tf.Tensor],
  vocabulary: str,
) -> None:
  """Writes the session's graph and weights with both signatures and the vocabulary."""
  tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, tf.constant(vocabulary))
  signature = tf.saved_model.predict_signature_def
  builder = tf.saved_model.Builder(folder)
  builder.add_meta_graph_and_variables(
    session,
    [tf.saved_model.tag_constants.SERVING],
    {
      tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: signature({"input": inputs["input"]}, outputs),
      IDS_SIGNATURE: signature({"inputs": inputs["inputs"]}, outputs),
    },
    assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS),
  )
  builder.save()


def _hparams(hparams: Mapping[str, Any], problem: str, data_dir: str) -> Any:
  """The run's hparams for t2t's model; registers the user's problems, and own text described in data_dir."""
  user_code.load()
  importlib.import_module("problems.own_text").register(data_dir)
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "hparams.json")
    atomic_files.write_json(path, hparams)
    try:
      return trainer_lib.create_hparams(
        "transformer_base_v3", data_dir=data_dir, problem_name=problem, hparams_path=path
      )
    except LookupError as error:
      raise UserError(f"t2t has no problem {problem}: give the --problem of the training") from error


def _set_weights(session: tf.Session, variables: Mapping[str, np.ndarray]) -> None:
  """Initializes each variable of the graph with its value."""
  for variable in tf.global_variables():
    name, shape = variable.op.name, tuple(variable.shape.as_list())
    if name not in variables or variables[name].shape != shape:
      found = list(variables[name].shape) if name in variables else "missing"
      raise UserError(f"the model does not match its hparams and vocabulary: {name} is {found}, must be {list(shape)}")
    session.run(variable.initializer, {variable.initializer.inputs[1]: variables[name]})
  unknown = {*filter(tensor_bundle.is_model_variable, variables)} - {
    variable.op.name for variable in tf.global_variables()
  }
  if unknown:
    raise UserError(f"the model does not match its hparams: they do not include {min(unknown)}")
