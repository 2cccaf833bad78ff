"""Cost of drawing a ticket for the paper's model: `python benchmarks/ticket.py`.

Writes two checkpoints with the variables of the paper's 61M-parameter model and draws a ticket from them. Prints the time
besides reading and writing checkpoints, compared with the time for those, and the process's peak memory. Exit status 1
above 3 s or 2 GB.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time

import numpy as np

from t2t_lottery.checkpoints import tf_checkpoint
from t2t_lottery.pruning import layers, tickets

MAX_SECONDS, MAX_BYTES = 3.0, 2e9
_SHAPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "transformer_tpu_vars.txt")


def paper_model(seed: int) -> dict[str, np.ndarray]:
  """Random values for the model's variables."""
  rng = np.random.default_rng(seed)
  variables = {"global_step": np.int64(seed)}
  with open(_SHAPES, encoding="utf-8") as file:
    for line in file:
      name, _, rest = line.partition("\t")
      shape = rest.partition("\t")[0]
      if name.startswith("transformer/"):
        variables[name] = rng.standard_normal([int(n) for n in shape.strip("[]").split(",")], dtype=np.float32)
  return variables


def write_model(seed: int, prefix: str) -> None:
  """Writes a checkpoint with such values."""
  tf_checkpoint.write(prefix, paper_model(seed))


def main() -> int:
  """Measures and prints; returns the exit status."""
  with tempfile.TemporaryDirectory() as folder:
    prefixes = [os.path.join(folder, str(seed), "model.ckpt") for seed in (0, 1)]
    # In separate processes, so that their memory does not count.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
      pool.starmap(write_model, enumerate(prefixes))

    start = time.perf_counter()
    sources = [tf_checkpoint.Checkpoint(prefix) for prefix in prefixes]
    names = [name for name in sources[0].shapes if name.startswith("transformer/")]
    size = sum(source.read(name).size for source in sources for name in names) // 2
    reading = time.perf_counter() - start

    start = time.perf_counter()
    ticket = tickets.draw(*sources, tickets.TicketSpec(0.9), names)
    drawing = time.perf_counter() - start - reading

    start = time.perf_counter()
    masks = {layers.mask_name(layer): mask for layer, mask in ticket.masks.items()}
    tf_checkpoint.write(os.path.join(folder, "ticket", "ticket.ckpt"), {**ticket.weights, **masks})
    writing = time.perf_counter() - start
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  print(
    f"{size} parameters: drawing the ticket / reading and writing checkpoints: "
    f"{drawing / (reading + writing):.2f} ({drawing:.2f} s / {reading + writing:.2f} s, at most {MAX_SECONDS} s), "
    f"peak memory {peak / 1e9:.2f} GB (at most {MAX_BYTES / 1e9:.0f} GB)"
  )
  return int(drawing > MAX_SECONDS or peak > MAX_BYTES)


if __name__ == "__main__":
  sys.exit(main())
