"""Runs one of t2t's commands, patched and with a faster start: `python -m t2t_lottery.compat t2t_trainer ...`.

`--list` prints all patches, the versions of TensorFlow that each is for, and the symptom that it cures.

It also patches the commands that lack the flag `--t2t_usr_dir`: `t2t_avg_all` (`tf.placeholder() is not compatible with
eager execution`) and `t2t_bleu`; and `t2t_translate_all`, which by default runs the script `t2t-decoder`, which TF 2
breaks.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import shlex
import sys

from t2t_lottery import compat
from t2t_lottery.compat import lazy_imports, tf_support
from t2t_lottery.compat.patches import versions
from t2t_lottery.utils import command_line, errors, file_lock, t2t_process, text_table


def _load(argv: list[str]):
  """Imports the module of the command named by the first argument.

  Raises:
    UserError: it is not one of t2t's commands.
  """
  name = argv[0] if argv else ""
  if not name.startswith("t2t_") or not importlib.util.find_spec(f"tensor2tensor.bin.{name}"):
    raise errors.UserError(f"{name or 'nothing'!r} is not a t2t command; t2t_trainer is one (tensor2tensor/bin)")
  # Imports create little garbage.
  gc.disable()
  tf_support.install()
  lazy_imports.install()
  loaded = importlib.import_module(f"tensor2tensor.bin.{name}")
  lazy_imports.load_on_demand()
  if name == "t2t_datagen":
    lazy_imports.list_only_named(loaded)
  compat.apply_patches()
  gc.freeze()
  gc.enable()
  return loaded


def _print_patches() -> None:
  """Prints the list of patches, one a line."""
  tf_support.install()
  lazy_imports.install()
  from t2t_lottery.compat import patch_list  # pylint: disable=import-outside-toplevel

  rows = []
  for group, patches in vars(patch_list).items():
    for patch in patches if group.isupper() else ():
      name = f"{patch.__module__.rpartition('.')[2]}.{patch.__name__}"
      symptom = " ".join(patch.__doc__.split("\n\n")[0].split()).removeprefix("Symptom: ")
      rows.append((group.lower(), name, versions.described(patch), symptom))
  print(text_table.aligned([("group", "patch", "TensorFlow", "symptom"), *rows]))


def main() -> None:
  """Runs the command named by the first argument with the remaining arguments."""
  command_line.protect_streams()
  file_lock.hold_environment()
  command_line.exit_on_help(sys.argv)
  if sys.argv[1:] == ["--list"]:
    _print_patches()
    return
  with errors.one_line():
    loaded = _load(sys.argv[1:])
  del sys.argv[0]
  from absl import app, flags  # pylint: disable=import-outside-toplevel

  if "t2t_usr_dir" not in flags.FLAGS:
    flags.DEFINE_string("t2t_usr_dir", None, "Accepted by every command; not used by this one.")
  if "decoder_command" in flags.FLAGS:
    start = shlex.join(t2t_process.t2t("t2t_decoder"))
    flags.FLAGS.set_default("decoder_command", f"{start} {{params}}")
  app.run(loaded.main)


if __name__ == "__main__":
  main()
