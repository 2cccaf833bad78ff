"""A classification run is evaluated on all of dev, with the predictions of the model that t2t trains."""

import contextlib
import io
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints import tensor_bundle, tf_checkpoint
from t2t_lottery.evaluation import evaluator, scoring
from t2t_lottery.models import bert_predictor
from t2t_lottery.pruning import layers
from t2t_lottery.report import builder
from t2t_lottery.report import study as studies
from t2t_lottery.runs import config, manual_run, paths, presets, results_file
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
HEADER = "index\tsentence1\tsentence2\tlabel"
EXAMPLES = 37
QUERY = "bert/encoder/layer_0/attention/self/query/kernel"


class ClassificationTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.tmp_dir, self.data_dir, self.runs_dir = (self.create_tempdir().full_path for _ in range(3))
    random = np.random.RandomState(5)

    def text():
      return " ".join(random.choice(PIECES[5:], random.randint(1, 9)))

    rows = [f"{i}\t{text()}\t{text()}\t{'not_' * (i % 3 == 0)}entailment" for i in range(EXAMPLES)]
    atomic_files.write_lines(os.path.join(self.tmp_dir, "vocab.txt"), PIECES)
    for split in ("train", "dev"):
      atomic_files.write_lines(os.path.join(self.tmp_dir, "RTE", f"{split}.tsv"), [HEADER, *rows])
    registry.problem("glue_rte").generate_data(self.data_dir, self.tmp_dir)
    runs = paths.Runs(self.runs_dir, "glue_rte", "bert_tiny", 1)
    self.settings = config.Settings(
      runs, presets.SIZES["base"], presets.for_length(20), {}, "", self.data_dir, self.tmp_dir, base_set="bert_tiny"
    )

  def run_of(self, name, method="dense", emptied=()):
    """A finished run with random weights; returns its folder."""
    folder = self.settings.runs.folder(name)
    hparams = trainer_lib.create_hparams("bert_tiny", "", data_dir=self.data_dir, problem_name="glue_rte")
    with tf.Graph().as_default():
      tf.set_random_seed(3)
      self.logits(hparams, [[[2, 5, 3], [0, 0, 0], 0]])
      random = np.random.RandomState(3)
      values = {v.op.name: (0.3 * random.randn(*v.shape)).astype(np.float32) for v in tf.trainable_variables()}
    for layer in emptied:
      values[layer] = np.zeros_like(values[layer])
    masks = {layers.mask_name(name): values[name] != 0 for name in layers.prunable(values)} if emptied else {}
    tf_checkpoint.write(paths.kept(os.path.join(folder), 0), values)
    tf_checkpoint.write(os.path.join(folder, "last", "model.ckpt-20"), {**values, **masks})
    for file in os.listdir(os.path.join(folder, "last")):
      os.rename(os.path.join(folder, "last", file), os.path.join(folder, file))
    sparsity = sum((values[name] == 0).sum() for name in layers.prunable(values))
    sparsity /= sum(values[name].size for name in layers.prunable(values))
    saved = {"prune_embedding": True, "ticket_scope": "global", "gelu": "erf", "max_length": 512}
    sizes = presets.BERT_SIZES["bert_tiny"]._asdict()
    atomic_files.write_json(paths.hparams(folder), {**saved, **sizes})
    about = {"run": name, "problem": "glue_rte", "size": "bert_tiny", "seed": 1, "method": method}
    about.update(sparsity_asked=float(sparsity), train_steps=20, rewind_step=1)
    atomic_files.write_json(paths.description(folder), about)
    return folder

  def logits(self, hparams, examples):
    model = registry.model("lottery_bert")(hparams, tf.estimator.ModeKeys.EVAL)
    length = max(len(ids) for ids, _, _ in examples)
    ids, segments = np.zeros([2, len(examples), length, 1, 1], np.int32)
    for row, (pieces, parts, _) in enumerate(examples):
      ids[row, : len(pieces), 0, 0], segments[row, : len(parts), 0, 0] = pieces, parts
    targets = np.array([target for _, _, target in examples], np.int32)[:, None, None, None]
    features = {"inputs": ids, "inputs_segments": segments, "targets": targets}
    logits, _ = model({name: tf.constant(value) for name, value in features.items()})
    return tf.squeeze(logits, [1, 2, 3])

  def test_predictions_are_those_of_the_trained_model_for_every_example_of_dev(self):
    folder = self.run_of("dense")
    (records,) = tf.gfile.Glob(os.path.join(self.data_dir, "glue_rte-dev-*"))
    with open(paths.hparams(folder), encoding="utf-8") as file:
      batches = list(bert_predictor.predict(paths.checkpoint(folder, 20), json.load(file), [records]))
    order = np.argsort(np.concatenate([batch.examples for batch in batches]))
    found, targets = (np.concatenate([getattr(b, n) for b in batches])[order] for n in ("outputs", "targets"))
    examples = []
    for record in tf.python_io.tf_record_iterator(records):
      feature = tf.train.Example.FromString(record).features.feature
      examples.append([list(feature[name].int64_list.value) for name in ("inputs", "inputs_segments", "targets")])
      examples[-1][2] = examples[-1][2][0]
    self.assertLen(examples, EXAMPLES)
    self.assertAllEqual(targets, [target for _, _, target in examples])
    hparams = trainer_lib.create_hparams("bert_tiny", "", data_dir=self.data_dir, problem_name="glue_rte")
    with tf.Graph().as_default(), tf.Session() as session:
      logits = self.logits(hparams, examples)
      tf.train.Saver(tf.trainable_variables()).restore(session, paths.checkpoint(folder, 20))
      # Sums of float32 in another order, because paddings differ.
      self.assertAllClose(found, session.run(logits), rtol=1e-5, atol=1e-5)

  def test_a_run_gets_a_line_of_results_with_signatures_and_a_place_in_table_and_report(self):
    self.run_of("dense")
    line = evaluator.evaluate(self.settings, "dense")
    self.assertEqual({*line["test"]}, {"accuracy", "f1", "mcc"})
    self.assertEqual((line["test_set"], line["best_step"]), ("dev", 20))
    self.assertIn(f"split:dev|checkpoint:last|examples:{EXAMPLES}|class:1", line["signatures"]["f1"])
    variables = tensor_bundle.read(paths.checkpoint(self.settings.runs.folder("dense"), 20))
    self.assertAllClose(line["megabytes"]["csc"], 4 * sum(value.size for value in variables.values()) / 1e6)
    self.assertEqual(evaluator.evaluate(self.settings, "dense"), line)
    lines = results_file.collect(self.runs_dir)
    header, row = results_file.table(lines, ["dense"]).splitlines()
    self.assertEqual(header.split(), ["sparsity", "MB", "ACCURACY", "F1", "MCC", "run"])
    self.assertIn(f"{line['test']['accuracy']:.1f}", row)
    out = self.create_tempdir().full_path
    self.assertEqual(builder.report(studies.read(self.runs_dir), out, None, 100, learning_curves=False), [])
    with open(os.path.join(out, "table.md"), encoding="utf-8") as file:
      table = file.read()
    self.assertIn("accuracy, F1 and MCC on dev, in percent, seed 1", table)
    self.assertNotIn("BLEU", table)
    self.assertTrue(os.path.exists(os.path.join(out, "plots", "mcc.svg")))

  def test_a_dense_run_by_hand_joins_the_drivers_runs(self):
    mine = os.path.join(self.create_tempdir().full_path, "mine")
    os.rename(self.run_of("dense"), mine)
    os.remove(paths.description(mine))
    about = atomic_files.read_json(paths.hparams(mine))
    about.update(pruning_method="dense", sparsity=0.0, rewind_step=self.settings.steps.rewind_step)
    atomic_files.write_json(paths.hparams(mine), about)
    flags = ("--problem=glue_rte", "--hparams_set=bert_tiny", "--train_steps=20", "--random_seed=1")
    atomic_files.write_lines(os.path.join(mine, "flags_t2t.txt"), flags)
    manual_run.adopt(self.settings, mine, "dense")
    line = evaluator.evaluate(self.settings, "dense")
    self.assertEqual((line["run"], line["method"], line["hparams_set"]), ("dense", "dense", "bert_tiny+dense"))
    self.assertEqual([one["run"] for one in results_file.collect(self.runs_dir)], ["dense"])

  def test_an_emptied_layer_is_reported(self):
    folder = self.run_of("lt", method="lt", emptied=[QUERY])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
      line = evaluator.evaluate(self.settings, "lt")
    self.assertIn(f"lt: no weight left in {QUERY}\n", printed.getvalue())
    self.assertEqual(line["emptied"]["layers"], 1)
    self.assertTrue(line["on_target"])
    self.assertTrue(os.path.exists(paths.layers(folder)))

  def test_flags_of_translations_are_refused(self):
    self.run_of("dense")
    with self.assertRaisesRegex(UserError, "is no translation: leave out --average"):
      evaluator.evaluate(self.settings, "dense", average=2)
    with self.assertRaisesRegex(UserError, "is no translation"):
      evaluator.evaluate(self.settings, "dense", scoring=scoring.Scoring("flores200"))


if __name__ == "__main__":
  tf.test.main()
