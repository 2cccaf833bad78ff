"""Runs t2t's scripts, each with a log of its own."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from t2t_lottery.utils import shutdown
from t2t_lottery.utils.errors import Interrupted, UserError

# What the operating system says when no more can be written; the last is of a limit on a file's size.
_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def module(name: str) -> list[str]:
  """Starts a module as a command. Where this process imports nothing from the working folder, as one that a driver has
  started (`python -I`), the new one does not either: whatever lies there, such as a `tokenize.py`, is none of its own.
  """
  return [sys.executable, "-Im" if sys.flags.isolated else "-m", name]


def t2t(command: str) -> list[str]:
  """Starts one of t2t's commands, such as t2t_trainer: as its script does, but sooner (`t2t_lottery/compat`)."""
  return [*module("t2t_lottery.compat"), command]


def usr_dir() -> str:
  """The value of `--t2t_usr_dir`."""
  return os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "usr_dir")


def default_gpus() -> int:
  """t2t's --worker_gpu: 1 if this machine has a GPU, else 0."""
  return min(1, count_gpus())


def count_gpus() -> int:
  """How many NVIDIA GPUs this machine has."""
  try:
    found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
  except OSError:
    return 0
  return found.count("GPU ")


def run(
  arguments: list[str],
  log: str,
  on_line: Callable[[str], None] = lambda line: None,
  pass_fds: Sequence[int] = (),
) -> int:
  """Runs a command, appends it and all it prints to a log, and returns its exit status.

  Args:
    arguments: the command.
    log: path of the log.
    on_line: called with each line of output.
    pass_fds: file descriptors that it inherits, such as a lock that it must hold as long as it lives.

  Raises:
    UserError: if the log cannot be written; the command then has been ended.
    Interrupted: if this process is told to end by SIGTERM, SIGINT or SIGHUP; the command then has been told as well, and
      ended: by itself, or where it did not, by SIGKILL (`ending`).
  """
  try:
    os.makedirs(os.path.dirname(log), exist_ok=True)
    return _run(arguments, log, on_line, pass_fds)
  except OSError as error:
    raise UserError(f"cannot write {log}: {error.strerror}") from error


def _run(arguments: list[str], log: str, on_line: Callable[[str], None], pass_fds: Sequence[int]) -> int:
  environment = {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
  with open(log, "a", encoding="utf-8") as file:
    file.write(f"$ {shlex.join(arguments)}\n")
    file.flush()
    with subprocess.Popen(
      arguments,
      stdin=subprocess.DEVNULL,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      errors="replace",
      env=environment,
      pass_fds=pass_fds,
    ) as process:
      # Told to end, this process must not leave the other behind, and waits for what it saves.
      received: list[int] = []

      def say() -> None:
        print(
          f"told to end by {signal.Signals(received[0]).name}: waiting for what saves; told again, or after "
          f"{shutdown.GRACE_SECONDS:.0f} seconds, it is cut off",
          file=sys.stderr,
          flush=True,
        )

      patience = shutdown.Patience(process.kill, say)

      def forward(number, frame) -> None:
        del frame
        received.append(number)
        if patience.told():
          process.terminate()

      before = {number: signal.signal(number, forward) for number in shutdown.signals()}
      try:
        assert process.stdout is not None
        for line in process.stdout:
          file.write(line)
          file.flush()
          on_line(line)
        status = process.wait()
      except BaseException:
        process.terminate()
        process.wait()
        raise
      finally:
        patience.over()
        for number, handler in before.items():
          signal.signal(number, handler)
  if received:
    how = ", and cut off, for it did not end by itself" if patience.is_lost else ""
    raise Interrupted(f"ended by {signal.Signals(received[0]).name}{how} (log: {log})", received[0], patience.is_lost)
  return status


def failed(command: str, status: int, log: str) -> UserError:
  """The error of a command that ended with another status than 0.

  A caller can tell one that was killed, as for want of memory, from one that failed.
  """
  if status >= 0:
    return UserError(f"{command} ended with status {status}: {last_line(log)} (full log: {log})")
  return Interrupted(f"{command} was {killed(-status)} (full log: {log})", -status)


def killed(number: int) -> str:
  """What to say of a process that a signal ended."""
  name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
  return f"killed by {name}" + (", perhaps for want of memory" if number == signal.SIGKILL else "")


def last_line(log: str) -> str:
  """The line of a log that tells why its last command failed: this library's own message, else that a disk is full, else
  the last that says something.
  """
  try:
    with open(log, encoding="utf-8", errors="replace") as file:
      lines = [line.strip() for line in file if line.strip()]
  except OSError as error:
    return f"its log cannot be read: {error.strerror}"
  start = max((i + 1 for i, line in enumerate(lines) if line.startswith("$ ")), default=0)
  told = [line for line in lines[start:] if line.startswith("t2t-lottery: ")]
  full = [line for line in lines[start:] if line.endswith(_FULL)]
  return (told or full or lines[start:] or ["it said nothing"])[-1]
