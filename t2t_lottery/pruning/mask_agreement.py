"""How much the masks of several runs agree beyond chance: Fleiss' kappa, as Prasanna et al. (2020, section 5) report it over
seeds, and their "super survivors", which all masks keep. Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from t2t_lottery.pruning import layers, methods, structures


def fleiss_kappa(kept: np.ndarray) -> float | None:
  """Fleiss' kappa of two categories (Fleiss 1971).

  Args:
    kept: bool [masks, things]: what each mask keeps; at least two masks.

  Returns:
    1 if all masks are equal, about 0 if they agree as random masks of their sparsities do; None if all keep everything, or
    nothing, so that there is no chance to disagree.
  """
  masks = len(kept)
  votes = kept.sum(axis=0, dtype=np.int64)
  agreement = np.mean(votes * (votes - 1) + (masks - votes) * (masks - votes - 1)) / (masks * (masks - 1))
  share = votes.sum() / kept.size
  by_chance = share**2 + (1 - share) ** 2
  return None if by_chance == 1 else float((agreement - by_chance) / (1 - by_chance))


def kappas(models: Sequence[Mapping[str, np.ndarray]], num_heads: int = 0) -> dict[str, float | None]:
  """Kappa of the weights of all layers together, and of whole structures: what has any weight left counts as kept.

  Args:
    models: of each, name -> value of its layers and masks; without a mask, weights that are not zero are kept.
    num_heads: of each attention block; 0 leaves heads out.

  Returns:
    "weights", "heads", "mlps", "units" -> `fleiss_kappa`, for the kinds that the models have.
  """
  kept = [_kept(model) for model in models]
  found = {methods.WEIGHTS: fleiss_kappa(np.stack([np.concatenate([*map(np.ravel, one.values())]) for one in kept]))}
  for kind, groups in _groups(kept[0], num_heads).items():
    found[kind] = fleiss_kappa(np.stack([np.concatenate([group.alive(one) for group in groups]) for one in kept]))
  return found


def survivors(models: Sequence[Mapping[str, np.ndarray]], num_heads: int = 0) -> dict[str, dict[str, np.ndarray]]:
  """The structures that all masks keep, whole or in part.

  Args:
    models, num_heads: as of `kappas`.

  Returns:
    Kind -> block -> bool [members], for the kinds of which any mask has removed a member.
  """
  kept = [_kept(model) for model in models]
  found = {}
  for kind, groups in _groups(kept[0], num_heads).items():
    blocks = {group.name: np.logical_and.reduce([group.alive(one) for one in kept]) for group in groups}
    if not all(members.all() for members in blocks.values()):
      found[kind] = blocks
  return found


def _kept(model: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  return {name: model.get(layers.mask_name(name), model[name] != 0).astype(bool) for name in layers.prunable(model)}


def _groups(kept: Mapping[str, np.ndarray], num_heads: int) -> dict[str, list[structures.Group]]:
  """Kind -> its groups, for the kinds that a model has; without heads if their number is 0."""
  shapes = structures.shapes_of(kept)
  kinds = [*([methods.HEADS] if num_heads else []), methods.MLPS, methods.UNITS]
  return {kind: found for kind in kinds if (found := structures.groups(kind, shapes, num_heads))}
