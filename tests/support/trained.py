"""Runs trained once for all tests, with the commands that the drivers call: a dense run, two levels each of LT and SLT,
and one or two of each other method.

All processes of one pytest share their folder: a command waits while another process holds the lock of the same run.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile

from t2t_lottery.runs import paths, presets, run_lock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROBLEM = "translate_ende_grammar"
SIZE = "tiny"
STEPS = presets.for_length(100)
# One layer: half of a command's time is spent on its graph.
HPARAMS = "batch_size=512,num_hidden_layers=1"
# Passes the folder to child processes.
_VARIABLE = "T2T_LOTTERY_TRAINED"
LEVELS = (50, 90)


def command(step, *arguments):
  """Runs a step of the drivers; returns the completed process."""
  return subprocess.run(
    [sys.executable, "-m", f"t2t_lottery.{step}", *arguments],
    cwd=ROOT,
    check=False,
    text=True,
    capture_output=True,
    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
  )


class Trained:
  """The trained runs.

  Attributes:
    runs: their folders.
    data_dir: their data.
    flags: flags of each step that locate them.
  """

  def __init__(self, folder):
    self.folder = folder
    self.runs = paths.Runs(os.path.join(folder, "runs"), PROBLEM, SIZE, 1)
    self.data_dir = os.path.join(folder, "data")
    self.flags = [
      f"--problem={PROBLEM}",
      f"--size={SIZE}",
      "--seed=1",
      f"--hparams={HPARAMS}",
      f"--steps={STEPS.train_steps}",
      f"--runs_dir={self.runs.runs_dir}",
      f"--data_dir={self.data_dir}",
      f"--tmp_dir={folder}/tmp",
    ]

  def step(self, name, *arguments):
    """Runs a step that must succeed; returns its output."""
    done = command(name, *self.flags, *arguments)
    if done.returncode:
      raise AssertionError(f"{name} {arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}")
    return done.stdout

  def copy(self, run, folder):
    """Copies a run's folder while holding its lock."""
    with run_lock.held(self.runs.folder(run)):
      shutil.copytree(self.runs.folder(run), folder)

  def last(self, run):
    """Prefix of a run's final checkpoint."""
    return paths.checkpoint(self.runs.folder(run), STEPS.train_steps)

  def initial(self, run):
    """Prefix of a run's checkpoint of step 0."""
    return paths.kept(self.runs.folder(run), 0)

  def early(self, run):
    """Prefix of a run's theta_t."""
    return paths.kept(self.runs.folder(run), STEPS.rewind_step)


def _once(function):
  """Calls a function once, and repeats its result or error."""

  @functools.cache
  def outcome():
    try:
      return function(), None
    except AssertionError as error:
      return None, error

  @functools.wraps(function)
  def again():
    made, error = outcome()
    if error:
      raise error
    return made

  return again


def folder():
  """The folder of the runs; created by the first process, which removes it on exit."""
  if _VARIABLE not in os.environ:
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="t2t-lottery-test-")
    atexit.register(shutil.rmtree, os.environ[_VARIABLE], ignore_errors=True)
  return os.environ[_VARIABLE]


@_once
def dense():
  """Generates the data and trains the dense run, or returns them."""
  made = Trained(folder())
  made.step("datagen")
  made.step("train", "--run=dense")
  return made


@_once
def trained():
  """Trains all runs, or returns them."""
  made = dense()
  for method in ("lt", "slt"):
    before = "dense"
    for level in LEVELS:
      run = f"{method}-{level}"
      made.step("train", f"--run={run}", f"--method={method}", f"--level={level}", f"--mask_from={before}")
      before = run
  made.step("train", "--run=clt-50", "--method=clt", "--level=50", "--mask_from=dense")
  made.step("train", "--run=mp-80", "--method=mp", "--level=80")
  made.step("train", "--run=mp-80-slt-90", "--method=mp_slt", "--level=90", "--mask_from=mp-80")
  made.step("train", "--run=slt-50-mp-90", "--method=slt_mp", "--level=90", "--initial_level=50", "--mask_from=slt-50")
  return made
