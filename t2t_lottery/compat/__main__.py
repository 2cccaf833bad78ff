"""Runs one of t2t's commands, patched and with a quick start: `python -m t2t_lottery.compat t2t_trainer ...`.

Besides the time, this is for the commands that never meet a patch, because they do not know the flag `--t2t_usr_dir`:
`t2t_avg_all` (`tf.placeholder() is not compatible with eager execution`) and `t2t_bleu`; and for `t2t_translate_all`, whose
default is to run the script `t2t-decoder`, which TF 2 breaks.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import shlex
import sys

from t2t_lottery import compat
from t2t_lottery.compat import lazy_imports
from t2t_lottery.utils import command_line, errors, file_lock, t2t_process


def _load(argv: list[str]):
  """The module of the command that the arguments name.

  Raises:
    UserError: for anything but one of t2t's commands.
  """
  name = argv[0] if argv else ""
  if not name.startswith("t2t_") or not importlib.util.find_spec(f"tensor2tensor.bin.{name}"):
    raise errors.UserError(f"{name or 'nothing'!r} is no command of t2t; t2t_trainer is one (tensor2tensor/bin)")
  # Nothing that an import makes is garbage soon.
  gc.disable()
  lazy_imports.install()
  loaded = importlib.import_module(f"tensor2tensor.bin.{name}")
  lazy_imports.load_on_demand()
  compat.apply_patches()
  gc.freeze()
  gc.enable()
  return loaded


def main() -> None:
  """Runs the command named by the first argument with the rest of the arguments."""
  command_line.protect_streams()
  file_lock.hold_environment()
  command_line.exit_on_help(sys.argv)
  with errors.one_line():
    loaded = _load(sys.argv[1:])
  del sys.argv[0]
  from absl import app, flags  # pylint: disable=import-outside-toplevel

  if "t2t_usr_dir" not in flags.FLAGS:
    flags.DEFINE_string("t2t_usr_dir", None, "Taken by every command; this one needs nothing from there.")
  if "decoder_command" in flags.FLAGS:
    start = shlex.join(t2t_process.t2t("t2t_decoder"))
    flags.FLAGS.set_default("decoder_command", f"{start} {{params}}")
  app.run(loaded.main)


if __name__ == "__main__":
  main()
