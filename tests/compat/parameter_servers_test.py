"""Training with parameter servers, as `t2t-make-tf-configs` sets it up: compared with one device, and with two
asynchronous masters.
"""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.runs import paths
from t2t_lottery.utils import t2t_process, tf_config
from tests.support import devices, fresh

# The asynchronous run counts the steps of both masters.
MANY = 24


def tf_configs(masters, servers):
  """What `t2t-make-tf-configs` prints for N masters and M servers on this machine: a TF_CONFIG and the flags of each."""
  addresses = devices.free_addresses(masters + servers)
  flags = [f"--masters={','.join(addresses[:masters])}", f"--ps={','.join(addresses[masters:])}"]
  command = [sys.executable, "-m", "tensor2tensor.bin.make_tf_configs", *flags]
  printed = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
  lines = [line.split("\t") for line in printed.splitlines() if "\t" in line]
  return [(config.strip("'"), flags.replace("'", "").split()) for config, flags in lines]


@contextlib.contextmanager
def serving(configs):
  """Starts parameter servers with the command that a user types; what they print is added to an AssertionError."""
  with tempfile.TemporaryFile("w+", errors="replace") as output:
    started = [
      subprocess.Popen(
        [*t2t_process.t2t("t2t_trainer"), f"--t2t_usr_dir={t2t_process.usr_dir()}", *flags],
        cwd=devices.ROOT,
        env={**os.environ, tf_config.VARIABLE: config},
        stdout=output,
        stderr=output,
      )
      for config, flags in configs
    ]
    try:
      yield started
    except AssertionError as error:
      status = [process.poll() for process in started]
      output.seek(0)
      raise AssertionError(f"{error}\nThe servers, of status {status}, printed:\n{output.read()[-4000:]}") from error
    finally:
      for process in started:
        process.kill()
        process.wait()


class ServersTest(devices.TestCase):
  """Runs that start from a ticket; with one master, the run is pruned after steps 2 and 4 and saved every two steps."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    fresh.call(*cls.training("single"))

    (master, *servers) = tf_configs(1, 2)
    with serving(servers):
      cls.killed = fresh.outcome(*cls.training("sync", master, kill=(5, 0)))
      fresh.call(*cls.training("sync", master))

    (*masters, server) = tf_configs(2, 1)
    with serving([server]) as (process,):
      records = fresh.together([cls.training("async", master, meet=2) for master in masters])
      cls.losses = [seen["losses"] for seen in records]
      cls.server_killed = fresh.outcome(*cls.training("async", masters[0], steps=2 * MANY, kill=(5, process.pid)))
      cls.refused = fresh.outcome(*cls.training("refused", masters[0]))

  @classmethod
  def training(cls, mode, master=("", []), steps=MANY, **recorder):
    """The function, and its arguments, that trains on a master and returns what it recorded."""
    config, flags = master
    if mode == "async":
      method, hparams = "slt", f"{devices.ticket(cls.model)},sparsity={devices.TICKET}"
    else:
      method, hparams, steps = "slt_mp", devices.pruned(cls.model), devices.STEPS
    arguments = devices.arguments(cls.model, cls.run_folder(mode), method, hparams, steps, flags)
    (number,) = [flag.partition("=")[2] for flag in flags if flag.startswith("--worker_id=")] or ["0"]
    record = os.path.join(cls.folder, f"{mode}.{number}.json")
    # Asynchronous masters have their own batches.
    groups = [[int(number)]] if mode == "async" else [[0, 1]]
    return functools.partial(devices.train, tf_config=config, **recorder), arguments, groups, record

  @parameterized.parameters("sync", "async")
  def test_run_starts_from_the_ticket(self, mode):
    self.assert_same_start(mode, "single")

  def test_sync_servers_train_and_prune_as_one_device(self):
    self.assertIn("the process ended with -9", self.killed)
    # The last is of the restarted master, which read the weights of step 4 from its checkpoint.
    for step in (2, 4, 6):
      ours, single = self.checkpoint("sync", step), self.checkpoint("single", step)
      self.assert_same_masks(ours, single)
      if step <= 4:
        for layer in single.layers:
          self.assertAllClose(ours.read(layer), single.read(layer), rtol=1e-4, atol=1e-6)
    self.assertEqual(ours.read("global_step"), devices.STEPS)
    self.assert_pruned_to(ours, devices.FINAL)

  def test_async_masters_train_one_ticket(self):
    self.assertGreaterEqual(min(map(len, self.losses)), 2)
    # They share one step counter; a step that one began before the other's last one still counts.
    self.assertBetween(sum(map(len, self.losses)), MANY, 2 * MANY - 1)
    folder = self.run_folder("async")
    # The first master saves at the first step that it sees after every second one, and at its end; none is deleted.
    self.assertGreater(len(paths.checkpoint_steps(folder)), 2)
    start = self.initial("async")
    for step in paths.checkpoint_steps(folder):
      checkpoint = self.checkpoint("async", step)
      for layer in start.layers:
        mask, weights = start.mask(layer), checkpoint.read(layer)
        self.assertAllEqual(checkpoint.mask(layer), mask, layer)
        self.assertFalse(np.any(weights.view(np.uint32)[~mask]), layer)
        self.assertEqual(np.any(weights != start.read(layer)), step > 0, layer)
    # theta_t is of the first step >= t that the first master has seen.
    self.assertBetween(Checkpoint(paths.kept(folder, 2)).read("global_step"), 2, MANY)

  def test_master_exits_when_a_server_dies(self):
    self.assertRegex(
      self.server_killed,
      r"t2t-lottery: a parameter server has died: restart all of 127.0.0.1:\d+, to resume from the last",
    )

  def test_async_masters_cannot_prune_while_they_train(self):
    self.assertRegex(
      self.refused, "t2t-lottery: pruning_method=slt_mp prunes during training, and .*: use one master with --sync"
    )


if __name__ == "__main__":
  tf.test.main()
