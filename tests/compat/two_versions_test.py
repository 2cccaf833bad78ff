"""The same runs on two versions of TensorFlow: equal in every bit, but for gradual pruning, on a CPU on which both round
alike; readable by the other; and never mixed in one run.

The environment variable T2T_LOTTERY_OTHER_PYTHON names the Python of an environment with the other TensorFlow;
`.ci/run` and `.ci/other_tensorflow` make one.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import unittest

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.checkpoints import tensor_bundle
from t2t_lottery.data import manifest, subword_vocabulary
from t2t_lottery.pruning import layers, masks
from t2t_lottery.runs import paths
from t2t_lottery.utils import atomic_files, package_versions
from tests.support import trained

VARIABLE = "T2T_LOTTERY_OTHER_PYTHON"
RUNS = ("dense", "slt-50", "mp-80")
# Fields of a result that name the software.
OF_SOFTWARE = ("versions", "code")
SCORES = ("dev_bleu", "dev_bleu_by_step", "test")
MORE_STEPS = 5
SCHEDULE = f"""
import json
from t2t_lottery.pruning import gradual_schedule
print(json.dumps(gradual_schedule.plan(0.0, 0.8, {trained.STEPS.prune_until}, {trained.STEPS.prune_every})))
"""
# Loads a SavedModel as a user does, with TensorFlow 2 and without t2t, and translates lines of ids.
CALL_SAVED_MODEL = """
import sys
import tensorflow as tf
translate = tf.saved_model.load(sys.argv[1]).signatures["ids"]
for line in sys.argv[2:]:
  print(*translate(inputs=tf.constant([[*map(int, line.split())]]))["outputs"].numpy()[0])
"""
# Sentences translated by a SavedModel.
FEW = 4
# Prints a checksum of each function of training whose last bit depends on the version on some CPUs, such as an AMD EPYC
# without AVX-512. Products of matrices, sums and the other functions that training calls were equal there.
ROUNDING = """
import hashlib, json
import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
rng = np.random.default_rng(1)
logits = tf.constant(rng.standard_normal((160, 3055), dtype=np.float32))
values = {
  "softmax": tf.nn.softmax(logits),
  "pow": tf.pow(tf.abs(logits), 0.8),
}
with tf.Session() as session:
  print(json.dumps({name: hashlib.md5(session.run(value).tobytes()).hexdigest() for name, value in values.items()}))
"""


def other_python():
  """The Python with the other TensorFlow, and the versions that its runs record.

  Raises:
    unittest.SkipTest: none is named.
    AssertionError: it has the same versions as this one.
  """
  python = os.environ.get(VARIABLE)
  if not python:
    raise unittest.SkipTest(f"needs a second environment: set {VARIABLE} to its Python (docs/patches.md)")
  versions = run(
    python, "-c", "from t2t_lottery.utils import package_versions; print(package_versions.training_versions())"
  ).strip()
  if versions == package_versions.training_versions():
    raise AssertionError(f"{VARIABLE}={python} has the same TensorFlow as {sys.executable}: {versions}")
  return python, versions


def run(python, *arguments):
  """Runs a Python in the checkout, which must succeed; returns its output."""
  return trained.check(
    subprocess.run([python, *arguments], cwd=trained.ROOT, env=trained.environment(), **trained.CAPTURED)
  )


def bits(prefix):
  """Name -> type, shape and bytes of each tensor of a checkpoint."""
  return {name: (value.dtype, value.shape, value.tobytes()) for name, value in tensor_bundle.read(prefix).items()}


def rounded_otherwise(*pythons):
  """The functions of training that two Pythons' versions of TensorFlow round differently on this CPU."""
  here, there = (json.loads(run(python, "-c", ROUNDING)) for python in pythons)
  return [name for name in here if here[name] != there[name]]


def schedule(python):
  """Steps and sparsities of gradual pruning, as a Python computes them."""
  return json.loads(run(python, "-c", SCHEDULE))


def kept(prefix):
  """Layer -> mask of a checkpoint."""
  return {name: value.astype(bool) for name, value in tensor_bundle.read(prefix).items() if layers.is_mask(name)}


def exchanged(prefixes):
  """Layer -> number of weights that only one of two checkpoints keeps."""
  here, there = map(kept, prefixes)
  return {name: np.count_nonzero(mask != there[name]) for name, mask in here.items()}


def continue_run(python, folder, copy):
  """Has t2t-trainer, without this project's commands, train a copy of a finished run further; returns its last checkpoint.

  Args:
    python: the Python that trains; it need not be the one that has trained the run.
    folder: the run's.
    copy: folder of the copy.
  """
  shutil.copytree(folder, copy)
  (command,) = [line[2:] for line in atomic_files.read_lines(paths.train_log(folder)) if line.startswith("$ ")]
  steps = trained.STEPS.train_steps
  replaced = {
    f"--output_dir={folder}": f"--output_dir={copy}",
    f"--train_steps={steps}": f"--train_steps={steps + MORE_STEPS}",
  }
  _, *arguments = [replaced.get(argument, argument) for argument in shlex.split(command)]
  run(python, *arguments)
  return paths.checkpoint(copy, steps + MORE_STEPS)


class TwoVersionsTest(parameterized.TestCase, tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    python, cls.other_code = other_python()
    cls.here = trained.trained(*RUNS)
    cls.there = trained.trained(*RUNS, made=trained.Trained(os.path.join(trained.folder(), "other"), python))
    cls.differing = rounded_otherwise(cls.here.python, python)

  def test_data_are_equal(self):
    self.assertEqual(*(manifest.fingerprint(trained.PROBLEM, each.data_dir) for each in (self.here, self.there)))

  def checkpoints(self, name):
    """Step -> prefixes of both runs' checkpoints; ascending."""
    here, there = (each.runs.folder(name) for each in (self.here, self.there))
    steps = paths.checkpoint_steps(here)
    self.assertEqual(paths.checkpoint_steps(there), steps)
    self.assertGreater(len(steps), 2)
    return {step: [paths.checkpoint(folder, step) for folder in (here, there)] for step in steps}

  def need_equal_rounding(self):
    """Skips what is a fact only if both versions compute the same."""
    if self.differing:
      self.skipTest(f"on this CPU, the two versions round {' and '.join(self.differing)} differently")

  def test_initial_weights_are_equal_in_every_bit(self):
    self.assertEqual(*(bits(each.initial("dense")) for each in (self.here, self.there)))

  def test_first_steps_agree(self):
    here, there = (tensor_bundle.read(each.early("dense")) for each in (self.here, self.there))
    self.assertCountEqual(here, there)
    for name, value in here.items():
      value = value.astype(np.float64)
      # At most 1.8e-6 where rounding differs. From step 50 on, 0.004 and more, first in biases before a ReLU.
      self.assertAllClose(there[name], value, rtol=0, atol=1e-5 * np.abs(value).max(), msg=name)

  @parameterized.parameters("dense", "slt-50")
  def test_every_checkpoint_is_equal_in_every_bit(self, name):
    self.need_equal_rounding()
    for step, prefixes in self.checkpoints(name).items():
      self.assertEqual(*map(bits, prefixes), step)
    for step in (0, trained.STEPS.rewind_step):
      self.assertEqual(*(bits(paths.kept(each.runs.folder(name), step)) for each in (self.here, self.there)), step)

  def test_gradual_pruning_differs_in_one_weight_where_a_sparsity_is_rounded_otherwise(self):
    """tfmot computes sparsities in float32, whose powers differ in the last bit between versions of TensorFlow."""
    self.need_equal_rounding()
    (steps, here), (steps_there, there) = (schedule(each.python) for each in (self.here, self.there))
    self.assertEqual(steps_there, steps)
    # The last bit of a float32 below 1.
    self.assertAllClose(there, here, rtol=0, atol=np.finfo(np.float32).epsneg)
    checkpoints = self.checkpoints("mp-80")
    sizes = {mask.size for mask in kept(checkpoints[trained.STEPS.train_steps][0]).values()}

    def counts(sparsity):
      return [masks.kept_count(size, sparsity) for size in sizes]

    # Never, if their rounding agrees.
    parted = min((step for step, a, b in zip(steps, here, there) if counts(a) != counts(b)), default=steps[-1])
    for step, prefixes in checkpoints.items():
      # It is pruned after `parted` steps, and saved before.
      if step <= parted:
        self.assertEqual(*map(bits, prefixes), step)
      elif step <= parted + trained.STEPS.prune_every:
        self.assertLessEqual(max(exchanged(prefixes).values()), 1, step)

  def test_gradual_pruning_reaches_the_same_sparsity_with_nearly_the_same_masks(self):
    """From the step on at which one has pruned a weight more, the weights differ, and so do those at the boundary of each
    later pruning."""
    prefixes = self.checkpoints("mp-80")[trained.STEPS.train_steps]
    here, there = map(kept, prefixes)
    self.assertEqual(*({name: mask.sum() for name, mask in each.items()} for each in (here, there)))
    # 0.8% in the run of 2.15.1 and 2.21.0; of unrelated masks, 80%.
    self.assertLess(sum(exchanged(prefixes).values()) / 2, 0.02 * sum(mask.sum() for mask in here.values()))

  def test_translations_and_results_are_equal(self):
    self.need_equal_rounding()
    translations, scores, others = [], [], []
    for each in (self.here, self.there):
      each.step("evaluate", "--run=slt-50")
      folder = each.runs.folder("slt-50")
      result = atomic_files.read_json(paths.result(folder))
      best = paths.checkpoint(folder, result["best_step"])
      translations.append(atomic_files.read_lines(paths.translation(folder, "test", best)))
      scores.append({name: result.pop(name) for name in SCORES})
      others.append({name: value for name, value in result.items() if name not in OF_SOFTWARE})
    self.assertEqual(*translations)
    self.assertEqual(*others)
    # From CPython 3.12 on, `sum` of floats, which sacreBLEU calls, is more exact.
    self.assertAllClose(*scores, rtol=1e-14, atol=0)

  def test_each_decodes_and_exports_a_checkpoint_alike(self):
    """Without training; the run is this version's."""
    translations, by_saved_model = [], []
    for each in (self.here, self.there):
      runs_dir = self.create_tempdir().full_path
      folder = self.here.runs._replace(runs_dir=runs_dir).folder("slt-50")
      # The ticket's mask is compared with the dense run's.
      for name in ("dense", "slt-50"):
        self.here.copy(name, self.here.runs._replace(runs_dir=runs_dir).folder(name))
      trained.check(
        trained.command("evaluate", *self.here.flags, f"--runs_dir={runs_dir}", "--run=slt-50", python=each.python)
      )
      last = paths.checkpoint(folder, trained.STEPS.train_steps)
      translations.append(atomic_files.read_lines(paths.translation(folder, "dev", last)))
      out = os.path.join(runs_dir, "saved_model")
      run(each.python, "-m", "t2t_lottery.export", f"--checkpoint={folder}", "--to=saved_model", f"--out={out}")
      subwords = subword_vocabulary.Subwords(manifest.vocabulary(trained.PROBLEM, self.here.data_dir))
      sources = manifest.raw_text(trained.PROBLEM, self.here.data_dir, "test")[0][:FEW]
      ids = [" ".join(map(str, [*subwords.encode(source), subword_vocabulary.EOS])) for source in sources]
      by_saved_model.append(run(each.python, "-c", CALL_SAVED_MODEL, out, *ids).splitlines())
    self.assertEqual(*translations)
    self.assertLen(by_saved_model[0], FEW)
    self.assertEqual(*by_saved_model)

  def test_each_continues_the_others_checkpoint_alike(self):
    last = []
    for trainer, of in ((self.here, self.there), (self.there, self.here)):
      copy = os.path.join(self.create_tempdir().full_path, "run")
      prefix = continue_run(trainer.python, of.runs.folder("slt-50"), copy)
      self.assertEqual(
        *({layer: mask.tobytes() for layer, mask in kept(each).items()} for each in (prefix, of.last("slt-50")))
      )
      self.assertNotEqual(bits(prefix), bits(of.last("slt-50")))
      last.append(bits(prefix))
    if not self.differing:
      self.assertEqual(*last)

  def test_neither_resumes_a_run_of_the_other(self):
    ours = package_versions.training_versions()
    for of, trainer, found, requested in (
      (self.here, self.there, ours, self.other_code),
      (self.there, self.here, self.other_code, ours),
    ):
      runs_dir = self.create_tempdir().full_path
      folder = of.runs._replace(runs_dir=runs_dir).folder("dense")
      of.copy("dense", folder)
      for name in os.listdir(folder):
        if name.startswith(os.path.basename(of.last("dense"))):
          os.remove(os.path.join(folder, name))
      before = sorted(os.listdir(folder))
      done = trained.command("train", *of.flags, f"--runs_dir={runs_dir}", "--run=dense", python=trainer.python)
      self.assertEqual(done.returncode, 1, done.stderr)
      self.assertEndsWith(
        done.stderr,
        f"{folder} contains a run with code={found}; requested {requested}: give another --runs_dir, or delete the folder\n",
      )
      self.assertEqual(sorted(os.listdir(folder)), before)


if __name__ == "__main__":
  tf.test.main()
