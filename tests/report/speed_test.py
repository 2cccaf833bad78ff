"""The speeds of translation in the report."""

import os
import shutil
import subprocess
import sys
import tempfile
from unittest import mock

import tensorflow.compat.v1 as tf

from t2t_lottery.data import manifest
from t2t_lottery.inference import translator
from t2t_lottery.report import builder, speed
from t2t_lottery.report import study as studies
from t2t_lottery.runs import paths
from t2t_lottery.utils.errors import UserError
from tests.support import made_up_runs, small_model

# What made-up runs translate per second.
RATES = {
  "dense": {translator.SPARSE: 8.0, translator.CTRANSLATE2: 10.0},
  "slt-50": {translator.SPARSE: 12.0, translator.CTRANSLATE2: 11.0},
  "slt-50-90": {translator.SPARSE: 40.0, translator.CTRANSLATE2: 9.0},
}


class SpeedTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, cls.folder)
    cls.model = small_model.SmallModel(os.path.join(cls.folder, "model"))
    runs = made_up_runs.Runs(os.path.join(cls.folder, "runs"))
    runs.evaluated("dense", "dense", 0, 30, 50)
    runs.evaluated("slt-50", "slt", 50, 31, 49, mask_from="dense")
    runs.evaluated("slt-50-90", "slt", 90, 28, 52, mask_from="slt-50")
    cls.study = studies.read(runs.folder)
    cls.runs = runs
    cls.data_dir = cls.model.data_dir
    vocabulary = os.path.basename(manifest.vocabulary(runs.problem, cls.data_dir))
    texts = dict.fromkeys(manifest.SIDES, cls.model.sentences)
    made_up_runs.write_test_set(runs.problem, cls.data_dir, texts, vocabulary)
    cls.entries = builder.write_tables(cls.study, os.path.join(cls.folder, "tables"), samples=5).entries

  def test_plot_and_table_show_what_was_measured(self):
    speeds = [speed.Speed(entry, RATES[entry.place.run]) for entry in self.entries]
    (axes,) = speed.plot(speeds).figure.axes
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    self.assertAllClose(lines["SLT, sparse"], [[8, 30], [12, 31], [40, 28]])
    self.assertAllClose(lines["SLT, ctranslate2"], [[10, 30], [11, 31], [9, 28]])
    table = speed.table("speeds", speeds)
    ((row,),) = [group for group in table.groups if group[0][1].text == "slt-50-90"]
    self.assertEqual([cell.text for cell in row], ["90%", "slt-50-90", "28.0", "40.0", "4.00", "9.0", "0.90"])

  def test_each_run_is_translated_by_each_engine(self):
    for name in RATES:
      folder = self.runs.path(name)
      for end in (".index", ".data-00000-of-00001"):
        shutil.copy(self.model.checkpoint + end, paths.checkpoint(folder, 1900) + end)
      shutil.copy(paths.hparams(self.model.folder), paths.hparams(folder))
    texts, real = [], translator.Translator.translate

    def translate(loaded, sentences):
      texts.append((type(loaded.engine).__name__, len(sentences)))
      return real(loaded, sentences)

    with mock.patch.object(translator.Translator, "translate", translate):
      found = speed.measure(
        self.entries, self.runs.problem, self.data_dir, rounds=2, sentences=5, show=lambda line: None
      )
    self.assertEqual([one.entry.place.run for one in found], ["dense", "slt-50", "slt-50-90"])
    for one in found:
      self.assertCountEqual(one.rates, translator.ENGINES)
      self.assertGreater(min(one.rates.values()), 0)
    # For each of three runs, an untimed batch and two rounds of each engine.
    engines = ["SparseEngine", "CTranslate2Engine"]
    self.assertEqual(texts, [(name, 5) for name in engines * 3] * 3)

  def test_an_archive_without_checkpoints_is_an_error(self):
    runs = made_up_runs.Runs(os.path.join(self.folder, "archive"))
    runs.evaluated("dense", "dense", 0, 30, 50)
    out = os.path.join(self.folder, "archive_tables")
    entries = builder.write_tables(studies.read(runs.folder), out, samples=5).entries
    with self.assertRaisesRegex(UserError, "model.ckpt-1900 is gone, so --measure_speed cannot translate with it"):
      speed.measure(entries, runs.problem, self.data_dir)

  def test_the_flag_needs_the_text(self):
    out = os.path.join(self.folder, "out")
    command = [sys.executable, "-m", "t2t_lottery.report", f"--runs_dir={self.runs.folder}", f"--out={out}"]
    done = subprocess.run([*command, "--measure_speed"], check=False, text=True, capture_output=True)
    self.assertEqual(done.returncode, 2)
    self.assertEqual(done.stderr, "t2t-lottery: --measure_speed translates the test set: give --data_dir\n")
    self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
  tf.test.main()
