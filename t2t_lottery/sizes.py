"""Storage size of a model as the paper's Memory column most probably has it (section 4: CSC)."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import scipy.sparse

from t2t_lottery import bundle, layers

_FLOAT32_BYTES = 4


def megabytes(variables: Mapping[str, np.ndarray]) -> float:
  """Size of a model in MB of 10^6 bytes.

  A layer with pruned weights counts as the file that `scipy.sparse.save_npz` writes of it
  (compressed, its default) as a float32 CSC matrix with int32 indices; everything else, so the
  whole of a dense model, as 4 bytes a weight.

  Args:
    variables: name -> value. What is not the model (masks, optimizer slots, step) is left out.
  """
  return sum(_bytes(name, value) for name, value in variables.items() if bundle.is_model_variable(name)) / 1e6


def _bytes(name: str, value: np.ndarray) -> int:
  if not layers.is_prunable(name) or np.count_nonzero(value) == value.size:
    return _FLOAT32_BYTES * value.size
  file = io.BytesIO()
  # csc_matrix takes the smallest sufficient index type, which is int32 for every matrix with fewer
  # than 2^31 weights.
  scipy.sparse.save_npz(file, scipy.sparse.csc_matrix(value.astype(np.float32)))
  return file.tell()
