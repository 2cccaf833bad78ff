"""Computes with the sparse engine, compiled for the CPU that numba's environment variables name; prints JSON.

lanes: of the engine's vectors
losses: log probabilities of random translations by a random Transformer
aarch64: name -> vector multiplications in its code for aarch64 that add one product (`fmla` of 4 float32), and its calls
  of a library's function instead
"""

import json
import re
import sys

import llvmlite.binding as llvm
import numpy as np

from t2t_lottery.inference import transformer_weights
from t2t_lottery.inference.sparse import layers, network, vectors, vocabulary

HIDDEN, HEADS, SUBWORDS, FILTER = 36, 3, 300, 50
_AARCH64 = "aarch64-unknown-linux-gnu"


def model():
  """A Transformer of one layer: half of its weights are zero, in one matrix most."""
  random = np.random.default_rng(0)

  def matrix(rows, columns, sparsity=0.5):
    weight = random.standard_normal((rows, columns), np.float32) * np.float32(rows**-0.5)
    return np.where(random.random((rows, columns)) < sparsity, np.float32(0), weight)

  def norm():
    return transformer_weights.LayerNorm(
      1 + random.standard_normal(HIDDEN, np.float32) / 4, random.standard_normal(HIDDEN, np.float32)
    )

  def attention():
    return transformer_weights.Attention(norm(), *(matrix(HIDDEN, HIDDEN) for _ in range(4)))

  def stack(attends):
    feed_forward = transformer_weights.FeedForward(
      norm(), matrix(HIDDEN, FILTER, 0.9), matrix(1, FILTER)[0], matrix(FILTER, HIDDEN, 0.2), matrix(1, HIDDEN)[0]
    )
    layer = transformer_weights.Layer(attention(), attention() if attends else None, feed_forward)
    return transformer_weights.Stack([layer], norm())

  shift = random.standard_normal(HIDDEN, np.float32)
  return transformer_weights.Transformer(matrix(SUBWORDS, HIDDEN), shift, stack(False), stack(True), HEADS, 1e-6, True)


def losses(packed):
  """Log probabilities of translations that a beam search finds, and of random ones."""
  random = np.random.default_rng(1)
  sentences = [[*random.integers(3, SUBWORDS, length).tolist(), 1] for length in (1, 5, 9, 30)]
  found = [ids for ids, _ in network.search(packed, sentences, [12] * len(sentences))]
  return [values.tolist() for targets in (found, sentences) for values in network.log_probs(packed, sentences, targets)]


def for_aarch64(function):
  """Vector multiplications, and calls of a library for one, in a compiled function's code for aarch64."""
  llvm.initialize_all_targets()
  llvm.initialize_all_asmprinters()
  machine = llvm.Target.from_triple(_AARCH64).create_target_machine(cpu="generic", features="+neon", opt=3)
  (code,) = function.inspect_llvm().values()
  # numba's count of references is not the engine's code, and was made for x86 already.
  module = llvm.parse_assembly(code.replace("llvm.x86.", "x86.").replace(" immarg", ""))
  module.triple, module.data_layout = _AARCH64, str(machine.target_data)
  assembly = machine.emit_assembly(module)
  return len(re.findall(r"\bfmla\s+v\d+\.4s", assembly)), len(re.findall(r"\bbl\s+fmaf?\b", assembly))


if __name__ == "__main__":
  found = {"lanes": vectors.LANES, "losses": losses(network.pack(model()))}
  if "aarch64" in sys.argv:
    found["aarch64"] = {one.py_func.__name__: for_aarch64(one) for one in (layers.run, vocabulary.best)}
  print(json.dumps(found))
