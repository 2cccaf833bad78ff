"""Translates subword ids by sparse matrix products: the function of t2t's decoder, to its last rule, on a CPU.

Only the order in which numbers are added differs from t2t, so translations differ only where two are equally good to the last
digits of float32.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from t2t_lottery.data.subword_vocabulary import EXTRA_LENGTH
from t2t_lottery.inference.sparse import ahead, network
from t2t_lottery.inference.transformer_weights import Transformer

BATCH_SIZE = 32
# Changes when a translation can: it is part of signatures.
_VERSION = 1
# Columns of a batch that is scored: positions of targets.
_SCORED = 4096
_Result = TypeVar("_Result")


def version() -> str:
  """The engine's name and version, for signatures."""
  return f"sparse-{_VERSION}"


class SparseEngine:
  """An engine, as described by `translator.Engine`.

  Args:
    model: the model.
    threads: how many batches to translate at the same time; None for the CPUs of this process.
    batch_size: sentences translated together; None for `BATCH_SIZE`.
  """

  def __init__(self, model: Transformer, threads: int | None = None, batch_size: int | None = None):
    self._network = network.pack(model)
    ahead.compile_engine(self._network)
    self._threads = threads or len(os.sched_getaffinity(0))
    self._batch_size = batch_size or BATCH_SIZE

  def search(self, sources: Sequence[list[int]], beam_size: int, alpha: float) -> list[tuple[list[int], float]]:
    """Translations of sources, each with its score; see `translator.Engine`."""

    def run(batch: list[int]) -> list[tuple[list[int], float]]:
      longest = [len(sources[i]) + EXTRA_LENGTH for i in batch]
      return network.search(self._network, [sources[i] for i in batch], longest, beam_size, alpha)

    order = sorted(range(len(sources)), key=lambda i: len(sources[i]), reverse=True)
    # Small enough that each thread has one.
    size = max(1, min(self._batch_size, -(-len(order) // self._threads)))
    return self._in_batches([order[i : i + size] for i in range(0, len(order), size)], run)

  def log_probability(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> float:
    """The log probability of all targets together; see `translator.Engine`."""

    def run(batch: list[int]) -> list[float]:
      found = network.log_probs(self._network, [sources[i] for i in batch], [targets[i] for i in batch])
      return [float(values.sum(dtype="float64")) for values in found]

    batches: list[list[int]] = []
    columns = _SCORED
    for i, (source, target) in enumerate(zip(sources, targets)):
      columns += max(len(source), len(target))
      if columns > _SCORED:
        batches.append([])
        columns = max(len(source), len(target))
      batches[-1].append(i)
    return sum(self._in_batches(batches, run))

  def _in_batches(self, batches: list[list[int]], run: Callable[[list[int]], list[_Result]]) -> list[_Result]:
    """The results of batches of indices, in the order of the indices."""
    results: dict[int, _Result] = {}
    with ThreadPoolExecutor(self._threads) as pool:
      for batch, found in zip(batches, pool.map(run, batches)):
        results.update(zip(batch, found))
    return [results[i] for i in range(len(results))]
