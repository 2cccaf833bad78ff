"""A usr_dir for all processes that tests start: t2t's sessions do not optimize their graphs (`tests/conftest.py`)."""

from tests.support import fresh

fresh.leave_graphs_unoptimized()
