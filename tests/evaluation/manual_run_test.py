"""Evaluation of a run trained by calling t2t-trainer, and of runs with the wrong data. Trains nothing: the test writes
the run's folder as t2t-trainer does.
"""

import glob
import os
import shutil
import tempfile
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.data import manifest
from t2t_lottery.evaluation import decoding, evaluator, metrics
from t2t_lottery.inference import translator
from t2t_lottery.runs import config, manual_run, paths, presets, retention, run_spec
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import comet_tools, small_model, trained

SENTENCES = 8


class ManualRunTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    cls.model = small_model.SmallModel(folder)
    cls.folder, cls.data_dir = cls.model.folder, cls.model.data_dir
    os.remove(paths.description(cls.folder))
    # The checkpoints of steps 0 and t, and the source of the mask: here the same model.
    rewind_step = atomic_files.read_json(paths.hparams(cls.folder))["rewind_step"]
    kept = [paths.kept(cls.folder, step) for step in (0, rewind_step)]
    os.makedirs(os.path.dirname(kept[0]))
    for path in glob.glob(f"{cls.model.checkpoint}.*"):
      for checkpoint in kept:
        shutil.copy(path, path.replace(cls.model.checkpoint, checkpoint))
    hparams = {**atomic_files.read_json(paths.hparams(cls.folder)), "sparsity": small_model.SPARSITY}
    hparams.update(mask_checkpoint=cls.model.checkpoint, rewind_checkpoint=kept[1])
    atomic_files.write_json(paths.hparams(cls.folder), hparams)
    # The last line has no newline.
    flags = [f"--problem={small_model.PROBLEM}", "--hparams_set=transformer_slt_tiny", "--random_seed=None"]
    atomic_files.write_text(
      os.path.join(cls.folder, "flags_t2t.txt"), "\n".join([*flags, f"--train_steps={small_model.STEP}"])
    )
    written = manifest.manifest_files(small_model.PROBLEM, cls.data_dir)
    for split in (*manifest.RAW_SPLITS, "test2"):
      for side in manifest.SIDES:
        name = manifest.raw_name(small_model.PROBLEM, split, side)
        atomic_files.write_lines(os.path.join(cls.data_dir, name), cls.model.sentences[:SENTENCES])
        written[name] = manifest.file_info(os.path.join(cls.data_dir, name))
    (vocabulary,) = glob.glob(os.path.join(cls.data_dir, "vocab.*"))
    facts = {"vocabulary": os.path.basename(vocabulary), "test_sets": {"test": "news", "test2": "more news"}}
    manifest.write_manifest(small_model.PROBLEM, cls.data_dir, written, {**facts, "text_from": "records"})

  def settings(self, data_dir):
    runs = paths.Runs(self.create_tempdir().full_path, small_model.PROBLEM, "tiny", 1)
    return config.Settings(runs, presets.SIZES["tiny"], presets.for_length(small_model.STEP), {}, "", data_dir, "")

  @pytest.mark.slow
  def test_evaluation(self):
    done = trained.command("evaluate", f"--problem={small_model.PROBLEM}", f"--model_dir={self.folder}")
    self.assertEqual(done.returncode, 0, done.stderr)
    result = atomic_files.read_json(paths.result(self.folder))
    self.assertIn(f"Results: {paths.result(self.folder)}", done.stdout)
    for name, value in (
      ("method", "slt"),
      ("size", "tiny"),
      ("sparsity_asked", small_model.SPARSITY),
      ("train_steps", small_model.STEP),
      ("best_step", small_model.STEP),
      ("mask_checkpoint", self.model.checkpoint),
    ):
      self.assertEqual(result[name], value, name)
    self.assertCountEqual(result["test"], ["bleu", "bleu_tokenized", "chrf", "ter"])
    self.assertEqual((result["weights"]["signs"], result["weights"]["mask"]), (1.0, 1.0))
    # Both test sets have the same sentences.
    self.assertEqual((result["test_set"], result["other_test_sets"]), ("news", {"more news": result["test"]}))
    for name in result["test"]:
      self.assertEndsWith(result["signatures"][name], "|text:from records")

  @pytest.mark.slow
  def test_a_run_that_was_continued_is_evaluated_again(self):
    folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "mine"))
    flags = [f"--problem={small_model.PROBLEM}", f"--model_dir={folder}"]
    self.assertEqual(trained.command("evaluate", *flags).returncode, 0)
    for path in glob.glob(os.path.join(folder, f"model.ckpt-{small_model.STEP}.*")):
      shutil.copy(path, path.replace(f"-{small_model.STEP}.", f"-{2 * small_model.STEP}."))
    path = os.path.join(folder, "flags_t2t.txt")
    with open(path, encoding="utf-8") as file:
      text = file.read()
    atomic_files.write_text(
      path, text.replace(f"train_steps={small_model.STEP}", f"train_steps={2 * small_model.STEP}")
    )
    done = trained.command("evaluate", *flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    result = atomic_files.read_json(paths.result(folder))
    self.assertEqual(result["train_steps"], 2 * small_model.STEP)
    self.assertCountEqual(result["dev_loss_by_step"], [str(small_model.STEP), str(2 * small_model.STEP)])

  @pytest.mark.slow
  def test_bleu_tokenize_and_comet(self):
    flags = [f"--problem={small_model.PROBLEM}", f"--model_dir={self.folder}"]
    trained.command("evaluate", *flags)
    before = atomic_files.read_json(paths.result(self.folder))
    folder = self.create_tempdir().full_path
    python, model = comet_tools.install(os.path.join(folder, "bin")), os.path.join(folder, "model.ckpt")
    atomic_files.write_text(model, "weights")
    done = trained.command("evaluate", *flags, f"--comet={model}", f"--comet_python={python}")
    self.assertEqual(done.returncode, 0, done.stderr)
    with_comet = atomic_files.read_json(paths.result(self.folder))
    added = with_comet["test"].pop("comet")
    self.assertStartsWith(with_comet["signatures"].pop("comet"), "COMET|model:model.ckpt|sha256:")
    # Both test sets have the same sentences.
    self.assertEqual(with_comet["other_test_sets"]["more news"].pop("comet"), added)
    self.assertEqual(with_comet, before)
    self.assertIn(f"test COMET {added:.2f}\n", done.stdout)
    with np.load(paths.segments(self.folder)) as segments:
      self.assertCountEqual(segments, ["bleu", "bleu_tokenized", "chrf", "ter", "comet"])
      self.assertAlmostEqual(float(metrics.corpus_scores("comet", segments["comet"].sum(axis=0))), added)
    done = trained.command("evaluate", *flags, "--bleu_tokenize=char")
    self.assertEqual(done.returncode, 0, done.stderr)
    by_character = atomic_files.read_json(paths.result(self.folder))
    self.assertIn("|tok:char|", by_character["signatures"]["bleu"])
    self.assertEqual(by_character["test"]["ter"], before["test"]["ter"])
    # Without the flag it is the target language's again.
    trained.command("evaluate", *flags)
    self.assertEqual(atomic_files.read_json(paths.result(self.folder)), before)

  def adopted(self, **changed):
    """Settings of drivers' runs among which the source of the mask is `dense`, and a copy of the run by hand."""
    settings = self.settings(self.data_dir)
    folder = shutil.copytree(self.folder, os.path.join(self.create_tempdir().full_path, "mine"))
    steps = settings.steps._replace(rewind_step=atomic_files.read_json(paths.hparams(folder))["rewind_step"])
    os.makedirs(os.path.dirname(settings.runs.folder("dense")))
    os.symlink(self.folder, settings.runs.folder("dense"))
    return settings._replace(**{"steps": steps, **changed}), folder

  def test_with_a_name_it_is_one_of_the_drivers_runs(self):
    settings, folder = self.adopted()
    manual_run.adopt(settings, folder, "slt-60")
    linked = settings.runs.folder("slt-60")
    self.assertEqual(os.path.realpath(linked), os.path.realpath(folder))
    # As a driver asks for it: nothing differs, so it is neither trained again nor refused.
    options = run_spec.Options("slt-60", "slt", "60", mask_from="dense")
    requested, found = run_spec.describe(settings, options), atomic_files.read_json(paths.description(linked))
    self.assertIsNone(run_spec.difference(linked, found, requested, sorted({*requested, *found})))
    manual_run.adopt(settings, folder, "slt-60")
    self.assertIn(linked, paths.run_folders(settings.runs.runs_dir))
    with self.assertRaisesRegex(UserError, "dense already exists: choose another --run"):
      manual_run.adopt(settings, folder, "dense")

  def test_another_run_than_the_drivers_is_refused_with_the_flag_to_give(self):
    settings, folder = self.adopted()
    for changed, message in (
      ({"steps": settings.steps._replace(train_steps=41)}, "train_steps=40, not 41: give --steps"),
      ({"steps": settings.steps._replace(rewind_step=1)}, "rewind_step=150, not 1: give --rewind_step"),
      ({"base_set": "my_set"}, "hparams_set=transformer_slt_tiny, not my_set.slt: give --size, or --hparams_set"),
      ({"hparams": "batch_size=7"}, "batch_size=2048; a driver with these flags uses 7"),
      ({"runs": settings.runs._replace(seed=2)}, "is of no run in .*seed2: add its run first"),
    ):
      with self.assertRaisesRegex(UserError, message):
        manual_run.adopt(settings._replace(**changed), folder, "slt-60")
    about = atomic_files.read_json(paths.hparams(folder))
    for changed, message in (
      ({"ticket_scope": "global"}, "ticket_scope=global; a driver with these flags uses layer"),
      ({"ticket_score": "random"}, "ticket_score=random; a driver with these flags uses magnitude"),
      ({"ticket_signs": "random"}, "ticket_signs=random; a driver with these flags uses kept"),
      ({"prune_embedding": False}, "prune_embedding=False; a driver with these flags uses True"),
      ({"rewind_checkpoint": paths.kept(self.folder, 0)}, "rewind/model.ckpt-0; a driver with these flags uses step"),
    ):
      atomic_files.write_json(paths.hparams(folder), {**about, **changed})
      with self.assertRaisesRegex(UserError, message):
        manual_run.adopt(settings, folder, "slt-60")
    atomic_files.write_json(paths.hparams(folder), {**about, "data_seed": 7})
    manual_run.adopt(settings, folder, "slt-60+data_seed_7")
    adopted = atomic_files.read_json(paths.description(settings.runs.folder("slt-60+data_seed_7")))
    self.assertEqual(adopted["data_seed"], 7)
    atomic_files.write_json(paths.hparams(folder), about)
    atomic_files.write_text(os.path.join(folder, "flags.txt"), "--hparams=sparsity=0.6,attention_dropout=0.3\n")
    with self.assertRaisesRegex(UserError, "was trained with --hparams=attention_dropout=.*: give it in --hparams"):
      manual_run.adopt(settings, folder, "slt-60")
    self.assertFalse(os.path.lexists(settings.runs.folder("slt-60")))

  def test_data_dir_is_that_of_the_training(self):
    about, data_dir = manual_run.describe(self.folder, small_model.PROBLEM)
    self.assertEqual(data_dir, self.data_dir)
    self.assertEqual(about["data"], manifest.fingerprint(small_model.PROBLEM, self.data_dir))

  def test_anything_else_is_an_error(self):
    with self.assertRaisesRegex(
      UserError, "was trained on translate_ende_grammar, not on the requested --problem=translate_enfr"
    ):
      manual_run.describe(self.folder, "translate_enfr_grammar")
    with self.assertRaisesRegex(UserError, "nowhere is not a folder"):
      manual_run.describe(os.path.join(self.folder, "nowhere"), small_model.PROBLEM)
    with self.assertRaisesRegex(UserError, "holds no hparams.json"):
      manual_run.describe(self.data_dir, small_model.PROBLEM)
    stock = self.create_tempdir().full_path
    atomic_files.write_json(paths.hparams(stock), {"hidden_size": 8})
    with self.assertRaisesRegex(UserError, "its hparams name no method"):
      manual_run.describe(stock, small_model.PROBLEM)
    for flags in ([], ["--run=../a"], ["--run=../a", "--model_dir=b"]):
      done = trained.command("evaluate", f"--problem={small_model.PROBLEM}", *flags)
      self.assertEqual(done.returncode, 2, done.stderr)
      self.assertStartsWith(done.stderr, "t2t-lottery: ")

  def test_error_about_other_data_names_both_fingerprints(self):
    other = shutil.copytree(self.data_dir, os.path.join(self.create_tempdir().full_path, "other"))
    name = manifest.raw_name(small_model.PROBLEM, "dev", "source")
    atomic_files.write_lines(os.path.join(other, name), self.model.sentences[-SENTENCES:])
    written = {
      **manifest.manifest_files(small_model.PROBLEM, other),
      name: manifest.file_info(os.path.join(other, name)),
    }
    (vocabulary,) = glob.glob(os.path.join(other, "vocab.*"))
    manifest.write_manifest(small_model.PROBLEM, other, written, {"vocabulary": os.path.basename(vocabulary)})
    ours, theirs = (manifest.fingerprint(small_model.PROBLEM, folder) for folder in (self.data_dir, other))
    settings = self.settings(other)
    folder = settings.runs.folder("slt-60")
    about = {"run": "slt-60", "problem": small_model.PROBLEM, "size": "tiny", "seed": 1, "method": "slt"}
    atomic_files.write_json(paths.description(folder), {**about, "sparsity_asked": 0.6, "data": ours})
    with self.assertRaisesRegex(UserError, f"slt-60 was trained on data {ours}, but {other} contains data {theirs}"):
      evaluator.evaluate(settings, "slt-60")
    self.assertFalse(os.path.exists(paths.result(folder)))

  def test_error_about_a_long_sentence_in_older_data_names_the_file(self):
    text = (["a", "a, " * 5000], ["a", "a"])
    with mock.patch.object(manifest, "raw_text", lambda *_: text):
      decoded = decoding.Decoding(self.create_tempdir().full_path, small_model.PROBLEM, self.data_dir)
      loaded = translator.Translator(
        self.model.checkpoint,
        atomic_files.read_json(paths.hparams(self.folder)),
        manifest.vocabulary(small_model.PROBLEM, self.data_dir),
      )
      decoded._translator = lambda checkpoint: loaded
      for method in (decoded.translation, decoded.loss):
        with self.assertRaisesRegex(UserError, rf"{self.data_dir}/{small_model.PROBLEM}.dev.source.*: sentence 2 has"):
          method("dev", self.model.checkpoint)

  def test_names_in_a_description_cannot_point_to_other_folders(self):
    settings = self.settings(self.data_dir)
    folder = settings.runs.folder("slt-60")
    about = {"run": "../../elsewhere", "problem": small_model.PROBLEM, "size": "tiny", "seed": 1, "method": "slt"}
    atomic_files.write_json(paths.description(folder), {**about, "sparsity_asked": 0.6})
    with self.assertRaisesRegex(UserError, "run.json does not describe a run"):
      evaluator.evaluate(settings, "slt-60", 0, decoding.CTRANSLATE2, retention.ALL)


if __name__ == "__main__":
  tf.test.main()
