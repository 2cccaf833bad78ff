"""A Slurm cluster of one node on loopback: munged, slurmctld and slurmd in a separate folder, without accounting, run by the
current user.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time

_PATH = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"])
_BINARIES = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
_CONFIGURATION = """
ClusterName=one_node
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# Delay of a requeued job; shorter values are ignored.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
JobRequeue=1
KillWait=10
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2
PartitionName=main Nodes=node Default=YES MaxTime=60 State=UP
"""


def missing() -> str:
  """Why the cluster cannot be started; "" if it can."""
  absent = [name for name in _BINARIES if not shutil.which(name, path=_PATH)]
  return f"not installed: {', '.join(absent)} (Debian: slurmctld slurmd slurm-client munge)" if absent else ""


class Cluster:
  """The cluster; the constructor starts it.

  Args:
    folder: an empty one, with a short name, because it contains a socket.

  Attributes:
    environment: variables that its clients need.
  """

  def __init__(self, folder: str):
    self._folder = folder
    self._daemons: list[subprocess.Popen] = []
    configuration = os.path.join(folder, "slurm.conf")
    self.environment = {"PATH": _PATH, "SLURM_CONF": configuration}
    for name in ("state", "spool"):
      os.mkdir(os.path.join(folder, name))
    # Others must not be able to write to the socket's folder; clients of any user must reach it.
    os.chmod(folder, 0o755)
    key = os.path.join(folder, "munge.key")
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o400), "wb") as file:
      file.write(secrets.token_bytes(128))
    ports = _free_ports(2)
    with open(configuration, "w", encoding="utf-8") as file:
      user, host = getpass.getuser(), socket.gethostname().partition(".")[0]
      file.write(
        _CONFIGURATION.format(folder=folder, user=user, host=host, controller_port=ports[0], node_port=ports[1])
      )
    try:
      own = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "seed", "log")]
      self._start("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *own)
      self._until("munge", "--no-input", f"--socket={folder}/munge.socket")
      self._start("slurmctld", "-D", "-i", "-f", configuration)
      self._start("slurmd", "-D", "-N", "node", "-f", configuration)
      self._until("sinfo", "--noheader", "--format=%t", expected="idle")
    except BaseException:
      self.close()
      raise

  def __enter__(self) -> Cluster:
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def call(self, *command: str) -> str:
    """The output of a command."""
    return subprocess.run(
      command,
      env={**os.environ, **self.environment},
      check=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    ).stdout.strip()

  def cancel_all(self) -> None:
    """Cancels all jobs, pending and running."""
    self.call("scancel", f"--user={getpass.getuser()}")

  def close(self) -> None:
    """Stops all jobs and the daemons."""
    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError, AssertionError):
      self.cancel_all()
      # slurmd must still run to stop a job's processes.
      self._until("squeue", "--noheader", expected="")
    for daemon in reversed(self._daemons):
      daemon.terminate()
      with contextlib.suppress(subprocess.TimeoutExpired):
        daemon.wait(10)
      daemon.kill()
      daemon.wait()

  def _start(self, *command: str) -> None:
    # If the test is killed, so are the daemons.
    with open(os.path.join(self._folder, f"{command[0]}.out"), "w", encoding="utf-8") as out:
      self._daemons.append(
        subprocess.Popen(
          ["setpriv", "--pdeathsig=KILL", *command],
          env={**os.environ, **self.environment},
          stdin=subprocess.DEVNULL,
          stdout=out,
          stderr=out,
        )
      )

  def _until(self, *command: str, expected: str | None = None) -> None:
    """Repeats a command until it succeeds, with the expected output if given."""
    end = time.monotonic() + 30
    while time.monotonic() < end and all(daemon.poll() is None for daemon in self._daemons):
      with contextlib.suppress(subprocess.CalledProcessError):
        if self.call(*command) == expected or expected is None:
          return
      with contextlib.suppress(subprocess.TimeoutExpired):
        self._daemons[-1].wait(0.1)
    outputs = {daemon.args[2]: self._output(daemon.args[2]) for daemon in self._daemons}
    raise AssertionError(f"{command[0]} does not reach {expected!r}: {outputs}")

  def _output(self, name: str) -> str:
    with open(os.path.join(self._folder, f"{name}.out"), encoding="utf-8", errors="replace") as out:
      return out.read()[-1000:]


def _free_ports(count: int) -> list[int]:
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(("127.0.0.1", 0))
    return [one.getsockname()[1] for one in sockets]
