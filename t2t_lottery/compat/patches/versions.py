"""Which versions of TensorFlow a patch is for. Standard library only."""

from __future__ import annotations

from collections.abc import Callable

from t2t_lottery.utils import package_versions


def since(first: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
  """Marks a patch as needed from a version of TensorFlow on, such as "2.16"; others are for every version."""

  def mark(patch: Callable[[], None]) -> Callable[[], None]:
    patch.since = first
    return patch

  return mark


def described(patch: Callable[[], None]) -> str:
  """The versions of TensorFlow that a patch is for, in words."""
  first = getattr(patch, "since", None)
  return f"{first} and later" if first else "all"


def applies(patch: Callable[[], None]) -> bool:
  """Whether a patch is for the installed version of TensorFlow."""
  first = getattr(patch, "since", None)
  return first is None or package_versions.tensorflow() >= tuple(map(int, first.split(".")))
