"""Evaluation and results of trained runs, by the commands that the drivers call."""

import json
import os
from unittest import mock

import numpy as np
import sacrebleu
import tensorflow.compat.v1 as tf

from t2t_lottery import inspect
from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import manifest
from t2t_lottery.evaluation import decoding, metrics
from t2t_lottery.inference import ctranslate2_model
from t2t_lottery.pruning import layers, masks
from t2t_lottery.runs import paths, retention
from t2t_lottery.utils import atomic_files
from tests.support import trained


class EvaluateTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("slt-90", "mp-80")
    cls.folder = cls.runs.runs.folder("slt-90")
    cls.runs.step("evaluate", "--run=slt-90")
    cls.result = atomic_files.read_json(paths.result(cls.folder))

  def test_best_checkpoint_has_the_best_dev_bleu_or_is_the_latest_of_equals(self):
    by_step = {int(step): bleu for step, bleu in self.result["dev_bleu_by_step"].items()}
    self.assertCountEqual(by_step, self.runs.saved("slt-90"))
    best = max(by_step.values())
    self.assertEqual(self.result["dev_bleu"], best)
    self.assertEqual(self.result["best_step"], max(step for step, bleu in by_step.items() if bleu == best))

  def test_bleu_is_that_of_the_stored_translation(self):
    _, references = manifest.raw_text(trained.PROBLEM, self.runs.data_dir, "test")
    hypotheses = atomic_files.read_lines(
      paths.translation(self.folder, "test", paths.checkpoint(self.folder, self.result["best_step"]))
    )
    self.assertEqual(self.result["test"]["bleu"], sacrebleu.corpus_bleu(hypotheses, [references]).score)
    self.assertIn("case:mixed", self.result["signatures"]["bleu"])
    self.assertIn("tok:13a", self.result["signatures"]["bleu"])

  def test_each_score_has_a_signature_and_statistics_per_sentence(self):
    self.assertCountEqual(self.result["test"], metrics.METRICS)
    self.assertCountEqual(self.result["signatures"], [*metrics.METRICS, "translation"])
    with np.load(paths.segments(self.folder)) as segments:
      for metric, value in self.result["test"].items():
        self.assertNear(metrics.corpus_scores(metric, segments[metric].sum(axis=0)), value, 1e-9)

  def test_layers_compare_the_best_checkpoint_with_step_0_and_the_previous_level(self):
    best = inspect.read(paths.checkpoint(self.folder, self.result["best_step"]))
    compared_with_start = inspect.figures(best, inspect.read(paths.kept(self.folder, 0)))
    compared_with_parent = inspect.figures(best, inspect.read(self.runs.last("slt-50")))
    found = atomic_files.read_json(paths.layers(self.folder))
    self.assertEqual(
      {name: row["signs"] for name, row in found.items()}, {n: r["signs"] for n, r in compared_with_start.items()}
    )
    self.assertEqual(
      {name: row["mask"] for name, row in found.items()}, {n: r["mask"] for n, r in compared_with_parent.items()}
    )
    self.assertEqual(found["total"], self.result["weights"])

  def test_int8_adds_scores_and_the_size_of_the_model(self):
    self.addCleanup(atomic_files.write_json, paths.result(self.folder), self.result)
    printed = self.runs.step("evaluate", "--run=slt-90", "--compute_type=int8")
    result = atomic_files.read_json(paths.result(self.folder))
    int8 = result["int8"]
    self.assertEqual({name: result[name] for name in self.result}, self.result)
    _, references = manifest.raw_text(trained.PROBLEM, self.runs.data_dir, "test")
    best = paths.checkpoint(self.folder, result["best_step"])
    hypotheses = atomic_files.read_lines(paths.translation(self.folder, "test", best, decoding.INT8))
    self.assertEqual(int8["test"]["bleu"], sacrebleu.corpus_bleu(hypotheses, [references]).score)
    self.assertIn("type:int8", int8["signature"])
    # A byte for a weight of a matrix; more for norms, biases and scales. The embedding is stored for both inputs and the
    # output, and positions twice in float32 and once in int8.
    sizes = {name: np.prod(shape) for name, shape in tf.train.list_variables(best) if layers.is_prunable(name)}
    matrices = sum(sizes.values())
    embedding = sizes[next(name for name in sizes if "symbol_modality" in name)]
    positions = 9 * ctranslate2_model.MAX_LENGTH * 64
    self.assertBetween(int8["megabytes"] * 1e6, matrices, 1.05 * (matrices + 2 * embedding + positions))
    self.assertBetween(
      int8["float32_megabytes"] * 1e6,
      4 * (matrices + 2 * embedding),
      4 * 1.02 * (matrices + 2 * embedding) + 4 / 3 * positions,
    )
    self.assertIn(f"{int8['megabytes']:.2f} MB (in float32 {int8['float32_megabytes']:.2f})", printed)

  def test_t2t_decoder_can_be_selected(self):
    sentences = manifest.raw_text(trained.PROBLEM, self.runs.data_dir, "test")[0][:40]
    by = {
      decoder: decoding.Decoding(self.folder, trained.PROBLEM, self.runs.data_dir, decoder).translations(
        sentences, self.runs.last("slt-90")
      )
      for decoder in decoding.DECODERS
    }
    self.assertEqual(by[decoding.SPARSE], by[decoding.T2T])
    # CTranslate2 records fewer ended translations (docs/inference.md): where a short run's model hardly prefers to end, its
    # translation goes on.
    same = sum(a == b for a, b in zip(by[decoding.CTRANSLATE2], by[decoding.T2T]))
    self.assertGreaterEqual(same, 0.9 * len(sentences))
    self.assertIn("decoder:t2t-1.15.7", decoding.signature(decoding.T2T))
    done = trained.command("evaluate", *self.runs.flags, "--run=slt-90", "--decoder=moses")
    self.assertEqual(done.returncode, 2)
    self.assertIn("--decoder=moses: choose ctranslate2 or sparse or t2t", done.stderr)

  def test_line_of_results_contains_the_lineage(self):
    expected = {
      "run": "slt-90",
      "problem": trained.PROBLEM,
      "method": "slt",
      "seed": 1,
      "sparsity_asked": 0.9,
      "mask_from": f"slt-50@{trained.STEPS.train_steps}",
      "rewind_to": f"slt-50@{trained.STEPS.rewind_step}",
      "train_steps": trained.STEPS.train_steps,
    }
    self.assertEqual(expected, {name: self.result[name] for name in expected})
    self.assertAlmostEqual(self.result["sparsity"], 0.9, places=3)
    self.assertIn("tensor2tensor", self.result["versions"])

  def test_a_second_evaluation_does_nothing(self):
    before = os.stat(paths.result(self.folder)).st_mtime_ns
    self.runs.step("evaluate", "--run=slt-90")
    self.assertEqual(os.stat(paths.result(self.folder)).st_mtime_ns, before)
    lines = [json.loads(line) for line in atomic_files.read_lines(paths.results(self.runs.runs.runs_dir))]
    self.assertLen([line for line in lines if line["run"] == "slt-90"], 1)

  def test_table_shows_the_result(self):
    (row,) = (
      line
      for line in self.runs.step("results").splitlines()
      if line.endswith(" slt-90, num_hidden_layers=1,hidden_size=64")
    )
    numbers = self.result["megabytes"]["paper"], self.result["test"]["bleu"], self.result["test"]["ter"]
    self.assertEqual(row.split()[:4], ["90%", f"{numbers[0]:.2f}", *(f"{score:.1f}" for score in numbers[1:])])

  def test_the_result_has_the_training_steps_of_the_whole_line(self):
    # Of the dense run, of slt-50 and of the ticket drawn from it.
    self.assertEqual(self.result["steps_in_all"], 3 * trained.STEPS.train_steps)

  def test_only_the_last_four_checkpoints_of_a_gradually_pruned_run_compete(self):
    self.runs.step("evaluate", "--run=mp-80")
    result = atomic_files.read_json(paths.result(self.runs.runs.folder("mp-80")))
    steps = [round(trained.STEPS.train_steps * share) for share in (0.85, 0.9, 0.95, 1.0)]
    self.assertEqual([int(step) for step in result["dev_bleu_by_step"]], steps)

  def test_mean_is_of_competing_checkpoints_only_and_as_sparse(self):
    printed = self.runs.step("evaluate", "--run=mp-80", "--average=10")
    self.assertIn("with the mean of the last 4 checkpoints", printed)
    self.assertIn("--average=10, but only these compete", printed)
    folder = self.runs.runs.folder("mp-80")
    result = atomic_files.read_json(paths.result(folder))
    self.assertTrue(result["on_target"])
    self.assertEqual(result["average"]["steps"], [int(step) for step in result["dev_bleu_by_step"]])
    mean = tensor_bundle.read(paths.average(folder, result["average"]["steps"]), layers.is_prunable_or_mask)
    for layer in layers.prunable(mean):
      mask = mean[layers.mask_name(layer)]
      self.assertEqual(np.count_nonzero(mask), masks.kept_count(mask.size, 0.8))
      self.assertFalse(np.any(mean[layer][~mask]))

  def test_average_evaluates_the_mean_of_checkpoints(self):
    self.runs.step("evaluate", "--run=slt-90", "--average=3")
    result = atomic_files.read_json(paths.result(self.folder))
    average = result.pop("average")
    self.assertEqual(result, self.result)
    self.assertEqual(average["steps"], paths.checkpoint_steps(self.folder)[-3:])
    mean = tensor_bundle.read(paths.average(self.folder, average["steps"]))
    each = [tensor_bundle.read(paths.checkpoint(self.folder, step)) for step in average["steps"]]
    self.assertNotEmpty(mean)
    for name, value in mean.items():
      if tensor_bundle.is_model_variable(name):
        self.assertAllClose(value, sum(one[name] for one in each) / 3, rtol=1e-6, atol=1e-9)
      else:
        self.assertAllEqual(value, each[-1][name])
    self.assertIn("averaged", self.runs.step("results"))

  def test_an_untrained_run_is_an_error(self):
    done = trained.command("evaluate", *self.runs.flags, "--run=slt-99")
    self.assertEqual(done.returncode, 1)
    self.assertStartsWith(done.stderr.splitlines()[-1], "t2t-lottery: cannot read ")

  def test_another_run_with_the_same_name_is_an_error(self):
    done = trained.command(
      "train", *self.runs.flags, "--run=slt-90", "--method=slt", "--level=80", "--mask_from=slt-50"
    )
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "contains a run with sparsity_asked=0.9; requested 0.8")
    # The best of more checkpoints is better.
    done = trained.command("train", *self.runs.flags, "--run=dense", "--checkpoints=5")
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "contains a run with checkpoint_steps=25; requested 20: give another --runs_dir")

  def test_training_a_trained_run_does_nothing(self):
    log = paths.train_log(self.folder)
    before = os.stat(log).st_mtime_ns
    printed = self.runs.step("train", "--run=slt-90", "--method=slt", "--level=90", "--mask_from=slt-50")
    self.assertIn("slt-90: trained", printed)
    self.assertEqual(os.stat(log).st_mtime_ns, before)


class KeepTest(tf.test.TestCase):
  """`--keep=essential`, on a copy of an evaluated run."""

  def setUp(self):
    super().setUp()
    made = trained.trained("slt-90")
    made.step("evaluate", "--run=slt-90")
    self.runs = made.runs._replace(runs_dir=self.create_tempdir().full_path)
    self.folder = self.runs.folder("slt-90")
    made.copy("slt-90", self.folder)
    for parent in ("dense", "slt-50"):
      os.symlink(made.runs.folder(parent), self.runs.folder(parent))
    given = [flag for flag in made.flags if not flag.startswith("--runs_dir")]
    self.flags = [*given, f"--runs_dir={self.runs.runs_dir}", "--run=slt-90"]
    self.result = atomic_files.read_json(paths.result(self.folder))
    self.result.pop("average", None)  # From another test.
    atomic_files.write_json(paths.result(self.folder), self.result)

  def step(self, name, *arguments):
    return trained.command(name, *self.flags, *arguments)

  def test_only_essential_checkpoints_stay_and_the_result_can_be_recomputed(self):
    last = trained.STEPS.train_steps
    evaluated = list(filter(None, paths.checkpoint_steps(self.folder)))
    done = self.step("evaluate", "--keep=essential")
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual(paths.checkpoint_steps(self.folder), sorted({self.result["best_step"], last}))
    self.assertEqual(tf.train.latest_checkpoint(self.folder), paths.checkpoint(self.folder, last))
    for step in (0, trained.STEPS.rewind_step):
      self.assertIsNone(tensor_bundle.check(paths.kept(self.folder, step)))
    os.remove(paths.result(self.folder))
    flags = ["--method=slt", "--level=90", "--mask_from=slt-50"]
    self.assertIn(f"slt-90: trained ({last} steps)", self.step("train", *flags).stdout)
    self.assertEqual(self.step("evaluate").returncode, 0)
    self.assertEqual(atomic_files.read_json(paths.result(self.folder)), self.result)
    self.assertCountEqual(map(int, self.result["dev_bleu_by_step"]), evaluated)

  def test_an_interrupted_deletion_resumes(self):
    with mock.patch.object(os, "remove", side_effect=[None, None, KeyboardInterrupt]):
      self.assertRaises(KeyboardInterrupt, retention.delete_intermediate, self.folder, self.result["best_step"])
    before = retention.steps(self.folder)
    retention.delete_intermediate(self.folder, self.result["best_step"])
    self.assertEqual(retention.steps(self.folder), before)
    self.assertLen(paths.checkpoint_steps(self.folder), len({self.result["best_step"], trained.STEPS.train_steps}))

  def test_needing_a_deleted_checkpoint_is_an_error(self):
    retention.delete_intermediate(self.folder, self.result["best_step"])
    for flag in ("--average=5", "--decoder=t2t"):
      done = self.step("evaluate", flag)
      self.assertEqual(done.returncode, 1)
      self.assertRegex(
        done.stderr, r"^t2t-lottery: \S+: the checkpoint of step \d+ was removed \(--keep=essential\): .*\n$"
      )
    self.assertEqual(atomic_files.read_json(paths.result(self.folder)), self.result)


if __name__ == "__main__":
  tf.test.main()
