"""Runs t2t-trainer in a separate process, on batches that the test knows."""

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import time

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags
from absl.testing import parameterized
from tensor2tensor.bin import t2t_trainer
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import trainer_lib

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, masks
from t2t_lottery.runs import paths
from t2t_lottery.training import replicated_variables
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils import tf_config as cluster_config
from tests.support import small_model

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HPARAMS = (
  "hidden_size=16,num_heads=2,filter_size=32,num_hidden_layers=1,layer_prepostprocess_dropout=0.0,attention_dropout=0.0,"
  "relu_dropout=0.0,learning_rate_warmup_steps=1000,rewind_step=2,max_length=64"
)
# Of a gradually pruned run.
STEPS = 6
TICKET, FINAL = 0.7, 0.9
LENGTH = 8
SENTENCES = 4


def batch(step, replica):
  """Sentences for one replica at one step, all of equal length, so that each replica's loss has the same weight."""
  generator = np.random.default_rng([step, replica])
  return {
    name: generator.integers(2, 300, (SENTENCES, LENGTH, 1, 1)).astype(np.int32) for name in ("inputs", "targets")
  }


def _packing(batch_size):
  """Features that mark each row of a batch as two packed sentences."""
  half = LENGTH // 2
  segmentation = np.tile(np.repeat([1, 2], half), (batch_size, 1)).astype(np.int32)
  position = np.tile(np.tile(np.arange(half), 2), (batch_size, 1)).astype(np.int32)
  sides = ("inputs", "targets")
  return {
    **{f"{side}_segmentation": segmentation for side in sides},
    **{f"{side}_position": position for side in sides},
  }


def _dataset(replica_groups, packed, steps=20):
  """Batches in the order of consumption; each concatenates those of a group of replicas."""
  batches = [
    {name: np.concatenate([batch(step, replica)[name] for replica in group]) for name in ("inputs", "targets")}
    for step in range(steps)
    for group in replica_groups
  ]
  if packed:
    batches = [{**one, **_packing(len(one["inputs"]))} for one in batches]
  joined = {name: np.stack([one[name] for one in batches]) for name in batches[0]}
  return tf.data.Dataset.from_tensor_slices(joined).map(lambda features: (features, features["targets"]))


class Recorder(tf.estimator.SessionRunHook):
  """Records the loss and the learning rate of each step, and at the end the values of all copies of each variable.

  Args:
    path: the output file.
    kill: a step, and the process to kill after it; 0: this one.
    meet: after its second step, the process waits until this many of the processes with the same output folder have reached
      that step.
  """

  def __init__(self, path, kill=None, meet=0):
    self._path = path
    self._kill = kill
    self._meet = meet
    self._seen = {"losses": [], "rates": []}

  def begin(self):
    operations = tf.get_default_graph().get_operations()
    summaries = [op for op in operations if op.type == "ScalarSummary" and op.name.endswith("learning_rate")]
    self._fetched = {
      "losses": tf.get_collection(tf.GraphKeys.LOSSES)[-1],
      **({"rates": summaries[0].inputs[1]} if summaries else {}),
    }
    self._copies = {replicated_variables.name(v): replicated_variables.copies(v) for v in tf.global_variables()}
    compiled = [op for op in operations if "_xla_compile_id" in op.node_def.attr]
    read = {tensor.op.name for op in compiled for tensor in op.inputs}
    self._seen["compiled"] = [
      replicated_variables.name(v) for v in tf.trainable_variables() if replicated_variables.name(v) in read
    ]

  def before_run(self, run_context):
    return tf.estimator.SessionRunArgs(self._fetched)

  def after_run(self, run_context, run_values):
    for name, value in run_values.results.items():
      self._seen[name].append(float(value))
    done = len(self._seen["losses"])
    if self._kill and done == self._kill[0]:
      os.kill(self._kill[1] or os.getpid(), signal.SIGKILL)
    if self._meet and done == 2:
      folder, name = os.path.split(self._path)
      atomic_files.write_json(os.path.join(folder, f"here.{name}"), {})
      while sum(file.startswith("here.") for file in os.listdir(folder)) < self._meet:
        time.sleep(0.1)

  def end(self, session):
    values = session.run(self._copies)
    self._seen["copies"] = max(map(len, values.values()))
    self._seen["differing"] = [n for n, (first, *rest) in values.items() if any((one != first).any() for one in rest)]
    self._seen["nonzero"] = [
      name
      for name, found in values.items()
      for one in found
      if layers.mask_name(name) in values and one[~values[layers.mask_name(name)][0]].any()
    ]
    first = {name: found[0] for name, found in values.items()}
    self._seen["digest"] = hashlib.sha256(b"".join(first[name].tobytes() for name in sorted(first))).hexdigest()
    atomic_files.write_json(self._path, self._seen)


def ticket(model):
  """The hparams of a run that starts from a ticket of a `small_model.SmallModel`."""
  return f"mask_checkpoint={model.checkpoint},rewind_checkpoint={model.checkpoint}"


def pruned(model):
  """The hparams of a run from a ticket that is pruned after steps 2 and 4."""
  return f"{ticket(model)},initial_sparsity={TICKET},sparsity={FINAL},prune_every=2,prune_until=4"


class TestCase(parameterized.TestCase, tf.test.TestCase):
  """Provides a folder for runs, and a model from which they start."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = os.path.join(cls.get_temp_dir(cls()), "runs")
    cls.model = small_model.SmallModel(os.path.join(cls.folder, "model"), HPARAMS)

  @classmethod
  def run_folder(cls, run):
    """The folder of a run."""
    return os.path.join(cls.folder, run)

  def checkpoint(self, run, step):
    """A run's checkpoint of a step."""
    return tf_checkpoint.Checkpoint(paths.checkpoint(self.run_folder(run), step))

  def initial(self, run):
    """A run's theta_0."""
    return tf_checkpoint.Checkpoint(paths.kept(self.run_folder(run), 0))

  def assert_same_start(self, run, other):
    """theta_0 of two runs is equal: names, shapes and values."""
    ours, theirs = self.initial(run), self.initial(other)
    self.assertEqual(ours.shapes, theirs.shapes)
    for name in theirs.shapes:
      self.assertAllEqual(ours.read(name), theirs.read(name), name)

  def assert_same_masks(self, checkpoint, other):
    """Two checkpoints have the same masks, and the pruned weights of the first are zero."""
    for layer in other.layers:
      self.assertAllEqual(checkpoint.mask(layer), other.mask(layer), layer)
      self.assertFalse(np.any(checkpoint.read(layer)[~checkpoint.mask(layer)]), layer)

  def assert_pruned_to(self, checkpoint, sparsity):
    """Each layer of a checkpoint has the given sparsity."""
    for layer in checkpoint.layers:
      mask = checkpoint.mask(layer)
      self.assertEqual(np.count_nonzero(mask), masks.kept_count(mask.size, sparsity), layer)


def arguments(model, folder, method, hparams="", steps=STEPS, flags=(), problem_name=small_model.PROBLEM):
  """t2t-trainer's arguments for a run of a method on the data, and from the weights, of a `small_model.SmallModel`."""
  return [
    f"--t2t_usr_dir={os.path.join(ROOT, 'usr_dir')}",
    f"--problem={problem_name}",
    f"--data_dir={model.data_dir}",
    f"--output_dir={folder}",
    "--model=lottery_transformer",
    f"--hparams_set=transformer_{method}_tiny",
    f"--hparams={HPARAMS}{hparams and ','}{hparams}",
    "--schedule=train",
    f"--train_steps={steps}",
    "--random_seed=1",
    "--worker_gpu=0",
    "--iterations_per_loop=2",
    "--local_eval_frequency=2",
    "--log_step_count_steps=1",
    *flags,
  ]


def free_addresses(count):
  """Unused addresses of this machine, below the ports that Linux gives to outgoing connections: none takes one away before
  the process that is told of it listens there.
  """
  addresses = []
  for port in random.SystemRandom().sample(range(10000, 32768), 100):
    with socket.socket() as one, contextlib.suppress(OSError):
      one.bind(("127.0.0.1", port))
      addresses.append(f"127.0.0.1:{port}")
    if len(addresses) == count:
      return tuple(addresses)
  raise AssertionError("all ports are in use")


def train(arguments, replica_groups, record, cpus=1, tf_config=None, packed=False, **recorder):
  """Trains; returns the record.

  Args:
    arguments: t2t-trainer's.
    replica_groups: the replicas whose batches one call of the input's iterator concatenates, in order.
    record: file for the losses.
    cpus: number of logical devices of the CPU.
    tf_config: the value of TF_CONFIG in distributed training.
    packed: whether each row packs two sentences.
    **recorder: see `Recorder`.
  """
  if tf_config:
    os.environ[cluster_config.VARIABLE] = tf_config
  if cpus > 1:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(cpus)])
  problem.Problem.input_fn = lambda self, *args, **kwargs: _dataset(replica_groups, packed)
  create = trainer_lib.create_experiment

  def create_experiment(*args, **kwargs):
    return create(*args, **{**kwargs, "additional_train_hooks": [Recorder(record, **recorder)]})

  trainer_lib.create_experiment = create_experiment
  flags.FLAGS(["t2t-trainer", *arguments])
  t2t_trainer.main([])
  with open(record, encoding="utf-8") as file:
    return json.load(file)


class Numbers(problem.Problem):
  """Sentences of numbers."""

  name = "numbers"
  batch_size_means_tokens = True

  def example_reading_spec(self):
    """See `Problem`."""
    return {name: tf.VarLenFeature(tf.int64) for name in ("inputs", "targets")}, None

  def hparams(self, defaults, unused_model_hparams):
    """See `Problem`."""
    defaults.modality, defaults.vocab_size = {}, {}
