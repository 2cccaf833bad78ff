"""Compiles the engine before its first sentence, on two cores.

numba compiles one function after the other in a process. So a second one compiles what a search needs beside the layers, and
this one finds it in the folder of compiled code.
"""

from __future__ import annotations

import os
import subprocess
import sys

from t2t_lottery.inference.sparse import compilation, network

_SEARCH = f"import sys; sys.path[:] = sys.argv[1:]; from {network.__name__} import compile_search; compile_search()"


def compile_engine(model: network.Model) -> None:
  """Compiles the engine, unless this was done before on this machine, or there is only one core.

  A function that this leaves out, or cannot compile in the other process, is compiled when it is first called.

  Args:
    model: any model.
  """
  marker = os.path.join(compilation.FOLDER, f"compiled-{compilation.target()}")
  if os.path.exists(marker) or len(os.sched_getaffinity(0)) == 1 or not sys.executable:
    return
  nothing = subprocess.DEVNULL
  command = [sys.executable, "-c", _SEARCH, *sys.path]
  with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing) as search:
    network.compile_layers(model)
  if search.returncode == 0:
    with open(marker, "wb"):
      pass
