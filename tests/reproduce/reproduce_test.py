"""`run_scripts/reproduce.sh`: all runs of a table by one command."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from t2t_lottery.data import manifest
from t2t_lottery.utils import atomic_files, package_versions
from tests.support import stand_in

PROBLEM = "translate_ende_grammar"
# Replaces every step: prints its name and run, and writes a result.
STEP = """
import json, os, sys
step, flags = sys.argv[1], dict(argument[2:].split("=", 1) for argument in sys.argv[2:])
print(step, flags.get("run", flags.get("runs", "")), flush=True)
if step == "evaluate":
  folder = f"{flags['runs_dir']}/{flags['problem']}/{flags['size']}/seed{flags['seed']}/{flags['run']}"
  os.makedirs(folder, exist_ok=True)
if os.environ.get("FAILS") == f"{step} {flags.get('run')}":
  sys.exit("t2t-lottery: the disk is full")
"""
STEPS = """
import os, shutil, sys
if "FREE" in os.environ:
  shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**12, 10**12, int(os.environ["FREE"]))
from t2t_lottery.reproduce import step_process
step_process.command = lambda step, flags: [sys.executable, {script!r}, step, *flags]
"""


class ReproduceTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.data_dir = os.path.join(self.folder, "data")

  def command(self, *arguments):
    where = [f"--runs_dir={self.folder}/runs", f"--data_dir={self.data_dir}", f"--problem={PROBLEM}", "--size=tiny"]
    return [sys.executable, "-m", "t2t_lottery.reproduce", *where, *arguments]

  def run_with(self, environment, *arguments):
    return subprocess.run(
      self.command(*arguments), cwd=stand_in.ROOT, env=environment, capture_output=True, text=True, check=False
    )

  def run_with_fake_steps(self, *arguments, **more):
    script = os.path.join(self.folder, "step.py")
    for path, text in ((script, STEP), (os.path.join(self.folder, "sitecustomize.py"), STEPS.format(script=script))):
      with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([self.folder, stand_in.ROOT]), **more}
    return self.run_with(environment, *arguments)

  def test_trains_and_evaluates_each_run_then_makes_table_and_report(self):
    done = self.run_with_fake_steps("--methods=slt mp", "--levels=50", "--seeds=1")
    self.assertEqual(done.returncode, 0, done.stderr)
    runs = ["dense", "slt-50", "mp-50"]
    expected = ["datagen ", *(f"{step} {run}" for run in runs for step in ("train", "evaluate"))]
    self.assertEqual(done.stdout.splitlines(), [*expected, "results dense,slt-50,mp-50", "report "])

  def test_failed_run_is_reported_and_others_continue(self):
    arguments = ["--methods=slt mp", "--levels=50", "--seeds=1"]
    done = self.run_with_fake_steps(*arguments, FAILS="train slt-50")
    self.assertEqual(done.returncode, 1)
    self.assertNotIn("evaluate slt-50", done.stdout)
    self.assertIn("evaluate mp-50\nresults dense,slt-50,mp-50\nreport", done.stdout)
    log = f"{self.folder}/runs/{PROBLEM}/tiny/seed1/slt-50/steps.log"
    failed = f"train: the disk is full (full log: {log})"
    self.assertEqual(done.stderr.splitlines()[-1], f"failed: seed 1, slt-50: {failed}")
    self.assertIn(f"failed: {failed}", self.run_with_fake_steps(*arguments, "--status").stdout)
    # A second call clears the error.
    self.assertEqual(self.run_with_fake_steps(*arguments).returncode, 0)
    self.assertNotIn("failed", self.run_with_fake_steps(*arguments, "--status").stdout)

  def test_runs_that_depend_on_a_failed_one_are_skipped(self):
    done = self.run_with_fake_steps("--methods=slt", "--levels=50 80", "--seeds=1", FAILS="evaluate dense")
    self.assertEqual(done.returncode, 1)
    self.assertNotIn("slt", done.stdout)
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped, because it depends on a failed")]
    self.assertEqual([line.split()[-1] for line in skipped], ["slt-50", "slt-50-80"])

  def with_trainer(self, *arguments, variables=None):
    """A stand-in for the trainer, this command, and a function that starts it; all other steps are the real ones."""
    os.makedirs(self.data_dir)
    text = os.path.join(self.data_dir, "text")
    open(text, "w", encoding="utf-8").close()
    manifest.write_manifest(PROBLEM, self.data_dir, {"text": manifest.file_info(text)}, {"vocabulary": "text"})
    trainer = stand_in.Trainer(self.create_tempdir().full_path, variables=variables)
    self.addCleanup(trainer.close)
    command = self.command(*arguments)

    @contextlib.contextmanager
    def start():
      with subprocess.Popen(
        command,
        cwd=stand_in.ROOT,
        env=trainer.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # nohup would make it ignore SIGHUP.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
      ) as process:
        try:
          yield process
        finally:
          process.kill()

    return trainer, command, start

  def test_second_command_continues_with_other_runs(self):
    trainer, _, start = self.with_trainer("--methods=mp", "--levels=50", "--seeds=1")
    with start() as first:
      trainer.started()
      with start() as second:
        trainer.started()
        self.assertEqual(second.stdout.readline(), "mp-50: starting 3000 steps\n")
        for process in (first, second):
          process.send_signal(signal.SIGTERM)
          process.communicate(timeout=60)

  def test_sighup_stops_two_parallel_runs(self):
    trainer, _, start = self.with_trainer("--methods=mp", "--levels=50 80", "--seeds=1", "--jobs=2")
    with start() as process:
      pids = [trainer.started() for _ in range(2)]
      cores = [os.sched_getaffinity(pid) for pid in pids]
      self.assertFalse(trainer.has_started())
      if len(os.sched_getaffinity(0)) > 1:
        self.assertEmpty(cores[0] & cores[1])
      # A closed terminal signals all processes.
      for pid in (*pids, process.pid):
        os.kill(pid, signal.SIGHUP)
      stdout, _ = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 129)
    self.assertFalse(trainer.has_started())
    self.assertCountEqual(
      [line for line in stdout.splitlines() if "starting" in line],
      [f"seed 1, {run}: starting 3000 steps" for run in ("dense", "mp-50")],
    )

  def test_too_little_disk_is_reported_before_anything_starts(self):
    done = self.run_with_fake_steps("--methods=slt", "--levels=50", "--seeds=1", FREE="50000000")
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    self.assertRegex(
      done.stderr,
      r"^t2t-lottery: the remaining runs need about \S+ GB, but the disk of \S+ has \S+ GB left: free some, or give "
      r"--keep=essential \(\S+ GB\)\n$",
    )
    self.assertFalse(os.path.exists(os.path.join(self.folder, "runs")))

  def test_run_that_ends_with_infinite_weights_fails(self):
    kernel = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
    trainer, _, start = self.with_trainer(
      "--methods=dense", "--seeds=1", variables={kernel: np.array([1, np.inf], np.float32)}
    )
    with start() as process:
      trainer.started()
      trainer.finish()
      _, stderr = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 1)
    self.assertRegex(
      stderr, f"failed: seed 1, dense: train: dense: failed at step 3000: {kernel} contains NaN or infinity; delete "
    )
    with start() as process:
      _, again = process.communicate(timeout=60)
    self.assertFalse(trainer.has_started())
    self.assertEqual(again.splitlines()[-1], stderr.splitlines()[-1])

  def test_run_of_other_data_or_code_is_another_run(self):
    trainer, _, start = self.with_trainer("--methods=dense", "--seeds=1")
    with start() as process:
      trainer.started()
      process.send_signal(signal.SIGTERM)
      process.communicate(timeout=60)
    path = f"{self.folder}/runs/{PROBLEM}/tiny/seed1/dense/run.json"
    # The run has a checkpoint.
    atomic_files.write_text(os.path.join(os.path.dirname(path), "model.ckpt-20.index"), "")
    about = atomic_files.read_json(path)
    for name in ("code", "data"):
      atomic_files.write_json(path, {**about, name: "of-old"})
      with start() as process:
        _, stderr = process.communicate(timeout=60)
      self.assertEqual(process.returncode, 1)
      self.assertIn(f"contains a run with {name}=of-old; requested {about[name]}", stderr)

  def test_folder_that_contains_another_run_stays_unchanged(self):
    self.assertEqual(self.run_with_fake_steps("--methods=dense", "--seeds=1").returncode, 0)
    folder = f"{self.folder}/runs/{PROBLEM}/tiny/seed1/dense"
    with open(os.path.join(folder, "run.json"), "w", encoding="utf-8") as file:
      file.write(
        f'{{"method": "dense", "sparsity_asked": 0.0, "train_steps": 40, "code": "{package_versions.training_versions()}"}}'
      )
    # Without a checkpoint, the other run's folder may be reused.
    self.assertEqual(self.run_with_fake_steps("--methods=dense", "--seeds=1").returncode, 0)
    atomic_files.write_text(os.path.join(folder, "model.ckpt-20.index"), "")
    done = self.run_with_fake_steps("--methods=dense", "--seeds=1")
    self.assertEqual(done.returncode, 1)
    self.assertEqual(
      done.stderr, f"failed: seed 1, dense: {folder} contains a run with train_steps=40; requested 3000\n"
    )
    self.assertCountEqual(os.listdir(folder), ["run.json", "model.ckpt-20.index"])

  def test_corrected_command_reuses_the_folder_of_a_failed_one(self):
    trainer, _, start = self.with_trainer("--methods=dense", "--seeds=1")
    folder = f"{self.folder}/runs/{PROBLEM}/tiny/seed1/dense"
    left = {
      "run.json": {"run": "dense", "hparams": "batch_sizes=256"},
      "hparams.json": {"batch_sizes": 256},
      "last_error.json": {"error": "train: no such hparam", "status": 1},
      "failed.json": {"step": 0, "reason": "the loss is not finite"},
    }
    for name, content in left.items():
      atomic_files.write_json(os.path.join(folder, name), content)
    for name in ("train.log", "ticket/ticket.ckpt.index", "events.out.tfevents.1"):
      atomic_files.write_text(os.path.join(folder, name), "of before\n")
    with start() as process:
      trainer.started()
      there = os.listdir(folder)
      process.send_signal(signal.SIGTERM)
      process.communicate(timeout=60)
    self.assertCountEqual(there, ["run.json", "train.log", "hparams.json", "set_aside", ".run.lock"])
    self.assertNotIn("hparams", atomic_files.read_json(os.path.join(folder, "run.json")))
    # `reproduce` itself deletes the error of a failed step.
    self.assertCountEqual(
      os.listdir(os.path.join(folder, "set_aside", "1")),
      {*left, "ticket", "events.out.tfevents.1"} - {"last_error.json"},
    )
    with open(os.path.join(folder, "train.log"), encoding="utf-8") as log:
      self.assertEqual(log.readline(), "of before\n")

  def test_folder_that_was_moved_during_training_is_reported(self):
    _, _, start = self.with_trainer("--methods=dense", "--seeds=1")
    folder = f"{self.folder}/runs/{PROBLEM}/tiny/seed1/dense"
    atomic_files.write_text(os.path.join(folder, "model.ckpt-3000.index"), "")
    with start() as process:
      _, stderr = process.communicate(timeout=60)
    self.assertEqual(process.returncode, 1)
    self.assertRegex(stderr, f"dense: train: {folder} holds no hparams.json, .* move its content back, or delete it")

  @pytest.mark.slow
  def test_sigterm_stops_the_trainer_and_the_next_call_resumes(self):
    trainer, command, start = self.with_trainer("--methods=dense", "--seeds=1")
    with start() as process:
      pid = trainer.started()
      status = subprocess.run([*command, "--status"], cwd=stand_in.ROOT, capture_output=True, text=True, check=True)
      self.assertRegex(status.stdout, r"1 +dense +running, step 0 of 3,000\n")
      process.send_signal(signal.SIGTERM)
      process.communicate(timeout=60)
      self.assertEqual(process.returncode, 143)
      self.assertRaises(ProcessLookupError, os.kill, pid, 0)
    with start() as process:
      trainer.started()
      trainer.finish()
      stdout, stderr = process.communicate(timeout=60)
      self.assertIn("dense: starting 3000 steps", stdout)
      # The stand-in's checkpoint contains no model.
      self.assertIn("failed: seed 1, dense: evaluate: ", stderr)

  def test_dry_run_starts_nothing(self):
    done = self.run_with_fake_steps("--methods=slt", "--levels=50", "--seeds=1 2", "--dry_run")
    self.assertEqual(done.returncode, 0, done.stderr)
    rows = [line.split() for line in done.stdout.splitlines()]
    self.assertEqual(rows[1:5], [[seed, run, "3,000", "waiting"] for seed in "12" for run in ("dense", "slt-50")])
    self.assertIn("training remaining: 12,000 steps, time unknown", done.stdout)
    self.assertFalse(os.path.exists(os.path.join(self.folder, "runs")))

  def test_invalid_flag_is_reported_in_one_line_before_anything_starts(self):
    for flag, message in (
      ("--methods=stl", "unknown method stl: did you mean slt?"),
      ("--method=slt", "Unknown command line flag 'method'. Did you mean: methods ?"),
      ("--size=tinny", "--size=tinny: did you mean tiny?"),
      ("--seed=1", 'seeds are given as --seeds="1 2"'),
      ("--rewind_step=4000", "--rewind_step=4000 is after the end of a run of 3000 steps"),
      ("slt", "slt is not a flag"),
    ):
      done = self.run_with_fake_steps(flag)
      self.assertEqual((done.returncode, done.stdout), (2, ""))
      self.assertEqual(done.stderr, f"t2t-lottery: {message}\n")

  def test_script_passes_on_its_flags(self):
    shutil.copytree(os.path.join(stand_in.ROOT, "run_scripts"), os.path.join(self.folder, "run_scripts"))
    for name, script in ((".venv/bin/python", 'printf "%s\\n" "$@"'), ("run_scripts/setup.sh", "")):
      path = os.path.join(self.folder, name)
      os.makedirs(os.path.dirname(path), exist_ok=True)
      with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
      os.chmod(path, 0o755)
    script = os.path.join(self.folder, "run_scripts", "reproduce.sh")
    done = subprocess.run([script, "--methods=slt mp"], check=True, capture_output=True, text=True)
    runs, data = (f"--{name}_dir={os.path.join(self.folder, name)}" for name in ("runs", "data"))
    expected = ["-Im", "t2t_lottery.reproduce", "--problem=translate_ende_wmt14", runs, data, "--methods=slt mp"]
    self.assertEqual(done.stdout.splitlines(), expected)

  def test_script_makes_no_environment_for_commands_that_only_print(self):
    shutil.copytree(os.path.join(stand_in.ROOT, "run_scripts"), os.path.join(self.folder, "run_scripts"))
    setup = os.path.join(self.folder, "run_scripts", "setup.sh")
    with open(setup, "w", encoding="utf-8") as file:
      file.write("#!/bin/sh\necho was called\n")
    script = os.path.join(self.folder, "run_scripts", "reproduce.sh")
    for flag in ("--status", "--dry_run", "--cancel"):
      done = subprocess.run([script, "--methods=slt", flag], check=False, capture_output=True, text=True)
      message = f"reproduce.sh: no environment that you can run: call {setup} to make it\n"
      self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", message))

  def test_help_lists_every_flag_of_the_drivers(self):
    scripts = os.path.join(stand_in.ROOT, "run_scripts")
    own, driver = (
      subprocess.run([os.path.join(scripts, name), "--help"], check=True, capture_output=True, text=True).stdout
      for name in ("reproduce.sh", "slt_mp.sh")
    )
    for flag in re.findall(r"^  (--[a-z0-9_]+)", driver, re.MULTILINE):
      self.assertIn(flag, own)


if __name__ == "__main__":
  tf.test.main()
