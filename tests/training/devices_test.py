"""Training on two devices and on two hosts, compared with one device on the same batches."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import random

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.data_generators import generator_utils
from tensor2tensor.utils import trainer_lib

from t2t_lottery.utils import tf_config
from tests.support import devices, fresh

# Mode -> t2t-trainer flags, replicas whose batches are joined, number of virtual CPU devices.
MODES = {
  "single": ([], [[0, 1]], 1),
  "data_parallelism": (["--worker_gpu=2"], [[0, 1]], 1),
  "mirrored": (["--optionally_use_dist_strat"], [[0], [1]], 2),
}
OTHERS = ("data_parallelism", "mirrored", "hosts")


class DevicesTest(devices.TestCase):
  """A run that starts from a ticket, is pruned after steps 2 and 4, and saves every two steps."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.seen = {mode: cls.train(mode, *options) for mode, options in MODES.items()}
    # The second host is killed after a step; then both are restarted.
    cls.killed = cls.train_on_hosts(kill=(5, 0))
    cls.left = os.listdir(cls.run_folder("hosts"))
    cls.seen["hosts"], cls.seen["second_host"] = cls.train_on_hosts()

  @classmethod
  def train(cls, mode, flags, groups, cpus=1, host=None, kill=None, call=fresh.call):
    arguments = devices.arguments(
      cls.model, cls.run_folder(mode), "slt_mp", devices.pruned(cls.model), devices.STEPS, flags
    )
    record = os.path.join(cls.folder, f"{mode}.{host.number if host else 0}.json")
    return call(devices.train, arguments, groups, record, cpus, host and host.config(), kill=kill)

  @classmethod
  def train_on_hosts(cls, kill=None):
    """What each of the two hosts recorded, or how it ended."""
    addresses = devices.free_addresses(2)

    def train(index):
      here = tf_config.Hosts(addresses, index)
      return cls.train("hosts", [f"--worker_id={index}"], [[index]], 1, here, kill if index else None, fresh.outcome)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
      return list(pool.map(train, range(2)))

  @parameterized.parameters("data_parallelism", "mirrored")
  def test_losses_equal_those_of_one_device(self, mode):
    self.assertLen(self.seen["single"]["losses"], devices.STEPS)
    self.assertAllClose(self.seen[mode]["losses"], self.seen["single"]["losses"], rtol=1e-5)

  @parameterized.parameters(*OTHERS)
  def test_ticket_and_masks_equal_those_of_one_device(self, mode):
    self.assert_same_start(mode, "single")
    for step in range(0, devices.STEPS + 1, 2):
      checkpoint, single = self.checkpoint(mode, step), self.checkpoint("single", step)
      self.assertEqual(checkpoint.shapes, single.shapes)
      self.assert_same_masks(checkpoint, single)
    self.assert_pruned_to(checkpoint, devices.FINAL)

  def test_all_devices_have_the_same_weights_under_the_same_masks(self):
    self.assertEqual([self.seen[mode]["copies"] for mode in MODES], [1, 1, 2])
    self.assertEqual(self.seen["mirrored"]["differing"], [])
    self.assertEqual(self.seen["mirrored"]["nonzero"], [])
    self.assertEqual(self.seen["hosts"]["digest"], self.seen["second_host"]["digest"])

  def test_if_a_host_is_killed_the_other_stops_and_both_resume_from_the_last_checkpoint(self):
    first, second = self.killed
    self.assertIn("the process ended with -9", second)
    self.assertRegex(
      first, r"t2t-lottery: another host has died: restart all of 127.0.0.1:\d+,127.0.0.1:\d+, to resume from"
    )
    # They resume from step 4.
    self.assertLen(self.seen["hosts"]["losses"], devices.STEPS - 4)
    self.assertEqual(self.seen["hosts"]["losses"], self.seen["second_host"]["losses"])

  def test_only_one_host_writes(self):
    for names in (self.left, os.listdir(self.run_folder("hosts"))):
      self.assertNoCommonElements(names, ["ticket", "ticket.host1"])
    self.assertContainsSubset(["checkpoint", "rewind", "hparams.json"], self.left)
    # The number of files of a checkpoint depends on the number of processes; those of the killed host are deleted.
    found, single = (
      [name for name in os.listdir(self.run_folder(mode)) if not name.startswith(("events.", "model.ckpt-"))]
      for mode in ("hosts", "single")
    )
    self.assertCountEqual(found, single)


class HostInputTest(parameterized.TestCase, tf.test.TestCase):
  def read(self, files, host, servers=False):
    """Reads all sentences (as numbers) that one of two hosts, or of two masters with parameter servers, gets from data
    files with three sentences each.

    Returns:
      The sorted numbers, and the next value of Python's random generator.
    """
    numbered = devices.Numbers()
    folder = self.create_tempdir().full_path
    numbers = itertools.count(10)
    for path in numbered.training_filepaths(folder, files, shuffled=True):
      with tf.io.TFRecordWriter(path) as writer:
        for number in itertools.islice(numbers, 3):
          writer.write(generator_utils.to_example({"inputs": [number], "targets": [number]}).SerializeToString())
    if servers:
      task = {"type": "worker" if host else "chief", "index": 0}
      config = json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, "task": task})
    else:
      config = tf_config.Hosts(("a:1", "b:1"), host).config()
    random.seed(1)
    with (
      tf.test.mock.patch.dict(os.environ, {tf_config.VARIABLE: config}),
      tf.Graph().as_default(),
      tf.Session() as session,
    ):
      hparams = trainer_lib.create_hparams("transformer_dense_tiny")
      dataset = numbered.dataset(tf.estimator.ModeKeys.TRAIN, data_dir=folder, hparams=hparams)
      example = tf.data.make_one_shot_iterator(dataset).get_next()
      found = []
      with contextlib.suppress(tf.errors.OutOfRangeError):
        while True:
          found.append(int(session.run(example["inputs"]).ravel()[0]))
    return sorted(found), random.random()

  @parameterized.parameters(False, True)
  def test_each_host_reads_its_own_files(self, servers):
    (first, _), (second, _) = (self.read(4, host, servers) for host in range(2))
    self.assertEqual(first, [10, 11, 12, 16, 17, 18])
    self.assertEqual(second, [13, 14, 15, 19, 20, 21])

  def test_a_single_file_is_read_by_both_from_different_positions(self):
    # t2t draws the position in the files from Python's random generator.
    (first, place), (second, other) = (self.read(1, host) for host in range(2))
    self.assertEqual(first, second)
    self.assertNotEqual(place, other)
    self.assertEqual(self.read(1, 1)[1], other)


if __name__ == "__main__":
  tf.test.main()
