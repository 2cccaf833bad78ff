"""Behavior common to all commands: help, version, invalid flags, closed streams, the lock on the environment."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys

import tensorflow.compat.v1 as tf

from t2t_lottery.utils import file_lock, package_versions

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMANDS = ("train", "evaluate", "datagen", "results", "inspect", "export", "report", "reproduce", "compat")
SCRIPTS = ("slt.sh", "quickstart.sh", "reproduce.sh", "setup.sh", "test.sh")
# A command that prints a lot, then writes a file.
VERBOSE_COMMAND = """
import sys
from t2t_lottery.utils import command_line
def main(argv):
  for _ in range(9999):
    print("a line", flush=True)
    print("another", file=sys.stderr, flush=True)
  open(argv[1], "w").close()
command_line.run(main, arguments=range(1, 2))
"""


def in_parallel(commands):
  """Runs commands in parallel; ((stdout, stderr), exit status) of each."""
  processes = [
    subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for words in commands
  ]
  return [(process.communicate(), process.returncode) for process in processes]


def python(module, *words):
  return [sys.executable, "-m", f"t2t_lottery.{module}", *words]


class CommandTest(tf.test.TestCase):
  def test_help_lists_every_flag(self):
    for name, ((stdout, stderr), status) in zip(COMMANDS, in_parallel([python(name, "--help") for name in COMMANDS])):
      self.assertEqual((status, stderr), (0, ""), name)
      self.assertIn("`python -m t2t_lottery", stdout)
      if name != "compat":
        # Flags that the command and its modules define.
        defined = set()
        for module in (name, f"{name}/__main__", *(["runs/command_flags"] if name == "train" else [])):
          path = os.path.join(ROOT, "t2t_lottery", f"{module}.py")
          if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
              defined |= set(re.findall(r"flags\.DEFINE_\w+\(\s*\"(\w+)\"", file.read()))
        for flag in defined:
          self.assertRegex(stdout, rf"(?m)^  --(\[no\])?{flag}\b")
        self.assertNotIn("--verbosity", stdout)

  def test_short_help_and_version(self):
    version = f"t2t-lottery {package_versions.installed(['t2t-lottery'])['t2t-lottery']}\n"
    scripts = [os.path.join(ROOT, "run_scripts", name) for name in SCRIPTS]
    commands = [python("inspect"), python("compat"), *([script] for script in scripts)]
    for (stdout, stderr), status in in_parallel([[*words, "--version"] for words in commands]):
      self.assertEqual((status, stdout, stderr), (0, version, ""))
    for (stdout, stderr), status in in_parallel([[*words, "-h"] for words in commands]):
      self.assertEqual((status, stderr), (0, ""))
      self.assertNotEmpty(stdout)

  def test_an_invalid_flag_is_one_line_and_status_2(self):
    invalid = {
      "Unknown command line flag 'levle'. Did you mean: level ?": python("train", "--levle=50"),
      "--size=tinny: did you mean tiny?": python("train", "--size=tinny"),
      "--method=stl: did you mean slt?": python("train", "--method=stl"),
      "--decoder=x: choose ctranslate2 or sparse or t2t": python("evaluate", "--decoder=x"),
      "unknown hparam hiden_size: did you mean hidden_size?": python(
        "train", "--problem=p", "--run=r", "--hparams=hiden_size=8"
      ),
      "flag --problem=None: Flag --problem must have a value other than None.": python("datagen"),
      "50 is not a flag": python("results", "--problem=p", "50"),
      "surplus is not a flag": python("export", "--checkpoint=a", "--to=sparse", "--out=b", "surplus"),
      "an argument is missing: see python -m t2t_lottery.inspect --help": python("inspect"),
    }
    for message, ((stdout, stderr), status) in zip(invalid, in_parallel(invalid.values())):
      self.assertEqual((status, stdout, stderr), (2, "", f"t2t-lottery: {message}\n"))

  def test_a_closed_stream_does_not_stop_a_command(self):
    done = os.path.join(self.create_tempdir().full_path, "done")
    quoted = f"'{sys.executable}' -c '{VERBOSE_COMMAND}' {done}"
    for shell in (f"{quoted} 2>&1 | head -1", f"{quoted} >&-", f"{quoted} >&- 2>&-", f"{quoted} >&- 2>&- <&-"):
      subprocess.run(["bash", "-o", "pipefail", "-c", shell], check=True, cwd=ROOT, capture_output=True)
      with open(done, encoding="utf-8") as file:
        # No output went into the file, although it was opened first.
        self.assertEmpty(file.read(), shell)
      os.remove(done)

  def test_a_command_locks_its_environment(self):
    file_lock.hold_environment()
    with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file, self.assertRaises(BlockingIOError):
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


if __name__ == "__main__":
  tf.test.main()
