"""Makes the checkout importable when pytest is run from anywhere, and absl's test flags readable."""

import pathlib
import sys

import pytest
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# `tf.test.main` parses them; pytest does not.
flags.FLAGS.mark_as_parsed()


# First, for pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
  """Runs the fast modules first, those that need trained runs last; side by side with them, if there are two processes.

  These share one process, so that each run is trained once; but for those that take long and need the dense run alone.
  """
  side_by_side = hasattr(config, "workerinput")
  items.sort(key=lambda item: hasattr(item.module, "trained") != side_by_side)
  for item in items:
    name = item.module.__name__
    shared = hasattr(item.module, "trained") and name not in ("schedules_test", "drivers_test", "kill_test")
    item.add_marker(pytest.mark.xdist_group("trained" if shared else name))
