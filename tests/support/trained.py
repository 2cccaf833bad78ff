"""Runs trained once for all tests that request them, with the commands that the drivers call: a dense run, two levels
each of LT and SLT, and one or two of each other method.

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
# A narrow model of one layer, which halves the time of a command, and a rate at which it learns more in so few steps.
MODEL = "batch_size=512,num_hidden_layers=1,hidden_size=64"
HPARAMS = f"{MODEL},learning_rate_constant=0.2"
# Passes the folder to child processes.
_VARIABLE = "T2T_LOTTERY_TRAINED"
LEVELS = (50, 90)
# Checkpoints cost time to save and more to evaluate. A gradually pruned run has all, for only its last compete.
CHECKPOINTS = 4
_GRADUAL = "--checkpoints=20"
# Run -> its flags.
RUNS = {
  "dense": (),
  **{
    f"{method}-{level}": (f"--method={method}", f"--level={level}", f"--mask_from={before}")
    for method in ("lt", "slt")
    for level, before in zip(LEVELS, ("dense", f"{method}-{LEVELS[0]}"))
  },
  "clt-50": ("--method=clt", "--level=50", "--mask_from=dense"),
  "mp-80": ("--method=mp", "--level=80", _GRADUAL),
  "mp-80-slt-90": ("--method=mp_slt", "--level=90", "--mask_from=mp-80"),
  "slt-50-mp-90": ("--method=slt_mp", "--level=90", "--initial_level=50", "--mask_from=slt-50", _GRADUAL),
}
CAPTURED = {"check": False, "text": True, "capture_output": True}


def environment():
  """The environment of a process that may run another Python: with this checkout's code, and a Keras of its own."""
  inherited = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
  return {**inherited, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ROOT}


def command(step, *arguments, python=sys.executable):
  """Runs a step of the drivers; returns the completed process."""
  return subprocess.run([python, "-m", f"t2t_lottery.{step}", *arguments], cwd=ROOT, env=environment(), **CAPTURED)


def check(done):
  """Returns the output of a completed process, which must have succeeded."""
  if done.returncode:
    raise AssertionError(f"{done.args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr[-4000:]}")
  return done.stdout


class Trained:
  """The trained runs.

  Args:
    folder: of everything that they write.
    python: the Python that runs the steps.

  Attributes:
    runs: their folders.
    data_dir: their data.
    flags: flags of each step that locate them.
  """

  def __init__(self, folder, python=sys.executable):
    self.folder = folder
    self.python = python
    self.runs = paths.Runs(os.path.join(folder, "runs"), PROBLEM, SIZE, 1)
    self.data_dir = os.path.join(folder, "data")
    self.flags = [
      f"--problem={PROBLEM}",
      f"--size={SIZE}",
      "--seed=1",
      f"--hparams={HPARAMS}",
      f"--steps={STEPS.train_steps}",
      f"--checkpoints={CHECKPOINTS}",
      f"--runs_dir={self.runs.runs_dir}",
      f"--data_dir={self.data_dir}",
      f"--tmp_dir={folder}/tmp",
    ]

  def step(self, name, *arguments):
    """Runs a step that must succeed; returns its output."""
    return check(command(name, *self.flags, *arguments, python=self.python))

  def copy(self, run, folder):
    """Copies a run's folder while holding its lock."""
    with run_lock.held(self.runs.folder(run)):
      shutil.copytree(self.runs.folder(run), folder)

  def saved(self, run):
    """Steps of a run's checkpoints after step 0."""
    return [step for step in paths.checkpoint_steps(self.runs.folder(run)) if step]

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
  """Calls a function once for each of its arguments, and repeats its result or error."""

  @functools.cache
  def outcome(*arguments):
    try:
      return function(*arguments), None
    except AssertionError as error:
      return None, error

  @functools.wraps(function)
  def again(*arguments):
    made, error = outcome(*arguments)
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


@functools.cache
def _shared():
  return Trained(folder())


@_once
def _step(made, name, *arguments):
  return made.step(name, *arguments)


def trained(*runs, made=None):
  """Generates the data and trains runs of `RUNS`, after those that they start from, as far as that has not been done.

  Args:
    runs: their names.
    made: a `Trained`; None: that of all tests.

  Returns:
    The `Trained`.
  """
  made = made or _shared()
  _step(made, "datagen")
  for run in runs:
    trained(*(flag.partition("=")[2] for flag in RUNS[run] if flag.startswith("--mask_from=")), made=made)
    _step(made, "train", f"--run={run}", *RUNS[run])
  return made
