"""Every schedule of t2t-trainer (`--schedule`, a method of `T2TExperiment`) with this project's model and problem."""

import concurrent.futures
import glob
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags
from absl.testing import parameterized
from tensor2tensor.bin import t2t_trainer
from tensor2tensor.utils import trainer_lib

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.pruning import layers, masks
from t2t_lottery.runs import paths
from tests.support import fresh, trained

# Schedule -> whether it trains a new run; the others evaluate a trained one.
SCHEDULES = {
  "train": True,
  "train_and_evaluate": True,
  "continuous_train_and_eval": True,
  "train_eval_and_decode": True,
  "test": True,
  "evaluate": False,
  "evaluate_on_train_data": False,
  "continuous_eval": False,
  "continuous_eval_on_train_data": False,
  "decode": False,
  "continuous_decode": False,
  "continuous_decode_on_train_data": False,
  "continuous_decode_on_eval_data": False,
}
# Properties; one that waits forever (`test_server`); one that reads an hparam that t2t does not define.
OTHER = {"estimator", "train_steps", "eval_steps", "run_std_server", "continuous_decode_from_file"}


def train_by(schedule, folder, data_dir):
  """Runs t2t-trainer's main in this process; a new run is pruned at the end of its first session."""
  pruned = SCHEDULES[schedule]
  argv = [
    "t2t-trainer",
    f"--t2t_usr_dir={os.path.join(trained.ROOT, 'usr_dir')}",
    f"--problem={trained.PROBLEM}",
    f"--data_dir={data_dir}",
    f"--output_dir={folder}",
    "--model=lottery_transformer",
    f"--hparams_set=transformer_{'mp' if pruned else 'dense'}_tiny",
    f"--hparams={trained.HPARAMS}" + (",sparsity=0.8,prune_every=10,prune_until=10" if pruned else ""),
    "--worker_gpu=0",
    f"--schedule={schedule}",
    "--train_steps=20",
    "--local_eval_frequency=10",
    "--iterations_per_loop=10",
    "--eval_steps=2",
    "--eval_timeout_mins=0",
    "--decode_hparams=decode_timeout_mins=0,num_samples=3,beam_size=1,extra_length=3,batch_size=3",
  ]
  t2t_trainer.main(flags.FLAGS(argv))


class SchedulesTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.runs = trained.trained("dense")
    cls.folder = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, cls.folder)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
    cls.addClassCleanup(pool.shutdown)
    cls.running = {}
    for schedule, new in SCHEDULES.items():
      output = os.path.join(cls.folder, schedule)
      if not new:
        cls.runs.copy("dense", output)
      cls.running[schedule] = pool.submit(fresh.call, train_by, schedule, output, cls.runs.data_dir)

  def test_list_is_complete(self):
    methods = {name for name, _ in inspect.getmembers(trainer_lib.T2TExperiment) if not name.startswith("_")}
    self.assertEqual(methods, set(SCHEDULES) | OTHER)

  @parameterized.parameters(*SCHEDULES)
  def test_schedule(self, schedule):
    self.running[schedule].result()
    output = os.path.join(self.folder, schedule)
    found = {os.path.relpath(path, output) for path in glob.glob(os.path.join(output, "**"), recursive=True)}
    if SCHEDULES[schedule]:
      last = 1 if schedule == "test" else 20
      self.assertEqual(paths.checkpoint_steps(output)[-1], last)
      variables = tensor_bundle.read(paths.checkpoint(output, last), layers.is_prunable_or_mask)
      for layer in layers.prunable(variables):
        kept = masks.kept_count(variables[layer].size, 0.8) if last > 10 else variables[layer].size
        self.assertEqual(np.count_nonzero(variables[layers.mask_name(layer)]), kept, layer)
        self.assertLessEqual(np.count_nonzero(variables[layer]), kept, layer)
    if ("eval" in schedule and "decode_on" not in schedule) or schedule == "test":
      evaluated = "eval_train" if "on_train_data" in schedule else "eval"
      self.assertTrue([name for name in found if name.startswith(evaluated) and "events.out" in name], found)
    if "decode" in schedule:
      self.assertTrue([name for name in found if name.startswith("decode")], found)

  def test_server(self):
    """`run_std_server`, for parameter servers, listens and waits."""
    with socket.socket() as probe:
      probe.bind(("localhost", 0))
      port = probe.getsockname()[1]
    config = {"cluster": {"ps": [f"localhost:{port}"], "chief": ["localhost:1"]}, "task": {"type": "ps", "index": 0}}
    with subprocess.Popen(
      [sys.executable, "-m", "t2t_lottery.compat", "t2t_trainer", "--schedule=run_std_server"],
      env={**os.environ, "TF_CONFIG": json.dumps(config), "TF_CPP_MIN_LOG_LEVEL": "0"},
      cwd=trained.ROOT,
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
    ) as server:
      try:
        self.assertTrue(any(f"Started server with target: grpc://localhost:{port}" in line for line in server.stderr))
      finally:
        server.kill()


if __name__ == "__main__":
  tf.test.main()
