"""The door t2t walks through (`--t2t_usr_dir=usr_dir`): mends t2t, then registers what this project adds."""

from t2t_lottery import compat

compat.mend()

# The imports register problems, hparams sets and the model; all of them build on the mended t2t.
# pylint: disable=wrong-import-position,unused-import
import hparams  # noqa: E402,F401
import problems  # noqa: E402,F401
from t2t_lottery.models import lottery_transformer  # noqa: E402,F401
