"""`run_scripts/reproduce.sh --on=slurm`, on a real cluster of one node."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import tensorflow.compat.v1 as tf

from t2t_lottery.reproduce.planning import run_graph
from t2t_lottery.reproduce.slurm import job
from t2t_lottery.reproduce.slurm import queue as slurm_queue
from t2t_lottery.runs import paths, run_status
from t2t_lottery.utils import atomic_files, errors
from tests.support import one_node, stand_in

PROBLEM = "translate_ende_grammar"
# On SIGTERM it saves step 10, as t2t-trainer does between two checkpoints; when it finishes, it deletes that.
TRAINER = """
import glob, os, shutil, signal, sys
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
made = os.environ["STAND_IN_CHECKPOINT"]
with open(f"{flags['output_dir']}/hparams.json", "w") as hparams:
  hparams.write("{}")
def save(step):
  for path in sorted(glob.glob(made + ".*")):
    shutil.copy(path, f"{flags['output_dir']}/model.ckpt-{step}{path[len(made):]}")
def end(*_):
  save(10)
  sys.exit(143)
signal.signal(signal.SIGTERM, end)
with open(os.environ["STAND_IN_STARTED"], "w") as started:
  started.write(f"{os.getpid()}\\n")
with open(os.environ["STAND_IN_GATE"]) as gate:
  gate.readline()
save(flags["train_steps"])
for path in glob.glob(f"{flags['output_dir']}/model.ckpt-10.*"):
  os.remove(path)
"""
# Replaces every step but training; the report, the last step, signals that it has started.
STEP = """
import os, sys
from t2t_lottery.evaluation import decoding
from t2t_lottery.utils import atomic_files
from t2t_lottery.runs import paths
from t2t_lottery.data import manifest
step, flags = sys.argv[1], dict(argument[2:].split("=", 1) for argument in sys.argv[2:])
print(step, flags.get("run", flags.get("runs", "")), flush=True)
if step == "datagen":
  os.makedirs(flags["data_dir"])
  text = os.path.join(flags["data_dir"], "text")
  open(text, "w").close()
  manifest.write_manifest(flags["problem"], flags["data_dir"], {"text": manifest.file_info(text)}, {"vocabulary": "text"})
if step == "evaluate":
  folder = paths.Runs(flags["runs_dir"], flags["problem"], flags["size"], int(flags["seed"])).folder(flags["run"])
  signature = decoding.signature(flags["decoder"])
  atomic_files.write_json(paths.result(folder), {"test": {"bleu": 20.0}, "signatures": {"translation": signature}})
if step == "report":
  with open(os.environ["STAND_IN_STARTED"], "w") as started:
    started.write(f"{os.getpid()}\\n")
"""
STEPS = """
from t2t_lottery.reproduce import step_process
command = step_process.command
step_process.command = lambda step, flags: command(step, flags) if step == "train" else [sys.executable, {script!r}, step, *flags]
"""


class JobTest(tf.test.TestCase):
  """A job on its node, with a script in place of scontrol."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.record = os.path.join(self.folder, "record.json")
    scontrol = os.path.join(self.folder, "scontrol")
    with open(scontrol, "w", encoding="utf-8") as file:
      file.write('#!/bin/sh\necho scontrol "$@"\n')
    os.chmod(scontrol, 0o755)

  def run_job(self, script, restarts=1):
    """Runs a job whose command is a Python script."""
    environment = {**os.environ, "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    command = [sys.executable, "-c", f"import os, signal, sys\n{script}"]
    return subprocess.run(
      stand_in.command("reproduce.slurm.job", str(restarts), self.record, self.folder, *command),
      cwd=stand_in.ROOT,
      env=environment,
      capture_output=True,
      text=True,
      check=False,
    )

  def test_command_that_exits_is_not_requeued(self):
    for status in (0, 1):
      done = self.run_job(f"sys.exit({status})")
      self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", ""))

  def test_killed_command_is_requeued_up_to_the_limit(self):
    kills = "os.kill(os.getpid(), signal.SIGKILL)"
    self.assertEqual(self.run_job(kills).stdout, "killed (status 137), requeued\nscontrol requeue 7\n")
    done = self.run_job(kills)
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    self.assertEqual(done.stderr, "t2t-lottery: killed 2 times, not restarted (--restarts=1)\n")
    self.assertStartsWith(atomic_files.read_json(paths.last_error(self.folder))["error"], "killed 2 times")

  def test_job_that_was_cut_off_counts_as_killed(self):
    atomic_files.write_json(self.record, job.Record("7", killed=1)._asdict())
    done = self.run_job("print('called')")
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    # Another job starts from zero.
    atomic_files.write_json(self.record, job.Record("6", killed=1)._asdict())
    self.assertEqual(self.run_job("print('called')").stdout, "called\n")

  def near_the_limit(self, saves):
    checkpoint = paths.checkpoint(self.folder, 10) + ".index"
    return self.run_job(
      f"""
def end(*_):
  {f"open({checkpoint!r}, 'w').close()" if saves else ""}
  sys.exit(143)
signal.signal(signal.SIGTERM, end)
os.kill(os.getppid(), signal.SIGUSR1)
signal.pause()
"""
    )

  def test_near_its_time_limit_a_run_is_saved_and_requeued(self):
    done = self.near_the_limit(saves=True)
    self.assertEqual((done.returncode, done.stderr), (143, ""))
    self.assertEqual(done.stdout, "near its time limit, requeued\nscontrol requeue 7\n")
    self.assertEqual(atomic_files.read_json(self.record)["killed"], 0)

  def test_run_without_progress_within_its_time_limit_is_not_requeued(self):
    done = self.near_the_limit(saves=False)
    self.assertEqual((done.returncode, done.stdout), (1, ""))
    self.assertEqual(
      done.stderr, "t2t-lottery: its job's time limit was too short for a single step: increase --slurm_time\n"
    )

  def test_sigterm_ends_the_job(self):
    done = self.run_job("os.kill(os.getppid(), signal.SIGTERM)\nsignal.pause()")
    self.assertEqual((done.returncode, done.stdout), (143, ""))


class SubmitTest(tf.test.TestCase):
  """Submission, with stand-ins for Slurm's commands."""

  def submit(self, folder, **flags):
    """Submits a run; returns the lines printed."""
    queue = os.path.join(folder, "queue")
    run = run_graph.PlannedRun("dense", "dense", "0", (), (), 1)

    def call(*command):
      if command[0] == "squeue":
        return "".join(f"{line}\n" for line in atomic_files.read_lines(queue)) if os.path.exists(queue) else ""
      names = [word.partition("=")[2] for word in command if word.startswith("--job-name=")]
      there = atomic_files.read_lines(queue) if os.path.exists(queue) else []
      atomic_files.write_lines(queue, [*there, f"{len(there) + 1}|PENDING|Priority|{names[0]}|{folder}"])
      return f"{len(there) + 1}\n"

    printed = io.StringIO()
    with mock.patch.object(slurm_queue, "_call", call), contextlib.redirect_stdout(printed):
      options = slurm_queue.job_options(flags, None, "", 3)
      statuses = [run_status.Status(run_status.State.WAITING)]
      slurm_queue.submit(
        [run], lambda: statuses, lambda run: folder, folder, options, lambda name: [name], has_data=True
      )
    return printed.getvalue().splitlines()

  def test_reports_queued_jobs_with_other_options(self):
    folder = self.create_tempdir().full_path
    self.assertEqual(self.submit(folder, time="1:00:00"), ["seed1/dense: job 1", "table: job 2, after seed1/dense"])
    self.assertEmpty(self.submit(folder, time="1:00:00"))
    self.assertEqual(
      self.submit(folder, time="2:00:00", mem="8G")[0],
      "seed1/dense: job 1 is in the queue with --time=1:00:00; requested --time=2:00:00 --mem=8G: change it by "
      "scontrol update JobId=1, or give --cancel and submit again",
    )
    self.assertIn("; requested the defaults", self.submit(folder)[0])
    # An older version did not record its options.
    for name in ("seed1.dense", "table"):
      os.remove(os.path.join(folder, f"{name}.asked.json"))
    self.assertEmpty(self.submit(folder))


class SlurmTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    if why := one_node.missing():
      raise unittest.SkipTest(why)
    # The path of a socket must be short.
    folder = tempfile.TemporaryDirectory(prefix="slurm")
    cls.addClassCleanup(folder.cleanup)
    cls.cluster = one_node.Cluster(folder.name)
    cls.addClassCleanup(cls.cluster.close)

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    script = os.path.join(self.folder, "step.py")
    with open(script, "w", encoding="utf-8") as file:
      file.write(STEP)
    trainer = self.create_tempdir().full_path
    self.trainer = stand_in.Trainer(trainer, TRAINER, STEPS.format(script=script))
    self.addCleanup(self.trainer.close)
    self.addCleanup(self.cluster.cancel_all)
    self.environment = {**self.trainer.environment, **self.cluster.environment}

  def command(self, where, *arguments):
    folder = os.path.join(self.folder, where)
    return stand_in.command(
      "reproduce",
      *[f"--runs_dir={folder}/runs", f"--data_dir={folder}/data", f"--problem={PROBLEM}", "--size=tiny"],
      *["--methods=slt", "--levels=50 80", "--seeds=1", *arguments],
    )

  def slurm(self, *arguments, status=0):
    """Runs the command; returns its stdout, or its stderr if it fails."""
    done = subprocess.run(
      self.command("slurm", "--on=slurm", "--slurm_cpus=2", *arguments),
      cwd=stand_in.ROOT,
      env=self.environment,
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertEqual(done.returncode, status, done.stderr)
    return done.stderr if status else done.stdout

  def jobs(self):
    """Names and ids of the jobs in the queue."""
    output = self.cluster.call("squeue", "--noheader", "--format=%j %i")
    return dict(line.split() for line in output.splitlines())

  def wait_until_the_node_is_free(self):
    """Waits until all jobs that can run have run."""
    self.cluster.call("sbatch", "--wait", "--cpus-per-task=2", "--output=/dev/null", "--nice=1000", "--wrap=true")

  def runs(self, where):
    """Name of a run -> the names of its files without logs, and its description and result.

    `checkpoint` is left out: t2t-trainer writes it, the stand-in does not, but resuming does.
    """
    found = {}
    for folder in paths.run_folders(os.path.join(self.folder, where, "runs")):
      names = sorted(name for name in os.listdir(folder) if not name.endswith(".log") and name != "checkpoint")
      about = [atomic_files.read_json(path(folder)) for path in (paths.description, paths.result)]
      found[os.path.basename(folder)] = names, about
    return found

  def test_killed_and_requeued_runs_give_the_same_results_as_one_machine(self):
    output = self.slurm()
    ids = dict(re.findall(r"^(\S+): job (\d+)", output, re.MULTILINE))
    self.assertEqual(list(ids), ["datagen", "seed1/dense", "seed1/slt-50", "seed1/slt-50-80", "table"])
    os.kill(self.trainer.started(), signal.SIGKILL)
    self.trainer.started()
    self.trainer.finish()
    self.trainer.started()
    # Slurm sends this near a time limit.
    self.cluster.call("scancel", "--batch", "--signal=USR1", ids["seed1/slt-50"])
    for _ in ("slt-50", "slt-50-80"):
      self.trainer.started()
      self.trainer.finish()
    self.trainer.started()  # The report.

    with subprocess.Popen(
      self.command("here"), cwd=stand_in.ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
    ) as here:
      for _ in range(3):
        self.trainer.started()
        self.trainer.finish()
      here.communicate()
    self.assertEqual(here.returncode, 0)
    self.trainer.started()  # The report.
    self.assertLen(self.runs("here"), 3)
    self.assertEqual(self.runs("slurm"), self.runs("here"))

    self.wait_until_the_node_is_free()
    self.assertIn("3 runs: 3 done", self.slurm("--status"))
    logs = os.path.join(self.folder, "slurm", "runs", PROBLEM, "tiny", "slurm")
    self.assertIn("results dense,slt-50,slt-50-80\nreport", "\n".join(atomic_files.read_lines(f"{logs}/table.log")))
    self.assertIn("killed (status 137), requeued", "\n".join(atomic_files.read_lines(f"{logs}/seed1.dense.log")))
    self.assertIn("near its time limit, requeued", "\n".join(atomic_files.read_lines(f"{logs}/seed1.slt-50.log")))

  def test_status_cancel_and_no_duplicate_jobs(self):
    self.slurm()
    self.trainer.started()
    jobs = self.jobs()
    self.assertIn("\n0 jobs submitted, 4 already in the queue;", "\n" + self.slurm())
    self.assertEqual(self.jobs(), jobs)
    status = self.slurm("--status")
    self.assertRegex(status, r"1 +dense +running, step 0 of 3,000\n")
    self.assertRegex(status, rf"1 +slt-50 +waiting: job {jobs['seed1/slt-50']} is pending \(Dependency\)\n")
    self.assertIn(f"table: job {jobs['table']} is pending (Dependency)", status)
    self.assertStartsWith(self.slurm("--cancel"), "4 jobs cancelled: ")
    self.wait_until_the_node_is_free()
    self.assertEqual(self.jobs(), {})
    # It was saved; the same command resumes from there.
    self.assertRegex(self.slurm("--status"), r"1 +dense +stopped, step 10 of 3,000\n")
    self.assertStartsWith(self.slurm(), "seed1/dense: job ")

  def test_jobs_that_depend_on_a_run_killed_too_often_leave_the_queue(self):
    self.slurm("--restarts=0")
    os.kill(self.trainer.started(), signal.SIGKILL)
    self.wait_until_the_node_is_free()
    self.assertEqual(self.jobs(), {})
    status = self.slurm("--status")
    self.assertRegex(status, r"1 +dense +failed: killed 1 times, not restarted \(--restarts=0\)\n")
    self.assertRegex(status, r"1 +slt-50 +waiting\n")

  def test_invalid_options_are_reported_in_one_line_before_anything_is_submitted(self):
    for flag, message in (
      ("--slurm_partition=gpus", "sbatch failed: invalid partition specified: gpus; "),
      ("--slurm_time=soon", "sbatch failed: Invalid --time specification"),
      ("--slurm_gpus=1", "sbatch failed: Invalid generic resource (gres) specification"),
      ("--sbatch=--frobnicate", "sbatch failed: sbatch: unrecognized option '--frobnicate'"),
      ("--sbatch='", "--sbatch=': No closing quotation"),
    ):
      output = self.slurm(flag, status=1)
      self.assertStartsWith(output, f"t2t-lottery: {message}")
      self.assertEqual(output.count("\n"), 1)
    self.assertEqual(self.jobs(), {})
    self.assertFalse(os.path.exists(os.path.join(self.folder, "slurm")))


class WithoutSlurmTest(tf.test.TestCase):
  def test_reports_a_machine_without_slurm(self):
    options = slurm_queue.job_options({"partition": "main", "time": None}, None, "--qos=low", 3)
    self.assertEqual((options.every, options.user), (("--partition=main",), ("--qos=low",)))
    with mock.patch.dict(os.environ, {"PATH": ""}):
      with self.assertRaisesRegex(errors.UserError, "--on=slurm needs a machine that can submit Slurm jobs"):
        slurm_queue.check(options)

  def test_status_of_a_run_with_a_job_combines_queue_and_files(self):
    stopped = run_status.Status(run_status.State.STOPPED, 20)
    queued, running = slurm_queue.Job("7", "PENDING", "BeginTime"), slurm_queue.Job("7", "RUNNING", "None")
    self.assertEqual(slurm_queue.status_of(queued, stopped).error, "job 7 is pending (BeginTime), step 20")
    # A lock on another node may be invisible.
    self.assertEqual(slurm_queue.status_of(running, stopped).state, run_status.State.RUNNING)
    done = run_status.Status(run_status.State.DONE, 20, bleu=20.0)
    self.assertEqual(slurm_queue.status_of(running, done), done)


if __name__ == "__main__":
  tf.test.main()
