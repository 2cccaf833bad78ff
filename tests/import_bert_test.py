"""`import_bert`: a model of Hugging Face becomes one of google-research/bert that computes the same."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import hugging_face, tensor_bundle
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.models import bert_encoder
from t2t_lottery.utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIG = {
  "model_type": "bert",
  "hidden_act": "gelu",
  "vocab_size": 9,
  "hidden_size": 8,
  "num_hidden_layers": 1,
  "num_attention_heads": 2,
  "intermediate_size": 12,
  "max_position_embeddings": 6,
}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
# The state_dict of transformers 4.57.6's BertModel of this shape.
SHAPES = {
  "embeddings.LayerNorm.bias": [8],
  "embeddings.LayerNorm.weight": [8],
  "embeddings.position_embeddings.weight": [6, 8],
  "embeddings.token_type_embeddings.weight": [2, 8],
  "embeddings.word_embeddings.weight": [9, 8],
  "encoder.layer.0.attention.output.LayerNorm.bias": [8],
  "encoder.layer.0.attention.output.LayerNorm.weight": [8],
  "encoder.layer.0.attention.output.dense.bias": [8],
  "encoder.layer.0.attention.output.dense.weight": [8, 8],
  "encoder.layer.0.attention.self.key.bias": [8],
  "encoder.layer.0.attention.self.key.weight": [8, 8],
  "encoder.layer.0.attention.self.query.bias": [8],
  "encoder.layer.0.attention.self.query.weight": [8, 8],
  "encoder.layer.0.attention.self.value.bias": [8],
  "encoder.layer.0.attention.self.value.weight": [8, 8],
  "encoder.layer.0.intermediate.dense.bias": [12],
  "encoder.layer.0.intermediate.dense.weight": [12, 8],
  "encoder.layer.0.output.LayerNorm.bias": [8],
  "encoder.layer.0.output.LayerNorm.weight": [8],
  "encoder.layer.0.output.dense.bias": [8],
  "encoder.layer.0.output.dense.weight": [8, 12],
  "pooler.dense.bias": [8],
  "pooler.dense.weight": [8, 8],
}
IDS = [[2, 5, 3, 8, 3], [2, 7, 3, 0, 0]]
SEGMENTS = [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]
# By that BertModel (eager attention, PyTorch 2.14.1) from `tensors()`, saved and loaded by save_pretrained and
# from_pretrained: the first and the last piece of the first example, the pooled output of both.
SEQUENCE = [
  [-1.074104, 0.7843609, -0.3055828, -0.1710013, 1.3491046, -0.5764254, -0.3727496, -0.2614391],
  [-1.1677305, 0.62081, -0.2894315, -0.1516497, 1.2321123, -0.5606622, -0.368149, -0.3060229],
]
POOLED = [
  [-0.4665497, 0.6180156, 0.6571943, -0.2208164, -0.511129, -0.6785261, 0.5811405, -0.7753108],
  [-0.4560213, 0.594873, 0.6485008, -0.2367698, -0.4912582, -0.6835485, 0.6171394, -0.7653806],
]


def tensors():
  """A model of Hugging Face: drawn in the order of the names."""
  random = np.random.RandomState(3)
  return {name: (random.randn(*SHAPES[name]) * 0.5).astype(np.float32) for name in sorted(SHAPES)}


def without(names, *left_out):
  return {name: value for name, value in names.items() if not name.startswith(left_out)}


class ImportBertTest(parameterized.TestCase, tf.test.TestCase):
  def folder(self, values=None, **config):
    path = self.create_tempdir().full_path
    safetensors.numpy.save_file(tensors() if values is None else values, os.path.join(path, "model.safetensors"))
    self.write(path, "config.json", json.dumps({**CONFIG, **config}))
    self.write(path, "vocab.txt", "".join(f"{piece}\n" for piece in PIECES))
    return path

  def write(self, folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
      file.write(text)

  def run_command(self, folder, *flags):
    out = os.path.join(self.create_tempdir().full_path, "out")
    command = [sys.executable, "-m", "t2t_lottery.import_bert", f"--from={folder}", f"--out={out}", *flags]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return out, subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

  @pytest.mark.slow
  def test_the_written_checkpoint_computes_what_transformers_does(self):
    out, done = self.run_command(self.folder())
    self.assertEqual((done.returncode, done.stderr), (0, ""))
    self.assertIn(
      "hidden_size=8,num_hidden_layers=1,num_heads=2,filter_size=12,max_length=6 --warm_start_from", done.stdout
    )
    self.assertEqual(WordPiece.read(os.path.join(out, "vocab.txt")).pieces, PIECES)
    with open(os.path.join(out, "bert_config.json"), encoding="utf-8") as file:
      self.assertEqual(json.load(file), CONFIG)
    shape = bert_encoder.Shape(vocab=9, hidden=8, layers=1, heads=2, filter=12, positions=6)
    with tf.Graph().as_default(), tf.Session() as session:
      outputs = bert_encoder.encode(shape, tf.constant(IDS), tf.constant(SEGMENTS))
      # Restores every variable, by its name.
      tf.train.Saver().restore(session, tf.train.latest_checkpoint(out))
      sequence, pooled = session.run(outputs)
    self.assertAllClose(sequence[0, [0, -1]], SEQUENCE, rtol=0, atol=1e-6)
    self.assertAllClose(pooled, POOLED, rtol=0, atol=1e-6)

  def test_early_names_and_heads_are_googles_and_other_heads_are_named(self):
    values = {
      f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
      for name, value in tensors().items()
    }
    values["cls.predictions.decoder.weight"] = values["bert.embeddings.word_embeddings.weight"]
    values["cls.predictions.bias"] = np.ones(9, np.float32)
    values["classifier.weight"] = np.arange(24, dtype=np.float32).reshape(3, 8)
    values["qa_outputs.weight"] = np.arange(16, dtype=np.float32).reshape(2, 8)
    values["lm_head.weight"] = np.ones([2, 8], np.float32)
    found = hugging_face.convert(values, CONFIG)
    self.assertEqual(found.left_out, ["lm_head.weight"])
    plain = hugging_face.convert(tensors(), CONFIG).variables
    self.assertAllClose({name: found.variables[name] for name in plain}, plain, rtol=0, atol=0)
    heads = {"cls/predictions/output_bias", "output_weights", "cls/squad/output_weights"}
    self.assertEqual({*found.variables} - {*plain}, heads)
    self.assertAllEqual(found.variables["output_weights"], values["classifier.weight"])
    self.assertAllEqual(found.variables["cls/squad/output_weights"], values["qa_outputs.weight"])

  @pytest.mark.slow
  def test_a_missing_pooler_is_refused_or_initialized_as_asked(self):
    values = without(tensors(), "pooler.")
    folder = self.folder(values)
    _, done = self.run_command(folder)
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, r"^t2t-lottery: the model has no pooler .*--pooler_seed=1[^\n]*\n$")
    out, done = self.run_command(folder, "--pooler_seed=4")
    self.assertIn("pooler: new, at random (seed 4), because the model has none", done.stdout)
    variables = tensor_bundle.read(os.path.join(out, "bert_model.ckpt"))
    self.assertAllEqual(variables["bert/pooler/dense/bias"], np.zeros(8))
    # Of BERT's distribution: truncated at two standard deviations of 0.02.
    self.assertBetween(np.abs(variables["bert/pooler/dense/kernel"]).max(), 0.02, 0.04)
    again = hugging_face.convert(values, CONFIG, pooler_seed=4).variables
    self.assertAllEqual(again["bert/pooler/dense/kernel"], variables["bert/pooler/dense/kernel"])
    with self.assertRaisesRegex(UserError, "no effect: the model has a pooler"):
      hugging_face.convert(tensors(), CONFIG, pooler_seed=4)

  def test_other_models_are_refused_by_name(self):
    for changed, message in (
      (
        {"encoder.layer.0.attention.self.distance_embedding.weight": np.ones([3, 4])},
        "distance_embedding.weight has no",
      ),
      ({"embeddings.LayerNorm.bias": np.ones([9], np.float32)}, r"beta has shape \[9\], by config.json \[8\]"),
      ({"encoder.layer.1.output.dense.bias": np.ones([8])}, "has bert/encoder/layer_1/output/dense/bias"),
      ({"cls.predictions.decoder.weight": np.ones([9, 8])}, "decoder.weight is not equal to embeddings"),
      ({"classifier.weight": np.ones([2, 5])}, r"output_weights has shape \[2, 5\], by config.json \[2, 8\]"),
      ({"classifier.weight": np.ones([2, 8]), "classifier.bias": np.ones([7])}, r"output_bias has shape \[7\]"),
      ({"qa_outputs.weight": np.ones([3, 8])}, r"cls/squad/output_weights has shape \[3, 8\], by config.json \[2, 8\]"),
      ({"pooler.dense.bias": np.full([8], np.nan)}, "bert/pooler/dense/bias has a value that is not finite"),
      ({"bert.pooler.dense.bias": np.ones([8])}, "has both pooler.dense.bias and bert.pooler.dense.bias"),
    ):
      with self.assertRaisesRegex(UserError, message):
        hugging_face.convert({**tensors(), **changed}, CONFIG)
    with self.assertRaisesRegex(UserError, "lacks bert/encoder/layer_0/output/dense/kernel"):
      hugging_face.convert(without(tensors(), "encoder.layer.0.output.dense.weight"), CONFIG)

  @parameterized.parameters(
    ({"model_type": "roberta"}, "model_type=roberta cannot be converted: lottery_bert computes model_type=bert"),
    ({"layer_norm_eps": 1e-5}, "layer_norm_eps=1e-05 cannot"),
    ({"hidden_act": "relu"}, "hidden_act=relu cannot"),
    ({"hidden_size": None}, "hidden_size=None is not a size"),
    ({"hidden_act": ["gelu"]}, "hidden_act=.* cannot"),
    ({"num_attention_heads": 3}, "num_attention_heads=3 does not divide hidden_size=8"),
    ({"is_decoder": True}, "is_decoder=True cannot be converted"),
  )
  def test_a_config_of_another_computation_is_refused(self, changed, message):
    with self.assertRaisesRegex(UserError, message):
      hugging_face.check_config("config.json", {**CONFIG, **changed})

  def test_a_vocabulary_or_tokenizer_that_does_not_fit_is_refused(self):
    folder = self.folder()
    self.write(folder, "tokenizer_config.json", '{"do_lower_case": false}')
    _, done = self.run_command(folder)
    self.assertRegex(done.stderr, "do_lower_case=False, but a vocab.txt of lower case is used with True")
    self.write(folder, "tokenizer_config.json", '{"strip_accents": false}')
    self.assertRegex(self.run_command(folder)[1].stderr, "^t2t-lottery: .*strip_accents=False, but[^\n]*\n$")
    self.write(folder, "tokenizer_config.json", "[1]")
    self.assertRegex(
      self.run_command(folder)[1].stderr,
      "^t2t-lottery: .* is damaged .it is not an object.: save the model again[^\n]*\n$",
    )
    self.write(folder, "vocab.txt", "".join(f"{piece}\n" for piece in [*PIECES[:-1], PIECES[-2]]))
    self.assertRegex(self.run_command(folder)[1].stderr, f"vocab.txt has the piece {PIECES[-2]} twice")
    self.write(folder, "vocab.txt", "".join(f"{piece}\n" for piece in PIECES[:-1]))
    _, done = self.run_command(folder)
    self.assertRegex(done.stderr, "has 8 pieces, by config.json 9")


if __name__ == "__main__":
  tf.test.main()
