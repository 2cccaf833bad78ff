"""Makes the checkout importable when pytest is run from anywhere, and absl's test flags readable."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# `tf.test.main` parses them; pytest does not.
flags.FLAGS.mark_as_parsed()


def pytest_configure(config):
  """Names one folder for trained runs (`trained`), before there are other processes, which take the name from here."""
  if not hasattr(config, "workerinput"):
    folder = os.environ["T2T_LOTTERY_TRAINED"] = tempfile.mkdtemp(prefix="t2t-lottery-test-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


# First, for pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
  """Runs the fast modules first, those that need trained runs last; side by side with them, if there are two processes.

  These share one process, so that none waits for another's run; but for those that take long and need few runs.
  """
  side_by_side = hasattr(config, "workerinput")
  items.sort(key=lambda item: hasattr(item.module, "trained") != side_by_side)
  for item in items:
    name = item.module.__name__
    shared = hasattr(item.module, "trained") and name not in ("schedules_test", "drivers_test", "kill_test")
    item.add_marker(pytest.mark.xdist_group("trained" if shared else name))
