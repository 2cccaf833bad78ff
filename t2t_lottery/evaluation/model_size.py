"""Storage size of a model, three ways: as the paper's Memory column most probably has it, as raw CSC, and as the project's file."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import scipy.sparse

from t2t_lottery.checkpoints import sparse_file, tensor_bundle
from t2t_lottery.pruning import layers

_FLOAT32_BYTES = 4
_INT32_BYTES = 4


def megabytes(variables: Mapping[str, np.ndarray]) -> dict[str, float]:
  """Size of a model in MB of 10^6 bytes.

  In the first two, everything but a layer with pruned weights, so the whole of a dense model, counts 4 bytes a weight.

  Args:
    variables: name -> value. What is not the model (masks, optimizer slots, step) is left out.

  Returns:
    "paper": each layer with pruned weights as the file that `scipy.sparse.save_npz` writes of it (compressed, its default)
      as a float32 CSC matrix with int32 indices (section 4: CSC).
    "csc": each such layer as its CSC matrix in memory: float32 data, int32 indices, int32 starts of the columns.
    "file": the project's own lossless file (`sparse_file`).
  """
  model = {name: value for name, value in variables.items() if tensor_bundle.is_model_variable(name)}
  paper = csc = 0
  for name, value in model.items():
    if layers.is_prunable(name) and np.count_nonzero(value) < value.size:
      paper += _npz_bytes(value)
      csc += (_FLOAT32_BYTES + _INT32_BYTES) * np.count_nonzero(value) + _INT32_BYTES * (value.shape[1] + 1)
    else:
      paper += _FLOAT32_BYTES * value.size
      csc += _FLOAT32_BYTES * value.size
  return {"paper": paper / 1e6, "csc": csc / 1e6, "file": sparse_file.size(model) / 1e6}


def _npz_bytes(matrix: np.ndarray) -> int:
  file = io.BytesIO()
  # csc_matrix takes the smallest sufficient index type, which is int32 for every matrix with fewer
  # than 2^31 weights.
  scipy.sparse.save_npz(file, scipy.sparse.csc_matrix(matrix.astype(np.float32)))
  return file.tell()
