"""The model compared with stock t2t: same graph if dense, same decodes if pruned; resumed runs; masked gradients."""

import os
import signal
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.utils import learning_rate, registry, trainer_lib

import usr_dir  # noqa: F401
from t2t_lottery.checkpoints.tf_checkpoint import Checkpoint
from t2t_lottery.data import manifest
from t2t_lottery.runs import paths
from t2t_lottery.training import masked_optimizer
from tests.support import trained


def training_graph(model, runs):
  """The training graph of t2t-trainer, without a ticket."""
  hparams = trainer_lib.create_hparams("transformer_dense_tiny")
  config = trainer_lib.create_run_config(model, model_dir="/nowhere", num_gpus=0, random_seed=1)
  hparams.add_hparam("warm_start_from", None)
  hparams.add_hparam("data_dir", runs.data_dir)
  hparams.add_hparam("model_dir", "/nowhere")
  trainer_lib.add_problem_hparams(hparams, trained.PROBLEM)
  with tf.Graph().as_default() as graph:
    tf.set_random_seed(1)
    tf.train.create_global_step()
    features = {name: tf.placeholder(tf.int32, [None, None, 1, 1], name) for name in ("inputs", "targets")}
    features["target_space_id"] = tf.constant(0)
    model_cls = registry.model(model)
    model_cls.estimator_model_fn(hparams, features, features["targets"], tf.estimator.ModeKeys.TRAIN, config=config)
  return graph


class ModelTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("slt-50")

  def test_dense_model_equals_the_stock_transformer_op_for_op(self):
    ours, stock = (training_graph(model, self.runs).as_graph_def() for model in ("lottery_transformer", "transformer"))
    for graph in (ours, stock):
      for node in graph.node:
        # The hparams as text for TensorBoard, which contains addresses of objects.
        if node.op == "Const" and node.attr["dtype"].type == tf.string.as_datatype_enum:
          node.attr["value"].Clear()
    self.assertGreater(len(stock.node), 1000)
    self.assertTrue(ours.SerializeToString(deterministic=True) == stock.SerializeToString(deterministic=True))

  def test_stock_transformer_decodes_a_pruned_checkpoint_as_ours_does(self):
    folder = self.create_tempdir().full_path
    source = os.path.join(folder, "source.txt")
    with open(source, "w", encoding="utf-8") as file:
      file.writelines(f"{line}\n" for line in manifest.raw_text(trained.PROBLEM, self.runs.data_dir, "dev")[0][:20])
    decodes = []
    for model in ("transformer", "lottery_transformer"):
      out = os.path.join(folder, model)
      subprocess.run(
        [
          sys.executable,
          "-m",
          "tensor2tensor.bin.t2t_decoder",
          f"--t2t_usr_dir={os.path.join(trained.ROOT, 'usr_dir')}",
          f"--problem={trained.PROBLEM}",
          f"--data_dir={self.runs.data_dir}",
          f"--output_dir={self.runs.runs.folder('slt-50')}",
          f"--model={model}",
          "--hparams_set=transformer_slt_tiny",
          "--worker_gpu=0",
          f"--checkpoint_path={self.runs.last('slt-50')}",
          f"--decode_from_file={source}",
          f"--decode_to_file={out}",
          "--decode_hparams=beam_size=2,extra_length=10",
        ],
        check=True,
        capture_output=True,
      )
      with open(out, encoding="utf-8") as file:
        decodes.append(file.read().splitlines())
    self.assertLen(decodes[0], 20)
    self.assertNotEmpty("".join(decodes[0]))
    self.assertEqual(decodes[0], decodes[1])

  def test_a_killed_run_resumes_under_its_mask_and_does_not_rewind_again(self):
    folder = os.path.join(self.create_tempdir().full_path, "run")
    sources = f"mask_checkpoint={self.runs.last('dense')},rewind_checkpoint={self.runs.early('dense')}"
    hparams = f"{trained.HPARAMS},rewind_step=5,{sources},sparsity=0.8"
    arguments = [
      os.path.join(os.path.dirname(sys.executable), "t2t-trainer"),
      f"--t2t_usr_dir={os.path.join(trained.ROOT, 'usr_dir')}",
      f"--problem={trained.PROBLEM}",
      f"--data_dir={self.runs.data_dir}",
      f"--output_dir={folder}",
      "--model=lottery_transformer",
      "--hparams_set=transformer_slt_tiny",
      "--worker_gpu=0",
      "--schedule=train",
      "--iterations_per_loop=10",
      "--local_eval_frequency=10",
      f"--hparams={hparams}",
    ]
    with subprocess.Popen(
      [*arguments, "--train_steps=100000"],
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    ) as process:
      for line in process.stdout:
        if "Saving checkpoints for 30 into" in line:
          process.send_signal(signal.SIGKILL)
    stopped = paths.checkpoint_steps(folder)[-1]
    before = {
      name: Checkpoint(paths.checkpoint(folder, stopped)).read(name)
      for name in Checkpoint(paths.checkpoint(folder, stopped)).layers
    }
    initial = Checkpoint(paths.kept(folder, 0))
    done = subprocess.run([*arguments, f"--train_steps={stopped + 1}"], check=True, capture_output=True, text=True)
    self.assertIn(f"Restoring parameters from {paths.checkpoint(folder, stopped)}", done.stderr)
    self.assertNotIn("Ticket: mask of", done.stderr)
    self.assertFalse(os.path.exists(os.path.dirname(paths.ticket(folder))))
    resumed = Checkpoint(paths.checkpoint(folder, stopped + 1))
    self.assertEqual(Checkpoint(paths.kept(folder, 5)).read("global_step"), 5)
    for layer in resumed.layers:
      after, change = resumed.read(layer), np.abs(resumed.read(layer) - before[layer])
      # The change of one step is small; from the rewound weights it would be large.
      self.assertLess(change.max(), np.abs(before[layer] - initial.read(layer)).max(), layer)
      self.assertAllEqual(resumed.mask(layer), initial.mask(layer))
      self.assertFalse(np.any(after[~initial.mask(layer)]))

  @parameterized.parameters("adafactor", "true_adam", "momentum")
  def test_masked_optimizer_equals_the_optimizer_on_masked_gradients(self, name):
    """Against the optimizer alone, applied to gradients masked by numpy."""
    rng = np.random.RandomState(0)
    mask = rng.rand(6, 4) < 0.5
    weights = (rng.randn(6, 4) * mask).astype(np.float32)
    gradients = rng.randn(5, 6, 4).astype(np.float32)
    layer = "transformer/body/encoder/layer_0/ffn/conv1/kernel"
    ends = []
    for masked in (True, False):
      hparams = trainer_lib.create_hparams("transformer_dense_tiny", f"optimizer={name}")
      with tf.Graph().as_default(), tf.Session() as session:
        tf.train.create_global_step()
        variable = tf.get_variable(layer, initializer=weights)
        gradient = tf.placeholder(tf.float32, [6, 4])
        if masked:
          masks = masked_optimizer.create_masks([variable])
          masked_optimizer.wrap(hparams)
        optimizer = registry.optimizer(hparams.optimizer)(0.1, hparams)
        step = optimizer.apply_gradients(optimizer.compute_gradients(tf.reduce_sum(variable * gradient), [variable]))
        session.run(tf.global_variables_initializer())
        if masked:
          masks[layer].load(mask, session)
        for value in gradients:
          session.run(step, {gradient: value if masked else value * mask})
        ends.append(session.run(variable))
    self.assertAllClose(ends[0], ends[1], rtol=1e-6, atol=0)
    self.assertFalse(np.any(ends[0][~mask]))
    self.assertFalse(np.any(ends[0][mask] == weights[mask]))


class LearningRateTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*sorted(registry.Registries.optimizers), "Adafactor", "TrueAdam", "SGD", "RMSProp")
  def test_equals_that_of_the_same_optimizer_without_masks(self, name):
    """t2t's legacy schedule is 500 times lower for optimizers whose name contains "adam"."""
    rates = []
    with tf.Graph().as_default(), tf.Session() as session:
      step = tf.train.create_global_step()
      for method in ("dense", "slt"):
        hparams = trainer_lib.create_hparams(
          f"transformer_{method}_tiny", f"optimizer={name},learning_rate_schedule=legacy"
        )
        if method == "slt":
          masked_optimizer.create_masks([])
          masked_optimizer.wrap(hparams)
          self.assertIs(registry.optimizer(hparams.optimizer), masked_optimizer.masked)
        rates.append(learning_rate.learning_rate_schedule(hparams))
      session.run(step.initializer)
      for now in (0, 59, 60, 3000):
        step.load(now, session)
        dense, masked = session.run(rates)
        self.assertGreater(dense, 0)
        self.assertEqual(masked, dense)


if __name__ == "__main__":
  tf.test.main()
