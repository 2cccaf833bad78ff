"""Storage size of a model: in the format that is probably that of the paper's Memory column, raw CSC, the sparse file, int8."""

from __future__ import annotations

import io
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse

from t2t_lottery.checkpoints import sparse_file, tensor_bundle
from t2t_lottery.inference import ctranslate2_engine, translator
from t2t_lottery.pruning import layers

_FLOAT32_BYTES = 4
_INT32_BYTES = 4


def megabytes(variables: Mapping[str, np.ndarray]) -> dict[str, float]:
  """Size of a model in MB of 10^6 bytes.

  In the first two formats, a layer without pruned weights and any other variable has 4 bytes per weight.

  Args:
    variables: name -> value. Masks, optimizer slots and the step are left out.

  Returns:
    "paper": each layer with pruned weights is a float32 CSC matrix with int32 indices (section 4: CSC), in a file by
      `scipy.sparse.save_npz` (compressed by default).
    "csc": each such layer is a CSC matrix in memory: float32 data, int32 indices, int32 column pointers.
    "file": the project's lossless file (`sparse_file`).
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


def exported_megabytes(checkpoint: str, hparams: Mapping[str, Any], vocabulary: str, compute_type: str) -> float:
  """Size in MB of 10^6 bytes of what `export --to=ctranslate2 --compute_type=...` writes, without vocabularies.

  Arguments and exceptions: see `translator.save`.
  """
  with tempfile.TemporaryDirectory() as folder:
    translator.save(folder, checkpoint, hparams, vocabulary, compute_type)
    models = pathlib.Path(folder).rglob(ctranslate2_engine.MODEL)
    return sum(path.stat().st_size for path in models) / 1e6


def _npz_bytes(matrix: np.ndarray) -> int:
  file = io.BytesIO()
  # csc_matrix chooses the smallest sufficient index type: int32 for fewer than 2^31 weights.
  scipy.sparse.save_npz(file, scipy.sparse.csc_matrix(matrix.astype(np.float32)))
  return file.tell()
