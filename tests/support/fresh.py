"""Calls a function in a fresh process, in which t2t is imported but unused.

The processes are forked from one that has done the imports, so that a call has no startup cost.
"""

import multiprocessing
import os
import sys
import tempfile
import traceback

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tensor2tensor.bin.t2t_trainer", "t2t_lottery.compat.patch_list"])


def call(function, *arguments, **named):
  """Returns the result of a function of a test module.

  Raises:
    AssertionError: if it raises, with its traceback and the end of its output, or if the process dies.
  """
  with tempfile.NamedTemporaryFile("r", errors="replace") as output:
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_call, args=(sender, output.name, function, arguments, named))
    process.start()
    sender.close()
    try:
      value, error = receiver.recv()
    except EOFError:
      process.join()
      value, error = None, f"the process ended with {process.exitcode}"
    process.join()
    if error:
      raise AssertionError(f"{error}\nIt printed:\n{output.read()[-4000:]}")
  return value


def outcome(function, *arguments, **named):
  """As `call`, but returns the message of an AssertionError."""
  try:
    return call(function, *arguments, **named)
  except AssertionError as error:
    return str(error)


def _call(sender, path, function, arguments, named):
  output = os.open(path, os.O_WRONLY | os.O_APPEND)
  for stream in (1, 2):
    os.dup2(output, stream)
  try:
    answer = function(*arguments, **named), None
  except BaseException:
    answer = None, traceback.format_exc()
  sys.stdout.flush()
  sender.send(answer)
