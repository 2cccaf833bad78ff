"""Makes the checkout importable when pytest is run from anywhere, and absl's test flags readable."""

import os
import pathlib
import re
import signal
import sys

import pytest
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# `tf.test.main` parses them; pytest does not.
flags.FLAGS.mark_as_parsed()


def pytest_configure(config):
  """Names one folder for trained runs, before there are other processes."""
  del config
  from tests.support import trained  # Imports the checkout.

  trained.folder()


def pytest_xdist_auto_num_workers(config):
  """One process more than cores: much of a test's time is a command's start, which takes less than a core."""
  return len(os.sched_getaffinity(0)) + 1


# Side by side, these come first: the first trains what others need, and nothing that takes long should be left for the end.
LONG = (
  "evaluator_test",
  "devices_test",
  "t2t_own_test",
  "kill_test",
  "schedules_test",
  "parameter_servers_test",
  "accelerators_test",
)


@pytest.fixture(autouse=True)
def signals_are_given_back():
  """A hook that kept the signals of a test would end this process, two minutes after a later test sends one to itself."""
  before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
  yield
  left = signal.set_wakeup_fd(-1)
  after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
  assert left == -1 and after == before, "the test has left its handlers of signals behind"


# What a module says that trains runs, or starts t2t in processes of its own: it is not among the quick ones.
_TRAINS = re.compile(r"\btrained\.(trained|dense)\(|import .*\b(devices|fresh)\b")


# First, for pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
  """Runs the fast modules first, those that need trained runs last; side by side, each module in one process. Marks as quick
  what trains nothing.
  """
  side_by_side = hasattr(config, "workerinput")

  def place(item):
    name = item.module.__name__.rpartition(".")[2]
    return LONG.index(name) if side_by_side and name in LONG else len(LONG), hasattr(item.module, "trained")

  items.sort(key=place)
  trains = {path: bool(_TRAINS.search(path.read_text(encoding="utf-8"))) for path in {item.path for item in items}}
  for item in items:
    item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if not trains[item.path]:
      item.add_marker(pytest.mark.quick)
