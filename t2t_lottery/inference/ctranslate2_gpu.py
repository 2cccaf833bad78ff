"""Checks whether CTranslate2 can use a GPU."""

from __future__ import annotations

import ctypes
import functools
import os
import sysconfig

import ctranslate2

# Loaded by CTranslate2 when it first uses a GPU; `setup.sh --gpu` installs it outside of the loader's search path.
_LIBRARY = "libcublas.so.12"


@functools.cache
def is_usable() -> bool:
  """True if there is a GPU and the CUDA library that CTranslate2 needs; then loads the library."""
  if not ctranslate2.get_cuda_device_count():
    return False
  installed = os.path.join(sysconfig.get_path("purelib"), "nvidia", "cublas", "lib", _LIBRARY)
  for path in (installed, _LIBRARY):
    try:
      ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
      return True
    except OSError:
      pass
  return False
