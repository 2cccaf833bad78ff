"""Stand-ins for `comet-score` and `pymarian-eval` with their command lines, which score by length: no model is loaded.

Flags: unbabel-comet 2's `comet/cli/score.py`, and `pymarian-eval --help` of pymarian 1.12.42.
"""

import os
import stat
import sys

_UNBABEL = """
import argparse, json
parser = argparse.ArgumentParser()
for name in ("-s", "-t", "-r", "--model", "--gpus", "--to_json"):
  parser.add_argument(name, required=True)
parser.add_argument("--quiet", action="store_true")
given = parser.parse_args()
assert given.model.endswith(".ckpt") and os.path.exists(given.model)
assert os.environ["HF_HUB_OFFLINE"] == "1"
rows = [open(path, encoding="utf-8").read().splitlines() for path in (given.s, given.t, given.r)]
scored = [{"src": s, "mt": t, "ref": r, "COMET": score(t, r)} for s, t, r in zip(*rows)]
json.dump({given.t: scored}, open(given.to_json, "w"))
print(f"{given.t}\\tscore: {sum(row['COMET'] for row in scored) / len(scored):.4f}")
"""
_PYMARIAN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("-m", required=True)
parser.add_argument("-l", required=True, choices=["comet-qe", "bleurt", "comet"])
for name in ("-s", "-t", "-r", "-o"):
  parser.add_argument(name, required=True)
parser.add_argument("-a", choices=["skip", "append", "only"])
parser.add_argument("-w", type=int)
parser.add_argument("-c", type=int)
given = parser.parse_args()
assert os.path.exists(os.path.join(os.path.dirname(given.m), "vocab.spm"))
rows = [open(path, encoding="utf-8").read().splitlines() for path in (given.t, given.r)]
with open(given.o, "w") as out:
  for t, r in zip(*rows):
    out.write(f"{score(t, r):.{given.w}f}\\n")
"""
_SCORE = """
import os, sys
if os.environ.get("COMET_FAILS"):
  sys.exit("out of memory")
def score(t, r):
  return min(len(t), len(r)) / max(len(t), len(r), 1)
"""


def expected(translation, reference):
  """The score that the stand-ins give to a sentence."""
  return min(len(translation), len(reference)) / max(len(translation), len(reference), 1)


def install(folder):
  """Writes both tools to a folder as in an environment's `bin`, and returns the path of its Python."""
  os.makedirs(folder, exist_ok=True)
  for name, body in (("comet-score", _UNBABEL), ("pymarian-eval", _PYMARIAN)):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
      file.write(f"#!{sys.executable}\n{_SCORE}{body}")
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
  python = os.path.join(folder, "python")
  os.symlink(sys.executable, python)
  return python
