"""The patches: what fails without each, that each fixes it, and what t2t can do with all of them."""

import importlib.machinery
import os
import subprocess
import sys
import tempfile
import traceback

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from google.protobuf import text_format
from tensor2tensor.bin import t2t_trainer
from tensor2tensor.data_generators import problem, problem_hparams
from tensor2tensor.models import transformer
from tensor2tensor.utils import contrib, data_reader, metrics, optimize, registry, t2t_model, trainer_lib
from tensorflow.core.protobuf import rewriter_config_pb2

from t2t_lottery import compat
from t2t_lottery.compat import patch_list
from tests.support import fresh

PAPER_VARIABLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "transformer_tpu_vars.txt")
SMALL = "hidden_size=16,num_hidden_layers=1,filter_size=16,num_heads=2"
ALL = {
  function.__name__: function
  for function in (*patch_list.NEEDED, *patch_list.COMPLETE, *patch_list.REPRODUCIBLE, *patch_list.FAST)
}
# `namespace.replace_addons` puts an empty module in its place.
HAS_ADDONS = importlib.machinery.PathFinder.find_spec("tensorflow_addons") is not None


def build(hparams_set, vocabulary, overrides=""):
  """Builds the training graph of t2t's transformer in the default graph; returns its trainable variables."""
  hparams = trainer_lib.create_hparams(hparams_set, overrides)
  hparams.problem_hparams = problem_hparams.test_problem_hparams(vocabulary, vocabulary, hparams)
  ids = tf.ones([2, 3, 1, 1], tf.int32)
  model = transformer.Transformer(hparams, tf.estimator.ModeKeys.TRAIN, hparams.problem_hparams)
  model({"inputs": ids, "targets": ids, "target_space_id": tf.constant(0)})
  return tf.trainable_variables()


def optimizer_steps(name, steps=3):
  """Trains an embedding and a matrix with one of t2t's registered optimizers; returns the values after each step."""
  hparams = trainer_lib.create_hparams(
    "transformer_base_v3", f"optimizer={name},optimizer_multistep_accumulate_steps=2"
  )
  table = tf.get_variable("table", initializer=np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2))
  matrix = tf.get_variable("matrix", initializer=np.linspace(1, 2, 6, dtype=np.float32).reshape(2, 3))
  loss = tf.reduce_mean(tf.square(tf.matmul(tf.gather(table, [1, 4, 1]), matrix) - 1.0))
  train_op = optimize.optimize(loss, 0.01, hparams)
  values = []
  with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(steps):
      session.run(train_op)
      values.append(session.run([table, matrix, tf.train.get_global_step()]))
  return values


def a_placeholder():
  tf.placeholder(tf.float32, [2])


def names_of_variables():
  names = [variable.op.name for variable in build("transformer_tpu", 10, SMALL)]
  twice = [name for name in names if name.count("transformer/") > 1]
  assert names and not twice, twice[0]


def a_step_of_slim():
  weight = tf.get_variable("weight", [2])
  tf.train.create_global_step()
  optimizer = tf.train.GradientDescentOptimizer(0.1)
  contrib.layers().optimize_loss(tf.reduce_sum(weight), tf.train.get_global_step(), 0.1, optimizer)


def a_step_of_adafactor():
  optimizer_steps("adafactor", steps=1)


def a_step_of_adam():
  optimizer_steps("adam", steps=1)


def a_step_of_sgd():
  optimizer_steps("sgd", steps=1)


def a_validation_monitor():
  trainer_lib.create_hooks(
    use_validation_monitor=True,
    validation_monitor_kwargs={"input_fn": None, "eval_steps": 1, "every_n_steps": 1},
  )


def waiting_for_checkpoints():
  with tempfile.TemporaryDirectory() as folder:
    assert list(trainer_lib.next_checkpoint(folder, timeout_mins=0)) == []


def a_correlation():
  metrics.pearson_correlation_coefficient(tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0]))


def a_warm_start():
  with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
    variable = tf.get_variable("weight", initializer=[1.0, 2.0])
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, os.path.join(folder, "model.ckpt"))
    t2t_model.initialize_from_ckpt(folder, trainer_lib.create_hparams("transformer_tpu"))
    session.run(variable.assign([0.0, 0.0]))
    session.run(variable.initializer)
    assert session.run(variable).tolist() == [1.0, 2.0]


def a_profile():
  t2t_trainer.FLAGS(["t2t_trainer", "--profile"])
  try:
    with t2t_trainer.profile_context():
      pass
  except SystemExit as ended:
    assert "use --dbgprofile" in str(ended), ended


def an_input():
  """Checks that tf.data does not tune what t2t's reader returns."""
  examples = tf.data.Dataset.range(4).map(lambda i: {side: tf.fill([2, 1, 1], i) for side in ("inputs", "targets")})
  hparams = trainer_lib.create_hparams("transformer_tpu")
  batches = data_reader.input_fn(examples, "", False, True, 1, 16, tf.estimator.ModeKeys.EVAL, hparams)
  assert batches.options().autotune.enabled is False, "tf.data tunes its threads"


def source_of_a_model():
  """Checks that the functions that build a model's body come from its module, not from AutoGraph."""
  files = []

  class Spy(transformer.Transformer):
    def body(self, features):
      files.extend(frame.filename for frame in traceback.extract_stack())
      return super().body(features)

  hparams = trainer_lib.create_hparams("transformer_tpu", SMALL)
  hparams.problem_hparams = problem_hparams.test_problem_hparams(10, 10, hparams)
  ids = tf.ones([2, 3, 1, 1], tf.int32)
  features = {"inputs": ids, "targets": ids, "target_space_id": tf.constant(0)}
  Spy(hparams, tf.estimator.ModeKeys.TRAIN, hparams.problem_hparams)(features)
  assert files
  assert not any("__autograph_generated" in file for file in files), "AutoGraph rewrote t2t"


# Patch -> what fails without it and works with it; part of the failure's message.
SYMPTOMS = {
  "use_v1_behavior": (a_placeholder, "not compatible with eager execution"),
  "use_v1_layers": (names_of_variables, "AssertionError: transformer/parallel_0_"),
  "restore_ops_names": (a_step_of_slim, "has no attribute 'Tensor'"),
  "use_v1_optimizers": (a_step_of_adafactor, "has no attribute 'get_gradients'"),
  "restore_adams": (
    a_step_of_adam,
    "beta1" if HAS_ADDONS else "module 'tensorflow_addons' has no attribute 'optimizers'",
  ),
  "register_base_optimizers": (a_step_of_sgd, "sgd never registered"),
  "restore_validation_monitor": (a_validation_monitor, "no attribute 'ValidationMonitor'"),
  "restore_training": (waiting_for_checkpoints, "contrib is unavailable"),
  "restore_metrics": (a_correlation, "contrib is unavailable"),
  "restore_framework": (a_warm_start, "no attribute 'load_checkpoint'"),
  "refuse_profiler": (a_profile, "no attribute 'tfprof'"),
  "disable_autograph": (source_of_a_model, "AutoGraph rewrote t2t"),
  "leave_input_untuned": (an_input, "tf.data tunes its threads"),
}


def without_and_with(name):
  """The error of an action without one patch, or None; raises if the patch does not fix it."""
  action, _ = SYMPTOMS[name]
  compat.apply_patches([function for other, function in ALL.items() if other != name])
  message = None
  try:
    with tf.Graph().as_default() if name != "use_v1_behavior" else tempfile.TemporaryFile():
      action()
  except Exception as error:
    message = f"{type(error).__name__}: {error}"
  compat.apply_patches([ALL[name]])
  with tf.Graph().as_default():
    action()
  return message


def paper_variables():
  compat.apply_patches()
  return {v.op.name: v.shape.as_list() for v in build("transformer_tpu", 33_288)}


def patched_twice():
  """Whether patching again changes anything that a patch touches."""

  def places():
    modules = (contrib, data_reader, optimize, t2t_model.T2TModel, trainer_lib, problem.Problem)
    return [dict(vars(module)) for module in modules]

  compat.apply_patches()
  before = places()
  compat.apply_patches()
  return all(a is b for was, now in zip(before, places()) for a, b in zip(was.values(), now.values()))


def every_optimizer():
  compat.apply_patches()
  ends = {}
  for name in registry.list_optimizers():
    with tf.Graph().as_default():
      ends[name] = optimizer_steps(name)
  return ends


def v1_adam(class_name, arguments, indices, gradients):
  """Applies an optimizer of this project to rows of a table, or to all of them if indices is None."""
  compat.apply_patches()
  optimizer = getattr(contrib.opt(), class_name)(**arguments)
  with tf.Graph().as_default(), tf.Session() as session:
    variable = tf.get_variable("table", initializer=np.ones((4, 2), np.float32))
    fed = tf.placeholder(tf.float32, [None, 2])
    gradient = fed if indices is None else tf.IndexedSlices(fed, tf.constant(indices), tf.constant([4, 2]))
    step = optimizer.apply_gradients([(gradient, variable)])
    session.run(tf.global_variables_initializer())
    for value in gradients:
      session.run(step, {fed: value})
    return session.run(variable)


def addons_adam(class_name, arguments, indices, gradients):
  """Applies the optimizer of tensorflow-addons for the same method in TF 2."""
  import tensorflow as tf2
  import tensorflow_addons as tfa

  optimizer = getattr(tfa.optimizers, class_name)(**arguments)
  variable = tf2.Variable(np.ones((4, 2), np.float32))
  for value in gradients:
    value = tf2.constant(value)
    gradient = value if indices is None else tf2.IndexedSlices(value, tf2.constant(indices), tf2.constant([4, 2]))
    optimizer.apply_gradients([(gradient, variable)])
  return variable.numpy()


def examples_read(patched):
  """What a problem makes of some examples, sorted."""
  compat.apply_patches(None if patched else [f for f in ALL.values() if f is not ALL["map_single_examples"]])
  hparams = trainer_lib.create_hparams("transformer_tpu")
  raw = tf.data.Dataset.range(50).map(lambda i: {"inputs": tf.fill([i + 1], i), "targets": tf.fill([2 * i + 1], i)})
  made = problem.Problem().preprocess(raw, tf.estimator.ModeKeys.TRAIN, hparams)
  element = tf.data.make_one_shot_iterator(made).get_next()
  found = []
  with tf.Session() as session:
    try:
      while True:
        found.append(sorted((name, value.tolist()) for name, value in session.run(element).items()))
    except tf.errors.OutOfRangeError:
      return sorted(found)


def graph_on_disk():
  """Whether `graph.pbtxt`, written fast, equals the graph, with floats in full precision; and its number of nodes."""
  compat.apply_patches()
  with tempfile.TemporaryDirectory() as folder, tf.Graph().as_default() as graph:
    build("transformer_tpu", 10, SMALL)
    tf.constant(np.float32(1) / 3)
    tf.io.write_graph(graph, folder, "graph.pbtxt")
    with open(os.path.join(folder, "graph.pbtxt"), encoding="utf-8") as file:
      read = text_format.Parse(file.read(), tf.GraphDef())
    return read == graph.as_graph_def(), len(read.node)


def session_configs():
  stock = trainer_lib.create_session_config()
  stock.graph_options.rewrite_options.SetInParent()
  compat.apply_patches()
  patched = trainer_lib.create_session_config()
  iterations = patched.graph_options.rewrite_options.meta_optimizer_iterations
  patched.graph_options.rewrite_options.meta_optimizer_iterations = 0
  return iterations, patched == stock


class CompatTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*SYMPTOMS)
  def test_patch_fixes_its_symptom(self, name):
    self.assertIn(SYMPTOMS[name][1], fresh.call(without_and_with, name) or "nothing failed without the patch")

  def test_every_patch_is_tested(self):
    elsewhere = {
      *("keep_order", "map_single_examples", "optimize_graph_once", "write_graph_fast", "prefill_shuffle_buffer"),
      # devices_test, parameter_servers_test, accelerators_test
      *("replicate_by_strategy", "train_on_all_hosts", "shard_input_by_host", "share_variables", "start_own_server"),
      *("restore_tpu_estimator", "skip_tpu_lookup", "compile_step"),
    }
    self.assertEqual(set(ALL), set(SYMPTOMS) | elsewhere)

  def test_patching_twice_equals_patching_once(self):
    self.assertTrue(fresh.call(patched_twice))

  def test_paper_model_has_the_variables_of_t2t_on_tensorflow_1(self):
    with open(PAPER_VARIABLES, encoding="utf-8") as file:
      rows = [line.split("\t") for line in file if not line.startswith("#")]
    expected = {row[0]: [int(size) for size in row[1].strip("[]").split(",")] for row in rows}
    self.assertLen(expected, 186)
    self.assertEqual(fresh.call(paper_variables), expected)

  def test_every_registered_optimizer_trains(self):
    for name, values in fresh.call(every_optimizer).items():
      with self.subTest(name):
        *_, (table, matrix, step) = values
        self.assertEqual(step, len(values))
        self.assertAllEqual(np.isfinite(table), np.ones_like(table, bool))
        self.assertNotAllClose(matrix, values[0][1], rtol=0, atol=0)

  @parameterized.named_parameters(
    ("lazy_adam_on_rows", "LazyAdam", {}, [0, 2]),
    ("lazy_adam", "LazyAdam", {}, None),
    ("adam_w", "AdamW", {"weight_decay": 0.01}, None),
    ("adam_w_on_rows", "AdamW", {"weight_decay": 0.01}, [3, 1]),
  )
  def test_adams_match_tensorflow_addons(self, class_name, more, indices):
    if not HAS_ADDONS:
      self.skipTest(f"not installed: tensorflow-addons, which has no release for TensorFlow {tf.__version__}")
    gradients = np.random.RandomState(0).randn(5, 4 if indices is None else 2, 2).astype(np.float32)
    settings = {"learning_rate": 0.1, "epsilon": 1e-5, **more}
    v1 = {**settings, "beta1": 0.8, "beta2": 0.9}
    addons = {**settings, "beta_1": 0.8, "beta_2": 0.9}
    ours = fresh.call(v1_adam, class_name + "Optimizer", v1, indices, gradients)
    theirs = fresh.call(addons_adam, class_name, addons, indices, gradients)
    if class_name == "LazyAdam":
      self.assertAllClose(ours, theirs, rtol=1e-4)
      if indices:
        self.assertAllEqual(ours[1], [1, 1])
    else:
      # Keras' Adam scales epsilon differently.
      self.assertAllClose(ours, theirs, rtol=1e-3)

  def test_mapping_single_examples_changes_no_example(self):
    patched, stock = (fresh.call(examples_read, choice) for choice in (True, False))
    self.assertLen(patched, 50)
    self.assertEqual(patched, stock)

  def test_graph_written_fast_is_the_graph(self):
    same, nodes = fresh.call(graph_on_disk)
    self.assertTrue(same)
    self.assertGreater(nodes, 500)

  def test_session_config_differs_in_one_setting(self):
    self.assertEqual(fresh.call(session_configs), (rewriter_config_pb2.RewriterConfig.ONE, True))


class CommandTest(parameterized.TestCase, tf.test.TestCase):
  def run_command(self, *arguments):
    return subprocess.run(
      [sys.executable, "-m", "t2t_lottery.compat", *arguments], capture_output=True, text=True, check=False
    )

  @parameterized.parameters((), ("t2t_train",), ("os",))
  def test_rejects_anything_but_a_t2t_command(self, *arguments):
    done = self.run_command(*arguments)
    self.assertEqual(done.returncode, 1)
    self.assertIn("is not a t2t command", done.stderr.splitlines()[-1])

  def test_bleu(self):
    folder = self.create_tempdir()
    text = folder.create_file("text", "the cat sat on the mat today\n").full_path
    done = self.run_command("t2t_bleu", f"--translation={text}", f"--reference={text}")
    self.assertIn("BLEU_uncased = 100.00", done.stdout)

  def test_averages_checkpoints(self):
    folder = self.create_tempdir().full_path
    with tf.Graph().as_default(), tf.Session() as session:
      variable = tf.get_variable("weight", initializer=[0.0, 4.0])
      step = tf.train.create_global_step()
      saver = tf.train.Saver()
      session.run(tf.global_variables_initializer())
      for i in (1, 2):
        session.run([variable.assign([2.0 * i, 4.0 * i]), step.assign(i)])
        saver.save(session, os.path.join(folder, "model.ckpt"), global_step=i)
    done = self.run_command("t2t_avg_all", f"--model_dir={folder}", f"--output_dir={folder}/averaged", "--n=2")
    self.assertEqual(done.returncode, 0, done.stderr)
    averaged = tf.train.load_checkpoint(os.path.join(folder, "averaged"))
    self.assertAllClose(averaged.get_tensor("weight"), [3.0, 6.0])


if __name__ == "__main__":
  tf.test.main()
