"""Evaluation of a run that t2t-trainer was called for by hand, and of any run with data that are not its own. Trains nothing:
the run's folder is made as t2t-trainer leaves it.
"""

import glob
import os
import shutil
import tempfile
from unittest import mock

import small_model
import tensorflow.compat.v1 as tf
import trained

from t2t_lottery import by_hand, decoding, evaluate, files, keeping, paths, rawtext, schedule, settings, translate
from t2t_lottery.errors import UserError

SENTENCES = 8


class ByHandTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    cls.model = small_model.SmallModel(folder)
    cls.folder, cls.data_dir = cls.model.folder, cls.model.data_dir
    os.remove(paths.description(cls.folder))
    # What the run keeps of its step 0, and where its mask came from: here the same model.
    os.makedirs(os.path.dirname(paths.kept(cls.folder, 0)))
    for path in glob.glob(f"{cls.model.checkpoint}.*"):
      shutil.copy(path, path.replace(cls.model.checkpoint, paths.kept(cls.folder, 0)))
    hparams = {**files.read_json(paths.hparams(cls.folder)), "sparsity": small_model.SPARSITY}
    hparams.update(mask_checkpoint=cls.model.checkpoint, rewind_checkpoint=paths.kept(cls.folder, 0))
    files.write_json(paths.hparams(cls.folder), hparams)
    # Its last line ends without a newline.
    flags = [f"--problem={small_model.PROBLEM}", "--hparams_set=transformer_slt_tiny", "--random_seed=None"]
    files.write_text(
      os.path.join(cls.folder, "flags_t2t.txt"), "\n".join([*flags, f"--train_steps={small_model.STEP}"])
    )
    written = rawtext.manifest_files(small_model.PROBLEM, cls.data_dir)
    for split in rawtext.RAW_SPLITS:
      for side in rawtext.SIDES:
        name = rawtext.raw_name(small_model.PROBLEM, split, side)
        files.write_lines(os.path.join(cls.data_dir, name), cls.model.sentences[:SENTENCES])
        written[name] = rawtext.file_info(os.path.join(cls.data_dir, name))
    (vocabulary,) = glob.glob(os.path.join(cls.data_dir, "vocab.*"))
    rawtext.write_manifest(small_model.PROBLEM, cls.data_dir, written, {"vocabulary": os.path.basename(vocabulary)})

  def config(self, data_dir):
    runs = paths.Runs(self.create_tempdir().full_path, small_model.PROBLEM, "tiny", 1)
    return settings.Settings(runs, schedule.SIZES["tiny"], schedule.for_length(small_model.STEP), {}, "", data_dir, "")

  def test_it_is_evaluated(self):
    done = trained.command("evaluate", f"--problem={small_model.PROBLEM}", f"--model_dir={self.folder}")
    self.assertEqual(done.returncode, 0, done.stderr)
    result = files.read_json(paths.result(self.folder))
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

  def test_data_are_those_of_the_training_as_long_as_they_are_there(self):
    about, data_dir = by_hand.describe(self.folder, small_model.PROBLEM)
    self.assertEqual(data_dir, self.data_dir)
    self.assertEqual(about["data"], rawtext.fingerprint(small_model.PROBLEM, self.data_dir))

  def test_what_is_no_such_run_is_refused(self):
    with self.assertRaisesRegex(
      UserError, "was trained on translate_ende_grammar, asked for is --problem=translate_enfr"
    ):
      by_hand.describe(self.folder, "translate_enfr_grammar")
    with self.assertRaisesRegex(UserError, "nowhere is no folder"):
      by_hand.describe(os.path.join(self.folder, "nowhere"), small_model.PROBLEM)
    with self.assertRaisesRegex(UserError, "holds no hparams.json"):
      by_hand.describe(self.data_dir, small_model.PROBLEM)
    stock = self.create_tempdir().full_path
    files.write_json(paths.hparams(stock), {"hidden_size": 8})
    with self.assertRaisesRegex(UserError, "its hparams name no method"):
      by_hand.describe(stock, small_model.PROBLEM)
    for flags in ([], ["--run=a", "--model_dir=b"], ["--run=../a"]):
      done = trained.command("evaluate", f"--problem={small_model.PROBLEM}", *flags)
      self.assertEqual(done.returncode, 2, done.stderr)
      self.assertStartsWith(done.stderr, "t2t-lottery: ")

  def test_other_data_of_the_same_problem_are_refused_with_both_fingerprints(self):
    other = shutil.copytree(self.data_dir, os.path.join(self.create_tempdir().full_path, "other"))
    name = rawtext.raw_name(small_model.PROBLEM, "dev", "source")
    files.write_lines(os.path.join(other, name), self.model.sentences[-SENTENCES:])
    written = {**rawtext.manifest_files(small_model.PROBLEM, other), name: rawtext.file_info(os.path.join(other, name))}
    (vocabulary,) = glob.glob(os.path.join(other, "vocab.*"))
    rawtext.write_manifest(small_model.PROBLEM, other, written, {"vocabulary": os.path.basename(vocabulary)})
    ours, theirs = (rawtext.fingerprint(small_model.PROBLEM, folder) for folder in (self.data_dir, other))
    config = self.config(other)
    folder = config.runs.folder("slt-60")
    about = {"run": "slt-60", "problem": small_model.PROBLEM, "size": "tiny", "seed": 1, "method": "slt"}
    files.write_json(paths.description(folder), {**about, "sparsity_asked": 0.6, "data": ours})
    with self.assertRaisesRegex(UserError, f"slt-60 was trained on data {ours}, but {other} holds data {theirs}"):
      evaluate.evaluate(config, "slt-60")
    self.assertFalse(os.path.exists(paths.result(folder)))

  def test_too_long_a_sentence_of_data_of_before_is_named_with_its_text(self):
    text = (["a", "a, " * 5000], ["a", "a"])
    with mock.patch.object(rawtext, "raw_text", lambda *_: text):
      decoded = decoding.Decoding(self.create_tempdir().full_path, small_model.PROBLEM, self.data_dir)
      translator = translate.Translator(
        self.model.checkpoint,
        files.read_json(paths.hparams(self.folder)),
        rawtext.vocabulary(small_model.PROBLEM, self.data_dir),
      )
      decoded._translator = lambda checkpoint: translator
      for ask in (decoded.translation, decoded.loss):
        with self.assertRaisesRegex(UserError, rf"{self.data_dir}/{small_model.PROBLEM}.dev.source.*: sentence 2 has"):
          ask("dev", self.model.checkpoint)

  def test_names_in_a_description_do_not_lead_elsewhere(self):
    config = self.config(self.data_dir)
    folder = config.runs.folder("slt-60")
    about = {"run": "../../elsewhere", "problem": small_model.PROBLEM, "size": "tiny", "seed": 1, "method": "slt"}
    files.write_json(paths.description(folder), {**about, "sparsity_asked": 0.6})
    with self.assertRaisesRegex(UserError, "run.json describes no run"):
      evaluate.evaluate(config, "slt-60", 0, decoding.CTRANSLATE2, keeping.ALL)


if __name__ == "__main__":
  tf.test.main()
