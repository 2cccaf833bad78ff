"""Calls a function in a fresh process, in which t2t is imported but unused.

The processes are forked from one that has done the imports, so that a call has no startup cost.
"""

import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import traceback

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tensor2tensor.bin.t2t_trainer", "t2t_lottery.compat.patch_list"])


class _Process:
  """A process that calls a function."""

  def __init__(self, function, *arguments, **named):
    self._output = tempfile.NamedTemporaryFile("r", errors="replace")  # noqa: SIM115
    self.receiver, sender = _CONTEXT.Pipe(duplex=False)
    self._process = _CONTEXT.Process(target=_call, args=(sender, self._output.name, function, arguments, named))
    self._process.start()
    sender.close()

  def result(self):
    """Waits for the end; returns the result, or raises an AssertionError."""
    try:
      value, error = self.receiver.recv()
    except EOFError:
      self._process.join()
      value, error = None, f"the process ended with {self._process.exitcode}"
    self._process.join()
    if error:
      raise AssertionError(f"{error}\nIt printed:\n{self.printed()}")
    return value

  def printed(self):
    """The end of its output so far."""
    return self._output.read()[-4000:]

  def kill(self):
    """Kills it if it is still running."""
    self._process.kill()
    self._process.join()


def call(function, *arguments, **named):
  """Returns the result of a function of a test module.

  Raises:
    AssertionError: if it raises, with its traceback and the end of its output, or if the process dies.
  """
  return _Process(function, *arguments, **named).result()


def together(calls):
  """Returns the results of functions that run at the same time, each in its process.

  Args:
    calls: of each, the function and its arguments.

  Raises:
    AssertionError: as `call`. The others are then killed, so that none waits for one that has died; what they have printed
      is in the message.
  """
  processes = [_Process(*call) for call in calls]
  running, results = set(processes), {}
  try:
    while running:
      ended = multiprocessing.connection.wait([process.receiver for process in running])
      for process in [process for process in running if process.receiver in ended]:
        running.remove(process)
        results[process] = process.result()
  except AssertionError as error:
    for process in running:
      process.kill()
    others = (f"Another printed:\n{process.printed()}" for process in running)
    raise AssertionError("\n".join([str(error), *others])) from error
  return [results[process] for process in processes]


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
