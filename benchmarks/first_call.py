"""Time to the sparse engine's first translation on a machine that has not compiled it: by two processes, and by one.

Both start Python, pack a small random Transformer and translate a sentence, with an empty folder of compiled code each time,
in turn. Prints the wall times and their ratio.

  python benchmarks/first_call.py [--times=3]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_TRANSLATE = "engine.SparseEngine(other_cpu.model()).search([[5, 6, 1]], 4, 0.6)"
_IMPORT = "from t2t_lottery.inference.sparse import ahead, engine; from tests.support import other_cpu; "
CODE = {
  "two processes": _IMPORT + _TRANSLATE,
  "one process": _IMPORT + "ahead.compile_engine = lambda model: None; " + _TRANSLATE,
}


def first_call(code: str) -> float:
  """Seconds that a fresh Python takes for some code."""
  with tempfile.TemporaryDirectory(prefix="t2t_lottery_first_call_") as cache:
    environment = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(REPOSITORY)}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - start


def main() -> None:
  """Measures, and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--times", type=int, default=3, help="number of first translations of each")
  args = parser.parse_args()
  times: dict[str, list[float]] = {name: [] for name in CODE}
  for _ in range(args.times):
    for name, code in CODE.items():
      times[name].append(first_call(code))
  for name, found in times.items():
    print(f"{name}: {', '.join(f'{seconds:.1f}' for seconds in found)} s")
  two, one = map(statistics.median, times.values())
  print(f"ratio of the medians: {two / one:.2f}")


if __name__ == "__main__":
  main()
