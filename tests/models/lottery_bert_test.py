"""The model `lottery_bert`: Google's names, masks, a loss of the examples alone, hparams that are refused."""

import functools
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import registry, trainer_lib

import hparams as hparams_package
import usr_dir  # noqa: F401
from problems import classification, masked_text, squad
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.models import lottery_bert
from t2t_lottery.pruning import layers, methods
from t2t_lottery.runs import presets
from t2t_lottery.training import bert_check, hparams_check, ticket_hook
from t2t_lottery.utils import errors
from tests.support import tiny_bert

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]

# The pieces to predict in the first two examples of `features`.
MASKED = np.array([[0, 5, 0, 6, 0], [0, 5, 0, 0, 0]], np.int32)[:, :, None, None]
MASKED_AND_FILLER = np.pad(MASKED, [(0, 1), (0, 0), (0, 0), (0, 0)])


class LotteryBertTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.data_dir = self.create_tempdir().full_path
    with open(os.path.join(self.data_dir, "vocab.txt"), "w", encoding="utf-8") as file:
      file.writelines(f"{piece}\n" for piece in PIECES)

  def hparams(self, name="bert_tiny", overrides="", problem="glue_rte"):
    hparams_package.register_on_top(name)
    found = trainer_lib.create_hparams(name, overrides, data_dir=self.data_dir, problem_name=problem)
    found.add_hparam("model_dir", self.create_tempdir().full_path)
    found.add_hparam("train_steps", 10)
    return found

  def features(self, rows):
    ids = np.array([[2, 5, 3, 6, 3], [2, 6, 3, 0, 0], [0, 0, 0, 0, 0]], np.int32)[:rows]
    shaped = ids[:, :, None, None]
    targets = tf.constant(np.array([1, 0, 0], np.int32)[:rows, None, None, None])
    return {"inputs": tf.constant(shaped), "inputs_segments": tf.zeros_like(shaped), "targets": targets}

  def test_names_are_googles_and_a_pruned_run_has_masks_of_its_layers(self):
    with tf.Graph().as_default():
      hparams = self.hparams("bert_tiny+lt")
      model = registry.model("lottery_bert")(hparams, tf.estimator.ModeKeys.TRAIN)
      _, losses = model(self.features(2))
      model.optimize(losses["training"])
      trainable = {variable.op.name for variable in tf.trainable_variables()}
      masks = {variable.op.name for variable in tf.global_variables() if layers.is_mask(variable.op.name)}
    self.assertIn("bert/encoder/layer_1/attention/self/query/kernel", trainable)
    self.assertEqual({name for name in trainable if not name.startswith("bert/")}, {"output_weights", "output_bias"})
    self.assertLen(masks, 2 * 6 + 1)
    self.assertEqual(masks, {layers.mask_name(name) for name in layers.prunable(trainable)})

  def first_weights(self, pretrained, control):
    """name -> first value of each variable of a ticket with a control."""
    changes = [f"{name}={value}" for name, value in methods.CONTROLS[control].items()]
    hparams = self.hparams("bert_tiny+lt", ",".join(["sparsity=0.5", *changes]))
    with tf.Graph().as_default(), tf.Session() as session:
      tf.set_random_seed(2)
      model = registry.model("lottery_bert")(hparams, tf.estimator.ModeKeys.TRAIN)
      _, losses = model(self.features(2))
      model.optimize(losses["training"])
      spec = hparams_check.ticket_spec(hparams, 1)
      initialize = functools.partial(lottery_bert._initialize, hparams)
      ticket_hook.TicketHook(
        hparams.model_dir, pretrained, pretrained, spec, initialize, may_lack=lottery_bert._may_lack
      ).begin()
      session.run(tf.global_variables_initializer())
      return session.run({variable.op.name: variable for variable in tf.global_variables()})

  @pytest.mark.slow
  def test_reinitialized_tickets_keep_the_mask_and_nothing_else_of_a_pretrained_model(self):
    # With its vocabulary.
    self.data_dir = tiny_bert.write_pretrained(os.path.join(self.create_tempdir().full_path, "bert"))
    prefix = os.path.join(self.data_dir, presets.BERT_CHECKPOINT)
    pretrained = tf_checkpoint.Checkpoint(prefix, "rewind_checkpoint")
    rewound, new = (self.first_weights(prefix, control) for control in ("global_magnitude", "reinitialized"))
    for name in pretrained.shapes:
      before, value = pretrained.read(name), new[name]
      kept = np.ones(before.shape, bool)
      if layers.is_prunable(name):
        kept = new[layers.mask_name(name)].astype(bool)
        self.assertAllEqual(kept, rewound[layers.mask_name(name)])
        self.assertFalse(np.any(value[~kept]))
      self.assertAllEqual(rewound[name], np.where(kept, before, 0))
      if before.ndim == 1:
        # As google-research/bert initializes them: scales of norms 1, and 0 for biases.
        self.assertAllEqual(value, np.full_like(before, name.endswith("/gamma")))
        continue
      # A normal distribution of deviation 0.02, cut off at two of them, has a deviation of 0.88 times that; up to five standard
      # errors of so many samples.
      self.assertAllInRange(value[kept], -0.04, 0.04)
      self.assertAllClose(value[kept].std(), 0.0176, rtol=5 / np.sqrt(2 * kept.sum()))
      self.assertLess(abs(np.corrcoef(value[kept], before[kept])[0, 1]), 5 / np.sqrt(kept.sum()))

  def test_rows_that_fill_the_last_batch_of_an_evaluation_do_not_count(self):
    with tf.Graph().as_default(), tf.Session() as session:
      model = registry.model("lottery_bert")(self.hparams(), tf.estimator.ModeKeys.EVAL)
      results = []
      for rows in (2, 3):
        features = self.features(rows)
        logits, losses = model(features)
        scores, weights = classification.accuracy(logits, features["targets"], features=features)
        results.append((losses["training"], tf.reduce_sum(scores * weights), tf.reduce_sum(weights)))
      session.run(tf.global_variables_initializer())
      without, with_filler = session.run(results)
    self.assertAllClose(without, with_filler, rtol=1e-6)
    self.assertEqual(with_filler[2], 2)

  def test_a_masked_language_model_has_googles_head_and_a_loss_of_the_masked_pieces_alone(self):
    with tf.Graph().as_default():
      model = registry.model("lottery_bert")(
        self.hparams("bert_tiny+lt", problem="mlm_text"), tf.estimator.ModeKeys.TRAIN
      )
      _, losses = model({**self.features(2), "targets": tf.constant(MASKED)})
      model.optimize(losses["training"])
      trainable = {variable.op.name for variable in tf.trainable_variables()}
      masks = {variable.op.name for variable in tf.global_variables() if layers.is_mask(variable.op.name)}
    head = {"transform/dense/kernel", "transform/dense/bias", "transform/LayerNorm/beta", "transform/LayerNorm/gamma"}
    self.assertEqual(
      {name for name in trainable if not name.startswith("bert/")},
      {f"cls/predictions/{name}" for name in (*head, "output_bias")},
    )
    self.assertLen(masks, 2 * 6 + 1)
    with tf.Graph().as_default(), tf.Session() as session:
      model = registry.model("lottery_bert")(self.hparams(problem="mlm_text"), tf.estimator.ModeKeys.EVAL)
      logits, losses = model({**self.features(3), "targets": tf.constant(MASKED_AND_FILLER)})
      scores, weights = masked_text.masked_accuracy(logits, tf.constant(MASKED_AND_FILLER))
      session.run(tf.global_variables_initializer())
      logits, loss, scores, weights = session.run([logits, losses["training"], scores, weights])
    logits = logits.reshape(-1, len(PIECES)).astype(np.float64)
    expected = [np.log(np.exp(row).sum()) - row[piece] for row, piece in zip(logits, (5, 6, 5))]
    self.assertAllClose(loss, np.mean(expected), rtol=1e-6)
    self.assertAllEqual(scores, logits.argmax(axis=1) == (5, 6, 5))
    self.assertAllEqual(weights, [1, 1, 1])

  def test_answers_have_googles_head_and_a_loss_of_both_places_without_padding(self):
    places = np.array([[1, 3], [2, 2], [0, 0]], np.int32)[:, :, None, None]
    with tf.Graph().as_default(), tf.Session() as session:
      model = registry.model("lottery_bert")(self.hparams(problem="squad_v1"), tf.estimator.ModeKeys.EVAL)
      features = {**self.features(3), "targets": tf.constant(places)}
      logits, losses = model(features)
      scores, weights = squad.span_accuracy(logits, features["targets"], features=features)
      self.assertEqual(
        {variable.op.name for variable in tf.trainable_variables() if not variable.op.name.startswith("bert/")},
        {"cls/squad/output_weights", "cls/squad/output_bias"},
      )
      session.run(tf.global_variables_initializer())
      logits, loss, scores, weights = session.run([logits, losses["training"], scores, weights])
    self.assertEqual(logits.shape, (3, 5, 1, 1, 2))
    expected, right = [], []
    for row, length in ((0, 5), (1, 3)):
      values = logits[row, :length, 0, 0].astype(np.float64)
      chosen = [values[places[row, i, 0, 0], i] - np.log(np.exp(values[:, i]).sum()) for i in (0, 1)]
      expected.append(-np.mean(chosen))
      right.append(np.array_equal(values.argmax(axis=0), places[row, :, 0, 0]))
    self.assertAllClose(loss, np.mean(expected), rtol=1e-5)
    self.assertAllEqual(weights, [1, 1, 0])
    self.assertAllEqual(scores[:2], right)

  def test_sets_have_the_sizes_of_published_models_and_tickets_are_global(self):
    self.assertEqual(presets.BERT_SIZES["bert_base"], (768, 12, 12, 3072))
    for name in presets.BERT_SIZES:
      hparams = registry.hparams(name)
      self.assertEqual(hparams.pruning_method, "dense")
      self.assertEqual((hparams.learning_rate_constant, hparams.optimizer_adam_epsilon), (2e-5, 1e-8))
    self.assertEqual(self.hparams("bert_tiny+lt").ticket_scope, "global")

  def test_what_has_no_effect_is_refused(self):
    hparams_check.check(self.hparams(), bert_check.CHECKS)
    for overrides, message in (
      ("gelu=tan", "did you mean tanh"),
      ("prune_embedding=False", "never prunes embeddings"),
      ("num_heads=3", "does not divide"),
      ("learning_rate_schedule=constant*linear_warmup", "linear_warmup needs at least 1"),
      ("sparsity=0.5", r"use one of bert_tiny\+mp"),
    ):
      with self.assertRaisesRegex(errors.UserError, message):
        hparams_check.check(self.hparams(overrides=overrides), bert_check.CHECKS)

  def test_tickets_of_structures_that_do_not_exist_are_refused(self):
    ticket = "mask_checkpoint=x,rewind_checkpoint=x,sparsity={},ticket_structure={}"
    for sparsity, structure, message in (
      (0.5, "units", "ticket_structure=units is not for this model: use weights, heads, mlps, heads_mlps"),
      (
        0.5,
        "mlps,ticket_score=random,shuffle_mask=True",
        "each has one MLP, which would stay: use ticket_score=random",
      ),
      (0.8, "heads_mlps,ticket_score=random", "leaves none of the 2 MLPs of the model"),
      (0.2, "mlps,ticket_score=random", "removes none of the 2 MLPs of the model"),
      (0.1, "heads_mlps,ticket_score=random", "removes none of the 4 heads of the model"),
      (0.25, "heads_mlps,ticket_score=random", "removes none of the 2 MLPs of the model"),
      (0.5, "weights,ticket_score=gradient", "that of heads: use ticket_structure=heads or mlps or heads_mlps"),
    ):
      hparams = self.hparams("bert_tiny+lt", ticket.format(sparsity, structure))
      with self.assertRaisesRegex(errors.UserError, message):
        hparams_check.check(hparams, bert_check.CHECKS)

  @parameterized.parameters(2, 3)
  def test_a_task_head_of_the_pretrained_checkpoint_is_left_out(self, classes):
    with tf.Graph().as_default(), tf.Session() as session:
      registry.model("lottery_bert")(self.hparams(), tf.estimator.ModeKeys.TRAIN)(self.features(2))
      session.run(tf.global_variables_initializer())
      values = {variable.op.name: session.run(variable) + 1 for variable in tf.trainable_variables()}
    values.update(output_weights=np.ones([classes, 32], np.float32), output_bias=np.ones([classes], np.float32))
    prefix = os.path.join(self.create_tempdir().full_path, "of_a_task", "bert_model.ckpt")
    tf_checkpoint.write(prefix, values)
    with tf.Graph().as_default(), tf.Session() as session:
      model = registry.model("lottery_bert")(self.hparams(), tf.estimator.ModeKeys.TRAIN)
      model(self.features(2))
      model.initialize_from_ckpt(prefix)
      session.run(tf.global_variables_initializer())
      for variable in tf.trainable_variables():
        name, value = variable.op.name, session.run(variable)
        if name.startswith("bert/"):
          self.assertAllEqual(value, values[name])
        else:
          # As google-research/bert initializes it.
          self.assertAllInRange(value, -0.04, 0.04)

  def test_a_model_with_fewer_positions_than_pieces_is_refused(self):
    hparams = self.hparams("bert_tiny", "max_length=127")
    with self.assertRaisesRegex(
      errors.UserError, "max_length=127 is less than the 128 pieces that an example of glue_rte"
    ):
      hparams_check.check(hparams, bert_check.CHECKS)

  def test_a_pretrained_checkpoint_of_another_shape_is_refused(self):
    prefix = os.path.join(self.create_tempdir().full_path, "pretrained", "bert_model.ckpt")
    tf_checkpoint.write(prefix, {"bert/embeddings/word_embeddings": np.zeros([9, 32], np.float32)})
    hparams = self.hparams()
    hparams.add_hparam("warm_start_from", prefix)
    with self.assertRaisesRegex(errors.UserError, r"warm_start_from: .* has shape \[9, 32\], in this run \[7, 32\]"):
      hparams_check.check(hparams, bert_check.CHECKS)


if __name__ == "__main__":
  tf.test.main()
