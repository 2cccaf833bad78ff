"""Calls a function in a process of its own, in which t2t is imported and nothing has been done with it yet.

The processes are forks of one that has done the imports, so that a call costs no more than what it does.
"""

import multiprocessing
import os
import sys
import tempfile
import traceback

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tensor2tensor.bin.t2t_trainer", "t2t_lottery.compat.patch_list"])


def call(function, *arguments, **named):
  """What a function of a test module returns.

  Raises:
    AssertionError: if it raises, with its traceback and the end of what it printed, or if the process dies.
  """
  with tempfile.NamedTemporaryFile("r", errors="replace") as printed:
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_call, args=(sender, printed.name, function, arguments, named))
    process.start()
    sender.close()
    try:
      value, error = receiver.recv()
    except EOFError:
      process.join()
      value, error = None, f"the process ended with {process.exitcode}"
    process.join()
    if error:
      raise AssertionError(f"{error}\nIt printed:\n{printed.read()[-4000:]}")
  return value


def outcome(function, *arguments, **named):
  """As `call`; of a function that raises, or whose process dies, what `call` would raise, as text."""
  try:
    return call(function, *arguments, **named)
  except AssertionError as error:
    return str(error)


def _call(sender, printed, function, arguments, named):
  output = os.open(printed, os.O_WRONLY | os.O_APPEND)
  for stream in (1, 2):
    os.dup2(output, stream)
  try:
    answer = function(*arguments, **named), None
  except BaseException:
    answer = None, traceback.format_exc()
  sys.stdout.flush()
  sender.send(answer)
