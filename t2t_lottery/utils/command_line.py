"""Common entry point of all commands: help, version, flag errors, and output streams that may be closed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable
from typing import IO

from absl import app, flags

from t2t_lottery.utils import choices, file_lock, package_versions
from t2t_lottery.utils.errors import UserError

_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")
_VERSION = ("--version", "-version")
# Modules whose flags --help omits.
_LIBRARIES = ("absl.", "tensorflow", "tensor2tensor")
# The reader is gone: the other end of the pipe is closed, or the terminal is.
_READER_GONE = (errno.EPIPE, errno.EIO)


def run(
  main: Callable[[list[str]], None],
  arguments: range = range(1),
  check: Callable[[], None] = lambda: None,
) -> None:
  """Runs a command: `run(main)` in place of absl's `app.run(main)`.

  Invalid flags print one line and exit with status 2; `--help` and `--version` exit with status 0. Output after the
  reader is gone is discarded without an error. While the command runs, `setup.sh` does not replace the environment.

  Args:
    main: the command, called with its own name and all positional arguments.
    arguments: the allowed number of positional arguments.
    check: called after flag parsing; a UserError that it raises is reported as a flag error.
  """
  protect_streams()
  file_lock.hold_environment()
  # Hides what TensorFlow's C++ code says about the CPU, if the command imports it.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

  def parse(argv: list[str]) -> list[str]:
    _exit_on_help(argv)
    try:
      rest = flags.FLAGS(argv)
      if len(rest) - 1 not in arguments:
        surplus = rest[arguments.stop :]
        raise UserError(f"{surplus[0]} is not a flag" if surplus else f"an argument is missing: {_usage()}")
      check()
    except (flags.Error, UserError) as error:
      print("t2t-lottery:", _nearest(" ".join(str(error).split())), file=sys.stderr)
      sys.exit(2)
    return rest

  app.run(main, flags_parser=parse)


def _nearest(message: str) -> str:
  """An error about a flag with a list of values: the nearest of them, or all."""
  match = re.fullmatch(r"flag (--\w+=(.*)): value should be one of <(.*)>", message)
  if not match:
    return message
  given, value, known = match.groups()
  return f"{given}: {choices.suggestion(value, known.split('|'))}"


def exit_on_help(argv: list[str]) -> None:
  """For a command without flags of its own: exits if its first argument requests help or version."""
  _exit_on_help(argv[:2])


def _exit_on_help(argv: list[str]) -> None:
  given = argv[1 : argv.index("--") if "--" in argv else None]
  if any(word in _HELP for word in given):
    print(_help())
    sys.exit(0)
  if any(word in _VERSION for word in given):
    print("t2t-lottery", package_versions.installed(["t2t-lottery"]).get("t2t-lottery", "(not installed)"))
    sys.exit(0)


def _usage() -> str:
  spec = getattr(sys.modules["__main__"], "__spec__", None)
  name = spec.name.replace(".__main__", "") if spec else os.path.basename(sys.argv[0])
  return f"see python -m {name} --help"


def _help() -> str:
  description = (sys.modules["__main__"].__doc__ or "").strip()
  own = [
    flag
    for module, defined in flags.FLAGS.flags_by_module_dict().items()
    if not module.startswith(_LIBRARIES)
    for flag in defined
  ]
  lines = [line for flag in sorted(own, key=lambda flag: flag.name) for line in _flag_lines(flag)]
  return "\n".join([description, "", "flags:", *lines, "  --help, --version"])


def _flag_lines(flag: flags.Flag) -> list[str]:
  name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}=..."
  required = any("must have a value" in str(validator.message) for validator in flag.validators)
  default = "required" if required else (flag.default_as_str or "none").strip("'")
  return [f"  {name}", f"      {' '.join((flag.help or '').split())} [{default}]"]


class _ClosableStream(io.FileIO):
  """A stream that discards output once its reader is gone."""

  def write(self, data) -> int:
    """See `io.FileIO`."""
    try:
      return super().write(data)
    except OSError as error:
      if error.errno not in _READER_GONE:
        raise
      return len(data)


def protect_streams() -> None:
  """Makes printing safe if stdout or stderr is closed from the start or while the process runs."""
  for number in range(3):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # Takes the lowest free number, which the next opened file would get.
  sys.stdout = _closable(sys.stdout, 1)
  sys.stderr = _closable(sys.stderr, 2)


def _closable(stream: IO[str] | None, number: int) -> IO[str]:
  if stream is not None:
    with contextlib.suppress(OSError):
      stream.flush()
  return io.TextIOWrapper(
    io.BufferedWriter(_ClosableStream(number, "w", closefd=False)),
    encoding=getattr(stream, "encoding", None) or "utf-8",
    # As in Python itself.
    errors="backslashreplace" if number == 2 else getattr(stream, "errors", None) or "replace",
    line_buffering=number == 2 or os.isatty(number),
  )
