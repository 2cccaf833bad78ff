"""Runs one of t2t's commands, mended: `python -m t2t_lottery.compat t2t_avg_all --t2t_usr_dir=usr_dir ...`.

For the commands that do not know the flag `--t2t_usr_dir`, and so never meet a mend: `t2t_avg_all` (`tf.placeholder() is not
compatible with eager execution`) and `t2t_bleu`; and for `t2t_translate_all`, whose default is to run the script
`t2t-decoder`, which TF 2 breaks. Any other command of t2t works as well.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from absl import app, flags
from tensor2tensor import bin as t2t_bin

from t2t_lottery import compat, errors


def _load(argv: list[str]):
  """The module of the command that the arguments name.

  Raises:
    UserError: for anything but one of t2t's commands.
  """
  commands = sorted(m.name for m in pkgutil.iter_modules(t2t_bin.__path__) if m.name.startswith("t2t_"))
  commands = [name for name in commands if not name.endswith("_test")]
  if not argv or argv[0] not in commands:
    raise errors.UserError(f"name one of t2t's commands first: {', '.join(commands)}")
  return importlib.import_module(f"tensor2tensor.bin.{argv[0]}")


def main() -> None:
  """Runs the command named by the first argument with the rest of the arguments."""
  with errors.one_line():
    command = _load(sys.argv[1:])
  del sys.argv[0]
  compat.mend()
  if "t2t_usr_dir" not in flags.FLAGS:
    flags.DEFINE_string("t2t_usr_dir", None, "Taken from every command; this one needs nothing from there.")
  if "decoder_command" in flags.FLAGS:
    flags.FLAGS.set_default("decoder_command", f"{sys.executable} -m t2t_lottery.compat t2t_decoder {{params}}")
  app.run(command.main)


if __name__ == "__main__":
  main()
