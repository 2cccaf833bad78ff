"""The hosts of a distributed training, and which of them this process is. Standard library only.

Each host starts the same command; the environment variable TF_CONFIG informs TensorFlow. The first host is the chief, the
only one that writes to the run's folder.
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
  """The hosts of a training and the index of this process.

  Attributes:
    addresses: host:port of each; none for a training by one process.
    number: index of this process, 0 for the first.
  """

  addresses: tuple[str, ...] = ()
  number: int = 0

  @property
  def is_chief(self) -> bool:
    """Whether this process writes."""
    return self.number == 0

  @property
  def several(self) -> bool:
    """Whether there is more than one host."""
    return len(self.addresses) > 1

  def config(self) -> str:
    """The value of TF_CONFIG."""
    return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": {"type": "worker", "index": self.number}})


def from_environment() -> Hosts:
  """The hosts in TF_CONFIG; none unless it names workers only (see `servers`)."""
  config = _config()
  cluster = config.get("cluster", {})
  if set(cluster) != {"worker"}:
    return Hosts()
  return Hosts(tuple(cluster["worker"]), int(config.get("task", {}).get("index", 0)))


def servers() -> tuple[str, ...]:
  """host:port of each parameter server in TF_CONFIG, as `t2t-make-tf-configs` writes it; usually none."""
  return tuple(_config().get("cluster", {}).get("ps", ()))


def reader() -> tuple[int, int]:
  """(index, count) of this process among those that read training text for one run, from TF_CONFIG; (0, 1) if alone."""
  config = _config()
  readers = [(kind, i) for kind in ("chief", "worker") for i in range(len(config.get("cluster", {}).get(kind, ())))]
  task = config.get("task", {})
  this = task.get("type"), int(task.get("index", 0))
  return (readers.index(this), len(readers)) if this in readers else (0, 1)


def has_async_masters() -> bool:
  """Whether several masters of parameter servers train asynchronously: each then counts the steps of all."""
  return reader()[1] > 1 and not from_environment().several


def _config() -> dict[str, Any]:
  return json.loads(os.environ.get(VARIABLE) or "{}")


def parse(addresses: Sequence[str], index: int | None = None) -> Hosts:
  """The hosts that the flags name.

  Args:
    addresses: host:port of each.
    index: this process's; None: that of the host with this machine's name or address.

  Raises:
    UserError: if an address is malformed or duplicate, or this machine's index is ambiguous.
  """
  for address in addresses:
    if not re.fullmatch(r"[^:\s]+:\d{1,5}", address):
      raise UserError(f"--hosts: {address} is not host:port, such as node1:2222")
  if len(set(addresses)) < len(addresses):
    raise UserError(f"--hosts: duplicate address in {','.join(addresses)}")
  if index is None:
    mine = [i for i, address in enumerate(addresses) if _is_here(address.rpartition(":")[0])] if addresses else [0]
    if len(mine) != 1:
      what = "is none" if not mine else "is more than one"
      raise UserError(
        f"--hosts: this machine ({socket.gethostname()}) {what} of {','.join(addresses)}: set --host_index=N, "
        "0 for the first"
      )
    (index,) = mine
  if index >= max(1, len(addresses)):
    raise UserError(f"--host_index={index}, but --hosts names {len(addresses)}: the first is 0")
  return Hosts(tuple(addresses), index)


def _is_here(host: str) -> bool:
  """Whether a host is this machine: its name, or an address that a socket here can bind to."""
  if host in (socket.gethostname(), socket.gethostname().partition(".")[0]):
    return True
  with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.bind((host, 0))
    return True
  return False
