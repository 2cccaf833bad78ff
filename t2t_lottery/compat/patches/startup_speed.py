"""Patches that shorten the time to the first step, and from the last one to the end. None changes what is trained."""

from __future__ import annotations

import functools

import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import data_reader, t2t_model, trainer_lib
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.framework import graph_io


def disable_autograph() -> None:
  """Symptom: building a model takes five times as long, most of it AutoGraph rewriting t2t's source.

  t2t's models and readers are written for graphs: no Python condition or loop depends on a tensor.
  """
  for owner, name in ((t2t_model.T2TModel, "call"), (data_reader, "input_fn")):
    setattr(owner, name, tf.autograph.experimental.do_not_convert(getattr(owner, name)))


def optimize_graph_once() -> None:
  """Symptom: the graph is optimized for seconds before the first step, and again before the second.

  The second pass over the graph, TF 2's default, gains almost nothing: steps are as fast without it.
  """
  create = trainer_lib.create_session_config

  @functools.wraps(create)
  def create_session_config(*args, **kwargs):
    config = create(*args, **kwargs)
    config.graph_options.rewrite_options.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    return config

  trainer_lib.create_session_config = create_session_config


def write_graph_fast() -> None:
  """Symptom: pure Python writes `graph.pbtxt` for seconds before checkpoint 0.

  protobuf's `str` writes the same text format in C.
  """

  class _TextFormat:
    """`text_format` with a fast version of the one function that `graph_io` uses."""

    @staticmethod
    def MessageToString(message, float_format=""):  # pylint: disable=invalid-name
      # TensorFlow 2.15 asks for a format that `str` has too; a later one does not ask.
      del float_format
      return str(message)

    def __getattr__(self, name):
      return getattr(text_format, name)

  graph_io.text_format = _TextFormat()


def map_single_examples() -> None:
  """Symptom: half of the time spent on reading is overhead per example, while 512 batches are filled before the first step.

  t2t makes a dataset of each example and interleaves these in threads, for problems that make many examples of one. For a
  problem that makes one of one, a `map` yields the same examples; the order is not fixed in stock t2t either.
  """
  stock = problem.Problem.preprocess

  @functools.wraps(stock)
  def preprocess(self, dataset, mode, hparams, interleave=True):
    is_dataset = []

    def preprocess_example(example):
      result = self.preprocess_example(example, mode, hparams)
      is_dataset.append(isinstance(result, tf.data.Dataset))
      return result

    mapped = dataset.map(preprocess_example)
    return stock(self, dataset, mode, hparams, interleave) if any(is_dataset) else mapped

  problem.Problem.preprocess = tf.autograph.experimental.do_not_convert(preprocess)


def prefill_shuffle_buffer() -> None:
  """Symptom: the shuffle buffer of 512 batches is filled only when the first step requests a batch.

  Patched, a thread fills it while the session initializes variables, writes checkpoint 0 and optimizes the graph.
  """

  def choose(options):
    options.experimental_warm_start = True

  _set_input_options(choose)


def leave_input_untuned() -> None:
  """Symptom: a finished training waits up to a minute before it ends.

  A thread tunes tf.data's parallelism at intervals that double up to a minute, and the end of a session waits for the interval
  to pass (TF 2.15). There is nothing to tune: t2t sets the number of threads and the sizes of buffers itself.
  """

  def choose(options):
    options.autotune.enabled = False

  _set_input_options(choose)


def _set_input_options(choose) -> None:
  """Changes the `tf.data.Options` of everything that t2t's reader returns."""
  stock = data_reader.input_fn

  @functools.wraps(stock)
  def input_fn(*args, **kwargs):
    options = tf.data.Options()
    choose(options)
    return stock(*args, **kwargs).with_options(options)

  data_reader.input_fn = input_fn
