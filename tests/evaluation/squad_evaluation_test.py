"""A run on SQuAD is evaluated by its best answer to each question of dev, with the logits of the model that t2t trains."""

import os

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.data import manifest, squad
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.evaluation import answers, evaluator
from t2t_lottery.models import bert_predictor
from t2t_lottery.report import builder
from t2t_lottery.report import study as studies
from t2t_lottery.runs import config, paths, presets, results_file
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import tiny_bert


class SquadEvaluationTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    tmp_dir, cls.data_dir, runs_dir = (cls.create_tempdir(cls()).full_path for _ in range(3))
    atomic_files.write_lines(os.path.join(tmp_dir, "vocab.txt"), tiny_bert.PIECES)
    tiny_bert.write_squad(tmp_dir)
    registry.problem("squad_v1").generate_data(cls.data_dir, tmp_dir)
    runs = paths.Runs(runs_dir, "squad_v1", tiny_bert.SET, 1)
    steps = presets.for_length(20)
    cls.settings = config.Settings(
      runs, presets.SIZES["base"], steps, {}, "", cls.data_dir, tmp_dir, base_set=tiny_bert.SET
    )
    cls.folder = runs.folder("dense")
    cls.logits, cls.loss = cls.write_run()

  @classmethod
  def write_run(cls):
    """A finished run with random weights; returns pieces of a window of dev -> t2t's logits, and its loss."""
    hparams = trainer_lib.create_hparams(tiny_bert.SET, "", data_dir=cls.data_dir, problem_name="squad_v1")
    names = ("inputs", "inputs_segments", "targets")
    (records,) = manifest.records("squad_v1", cls.data_dir, "dev")
    features = [tf.train.Example.FromString(r).features.feature for r in tf.python_io.tf_record_iterator(records)]
    rows = {name: [list(one[name].int64_list.value) for one in features] for name in names}
    padded = {}
    for name, values in rows.items():
      padded[name] = np.zeros([len(values), max(map(len, values)), 1, 1], np.int32)
      for row, value in zip(padded[name], values):
        row[: len(value), 0, 0] = value
    random = np.random.RandomState(3)
    with tf.Graph().as_default(), tf.Session() as session:
      model = registry.model("lottery_bert")(hparams, tf.estimator.ModeKeys.EVAL)
      logits, losses = model({name: tf.constant(value) for name, value in padded.items()})
      weights = {v.op.name: (0.3 * random.randn(*v.shape)).astype(np.float32) for v in tf.trainable_variables()}
      session.run(tf.global_variables_initializer())
      for variable in tf.trainable_variables():
        variable.load(weights[variable.op.name], session)
      logits, loss = session.run([logits, losses["training"]])
    for prefix in (paths.kept(cls.folder, 0), paths.checkpoint(cls.folder, 20)):
      os.makedirs(os.path.dirname(prefix), exist_ok=True)
      tf_checkpoint.write(os.path.join(cls.folder, "made", "model.ckpt"), weights)
      for name in tf.gfile.Glob(os.path.join(cls.folder, "made", "model.ckpt*")):
        os.rename(name, prefix + name.partition("model.ckpt")[2])
    saved = {"prune_embedding": True, "ticket_scope": "global", "gelu": "erf", "max_length": 512}
    atomic_files.write_json(paths.hparams(cls.folder), {**saved, **presets.BERT_SIZES[tiny_bert.SET]._asdict()})
    about = {"run": "dense", "problem": "squad_v1", "size": tiny_bert.SET, "seed": 1, "method": "dense"}
    about.update(sparsity_asked=0.0, train_steps=20, rewind_step=1)
    atomic_files.write_json(paths.description(cls.folder), about)
    return {tuple(ids): row[: len(ids), 0, 0] for row, ids in zip(logits, rows["inputs"])}, loss

  def test_scores_are_those_of_the_best_answers_and_the_loss_is_t2ts(self):
    line = evaluator.evaluate(self.settings, "dense")
    tokenizer = WordPiece(tiny_bert.PIECES)
    questions = squad.read_stored(os.path.join(self.data_dir, "squad_v1.dev.json"))
    predicted, exact, f1, count = [], [], [], 0
    for question in questions:
      windows = squad.windows(tokenizer, question)
      predicted.append(answers.best(question.context, windows, [self.logits[tuple(w.ids)] for w in windows]))
      count += len(windows)
      exact.append(answers.exact_match(predicted[-1], question.answers))
      f1.append(answers.f1(predicted[-1], question.answers))
    self.assertGreater(count, len(questions))
    self.assertAllClose(line["test"], {"exact_match": 100 * np.mean(exact), "answer_f1": 100 * np.mean(f1)})
    self.assertGreater(line["test"]["answer_f1"], 0)
    # Sums of float32 in another order, because paddings differ.
    self.assertAllClose(line["dev_loss"], self.loss, rtol=1e-5)
    self.assertEqual(line["predicted_values"], len(set(predicted)))
    expected = f"EM|split:dev|checkpoint:last|questions:{len(questions)}|windows:{count}|SQuAD 1.1"
    self.assertEqual(line["signatures"]["exact_match"], expected)
    header = results_file.table(results_file.collect(self.settings.runs.runs_dir), ["dense"]).splitlines()[0]
    self.assertEqual(header.split(), ["sparsity", "MB", "EM", "F1", "run"])
    out = self.create_tempdir().full_path
    study = studies.read(self.settings.runs.runs_dir)
    self.assertEqual(builder.report(study, out, None, 100, learning_curves=False), [])
    with open(os.path.join(out, "table.md"), encoding="utf-8") as file:
      self.assertIn("EM and F1 on dev, in percent", file.read())

  def test_another_head_is_one_line(self):
    prefix = os.path.join(self.create_tempdir().full_path, "other", "model.ckpt")
    tf_checkpoint.write(prefix, {"output_weights": np.zeros([2, 32], np.float32)})
    with self.assertRaisesRegex(UserError, "has no head for answers, cls/squad"):
      next(bert_predictor.predict_spans(prefix, {}, []))


if __name__ == "__main__":
  tf.test.main()
