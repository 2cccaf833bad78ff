"""Total time to translate with one checkpoint: this project compared with `t2t_decoder`.

  python benchmarks/evaluate.py --checkpoint=.../seed1/dense/model.ckpt-3000 \
    --problem=translate_ende_multi30k --data_dir=data

Both translate the problem's dev sentences with beam 4 and alpha 0.6, in turn, each in its own process, timed from start
to end; the fastest run of each counts. Exit status 1 if the speed-up is below --reach.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from t2t_lottery.data import manifest  # noqa: E402
from t2t_lottery.evaluation import decoding  # noqa: E402
from t2t_lottery.utils import atomic_files, errors  # noqa: E402

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint", None, "Prefix of a checkpoint; hparams.json is next to it.", required=True
)
_PROBLEM = flags.DEFINE_string("problem", None, "Its t2t problem.", required=True)
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder of the problem's data.")
_TIMES = flags.DEFINE_integer("times", 3, "Number of runs of each.", lower_bound=1)
_REACH = flags.DEFINE_float("reach", 10, "Required speed-up.")

# The code of an evaluation for one checkpoint; a real evaluation starts only one process for all of them.
_OURS = """
import sys
from t2t_lottery.utils import atomic_files
from t2t_lottery import translate
checkpoint, hparams, vocabulary, source, out = sys.argv[1:]
translator = translate.Translator(checkpoint, atomic_files.read_json(hparams), vocabulary)
lines = translator.translate(atomic_files.read_lines(source))
atomic_files.write_text(out, "".join(line + "\\n" for line in lines))
"""


def commands(folder, checkpoint, hparams, source):
  """Both commands; each writes `folder/NAME.txt`."""
  problem, data_dir = _PROBLEM.value, os.path.abspath(_DATA_DIR.value)
  ours = [sys.executable, "-c", _OURS, checkpoint, hparams, manifest.vocabulary(problem, data_dir), source]
  t2t = decoding.t2t_command(checkpoint, hparams, problem, data_dir, source, f"{folder}/t2t.txt", folder)
  return {"ours": [*ours, f"{folder}/ours.txt"], "t2t": t2t}


def seconds(command):
  """Runs a command in the checkout; returns wall time and CPU time in seconds."""
  start, computed = time.monotonic(), cpu_seconds()
  done = subprocess.run(
    command,
    cwd=ROOT,
    check=False,
    capture_output=True,
    text=True,
    env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ},
  )
  if done.returncode:
    raise errors.UserError(f"{command[1:4]} failed: {done.stderr[-2000:]}")
  return time.monotonic() - start, cpu_seconds() - computed


def cpu_seconds():
  """CPU time of all ended child processes, which load on the machine changes little."""
  usage = resource.getrusage(resource.RUSAGE_CHILDREN)
  return usage.ru_utime + usage.ru_stime


def main(argv):
  del argv
  with errors.one_line(), tempfile.TemporaryDirectory() as folder:
    checkpoint = os.path.abspath(_CHECKPOINT.value)
    hparams = os.path.join(os.path.dirname(checkpoint), "hparams.json")
    sentences, _ = manifest.raw_text(_PROBLEM.value, os.path.abspath(_DATA_DIR.value), "dev")
    source = os.path.join(folder, "source.txt")
    atomic_files.write_lines(source, sentences)
    both = commands(folder, checkpoint, hparams, source)
    times = {name: [] for name in both}
    for _ in range(_TIMES.value):
      for name, command in both.items():
        wall, cpu = seconds(command)
        times[name].append(wall)
        print(f"{name:>4}: {wall:6.2f} s ({cpu:6.2f} s of CPU)", flush=True)
    ours, t2t = (atomic_files.read_lines(f"{folder}/{name}.txt") for name in both)
    same = sum(a == b for a, b in zip(ours, t2t))
    # Other load on the machine only adds time.
    ratio = min(times["t2t"]) / min(times["ours"])
    print(f"{len(sentences)} sentences, {same} translated the same; speed-up {ratio:.1f}")
    sys.exit(ratio < _REACH.value)


if __name__ == "__main__":
  app.run(main)
