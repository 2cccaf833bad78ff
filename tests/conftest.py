"""Makes the checkout importable from any working folder, and absl's test flags readable."""

import os
import pathlib
import re
import signal
import sys

# Before NumPy is imported: threads of several processes of tests would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import pytest
from absl import flags

_TESTS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(_TESTS.parent))
# Imported by the commands of t2t that tests start: a training of a test spends a quarter of its time on optimizing its graph.
os.environ.setdefault("T2T_LOTTERY_USR_DIR", str(_TESTS / "support" / "unoptimized"))
# `tf.test.main` parses them, but pytest does not.
flags.FLAGS.mark_as_parsed()


def pytest_configure(config):
  """Sets the folder of trained runs before other processes start."""
  del config
  from tests.support import trained  # Imports the checkout.

  trained.folder()


def pytest_xdist_auto_num_workers(config):
  """Two processes more than cores: some tests wait, for a server, a signal or a run that another test trains. Quick ones
  wait less, and each process spends 10 seconds on importing all of them.
  """
  return len(os.sched_getaffinity(0)) + (1 if config.option.markexpr == "quick" else 2)


# In parallel, these run first: the first trains runs that others need, and long modules should not run last.
LONG = (
  "evaluator_test",
  "bert_tickets_test",
  "devices_test",
  "t2t_own_test",
  "kill_test",
  "schedules_test",
  "parameter_servers_test",
  "accelerators_test",
  "two_versions_test",
)


@pytest.fixture(autouse=True)
def restores_signal_handlers():
  """Fails a test that leaves signal handlers: they would kill this process two minutes after a later test sends a signal."""
  before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
  yield
  wakeup = signal.set_wakeup_fd(-1)
  after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
  assert wakeup == -1 and after == before, "the test did not restore the signal handlers"


# Matches modules that train runs or start t2t in separate processes: they are not quick. Other modules and single tests
# that do so are marked `slow`.
_TRAINS = re.compile(r"\btrained\.trained\(|import .*\b(devices|fresh)\b")


# First, because pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
  """Runs fast modules first, those that need trained runs last; in parallel, each module in one process. Marks tests
  that train nothing and start no command of t2t as quick.
  """
  is_parallel = hasattr(config, "workerinput")

  def place(item):
    name = item.module.__name__.rpartition(".")[2]
    return LONG.index(name) if is_parallel and name in LONG else len(LONG), hasattr(item.module, "trained")

  items.sort(key=place)
  trains = {path: bool(_TRAINS.search(path.read_text(encoding="utf-8"))) for path in {item.path for item in items}}
  for item in items:
    item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if not trains[item.path] and not item.get_closest_marker("slow"):
      item.add_marker(pytest.mark.quick)
