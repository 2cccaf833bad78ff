"""A fake t2t-trainer that trains nothing: it reports its start, waits for the test, and writes the run's last
checkpoint.
"""

import os
import select
import subprocess
import sys

import numpy as np

from t2t_lottery.checkpoints import tf_checkpoint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SCRIPT = """
import glob, os, shutil, sys
flags = dict(argument[2:].split("=", 1) for argument in sys.argv[1:] if "=" in argument)
with open(f"{flags['output_dir']}/hparams.json", "w") as hparams:
  hparams.write("{}")
print("INFO:tensorflow:loss = 5.0, step = 0", flush=True)
with open(os.environ["STAND_IN_STARTED"], "w") as started:
  started.write(f"{os.getpid()}\\n")
with open(os.environ["STAND_IN_GATE"]) as gate:
  gate.readline()
made = os.environ["STAND_IN_CHECKPOINT"]
for path in sorted(glob.glob(made + ".*")):
  shutil.copy(path, f"{flags['output_dir']}/model.ckpt-{flags['train_steps']}{path[len(made):]}")
"""
# Python imports this module at startup, if it exists.
_CUSTOMIZE = """
import sys
from t2t_lottery.utils import t2t_process
t2t_process.t2t = lambda command: [sys.executable, {script!r}]
"""


class Trainer:
  """The fake trainer.

  Args:
    folder: an empty one.
    variables: of the checkpoint that it writes, in addition to the step.
    trains: its script.
    customizes: further code that Python runs at startup.

  Attributes:
    environment: of processes that use it.
  """

  def __init__(self, folder, trains=_SCRIPT, customizes="", variables=None):
    script = os.path.join(folder, "trainer.py")
    customize = _CUSTOMIZE.format(script=script) + customizes
    for path, text in ((script, trains), (os.path.join(folder, "sitecustomize.py"), customize)):
      with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    checkpoint = os.path.join(folder, "made", "model.ckpt")
    tf_checkpoint.write(checkpoint, {"global_step": np.array(1, np.int64), **(variables or {})})
    started, gate = os.path.join(folder, "started"), os.path.join(folder, "gate")
    for path in (started, gate):
      os.mkfifo(path)
    # A pipe that is open for reading and writing blocks no other opener.
    self._started, self._gate = (os.open(path, os.O_RDWR) for path in (started, gate))
    self.environment = {
      **os.environ,
      "PYTHONPATH": os.pathsep.join([folder, ROOT]),
      "STAND_IN_CHECKPOINT": checkpoint,
      "STAND_IN_STARTED": started,
      "STAND_IN_GATE": gate,
    }

  def start(self, test, step, *arguments):
    """Starts a step of the drivers with the fake trainer; the process ends with the test."""
    process = subprocess.Popen(
      command(step, *arguments),
      cwd=ROOT,
      env=self.environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    test.addCleanup(process.communicate)
    test.addCleanup(process.kill)
    return process

  def started(self):
    """Waits until a trainer has started; returns its process id."""
    if not select.select([self._started], [], [], 300)[0]:
      raise AssertionError("no trainer has started")
    return int(os.read(self._started, 100))

  def has_started(self):
    """Whether a trainer has started since the last call of `started`."""
    return bool(select.select([self._started], [], [], 0)[0])

  def finish(self):
    """Lets one trainer finish."""
    os.write(self._gate, b"\n")

  def close(self):
    os.close(self._started)
    os.close(self._gate)


def command(step, *arguments):
  """A step of the drivers as a command."""
  return [sys.executable, "-m", f"t2t_lottery.{step}", *arguments]
