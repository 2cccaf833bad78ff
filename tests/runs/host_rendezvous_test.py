"""Distributed training in one folder: each host finds its index, the chief writes, the workers train."""

import concurrent.futures
import os
import socket

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.runs import host_rendezvous, paths, run_lock
from t2t_lottery.utils import atomic_files, errors, tf_config
from tests.support import stand_in

PROBLEM = "translate_ende_grammar"
HOSTS = "127.0.0.1:2222,127.0.0.1:2223"


class HostsTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(socket.gethostname(), "127.0.0.1", "localhost")
  def test_a_host_finds_itself_by_name_or_address(self, mine):
    # Addresses reserved for documentation belong to no machine.
    here = tf_config.parse(["198.51.100.1:2222", f"{mine}:2222", "203.0.113.1:2222"])
    self.assertEqual(here.number, 1)
    self.assertFalse(here.is_chief)

  def test_the_index_can_be_set(self):
    self.assertTrue(tf_config.parse(HOSTS.split(","), 0).is_chief)
    self.assertFalse(tf_config.parse(HOSTS.split(","), 1).is_chief)

  def test_one_machine_is_its_own_chief(self):
    self.assertEqual(tf_config.parse([]), tf_config.Hosts())
    self.assertTrue(tf_config.Hosts().is_chief)

  @parameterized.parameters(
    (["node1"], None, "node1 is not host:port"),
    (["node1:1", "node1:1"], None, "duplicate address in node1:1,node1:1"),
    (["198.51.100.1:1", "203.0.113.1:1"], None, r"is none of 198.51.100.1:1,203.0.113.1:1: set --host_index=N"),
    (HOSTS.split(","), None, r"is more than one of .*: set --host_index=N"),
    (HOSTS.split(","), 2, "--host_index=2, but --hosts names 2: the first is 0"),
  )
  def test_invalid_or_ambiguous_hosts_are_errors(self, addresses, index, message):
    with self.assertRaisesRegex(errors.UserError, message):
      tf_config.parse(addresses, index)

  def test_tf_config_round_trip(self):
    here = tf_config.parse(HOSTS.split(","), 1)
    with tf.test.mock.patch.dict(os.environ, {tf_config.VARIABLE: here.config()}):
      self.assertEqual(tf_config.from_environment(), here)
    # Parameter servers are left to t2t.
    with tf.test.mock.patch.dict(os.environ, {tf_config.VARIABLE: '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}'}):
      self.assertEqual(tf_config.from_environment(), tf_config.Hosts())


class RendezvousTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.runs = paths.Runs(os.path.join(self.create_tempdir().full_path, "runs"), PROBLEM, "tiny", 1)
    self.folder = self.runs.folder("dense")
    self.trainer = stand_in.Trainer(self.create_tempdir().full_path)
    self.addCleanup(self.trainer.close)

  def start(self, host, *arguments, step="train"):
    flags = (
      "--size=tiny",
      f"--runs_dir={self.runs.runs_dir}",
      "--run=dense",
      f"--hosts={HOSTS}",
      f"--host_index={host}",
    )
    return self.trainer.start(self, step, f"--problem={PROBLEM}", *flags, *arguments)

  def test_a_worker_waits_for_the_chief_and_trains(self):
    second = self.start(1)
    self.assertEqual(second.stdout.readline(), "dense: waiting for 127.0.0.1:2222\n")
    self.assertFalse(self.trainer.has_started())
    first = self.start(0)
    for _ in range(2):
      self.trainer.started()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
      ended = [pool.submit(process.wait, 300) for process in (first, second)]
      self.trainer.finish()
      # The first reader takes everything in the pipe.
      concurrent.futures.wait(ended, return_when=concurrent.futures.FIRST_COMPLETED)
      self.trainer.finish()
    for process in (first, second):
      self.assertEqual((process.wait(timeout=300), process.stderr.read()), (0, ""))
    self.assertEqual(atomic_files.read_json(paths.description(self.folder))["hosts"], 2)
    self.assertFalse(os.path.exists(paths.joined(self.folder)))
    for host in (0, 1):
      (command,) = [
        line for line in atomic_files.read_lines(paths.train_log(self.folder, host)) if line.startswith("$ ")
      ]
      self.assertIn(f'"index": {host}', command)
      self.assertEqual("--worker_id=1" in command, host == 1)
    # The trained run is skipped, and the worker does not evaluate: it waits for the chief's result.
    self.assertEqual(self.start(1).communicate(timeout=300)[0], "dense: trained (3000 steps)\n")
    second = self.start(1, step="evaluate")
    with run_lock.held(self.folder):
      atomic_files.write_json(paths.result(self.folder), {})
    self.assertEqual(second.communicate(timeout=300), ("", ""))

  def test_hosts_with_different_commands_are_an_error(self):
    self.start(0)
    self.trainer.started()
    second = self.start(1, "--hparams=dropout=0.5")
    self.assertRegex(
      second.communicate(timeout=300)[1],
      r"^t2t-lottery: 127.0.0.1:2222 trains .*/dense without hparams; this host requested dropout=0.5: give all "
      "hosts the same command$",
    )
    self.assertEqual(second.returncode, 1)
    self.trainer.finish()

  def test_a_worker_does_not_wait_for_a_chief_that_exited(self):
    here = tf_config.parse(HOSTS.split(","), 1)
    with tf.test.mock.patch.object(host_rendezvous, "_SECONDS_BETWEEN_STEPS", 0):
      with self.assertRaisesRegex(
        errors.UserError, f"127.0.0.1:2222 exited without a result in .*/dense: start all of {HOSTS}"
      ):
        host_rendezvous.wait_for_result(self.folder, here)
      with run_lock.held(self.folder), concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host_rendezvous.wait_for_result, self.folder, here)
        with self.assertRaises(concurrent.futures.TimeoutError):
          waiting.result(timeout=2)
        atomic_files.write_json(paths.result(self.folder), {})
        waiting.result(timeout=300)


if __name__ == "__main__":
  tf.test.main()
