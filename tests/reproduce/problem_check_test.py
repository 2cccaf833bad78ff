"""Problems whose runs cannot be scored are rejected before anything is downloaded or trained."""

import os
import sys
from unittest import mock

import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.reproduce import problem_check, set_check, validation
from t2t_lottery.runs import paths, trainer
from t2t_lottery.utils import errors
from tests.support.trained import command


class KnownProblemTest(tf.test.TestCase):
  def test_suggests_the_nearest_problem(self):
    for mistyped, nearest in (
      ("translate_ende_wmt41", "translate_ende_wmt14"),
      ("translate_ende_multi30", "translate_ende_multi30k"),
      ("translate_enfr_gramar", "translate_enfr_grammar"),
      # A user's or t2t's problem whose name is nearer than any of ours.
      ("translate_ende_wmt32", "translate_ende_wmt32k"),
      # t2t accepts this name, but here each problem has only one.
      ("translate_ende_wmt14_rev", "translate_ende_wmt14"),
    ):
      with self.assertRaisesRegex(errors.UsageError, rf"unknown problem {mistyped}: did you mean {nearest}\b"):
        problem_check.check(mistyped, self.create_tempdir().full_path)
    with self.assertRaisesRegex(errors.UsageError, "unknown problem xyz: choose from .*translate_ende_wmt14"):
      problem_check.check("xyz", self.create_tempdir().full_path)

  def test_accepts_problems_of_this_project(self):
    for name in validation.PROBLEMS:
      problem_check.check(name, self.create_tempdir().full_path)

  @pytest.mark.slow
  def test_steps_reject_unsupported_and_unknown_problems_before_they_write_anything(self):
    root = self.create_tempdir().full_path
    flags = [f"--runs_dir={root}/runs", f"--data_dir={root}/data", f"--tmp_dir={root}/tmp"]
    done = command("datagen", "--problem=translate_ende_wmt32k_packed", *flags)
    self.assertEqual(done.returncode, 1)
    self.assertRegex(
      done.stderr,
      r"^t2t-lottery: translate_ende_wmt32k_packed packs several sentences into one example, so its runs cannot be .*\n$",
    )
    self.assertEqual(os.listdir(root), [])
    runs = paths.Runs(f"{root}/runs", "translate_ende_wtm14", "tiny", 1)
    config = mock.Mock(runs=runs, data_dir=f"{root}/data", pretrained="")
    about = {"run": "dense", "problem": "translate_ende_wtm14", "train_steps": 40}
    with mock.patch.object(trainer.run_spec, "describe", lambda config, options: about):
      with self.assertRaisesRegex(errors.UsageError, "did you mean translate_ende_wmt14"):
        trainer.train(config, set_check.prepare, trainer.run_spec.Options("dense"))
    self.assertEqual(os.listdir(root), [])

  def test_rejects_a_language_whose_tokenizer_is_not_installed(self):
    sys.modules.pop("sacrebleu.tokenizers.tokenizer_ja_mecab", None)
    names = {**validation.PROBLEMS, "translate_enja_own": 1}
    with mock.patch.dict(sys.modules, {"MeCab": None}), mock.patch.object(validation, "PROBLEMS", names):
      with self.assertRaisesRegex(errors.UserError, "into 'ja' needs sacreBLEU's tokenizer ja-mecab, .*not installed"):
        problem_check.check("translate_enja_own", self.create_tempdir().full_path)


if __name__ == "__main__":
  tf.test.main()
