"""Entry point for `--t2t_usr_dir=usr_dir`: patches t2t, then registers what this project adds."""

import os

from absl import flags

from t2t_lottery import compat
from t2t_lottery.compat import user_code
from t2t_lottery.utils import errors

compat.apply_patches()

# These imports register problems, hparams sets and the model, which need the patched t2t.
# pylint: disable=wrong-import-position,unused-import
import hparams  # noqa: E402
import problems  # noqa: E402,F401
from t2t_lottery.models import lottery_bert, lottery_transformer  # noqa: E402,F401

with errors.one_line():
  user_code.load()
  # t2t's commands parse their flags before they import a usr_dir.
  if flags.FLAGS.is_parsed():
    hparams.register_on_top(getattr(flags.FLAGS, "hparams_set", None))
    if getattr(flags.FLAGS, "data_dir", None):
      problems.own_text.register(os.path.expanduser(flags.FLAGS.data_dir))
