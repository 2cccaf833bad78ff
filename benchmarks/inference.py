"""Translation by the sparse engine compared with CTranslate2, in float32 and int8, on one CPU core after the other.

  python benchmarks/inference.py [--sparsities=80,90,95,98] [--sentences=1,8,32,128] [--threads=1] [--t2t]

The model is the paper's (base size, 33,708 subwords) with random weights, pruned by `magnitude_mask`, each layer alike. All
engines translate the same sentences of 20 subwords with beam 4 into 20 subwords, in turn; the fastest run of each counts.
With --t2t also stock tensor2tensor's graph, whose time does not depend on sparsity, so it is measured once, with weights of
its own.
Prints the first call, load times, memory, ratios of wall time, the share of equal translations, and what parts of the engine
take of its time; benchmarks/products.py has the speed of each product. Exit status 1 if a ratio
is below what docs/inference.md states (--noreach: never).
"""

import contextlib
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import ctranslate2  # noqa: E402
import numpy as np  # noqa: E402

from t2t_lottery.inference import ctranslate2_engine, ctranslate2_model, transformer_weights  # noqa: E402
from t2t_lottery.inference.sparse import network  # noqa: E402
from t2t_lottery.pruning import masks  # noqa: E402

_SPARSITIES = flags.DEFINE_list("sparsities", ["80", "90", "95", "98"], "In percent; 0 for a dense model.")
_SENTENCES = flags.DEFINE_list("sentences", ["1", "8", "32", "128"], "Sentences at a time.")
_THREADS = flags.DEFINE_integer("threads", 1, "Batches at a time, of each engine.", lower_bound=1)
_T2T = flags.DEFINE_bool("t2t", False, "Also t2t's beam search.")
_TIMES = flags.DEFINE_integer("times", 3, "Number of runs of each.", lower_bound=1)
_REACH = flags.DEFINE_bool("reach", True, "Whether a ratio that is too low is an error.")

HIDDEN, HEADS, SUBWORDS, LAYERS, FILTER, LENGTH = 512, 8, 33_708, 6, 2048, 20
BEAM, ALPHA = 4, 0.6
# Sparsity in percent -> least ratio to float32, to int8, to t2t.
REACH = {80: (1.3, 0, 4), 90: (2, 1, 6), 95: (3, 1.4, 8), 98: (4, 2, 9)}


def pruned(random, rows, columns, sparsity):
  """A random matrix without its smallest weights."""
  weight = random.standard_normal((rows, columns), np.float32) * np.float32(rows**-0.5)
  return weight * masks.magnitude_mask(weight, sparsity)


def model(sparsity):
  """A Transformer of the paper's size."""
  random = np.random.default_rng(0)

  def norm():
    return transformer_weights.LayerNorm(np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32))

  def attention():
    return transformer_weights.Attention(norm(), *(pruned(random, HIDDEN, HIDDEN, sparsity) for _ in range(4)))

  def feed_forward():
    inner, outer = pruned(random, HIDDEN, FILTER, sparsity), pruned(random, FILTER, HIDDEN, sparsity)
    biases = np.zeros(FILTER, np.float32), np.zeros(HIDDEN, np.float32)
    return transformer_weights.FeedForward(norm(), inner, biases[0], outer, biases[1])

  def stack(attends):
    layers = [
      transformer_weights.Layer(attention(), attention() if attends else None, feed_forward()) for _ in range(LAYERS)
    ]
    return transformer_weights.Stack(layers, norm())

  embedding = pruned(random, HIDDEN, SUBWORDS, sparsity).T.copy()
  shift = np.zeros(HIDDEN, np.float32)
  return transformer_weights.Transformer(embedding, shift, stack(False), stack(True), HEADS, 1e-6, True)


def dense_engine(weights, compute_type):
  """A function that translates by CTranslate2."""
  with tempfile.TemporaryDirectory() as folder:
    ctranslate2_model.convert(weights).model.save(folder)
    loaded = ctranslate2.Translator(folder, compute_type=compute_type, inter_threads=_THREADS.value, intra_threads=1)

  def translate(sources):
    tokens = [ctranslate2_model.source_tokens(source, frozenset()) for source in sources]
    found = loaded.translate_batch(tokens, **ctranslate2_engine.options(BEAM, LENGTH, batch_size(len(sources))))
    return [[int(token) for token in result.hypotheses[0]] for result in found]

  return translate


def sparse_engine(weights):
  """A function that translates by sparse products."""
  packed = network.pack(weights)

  def batch(sources):
    return network.search(packed, sources, [LENGTH] * len(sources), BEAM, ALPHA)

  def translate(sources):
    size = batch_size(len(sources))
    parts = [sources[i : i + size] for i in range(0, len(sources), size)]
    with ThreadPoolExecutor(_THREADS.value) as pool:
      return [ids for found in pool.map(batch, parts) for ids, _ in found]

  return translate


def t2t_engine():
  """A function that translates by t2t's graph, with the weights of a new model."""
  import tensorflow.compat.v1 as tf
  from tensor2tensor.data_generators import problem_hparams
  from tensor2tensor.models import transformer

  import usr_dir  # noqa: F401  # The patches without which t2t does not run.

  hparams = transformer.transformer_base_v3()
  hparams.problem_hparams = problem_hparams.test_problem_hparams(SUBWORDS, SUBWORDS, hparams)
  with tf.Graph().as_default() as graph:
    inputs = tf.placeholder(tf.int32, [None, None, 1, 1])
    model = transformer.Transformer(hparams, tf.estimator.ModeKeys.PREDICT, hparams.problem_hparams)
    features = {"inputs": inputs, "target_space_id": tf.constant(0)}
    # As long as the source, as the other engines.
    found = model.infer(features, decode_length=0, beam_size=BEAM, top_beams=1, alpha=ALPHA)["outputs"]
    config = tf.ConfigProto(intra_op_parallelism_threads=_THREADS.value, inter_op_parallelism_threads=1)
    session = tf.Session(graph=graph, config=config)
    session.run(tf.global_variables_initializer())

  def translate(sources):
    size = min(32, len(sources))
    batches = (np.reshape(sources[i : i + size], (-1, LENGTH, 1, 1)) for i in range(0, len(sources), size))
    return [ids for batch in batches for ids in session.run(found, {inputs: batch}).tolist()]

  return translate


def batch_size(sentences):
  """Of all engines: a batch for each thread, of 32 sentences at most."""
  return min(32, -(-sentences // _THREADS.value))


def sentence_counts():
  """How many sentences are translated at a time, for each measurement."""
  return [int(count) for count in _SENTENCES.value]


def measure(engines, sources, clock=time.perf_counter):
  """The fastest time of each engine in seconds by a clock, and its translations."""
  seconds, found = {}, {}
  for _ in range(_TIMES.value):
    for name, translate in engines.items():
      start = clock()
      found[name] = translate(sources)
      seconds[name] = min(clock() - start, seconds.get(name, np.inf))
  return seconds, found


def arrays(value):
  """The bytes of all arrays in nested tuples."""
  if isinstance(value, np.ndarray):
    return value.nbytes
  return sum(map(arrays, value)) if isinstance(value, tuple) else 0


def shares(translate, sources):
  """What parts of the sparse engine take of one translation's time, in percent, and the rest, which is Python."""
  spent = dict.fromkeys(("encoder and decoder", "vocabulary", "embedding", "search"), 0.0)

  def timed(part, function):
    def run(*arguments):
      start = time.perf_counter()
      try:
        return function(*arguments)
      finally:
        spent[part] += time.perf_counter() - start

    return run

  parts = [(network.layers, "run"), (network.vocabulary, "best"), (network.vocabulary, "embed")]
  parts.append((network.beam_search, "advance"))
  with contextlib.ExitStack() as stack:
    for part, (module, name) in zip(spent, parts):
      stack.enter_context(mock.patch.object(module, name, timed(part, getattr(module, name))))
    start = time.perf_counter()
    translate(sources)
    total = time.perf_counter() - start
  spent["rest"] = total - sum(spent.values())
  return ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in spent.items())


def loaded_engines(weights):
  """Name -> a function that translates; prints how long each takes to prepare, and the sparse one's memory."""
  engines = {}
  for name in ("float32", "int8", "sparse"):
    start = time.perf_counter()
    engines[name] = sparse_engine(weights) if name == "sparse" else dense_engine(weights, name)
    print(f"  {name}: prepared in {time.perf_counter() - start:.2f} s", flush=True)
  stored = sum(map(arrays, (weights.embedding, *weights.encoder.layers, *weights.decoder.layers)))
  print(
    f"  weights: {stored / 1e6:.0f} MB in float32, {arrays(network.pack(weights)) / 1e6:.0f} MB in the sparse engine"
  )
  return engines


def random_sources(count):
  """So many sentences of LENGTH subwords, the same at each call."""
  return np.random.default_rng(count).integers(3, SUBWORDS, (count, LENGTH)).tolist()


def measured_t2t():
  """Number of sentences at a time -> seconds of t2t."""
  engine = {"t2t": t2t_engine()}
  engine["t2t"](random_sources(1))  # The first call makes TensorFlow's kernels.
  return {count: measure(engine, random_sources(count))[0]["t2t"] for count in sentence_counts()}


def main(argv):
  del argv
  start = time.perf_counter()
  sparse_engine(model(0.9))([[5, 1]])
  print(f"first translation of this process, compiling if needed: {time.perf_counter() - start:.1f} s")
  t2t = measured_t2t() if _T2T.value else {}
  print("sparsity  sentences  x float32  x int8  x t2t  equal to float32")
  low = False
  for sparsity in map(int, _SPARSITIES.value):
    weights = model(sparsity / 100)
    engines = loaded_engines(weights)
    for count in sentence_counts():
      sources = random_sources(count)
      seconds, found = measure(engines, sources)
      ratios = [seconds[name] / seconds["sparse"] for name in ("float32", "int8")]
      ratios.append(t2t.get(count, np.nan) / seconds["sparse"])
      by_t2t = "-" if np.isnan(ratios[-1]) else f"{ratios[-1]:.1f}"
      equal = np.mean([a == b for a, b in zip(found["sparse"], found["float32"])])
      print(f"{sparsity:7}%  {count:9}  {ratios[0]:9.2f}  {ratios[1]:6.2f}  {by_t2t:>5}  {equal:.0%}", flush=True)
      if _THREADS.value == 1:
        print(f"  of the sparse engine's time: {shares(engines['sparse'], sources)}", flush=True)
      low |= any(ratio < least for ratio, least in zip(ratios, REACH.get(sparsity, (0, 0))))
  sys.exit(low and _REACH.value)


if __name__ == "__main__":
  app.run(main)
