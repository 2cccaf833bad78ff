"""A usr_dir that keeps t2t's sessions from optimizing their graphs, which takes longer than a few steps of small ones.

Also imported by the commands of t2t that tests start (`tests/conftest.py`), without this checkout on their path.
"""

import functools

from tensor2tensor.utils import trainer_lib

_create = trainer_lib.create_session_config


@functools.wraps(_create)
def _create_session_config(*arguments, **named):
  config = _create(*arguments, **named)
  config.graph_options.rewrite_options.disable_meta_optimizer = True
  return config


trainer_lib.create_session_config = _create_session_config
