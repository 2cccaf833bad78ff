"""Versions of installed packages. Standard library only."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

# TensorFlow without GPU support has another package name.
_ALSO = {"tensorflow": ("tensorflow", "tensorflow-cpu")}
_TRAINING = ("t2t-lottery", "tensorflow", "tensor2tensor")


def installed(packages: Iterable[str]) -> dict[str, str]:
  """Versions of the given packages, as far as they are installed."""
  found = {}
  for package in packages:
    for name in _ALSO.get(package, (package,)):
      try:
        found[package] = importlib.metadata.version(name)
        break
      except importlib.metadata.PackageNotFoundError:
        continue
  return found


def training_versions() -> str:
  """Names and versions of the packages that determine how a run trains."""
  return " ".join(f"{name}-{version}" for name, version in installed(_TRAINING).items())


def tensorflow() -> tuple[int, int]:
  """Major and minor version of the installed TensorFlow; (0, 0) if there is none."""
  version = installed(["tensorflow"]).get("tensorflow", "0.0")
  major, minor = version.split(".")[:2]
  return int(major), int(minor)
