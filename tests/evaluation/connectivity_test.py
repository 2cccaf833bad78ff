"""Dev loss and BLEU on the line between the weights of two runs. Trains nothing: the runs are made up."""

import glob
import os
import re
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.evaluation import connectivity, decoding
from t2t_lottery.pruning import layers
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import small_model, trained

SENTENCES = 8


def permuted(variables):
  """The same function with the hidden units of each feed-forward block in another order."""
  changed = dict(variables)
  for name, value in variables.items():
    if re.search("/ffn/conv1/kernel$", name):
      order = np.random.RandomState(0).permutation(value.shape[1])
      scope = name[: -len("conv1/kernel")]
      changed[name] = value[:, order]
      changed[f"{scope}conv1/bias"] = variables[f"{scope}conv1/bias"][order]
      changed[f"{scope}conv2/kernel"] = variables[f"{scope}conv2/kernel"][order]
  return changed


class ConnectivityTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, folder)
    cls.model = small_model.SmallModel(os.path.join(folder, "model"))
    cls.data_dir = cls.model.data_dir
    written = manifest.manifest_files(small_model.PROBLEM, cls.data_dir)
    for split in manifest.RAW_SPLITS:
      for side in manifest.SIDES:
        path = os.path.join(cls.data_dir, manifest.raw_name(small_model.PROBLEM, split, side))
        atomic_files.write_lines(path, cls.model.sentences[:SENTENCES])
        written[os.path.basename(path)] = manifest.file_info(path)
    (vocabulary,) = glob.glob(os.path.join(cls.data_dir, "vocab.*"))
    manifest.write_manifest(small_model.PROBLEM, cls.data_dir, written, {"vocabulary": os.path.basename(vocabulary)})
    cls.where = os.path.join(folder, "runs")
    cls.write("slt-60", cls.model.variables)
    cls.write("copy", cls.model.variables)
    cls.write("permuted", permuted(cls.model.variables))

  @classmethod
  def folder(cls, run):
    return paths.Runs(cls.where, small_model.PROBLEM, "tiny", 1).folder(run)

  @classmethod
  def write(cls, run, variables):
    """Writes the folder of a run that ends with these weights."""
    masks = {layers.mask_name(name): variables[name] != 0 for name in layers.prunable(variables)}
    everything = {**variables, **masks, "global_step": np.int64(small_model.STEP)}
    tf_checkpoint.write(paths.checkpoint(cls.folder(run), small_model.STEP), everything)
    tf_checkpoint.write(paths.kept(cls.folder(run), 0), everything)
    shutil.copy(paths.hparams(cls.model.folder), paths.hparams(cls.folder(run)))
    about = {"run": run, "problem": small_model.PROBLEM, "size": "tiny", "seed": 1, "method": "slt"}
    about.update(sparsity_asked=small_model.SPARSITY, train_steps=small_model.STEP)
    atomic_files.write_json(paths.description(cls.folder(run)), about)

  def line(self, first, second, points=3):
    runs = [connectivity.read(self.folder(run)) for run in (first, second)]
    connectivity.check(*runs, self.data_dir)
    return connectivity.result(*runs, list(connectivity.measure(*runs, self.data_dir, points)))

  def test_interpolates_each_weight_and_keeps_common_zeros(self):
    first, second = self.model.variables, permuted(self.model.variables)
    for alpha, expected in ((0.0, first), (1.0, second)):
      for name, value in connectivity.interpolate(first, second, alpha).items():
        self.assertAllEqual(value, expected[name])
    for name, value in connectivity.interpolate(first, second, 0.25).items():
      self.assertAllClose(value, 0.75 * first[name] + 0.25 * second[name], rtol=1e-6, atol=1e-7)
      self.assertFalse(np.any(value[(first[name] == 0) & (second[name] == 0)]))
      self.assertEqual(value.dtype, np.float32)

  def test_barrier_is_the_worst_point_less_the_mean_of_the_ends(self):
    """Frankle et al. (2020), section 2: linear interpolation instability."""
    self.assertAlmostEqual(connectivity.barrier([2.0, 5.0, 3.0, 4.0]), 2.0)
    self.assertAlmostEqual(connectivity.barrier([2.0, 2.5, 3.0]), 0.5)
    self.assertAlmostEqual(connectivity.barrier([30.0, 5.0, 20.0], higher_is_better=True), 20.0)
    self.assertEqual(connectivity.barrier([2.0, 2.0, 2.0]), 0.0)

  def test_a_copy_is_connected(self):
    found = self.line("slt-60", "copy")
    self.assertEqual((found["same_start"], found["same_masks"]), (True, True))
    self.assertLen(set(found["dev_bleu"]), 1)
    # The weights are rounded once at the points between.
    self.assertAllClose(found["dev_loss"], [found["dev_loss"][0]] * 3, rtol=1e-6)
    decoded = decoding.Decoding(self.folder("copy"), small_model.PROBLEM, self.data_dir)
    final = paths.checkpoint(self.folder("copy"), small_model.STEP)
    self.assertAllClose(found["dev_loss"][0], decoded.loss("dev", final), rtol=1e-6)

  def test_the_same_function_with_permuted_units_is_not_connected(self):
    """Entezari et al. (2022): a permutation of hidden units changes no function, but moves it elsewhere."""
    found = self.line("slt-60", "permuted", points=5)
    self.assertEqual((found["same_start"], found["same_masks"]), (False, False))
    self.assertAllClose(found["dev_loss"][0], found["dev_loss"][-1], rtol=1e-4)
    self.assertEqual(found["alpha"], [0, 0.25, 0.5, 0.75, 1])
    self.assertGreater(abs(found["dev_loss"][2] - found["dev_loss"][0]), 0.01)
    self.assertEqual(found["loss_barrier"], connectivity.barrier(found["dev_loss"]))

  @pytest.mark.slow
  def test_command_stores_result_and_plot_and_measures_once(self):
    command = "connectivity", self.folder("slt-60"), self.folder("permuted"), "--points=3"
    first, again = (trained.command(*command) for _ in range(2))
    self.assertEqual((first.returncode, again.returncode), (0, 0), first.stderr)
    path = paths.connectivity(self.folder("slt-60"), 1, "permuted")
    self.assertIn(f"Result: {path}", first.stdout)
    self.assertIn("start: other weights", first.stdout)
    self.assertLen(connectivity.stored(path)["dev_loss"], 3)
    self.assertTrue(os.path.exists(path.replace(".json", ".svg")))
    self.assertIn("3/3: dev loss", first.stdout)
    self.assertNotIn("3/3: dev loss", again.stdout)
    self.assertEndsWith(first.stdout, again.stdout)

  @pytest.mark.slow
  def test_command_measures_again_if_a_run_has_other_weights(self):
    """A run of the same name and seed in another folder, or one trained again, is not the run that was measured."""
    self.write("again", self.model.variables)
    command = "connectivity", self.folder("copy"), self.folder("again"), "--points=3"
    first = trained.command(*command)
    shutil.rmtree(self.folder("again"))
    self.write("again", permuted(self.model.variables))
    again = trained.command(*command)
    self.assertEqual((first.returncode, again.returncode), (0, 0), first.stderr + again.stderr)
    self.assertIn("3/3: dev loss", again.stdout)
    self.assertIn("start: other weights", again.stdout)

  def test_unfit_pairs_are_one_line(self):
    for given, status, message in (
      (("copy", "copy"), 2, "copy is given twice: give two runs"),
      (("copy", "none"), 1, "there is no .*none/run.json: give the folders of two runs"),
    ):
      done = trained.command("connectivity", *map(self.folder, given))
      self.assertEqual(done.returncode, status)
      self.assertRegex(done.stderr, message)
      self.assertLen(done.stderr.splitlines(), 1)
    other = {
      name: value[:, :-1] if name.endswith("conv1/kernel") else value for name, value in self.model.variables.items()
    }
    self.write("narrow", other)
    with self.assertRaisesRegex(UserError, "slt-60 and narrow are of different models: .*conv1/kernel"):
      self.line("slt-60", "narrow")
    for path in glob.glob(f"{paths.checkpoint(self.folder('narrow'), small_model.STEP)}.*"):
      os.remove(path)
    with self.assertRaisesRegex(UserError, f"narrow is not trained: .* no checkpoint of step {small_model.STEP}"):
      connectivity.read(self.folder("narrow"))


if __name__ == "__main__":
  tf.test.main()
