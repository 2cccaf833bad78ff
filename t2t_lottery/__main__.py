"""Runs any command: `t2t-lottery VERB [flags]` is short for `python -m t2t_lottery.VERB [flags]`."""

from __future__ import annotations

import ast
import difflib
import os
import runpy
import sys

from t2t_lottery.utils import package_versions

# In order of use.
VERBS = (
  "datagen",
  "import_bert",
  "train",
  "evaluate",
  "results",
  "inspect",
  "connectivity",
  "translate",
  "export",
  "reproduce",
  "report",
)


def _summary(verb: str) -> str:
  """The first phrase of a command's docstring, read without importing it, which may take seconds."""
  path = os.path.join(os.path.dirname(__file__), verb)
  path = os.path.join(path, "__main__.py") if os.path.isdir(path) else f"{path}.py"
  with open(path, encoding="utf-8") as file:
    first_line = (ast.get_docstring(ast.parse(file.read())) or "").split("\n")[0]
  return first_line.split(": ")[0].rstrip(".")


def _help() -> str:
  return "\n".join(
    [
      "usage: t2t-lottery VERB [flags]; t2t-lottery VERB --help lists a command's flags",
      *(f"  {verb:<12} {_summary(verb)}" for verb in VERBS),
      "All steps of a method: run_scripts/slt.sh --help",
    ]
  )


def main() -> None:
  """The command; exits with status 2 and one line if the verb is unknown."""
  verb, *arguments = sys.argv[1:] or ["--help"]
  if verb in ("--help", "-h"):
    print(_help())
  elif verb == "--version":
    print("t2t-lottery", package_versions.installed(["t2t-lottery"]).get("t2t-lottery", "(not installed)"))
  elif verb not in VERBS:
    near = difflib.get_close_matches(verb, VERBS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(VERBS)}"
    print(f"t2t-lottery: unknown command {verb}: {hint}", file=sys.stderr)
    sys.exit(2)
  else:
    sys.argv[1:] = arguments
    runpy.run_module(f"t2t_lottery.{verb}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
  main()
