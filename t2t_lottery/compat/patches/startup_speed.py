"""Patches of the wait before the first step. None changes what is trained."""

from __future__ import annotations

import functools

import tensorflow.compat.v1 as tf
from google.protobuf import text_format
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import data_reader, t2t_model, trainer_lib
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.framework import graph_io


def leave_code_unconverted() -> None:
  """Symptom: building a model takes five times as long, most of it AutoGraph rewriting t2t's source.

  t2t's models and readers are written for graphs, without a Python condition or loop over tensors.
  """
  for owner, name in ((t2t_model.T2TModel, "call"), (data_reader, "input_fn")):
    setattr(owner, name, tf.autograph.experimental.do_not_convert(getattr(owner, name)))


def optimize_graph_once() -> None:
  """Symptom: seconds of graph optimizing before the first step, and again before the second.

  The second pass over the graph, TF 2's default, finds next to nothing: steps take as long without it.
  """
  create = trainer_lib.create_session_config

  @functools.wraps(create)
  def create_session_config(*args, **kwargs):
    config = create(*args, **kwargs)
    config.graph_options.rewrite_options.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    return config

  trainer_lib.create_session_config = create_session_config


def write_graph_fast() -> None:
  """Symptom: seconds before checkpoint 0, spent on writing `graph.pbtxt` in pure Python.

  protobuf's own `str` writes the same text format in C.
  """

  class _TextFormat:
    """`text_format`, with the one function that `graph_io` uses made fast."""

    @staticmethod
    def MessageToString(message, float_format):  # pylint: disable=invalid-name
      del float_format
      return str(message)

    def __getattr__(self, name):
      return getattr(text_format, name)

  graph_io.text_format = _TextFormat()


def read_examples_plainly() -> None:
  """Symptom: half of the work of reading goes into handing each example on, and fills 512 batches before the first
  step.

  t2t makes a dataset of each example and interleaves those in threads, for problems that make many examples of one.
  For one that makes just one, a `map` yields the same examples; stock t2t's order is not fixed either.
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


def fill_early() -> None:
  """Symptom: the shuffle buffer of 512 batches is filled only when the first step asks for a batch.

  It is filled by a thread of its own while the session still initializes variables, writes checkpoint 0 and optimizes
  the graph.
  """
  stock = data_reader.input_fn

  @functools.wraps(stock)
  def input_fn(*args, **kwargs):
    options = tf.data.Options()
    options.experimental_warm_start = True
    return stock(*args, **kwargs).with_options(options)

  data_reader.input_fn = input_fn
