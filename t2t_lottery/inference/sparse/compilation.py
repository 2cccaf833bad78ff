"""Compilation of the engine by numba: once for a machine and a version of this code, then from a folder on disk."""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from collections.abc import Callable
from typing import Any

import numba
from numba import types
from numba.core import config
from numba.core.registry import cpu_target


def _folder() -> str:
  """Where compiled code is stored: another folder for each version of the sources, since numba only looks at one file."""
  digest = hashlib.sha256(numba.__version__.encode())
  for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "*.py"))):
    with open(path, "rb") as file:
      digest.update(file.read())
  home = os.path.expanduser("~")
  cache = os.environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if os.path.isabs(home) else "")
  name = os.path.join("t2t-lottery", digest.hexdigest()[:16])
  if cache:
    try:
      os.makedirs(os.path.join(cache, name), exist_ok=True)
      if os.access(os.path.join(cache, name), os.W_OK):
        return os.path.join(cache, name)
    except OSError:
      pass
  return os.path.join(tempfile.gettempdir(), f"{name}-{os.getuid()}")


FOLDER = _folder()


def target() -> str:
  """A name for the CPU that numba compiles for, which it distinguishes in that folder."""
  return hashlib.sha256(repr(cpu_target.target_context.codegen().magic_tuple()).encode()).hexdigest()[:16]


def compiled(function: Callable[..., Any]) -> Any:
  """Compiles a function that compiled code calls, at its first call."""
  return _compiled(function, no_cpython_wrapper=True)


def entry(function: Callable[..., Any]) -> Any:
  """Compiles a function that Python calls, at its first call, for threads to run side by side."""
  return _compiled(function, nogil=True)


def _compiled(function: Callable[..., Any], **options: bool) -> Any:
  before, config.CACHE_DIR = config.CACHE_DIR, FOLDER
  try:
    dispatcher = numba.njit(function, cache=True, error_model="numpy", no_cfunc_wrapper=True, **options)
  finally:
    config.CACHE_DIR = before
  resolve = dispatcher.get_call_template
  # By default, numba compiles a function once more for each constant that it is called with.
  dispatcher.get_call_template = lambda args, kws: resolve(tuple(map(types.unliteral, args)), kws)
  return dispatcher
