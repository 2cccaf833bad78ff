"""The edge of every command: help, version and flags, each told and checked in the same way, and streams that may close."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import IO

from absl import app, flags

from t2t_lottery.utils import file_lock, package_versions
from t2t_lottery.utils.errors import UserError

_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")
_VERSION = ("--version", "-version")
# Of libraries; what a user of a command wants to know is its own.
_OTHERS = ("absl.", "tensorflow", "tensor2tensor")
# Nobody reads any more: the pipe's other end is closed, or the terminal is.
_GONE = (errno.EPIPE, errno.EIO)


def run(
  main: Callable[[list[str]], None],
  words: range = range(1),
  check: Callable[[], None] = lambda: None,
) -> None:
  """Runs a command: `run(main)` in place of absl's `app.run(main)`.

  Wrong flags end it with one line and status 2, `--help` and `--version` with status 0. What it prints when nobody reads
  any more is lost, and ends nothing. As long as it runs, `setup.sh` does not replace the environment.

  Args:
    main: the command, called with all words that are no flags, its own name first.
    words: how many of them there may be, its name not counted.
    check: called when the flags are parsed; what it raises as UserError is a fault of the flags.
  """
  keep_streams()
  file_lock.hold_environment()

  def parse(argv: list[str]) -> list[str]:
    _tell(argv)
    try:
      rest = flags.FLAGS(argv)
      if len(rest) - 1 not in words:
        surplus = rest[words.stop :]
        raise UserError(f"{surplus[0]} is not a flag" if surplus else f"something is missing: {_usage()}")
      check()
    except (flags.Error, UserError) as error:
      print("t2t-lottery:", " ".join(str(error).split()), file=sys.stderr)
      sys.exit(2)
    return rest

  app.run(main, flags_parser=parse)


def tell(argv: list[str]) -> None:
  """For a command without flags of its own: ends the process if its first word asks for help or version."""
  _tell(argv[:2])


def _tell(argv: list[str]) -> None:
  asked = argv[1 : argv.index("--") if "--" in argv else None]
  if any(word in _HELP for word in asked):
    print(_help())
    sys.exit(0)
  if any(word in _VERSION for word in asked):
    print("t2t-lottery", package_versions.installed(["t2t-lottery"]).get("t2t-lottery", "(not installed)"))
    sys.exit(0)


def _usage() -> str:
  spec = getattr(sys.modules["__main__"], "__spec__", None)
  name = spec.name.replace(".__main__", "") if spec else os.path.basename(sys.argv[0])
  return f"python -m {name} --help says how it is called"


def _help() -> str:
  told = (sys.modules["__main__"].__doc__ or "").strip()
  found = [
    flag
    for module, defined in flags.FLAGS.flags_by_module_dict().items()
    if not module.startswith(_OTHERS)
    for flag in defined
  ]
  lines = [line for flag in sorted(found, key=lambda flag: flag.name) for line in _of_flag(flag)]
  return "\n".join([told, "", "flags:", *lines, "  --help, --version"])


def _of_flag(flag: flags.Flag) -> list[str]:
  name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}=..."
  required = any("must have a value" in str(validator.message) for validator in flag.validators)
  default = "required" if required else (flag.default_as_str or "none").strip("'")
  return [f"  {name}", f"      {' '.join((flag.help or '').split())} [{default}]"]


class _Forgiving(io.FileIO):
  """A stream whose reader may go."""

  def write(self, data) -> int:
    """See `io.FileIO`."""
    try:
      return super().write(data)
    except OSError as error:
      if error.errno not in _GONE:
        raise
      return len(data)


def keep_streams() -> None:
  """Makes printing safe where stdout or stderr is closed from the start, or its reader goes meanwhile."""
  for number in range(3):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # Gets the lowest number that is free; else the next file that is opened would.
  sys.stdout = _forgiving(sys.stdout, 1)
  sys.stderr = _forgiving(sys.stderr, 2)


def _forgiving(stream: IO[str] | None, number: int) -> IO[str]:
  if stream is not None:
    with contextlib.suppress(OSError):
      stream.flush()
  return io.TextIOWrapper(
    io.BufferedWriter(_Forgiving(number, "w", closefd=False)),
    encoding=getattr(stream, "encoding", None) or "utf-8",
    # As Python's own.
    errors="backslashreplace" if number == 2 else getattr(stream, "errors", None) or "replace",
    line_buffering=number == 2 or os.isatty(number),
  )
