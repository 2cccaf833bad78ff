"""`t2t-lottery VERB` runs `python -m t2t_lottery.VERB`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import tensorflow.compat.v1 as tf

from t2t_lottery import __main__ as main

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*arguments):
  return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


class MainTest(tf.test.TestCase):
  def test_the_console_script_is_this_module(self):
    (script,) = metadata.distribution("t2t-lottery").entry_points.select(group="console_scripts")
    self.assertEqual((script.name, script.load()), ("t2t-lottery", main.main))

  def test_every_verb_is_a_command_that_the_help_lists(self):
    listed = run("t2t_lottery", "--help").stdout.splitlines()
    for verb in main.VERBS:
      (line,) = [line for line in listed if line.split()[:1] == [verb]]
      self.assertGreater(len(line.split()), 3)
    commands = {
      name.removesuffix(".py")
      for name in os.listdir(os.path.join(ROOT, "t2t_lottery"))
      if os.path.exists(os.path.join(ROOT, "t2t_lottery", name, "__main__.py"))
      or (name.endswith(".py") and not name.startswith("_"))
    }
    # `compat` starts t2t's own commands.
    self.assertEqual(commands - {"compat"}, {*main.VERBS})

  def test_a_verb_gets_its_flags_and_prints_the_same_output(self):
    for flags in (["--help"], ["--no_such_flag"], ["--problem=p", "--size=huge"]):
      module, verb = run("t2t_lottery.results", *flags), run("t2t_lottery", "results", *flags)
      self.assertEqual((verb.returncode, verb.stdout, verb.stderr), (module.returncode, module.stdout, module.stderr))

  def test_an_unknown_verb_is_one_line(self):
    for verb, hint in (("exprot", "did you mean export?"), ("magic", "choose from datagen, import_bert, train,")):
      done = run("t2t_lottery", verb)
      self.assertEqual((done.returncode, done.stdout), (2, ""))
      self.assertStartsWith(done.stderr, f"t2t-lottery: unknown command {verb}: {hint}")


if __name__ == "__main__":
  tf.test.main()
