"""Layers: the matrices that the paper prunes (section 4, "only the matrices, not biases").

A layer is one matrix of the Transformer: the shared embedding (or one of its shards), the query, key, value and output
kernels of an attention block, the two kernels of a feed-forward block. Biases and layer norms are not matrices.
`target_space_embedding` is a lookup table of which a translation model uses one row, so it is not pruned either; nor are
the tables of relative positions (`self_attention_type=dot_product_relative`), which have 2*max_relative_position+1 rows.

Of BERT the layers are those of Chen et al. (2020), section 3: query, key, value and output kernels, both feed-forward
kernels, and the pooler's; no embedding and no task head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from t2t_lottery.utils.errors import UserError

_LAYER = re.compile(r"(/(q|k|v|output_transform|conv1|conv2)/kernel|/weights_\d+)$")
_BERT_LAYER = re.compile(
  r"bert/(encoder/layer_\d+/(attention/(self/(query|key|value)|output/dense)|intermediate/dense|output/dense)"
  r"|pooler/dense)/kernel"
)
_DENSE = re.compile(r"/(target_space_embedding/kernel|relative_positions_(keys|values)/embeddings)$")
_MASK_SUFFIX = "/mask"


def is_prunable(name: str) -> bool:
  """True for a layer's variable name (without `:0`); False for its optimizer slots and its mask."""
  return _LAYER.search(name) is not None or _BERT_LAYER.fullmatch(name) is not None


def is_embedding(name: str) -> bool:
  """True for the name of the shared embedding or one of its shards."""
  return re.search(r"/weights_\d+$", name) is not None


def prunable(names: Iterable[str], prune_embedding: bool = True) -> list[str]:
  """The layers among variable names, sorted.

  Args:
    names: variable names.
    prune_embedding: False excludes the embedding.
  """
  return sorted(name for name in names if is_prunable(name) and (prune_embedding or not is_embedding(name)))


def check_known(shapes: Mapping[str, Sequence[int]]) -> None:
  """Rejects a model with a matrix that is neither pruned nor deliberately left dense.

  Args:
    shapes: name -> shape of each trainable variable.

  Raises:
    UserError: naming the first variable that has more than one dimension but is neither a layer nor a known exception.
  """
  for name, shape in shapes.items():
    if len(shape) > 1 and not _DENSE.search(name) and not (is_prunable(name) and len(shape) == 2):
      raise UserError(
        f"{name} of shape {list(shape)} is neither a matrix that lottery_transformer prunes nor one that it leaves "
        "dense: use embeddings, attention kernels and the two kernels of a feed-forward block only "
        "(attention_variables_3d=False, ffn_layer=dense_relu_dense, pos=timing)"
      )


def mask_name(layer: str) -> str:
  """The name of a layer's mask variable."""
  return layer + _MASK_SUFFIX


def is_mask(name: str) -> bool:
  """True for the name of a mask variable."""
  return name.endswith(_MASK_SUFFIX) and is_prunable(name[: -len(_MASK_SUFFIX)])


def is_prunable_or_mask(name: str) -> bool:
  """True for the variables of a checkpoint that `weight_statistics` needs."""
  return is_prunable(name) or is_mask(name)
