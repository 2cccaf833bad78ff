"""The machines of one training: who takes part, and which of them this process is. Standard library only.

Each starts the same command; TensorFlow is told by the environment variable TF_CONFIG. The first host is the chief: it
alone writes into the run's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

from t2t_lottery.utils.errors import UserError

VARIABLE = "TF_CONFIG"


class Hosts(NamedTuple):
  """The hosts of a training and the place of this process among them.

  Attributes:
    addresses: host:port of each; none for a training by one process.
    number: which of them this is, 0 for the first.
  """

  addresses: tuple[str, ...] = ()
  number: int = 0

  @property
  def is_chief(self) -> bool:
    """Whether this process writes."""
    return self.number == 0

  @property
  def several(self) -> bool:
    """Whether there are others."""
    return len(self.addresses) > 1

  def config(self) -> str:
    """The value of TF_CONFIG."""
    return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": {"type": "worker", "index": self.number}})


def of_environment() -> Hosts:
  """The hosts that TF_CONFIG names; none if it names no workers, or others as well (`servers`)."""
  config = _config()
  cluster = config.get("cluster", {})
  if set(cluster) != {"worker"}:
    return Hosts()
  return Hosts(tuple(cluster["worker"]), int(config.get("task", {}).get("index", 0)))


def servers() -> tuple[str, ...]:
  """host:port of each parameter server that TF_CONFIG names, as `t2t-make-tf-configs` writes it; mostly none."""
  return tuple(_config().get("cluster", {}).get("ps", ()))


def reader() -> tuple[int, int]:
  """Which of how many processes, that each read training text for one run, TF_CONFIG says that this is: (0, 1) alone."""
  config = _config()
  readers = [(kind, i) for kind in ("chief", "worker") for i in range(len(config.get("cluster", {}).get(kind, ())))]
  task = config.get("task", {})
  this = task.get("type"), int(task.get("index", 0))
  return (readers.index(this), len(readers)) if this in readers else (0, 1)


def masters_apart() -> bool:
  """Whether several masters of parameter servers train without waiting for one another: each counts the steps of all."""
  return reader()[1] > 1 and not of_environment().several


def _config() -> dict[str, Any]:
  return json.loads(os.environ.get(VARIABLE) or "{}")


def parse(addresses: Sequence[str], index: int | None = None) -> Hosts:
  """The hosts that the user names.

  Args:
    addresses: host:port of each.
    index: which of them this is; None: the one whose name or address is this machine's.

  Raises:
    UserError: if an address is none, or comes twice, or this machine's place is not clear.
  """
  for address in addresses:
    if not re.fullmatch(r"[^:\s]+:\d{1,5}", address):
      raise UserError(f"--hosts: {address} is not host:port, such as node1:2222")
  if len(set(addresses)) < len(addresses):
    raise UserError(f"--hosts: an address comes twice in {','.join(addresses)}")
  if index is None:
    mine = [i for i, address in enumerate(addresses) if _is_here(address.rpartition(":")[0])] if addresses else [0]
    if len(mine) != 1:
      what = "is none" if not mine else "is more than one"
      raise UserError(
        f"--hosts: this machine ({socket.gethostname()}) {what} of {','.join(addresses)}: give it --host_index=N, "
        "0 for the first"
      )
    (index,) = mine
  if index >= max(1, len(addresses)):
    raise UserError(f"--host_index={index}, but --hosts names {len(addresses)}: the first is 0")
  return Hosts(tuple(addresses), index)


def _is_here(host: str) -> bool:
  """Whether a name or address is this machine's: its name, or an address that a socket can be bound to here."""
  if host in (socket.gethostname(), socket.gethostname().partition(".")[0]):
    return True
  with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.bind((host, 0))
    return True
  return False
