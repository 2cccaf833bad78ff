"""Two drivers on one folder: no two processes train or evaluate a run, and no dead process leaves it locked."""

import os
import signal

import tensorflow.compat.v1 as tf

from t2t_lottery.runs import paths, run_lock
from t2t_lottery.utils import atomic_files, file_lock
from tests.support import stand_in

PROBLEM = "translate_ende_grammar"


class RunLockTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.runs = paths.Runs(os.path.join(self.create_tempdir().full_path, "runs"), PROBLEM, "tiny", 1)
    self.trainer = stand_in.Trainer(self.create_tempdir().full_path)
    self.addCleanup(self.trainer.close)

  def start(self, step, *arguments):
    flags = (f"--problem={PROBLEM}", "--size=tiny", f"--runs_dir={self.runs.runs_dir}", "--run=dense")
    return self.trainer.start(self, step, *flags, *arguments)

  def test_the_second_reports_the_holder_waits_and_finds_the_run_trained(self):
    first = self.start("train")
    self.trainer.started()
    second = self.start("train")
    self.assertRegex(
      second.stdout.readline(), rf"^dense: locked by process {first.pid} on \S+; waiting for it to finish$"
    )
    self.assertTrue(run_lock.is_held(self.runs.folder("dense")))
    self.trainer.finish()
    self.assertEqual(second.communicate(timeout=60)[0], "dense: trained (3000 steps)\n")
    first.communicate(timeout=60)
    self.assertEqual((first.returncode, second.returncode), (0, 0))
    self.assertFalse(self.trainer.has_started())
    self.assertFalse(run_lock.is_held(self.runs.folder("dense")))

  def test_a_trainer_that_outlives_a_killed_driver_keeps_others_out(self):
    first = self.start("train")
    trainer = self.trainer.started()
    first.kill()
    first.wait()
    second = self.start("train")
    self.assertIn("dense: locked by ", second.stdout.readline())
    self.assertFalse(self.trainer.has_started())
    os.kill(trainer, signal.SIGKILL)
    self.trainer.started()
    self.trainer.finish()
    second.communicate(timeout=60)
    self.assertEqual(second.returncode, 0)

  def test_dead_processes_leave_no_lock(self):
    first = self.start("train")
    trainer = self.trainer.started()
    first.kill()
    os.kill(trainer, signal.SIGKILL)
    first.communicate()
    second = self.start("train")
    self.trainer.started()
    self.trainer.finish()
    self.assertIn("dense: starting 3000 steps", second.communicate(timeout=60)[0])
    self.assertEqual(second.returncode, 0)

  def test_evaluation_waits_too(self):
    folder = self.runs.folder("dense")
    atomic_files.write_json(paths.description(folder), {"run": "dense", "method": "dense", "train_steps": 3000})
    with run_lock.held(folder):
      process = self.start("evaluate")
      self.assertIn("dense: locked by ", process.stdout.readline())
    self.assertIn("dense is not trained", process.communicate(timeout=60)[1])

  def test_a_waiting_process_locks_a_recreated_folder(self):
    folder = self.create_tempdir().full_path

    def replace(holder):
      del holder
      os.remove(os.path.join(folder, ".run.lock"))
      held.close()

    held = open(os.path.join(folder, ".run.lock"), "w", encoding="utf-8")
    with held:
      file_lock.fcntl.flock(held, file_lock.fcntl.LOCK_EX)
      with file_lock.exclusive(folder, "run", replace):
        self.assertTrue(file_lock.is_held(folder, "run"))


if __name__ == "__main__":
  tf.test.main()
