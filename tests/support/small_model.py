"""A small Transformer with random weights, in a folder with all files of a trained run."""

import itertools
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import text_encoder
from tensor2tensor.utils import hparams_lib, registry, trainer_lib

import usr_dir  # noqa: F401
from problems.grammar import corpus
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.pruning import layers, masks
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files

PROBLEM = "translate_ende_grammar"
STEP = 40
_LAST_BIAS = "transformer/body/decoder/layer_prepostprocess/layer_norm/layer_norm_bias"
SPARSITY = 0.6


class SmallModel:
  """The model.

  Args:
    folder: an empty one.
    overrides: hparams that differ from the tiny model's.

  Attributes:
    data_dir: folder of its vocabulary, as written by datagen.
    folder: its run's folder.
    checkpoint: prefix of its checkpoint.
    variables: name -> value of the model's own variables in the checkpoint.
    sentences: text to translate.
  """

  def __init__(self, folder, overrides=""):
    self.data_dir = os.path.join(folder, "data")
    self.folder = os.path.join(folder, "run")
    self.checkpoint = paths.checkpoint(self.folder, STEP)
    pairs = list(itertools.islice(corpus.pairs("de", "dev"), 200))
    self.sentences = [source for source, _ in pairs[:16]]
    self._write_vocabulary(itertools.chain(*pairs))
    hparams = trainer_lib.create_hparams(
      "transformer_slt_tiny", overrides, data_dir=self.data_dir, problem_name=PROBLEM
    )
    self.variables = self._weights(hparams)
    ticket = {layers.mask_name(name): self.variables[name] != 0 for name in layers.prunable(self.variables)}
    slots = {f"training/{name}/Adafactor": np.ones(3, np.float32) for name in self.variables}
    tf_checkpoint.write(self.checkpoint, {**self.variables, **ticket, **slots, "global_step": np.int64(STEP)})
    self._write_hparams()
    atomic_files.write_json(paths.description(self.folder), {"run": "slt-60", "problem": PROBLEM})

  def _write_vocabulary(self, texts):
    name = registry.problem(PROBLEM).vocab_filename
    os.makedirs(self.data_dir)
    path = os.path.join(self.data_dir, name)
    text_encoder.SubwordTextEncoder.build_from_generator(texts, 2**9, max_subtoken_length=8).store_to_file(path)
    manifest.write_manifest(PROBLEM, self.data_dir, {name: manifest.file_info(path)}, {"vocabulary": name})

  def _write_hparams(self):
    # As in t2t-trainer (`t2t_trainer.save_metadata`).
    hparams = hparams_lib.copy_hparams(trainer_lib.create_hparams("transformer_slt_tiny"))
    hparams.del_hparam("modality")
    values = {**json.loads(hparams.to_json()), "data_dir": self.data_dir}
    atomic_files.write_json(paths.hparams(self.folder), values)

  def _weights(self, hparams):
    """Random weights with varied translations, some of which end before the maximum length."""
    with tf.Graph().as_default():
      model = registry.model("transformer")(hparams, tf.estimator.ModeKeys.PREDICT)
      model.infer({"inputs": tf.zeros([1, 3, 1, 1], tf.int32), "target_space_id": tf.constant(0)})
      shapes = {variable.op.name: variable.shape.as_list() for variable in tf.global_variables()}
    random = np.random.default_rng(1)
    variables = {}
    for name, shape in shapes.items():
      value = random.standard_normal(shape) / np.sqrt(shape[1 if layers.is_embedding(name) else 0])
      if name.endswith("layer_norm_scale"):
        # Otherwise each subword would repeat itself, because input and output share their embedding.
        value = np.sign(value)
      value = value.astype(np.float32)
      mask = masks.magnitude_mask(value, SPARSITY) if layers.is_prunable(name) else True
      variables[name] = np.where(mask, value, np.float32(0))
    (embedding,) = filter(layers.is_embedding, variables)
    variables[_LAST_BIAS] += 3.5 * variables[embedding][text_encoder.EOS_ID]
    return variables
