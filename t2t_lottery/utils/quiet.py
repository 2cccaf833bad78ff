"""Hides what libraries say while they are imported or read data."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from absl import logging


@contextlib.contextmanager
def libraries() -> Iterator[None]:
  """Hides warnings and log lines of TensorFlow and other libraries."""
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      yield
  finally:
    logging.set_verbosity(verbosity)
