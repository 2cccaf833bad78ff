"""Folder names: those that TensorFlow or t2t would misread are rejected, all others work."""

import os
import shutil
import string

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import hparam

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.runs import paths, recovery
from t2t_lottery.utils import errors, file_names
from tests.support.trained import command

UNUSUAL = [*string.punctuation.replace("/", ""), " ", "ä", "名", "\n", "\t", "\x7f", "\u2028"]


def misread(folder, twin):
  """What goes wrong with a folder of runs or records of that name, next to a twin that a glob pattern would match too."""
  checkpoint = paths.checkpoint(folder, 20)
  tf_checkpoint.write(os.path.join(folder, "new", "model.ckpt-20"), {"global_step": np.int64(20)})
  for name in os.listdir(os.path.join(folder, "new")):
    for there in {twin, folder}:
      shutil.copy(os.path.join(folder, "new", name), os.path.join(there, name))
  recovery.write_state(folder, [20])
  wrong = []
  if tf.train.latest_checkpoint(folder) != checkpoint:
    wrong.append("a run would not be resumed")
  if tf.gfile.Glob(f"{checkpoint}.index*") != [f"{checkpoint}.index"]:
    wrong.append("records would not be found")
  try:
    hparams = hparam.HParams(mask_checkpoint="", sparsity=0.0).parse(f"mask_checkpoint={checkpoint},sparsity=0.5")
    if (hparams.mask_checkpoint, hparams.sparsity) != (checkpoint, 0.5):
      wrong.append("another checkpoint would be read")
  except ValueError:
    wrong.append("t2t would not understand --hparams")
  return wrong


class FoldersTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*UNUSUAL)
  def test_a_folder_works_or_is_rejected(self, character):
    root = self.create_tempdir().full_path
    folder, twin = (os.path.join(root, f"runs{one}1", f"{one}a{one}") for one in (character, "x"))
    for made in (folder, twin):
      os.makedirs(made)
    if wrong := misread(folder, twin):
      with self.assertRaisesRegex(errors.UsageError, "--runs_dir=.* contains ", msg=wrong):
        file_names.check_folder("runs_dir", folder)
    elif character.isprintable() and not character.isspace():
      self.assertEqual(file_names.check_folder("runs_dir", folder), folder)

  def test_spaces_inside_a_path_are_allowed(self):
    self.assertEqual(file_names.check_folder("runs_dir", "my runs/v 1"), "my runs/v 1")
    for path in (" runs", "runs ", "", "runs\udce4"):
      with self.assertRaises(errors.UsageError):
        file_names.check_folder("runs_dir", path)

  def test_a_step_rejects_a_folder_before_writing(self):
    folder = os.path.join(self.create_tempdir().full_path, "new")
    for flag in ("runs_dir", "data_dir", "tmp_dir"):
      done = command("datagen", "--problem=translate_ende_grammar", f"--data_dir={folder}", f"--{flag}={folder} [v1]")
      self.assertEqual(done.returncode, 2)
      self.assertRegex(done.stderr, rf"^t2t-lottery: --{flag}='.* \[v1\]' contains '\[', [^\n]*\n$")
    self.assertFalse(os.path.exists(folder))


class NamesTest(tf.test.TestCase):
  def test_a_name_is_one_folder(self):
    for name in ("slt-50", "dense", "a b", "slt-50+random_signs", "..a"):
      self.assertTrue(file_names.is_name(name), name)
    for name in ("", ".", "..", "a/b", "/a", "a\n", "a\0", None, 1):
      self.assertFalse(file_names.is_name(name), name)


if __name__ == "__main__":
  tf.test.main()
