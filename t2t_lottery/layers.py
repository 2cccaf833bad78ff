"""Which variables are layers: the matrices that the paper prunes (section 4, "only the matrices, not biases").

A layer is one matrix of the Transformer: the shared embedding (or one of its shards), the query, key, value and output
kernels of an attention, the two kernels of a feed-forward block. Biases and layer norms are not matrices;
`target_space_embedding` is a lookup of which a translation model uses one row, so it is not pruned either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LAYER = re.compile(r"(/(q|k|v|output_transform|conv1|conv2)/kernel|/weights_\d+)$")
_MASK_SUFFIX = "/mask"


def is_prunable(name: str) -> bool:
  """True for a variable name (without `:0`) of a layer; False for its optimizer slots and its mask."""
  return _LAYER.search(name) is not None


def is_embedding(name: str) -> bool:
  """True for the name of the shared embedding, or of one of its shards."""
  return re.search(r"/weights_\d+$", name) is not None


def prunable(names: Iterable[str], prune_embedding: bool = True) -> list[str]:
  """The layers among variable names, sorted.

  Args:
    names: of variables.
    prune_embedding: False leaves the embedding out.
  """
  return sorted(name for name in names if is_prunable(name) and (prune_embedding or not is_embedding(name)))


def mask_name(layer: str) -> str:
  """The name of the variable that holds a layer's mask."""
  return layer + _MASK_SUFFIX


def is_mask(name: str) -> bool:
  """True for the name of a mask variable."""
  return name.endswith(_MASK_SUFFIX) and is_prunable(name[: -len(_MASK_SUFFIX)])


def is_prunable_or_mask(name: str) -> bool:
  """True for all that `layer_statistics` needs of a checkpoint."""
  return is_prunable(name) or is_mask(name)
