"""kill -9 at random moments, of any process of a chain of levels: nothing is lost, repeated, or taken for finished."""

import contextlib
import json
import os
import random
import subprocess
import sys

import numpy as np
import psutil
import tensorflow.compat.v1 as tf

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, t2t_process
from tests.support import trained

# docs/reliability.md reports a test with more kills.
KILLS = int(os.environ.get("T2T_LOTTERY_KILLS", "2"))
# Seconds within which a process is killed; training and evaluating a run takes somewhat longer.
WITHIN = float(os.environ.get("T2T_LOTTERY_KILL_WITHIN", "25"))
LEVELS = "50 90"


class KillTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.made = trained.trained("dense")
    cls.made.step("train", "--run=slt-50", "--method=slt", "--level=50", "--mask_from=dense")
    cls.made.step("evaluate", "--run=dense")

  def setUp(self):
    super().setUp()
    self.runs = self.made.runs._replace(runs_dir=os.path.join(self.create_tempdir().full_path, "runs"))
    self.made.copy("dense", self.runs.folder("dense"))

  def start(self):
    given = [flag for flag in self.made.flags if not flag.startswith(("--runs_dir", "--seed"))]
    return subprocess.Popen(
      [sys.executable, "-m", "t2t_lottery.reproduce", "--methods=slt", f"--levels={LEVELS}", "--seeds=1", *given]
      + [f"--runs_dir={self.runs.runs_dir}"],
      cwd=trained.ROOT,
      # With optimized graphs, as a user runs it (`tests/conftest.py`).
      env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", t2t_process.USER_DIR: ""},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      start_new_session=True,
    )

  def kill_something(self, command, chance):
    """Kills all processes of a command, as a power failure does, or one of them; returns their names."""
    with contextlib.suppress(psutil.NoSuchProcess):
      there = [psutil.Process(command.pid), *psutil.Process(command.pid).children(recursive=True)]
      victims = there if chance.random() < 0.3 else [chance.choice(there)]
      names = [" ".join(victim.cmdline()[2:4]) for victim in victims]
      for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
          victim.kill()
      return names
    return []

  def test_result_is_the_same_as_without_kills(self):
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    killed = []
    while len(killed) < KILLS:
      with self.start() as command:
        try:
          command.communicate(timeout=chance.uniform(0, WITHIN))
        except subprocess.TimeoutExpired:
          killed.append(self.kill_something(command, chance))
          command.communicate()
      if command.returncode == 0:  # All runs are done; only the table would be killed from here on.
        break
    with self.start() as command:
      output, _ = command.communicate()
    with self.subTest(f"kills {killed}, random seed {seed}"):
      self.assertEqual(command.returncode, 0, output)
      self.assert_complete()
    print(f"\n{len(killed)} kills, random seed {seed}: {killed}", file=sys.stderr)

  def assert_complete(self):
    lines = [json.loads(line) for line in atomic_files.read_lines(paths.results(self.runs.runs_dir))]
    self.assertEqual([line["run"] for line in lines], ["dense", "slt-50", "slt-50-90"])
    for run in ("slt-50", "slt-50-90"):
      folder = self.runs.folder(run)
      self.assertEqual(paths.checkpoint_steps(folder), paths.checkpoint_steps(self.made.runs.folder("slt-50")))
      self.assertCountEqual(
        atomic_files.read_json(paths.result(folder))["dev_bleu_by_step"],
        [str(step) for step in self.made.saved("slt-50")],
      )
      left = [name for _, folders, names in os.walk(folder) for name in folders + names]
      self.assertEmpty([name for name in left if "_temp" in name or "unfinished" in name or name == "ticket"])
      last = tensor_bundle.read(paths.checkpoint(folder, trained.STEPS.train_steps))
      for step in paths.checkpoint_steps(folder):
        for name, value in tensor_bundle.read(paths.checkpoint(folder, step), layers.is_prunable_or_mask).items():
          if layers.is_mask(name):
            self.assertAllEqual(value, last[name])
    # The dense run was not killed, so the first ticket equals bit by bit the one without kills.
    ours, theirs = (tensor_bundle.read(paths.kept(runs.folder("slt-50"), 0)) for runs in (self.runs, self.made.runs))
    self.assertCountEqual(ours, theirs)
    for name, value in ours.items():
      self.assertAllEqual(value, theirs[name], name)
    # The second ticket keeps the largest weights with which the first run ended.
    before = tensor_bundle.read(paths.checkpoint(self.runs.folder("slt-50"), trained.STEPS.train_steps))
    ticket = tensor_bundle.read(paths.kept(self.runs.folder("slt-50-90"), 0))
    for name in layers.prunable(ticket):
      weights = np.abs(before[name])
      kept = ticket[layers.mask_name(name)].astype(bool)
      self.assertEqual(kept.sum(), round(kept.size * 0.1))
      self.assertGreaterEqual(weights[kept].min(), weights[~kept].max())


if __name__ == "__main__":
  tf.test.main()
