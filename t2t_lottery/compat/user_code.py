"""A user's own `--t2t_usr_dir`, imported in addition to this project's."""

from __future__ import annotations

import importlib.util
import os
import sys

from t2t_lottery.utils import t2t_process
from t2t_lottery.utils.errors import UserError


def load() -> None:
  """Imports the folder in the environment variable `t2t_process.USER_DIR`, if any, as t2t would: as a package named NAME
  like the folder.

  If that name is taken, as by this project's `usr_dir`, the package is named `user_NAME`.

  Raises:
    UserError: it is not a package, or importing it fails.
  """
  folder = os.environ.get(t2t_process.USER_DIR, "")
  if not folder:
    return
  name = os.path.basename(folder)
  if getattr(sys.modules.get(name), "__file__", None) == os.path.join(folder, "__init__.py"):
    return
  name = f"user_{name}" if importlib.util.find_spec(name) else name
  if name in sys.modules:
    return
  spec = importlib.util.spec_from_file_location(
    name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
  )
  if spec is None or spec.loader is None:
    raise UserError(f"--t2t_usr_dir={folder} cannot be imported")
  module = importlib.util.module_from_spec(spec)
  sys.modules[name] = module
  try:
    spec.loader.exec_module(module)
  except Exception as error:
    del sys.modules[name]
    raise UserError(f"--t2t_usr_dir={folder}: importing it fails with {type(error).__name__}: {error}") from error
