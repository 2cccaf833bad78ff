"""Speed and size of a model without some of its feed-forward units, compared with the complete one, by CTranslate2.

  python benchmarks/structured.py [--shares=25,50,75] [--sentences=1,8,32,128] [--times=3] [--threads=1]

The model is that of benchmarks/inference.py: the paper's size, random weights, none of them pruned. A share of the units is
removed in all blocks together, more in some and fewer in others. All engines translate the same sentences of 20 subwords with
beam 4 into 20 subwords, in turn; the fastest run of each counts. Prints the size of the exported file, ratios of the CPU time of
the complete model in float32 to that of each engine (above 1: faster; on one thread, wall time is the same on a machine that is
not busy with anything else), and how many translations are equal to those of a model
in which the same units are there, as zeros.
"""

import os
import re
import tempfile
import time

import inference
import numpy as np
from absl import app, flags

from t2t_lottery.inference import ctranslate2_engine

_SHARES = flags.DEFINE_list("shares", ["25", "50", "75"], "Of the units, in percent.")
flags.register_validator(
  "shares",
  lambda shares: all(re.fullmatch(r"\d+(\.\d+)?", share) and 0 < float(share) < 100 for share in shares),
  "give numbers above 0 and below 100",
)


def with_zeros(weights, share):
  """A model with zeros for the weights of a share of its units, chosen at random: more in some blocks, by up to 40%, and as much
  fewer in others, and none without units.
  """
  random = np.random.default_rng(1)
  blocks = len(weights.encoder.layers) + len(weights.decoder.layers)
  more = min(0.4 * share, 0.9 * (1 - share))
  counts = iter(np.linspace(share - more, share + more, blocks) * inference.FILTER)

  def block(layer):
    gone = random.permutation(inference.FILTER) < next(counts)
    old = layer.feed_forward
    return layer._replace(
      feed_forward=old._replace(
        inner=old.inner * ~gone, outer=old.outer * ~gone[:, None], inner_bias=old.inner_bias * ~gone
      )
    )

  return changed(weights, block)


def changed(weights, change):
  """A model with each layer replaced by `change` of it."""
  stacks = (stack._replace(layers=list(map(change, stack.layers))) for stack in (weights.encoder, weights.decoder))
  return weights._replace(**dict(zip(("encoder", "decoder"), stacks)))


def without_zeros(weights):
  """The model as the engines and export get it."""
  return changed(weights, lambda layer: layer._replace(feed_forward=layer.feed_forward.without_idle_units()))


def megabytes(weights, compute_type):
  """The size of an exported model in MB of 10^6 bytes."""
  with tempfile.TemporaryDirectory() as folder:
    ctranslate2_engine.save(folder, weights, compute_type)
    return os.path.getsize(os.path.join(folder, "model.bin")) / 1e6


def main(argv):
  del argv
  complete = inference.model(0.0)
  print("complete model: " + ", ".join(f"{megabytes(complete, one):.0f} MB in {one}" for one in ("float32", "int8")))
  names = ["complete int8", "float32", "int8"]
  print("units removed     MB  int8 MB  sentences  " + "  ".join(f"x {name}" for name in names) + "  equal")
  for share in map(float, _SHARES.value):
    zeros = with_zeros(complete, share / 100)
    shrunk = without_zeros(zeros)
    engines = {
      "complete float32": inference.dense_engine(complete, "float32"),
      "zeros": inference.dense_engine(zeros, "float32"),
    }
    for name, weights in zip(names, (complete, shrunk, shrunk)):
      engines[name] = inference.dense_engine(weights, name.rpartition(" ")[2])
    float32, int8 = (megabytes(shrunk, one) for one in ("float32", "int8"))
    for count in inference.sentence_counts():
      sources = np.random.default_rng(count).integers(3, inference.SUBWORDS, (count, inference.LENGTH)).tolist()
      seconds, found = inference.measure(engines, sources, time.process_time)
      ratios = "  ".join(f"{seconds['complete float32'] / seconds[name]:{len(name) + 2}.2f}" for name in names)
      equal = np.mean([a == b for a, b in zip(found["float32"], found["zeros"])])
      print(f"{share:12g}%  {float32:5.0f}  {int8:7.0f}  {count:9}  {ratios}  {equal:.0%}", flush=True)


if __name__ == "__main__":
  app.run(main)
