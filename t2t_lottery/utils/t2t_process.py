"""Runs t2t's scripts, each with its own log."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from t2t_lottery.utils import shutdown
from t2t_lottery.utils.errors import Interrupted, UserError

# Messages of the operating system for a full disk, a quota and a limit on file size.
_FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def module(name: str) -> list[str]:
  """The command line that runs a module. If this process ignores the working folder on import (`python -I`, as in the
  drivers), so does the new one: a `tokenize.py` there must not shadow Python's.
  """
  return [sys.executable, "-Im" if sys.flags.isolated else "-m", name]


def t2t(command: str) -> list[str]:
  """The command line of one of t2t's commands, such as t2t_trainer; starts faster than its script (`t2t_lottery/compat`)."""
  return [*module("t2t_lottery.compat"), command]


# Passes a user's own usr_dir to t2t's commands, whose flag names this project's.
USER_DIR = "T2T_LOTTERY_USR_DIR"


def use_user_dir(folder: str) -> None:
  """Makes all commands that this process starts import a user's own usr_dir as well.

  Raises:
    UserError: it is no Python package.
  """
  folder = os.path.abspath(os.path.expanduser(folder))
  if not os.path.isfile(os.path.join(folder, "__init__.py")):
    raise UserError(f"--t2t_usr_dir={folder} has no __init__.py: name the folder that t2t-trainer is to import")
  os.environ[USER_DIR] = folder


def usr_dir() -> str:
  """The value of t2t's `--t2t_usr_dir`: this project's, which imports the user's (`use_user_dir`)."""
  return os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "usr_dir")


def default_gpus() -> int:
  """t2t's --worker_gpu: 1 if this machine has a GPU, else 0."""
  return min(1, count_gpus())


def count_gpus() -> int:
  """The number of NVIDIA GPUs of this machine."""
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
  """Runs a command, appends its command line and output to a log, and returns its exit status.

  Args:
    arguments: the command.
    log: path of the log.
    on_line: called with each line of output.
    pass_fds: file descriptors that it inherits, such as a lock to hold while it runs.

  Raises:
    UserError: if the log cannot be written; the command has then been stopped.
    Interrupted: if this process receives SIGTERM, SIGINT or SIGHUP; the command has then received SIGTERM and exited, or
      was killed (`shutdown`).
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
      with _forwarded_signals(process) as (received, grace):
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
  if received:
    how = " and killed, because it did not exit in time" if grace.has_killed else ""
    raise Interrupted(f"ended by {signal.Signals(received[0]).name}{how} (log: {log})", received[0], grace.has_killed)
  return status


@contextlib.contextmanager
def _forwarded_signals(process: subprocess.Popen[str]) -> Iterator[tuple[list[int], shutdown.GracePeriod]]:
  """On a signal, this process must not leave the child behind: terminates the child, which then has time to save.

  Yields the list of the signals received so far, and the child's grace period.
  """
  received: list[int] = []

  def report_wait() -> None:
    print(
      f"received {signal.Signals(received[0]).name}, stopping: waiting for the process to save; a second signal, or "
      f"{shutdown.GRACE_SECONDS:.0f} seconds, will kill it",
      file=sys.stderr,
      flush=True,
    )

  grace = shutdown.GracePeriod(process.kill, report_wait)

  def forward(number, frame) -> None:
    del frame
    received.append(number)
    if grace.on_signal():
      process.terminate()

  before = {number: signal.signal(number, forward) for number in shutdown.signals()}
  try:
    yield received, grace
  finally:
    grace.end()
    for number, handler in before.items():
      signal.signal(number, handler)


def failed(command: str, status: int, log: str) -> UserError:
  """The error of a command that exited with a nonzero status: `Interrupted` if a signal killed it, such as for lack of
  memory.
  """
  if status >= 0:
    return UserError(f"{command} ended with status {status}: {last_line(log)} (full log: {log})")
  return Interrupted(f"{command} was {killed(-status)} (full log: {log})", -status)


def killed(number: int) -> str:
  """Describes a process that a signal ended."""
  name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
  return f"killed by {name}" + (", possibly out of memory" if number == signal.SIGKILL else "")


def last_line(log: str) -> str:
  """The log line that explains why the last command failed: this library's own message, else one about a full disk, else
  the last nonempty line.
  """
  try:
    with open(log, encoding="utf-8", errors="replace") as file:
      lines = [line.strip() for line in file if line.strip()]
  except OSError as error:
    return f"its log cannot be read: {error.strerror}"
  start = max((i + 1 for i, line in enumerate(lines) if line.startswith("$ ")), default=0)
  own = [line for line in lines[start:] if line.startswith("t2t-lottery: ")]
  full = [line for line in lines[start:] if line.endswith(_FULL)]
  return (own or full or lines[start:] or ["no output"])[-1]
