"""Makes the checkout importable when pytest is run from anywhere, and absl's test flags readable."""

import pathlib
import sys

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# `tf.test.main` parses them; pytest does not.
flags.FLAGS.mark_as_parsed()


def pytest_collection_modifyitems(items):
  """Runs the fast modules first, those that need trained runs last."""
  items.sort(key=lambda item: hasattr(item.module, "trained"))
