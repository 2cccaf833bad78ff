"""Whether CTranslate2 can compute on a GPU here."""

from __future__ import annotations

import ctypes
import functools
import os
import sysconfig

import ctranslate2

# What CTranslate2's wheel loads when it first computes on a GPU; `setup.sh --gpu` installs it where no loader looks.
_LIBRARY = "libcublas.so.12"


@functools.cache
def is_usable() -> bool:
  """True if there is a GPU and the CUDA library that CTranslate2 needs; the library is then loaded."""
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
