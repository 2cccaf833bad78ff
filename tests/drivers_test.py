"""The drivers in run_scripts/: their flags, before anything starts."""

import os
import re
import shutil
import signal
import subprocess
import sys

import tensorflow.compat.v1 as tf
import trained
from absl.testing import parameterized

DRIVERS = (
  *("dense.sh", "mp.sh", "lt.sh", "slt.sh", "clt.sh", "slt_mp.sh", "mp_slt.sh"),
  *("snip.sh", "synflow.sh", "quickstart.sh"),
)
# Stands in for Python: saves when it is told to end twice.
STEP_THAT_SAVES = """#!{python}
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("at work", flush=True)
signal.sigwait([signal.SIGTERM])
print("told", flush=True)
signal.sigwait([signal.SIGTERM])
print("saved", flush=True)
raise SystemExit(143)
"""


def driver(name, *arguments):
  return subprocess.run(
    [os.path.join(trained.ROOT, "run_scripts", name), *arguments], check=False, capture_output=True, text=True
  )


class DriversTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(*DRIVERS)
  def test_help_names_every_flag(self, name):
    done = driver(name, "--help")
    self.assertEqual(done.returncode, 0)
    with open(os.path.join(trained.ROOT, "run_scripts", "lib.sh"), encoding="utf-8") as file:
      parse = re.search(r"^parse\(\).*?esac", file.read(), re.MULTILINE | re.DOTALL)[0]
    known = set(re.findall(r"--[a-z_]+(?==\S+\))|--[a-z_]+(?==\*)|--one_shot", parse))
    self.assertContainsSubset(["--problem", "--switch", "--rewind", "--variant", "--one_shot"], known)
    for flag in known:
      self.assertIn(flag, done.stdout)

  @parameterized.parameters(
    ("--method=slt", "unknown flag --method=slt"),
    ("--rewind=first", "unknown flag --rewind=first"),
    ("--levels=50 40", "levels must rise from above 0 to below 100: 50 40"),
    ("--levels=50 100", "levels must rise from above 0 to below 100"),
    ("--levels=0 50", "levels must rise from above 0"),
    ("--levels=half", "level half is not a percentage"),
    ("--levels=", "--levels is empty"),
    ("--switch=sixty", "level sixty is not a percentage"),
    ("--prune_each=100", "--prune_each=100 is not a share of weights in percent"),
    ("--controls=random_signs magic", "unknown control magic"),
    ("--controls=shuffled_mask", "the control shuffled_mask needs .*: --rewind=dense"),
    ("--variant=magic", "unknown flag --variant=magic"),
  )
  def test_a_bad_flag_is_one_line(self, flag, message):
    done = driver("slt.sh", flag)
    self.assertEqual(done.returncode, 2)
    self.assertLen(done.stderr.splitlines(), 1)
    self.assertRegex(done.stderr, f"^slt.sh: {message}")

  @parameterized.named_parameters(
    ("slt", "slt.sh", ["--levels=10 20"], ["dense", "slt-10 < dense", "slt-10-20 < slt-10"]),
    (
      "rewind_dense",
      "lt.sh",
      ["--levels=10 20", "--rewind=dense"],
      ["dense", "lt+rewind_dense-10 < dense, dense", "lt+rewind_dense-10-20 < lt+rewind_dense-10, dense"],
    ),
    ("one_shot", "clt.sh", ["--levels=50 80", "--one_shot"], ["dense", "clt-50 < dense", "clt-80 < dense"]),
    ("mp", "mp.sh", ["--levels=50 80"], ["dense", "mp-50", "mp-80"]),
    (
      "slt_mp",
      "slt_mp.sh",
      ["--levels=50 70 80"],
      ["dense", "slt-50 < dense", "slt-50-60 < slt-50", "slt-50-60-mp-70 < slt-50-60", "slt-50-60-mp-80 < slt-50-60"],
    ),
    (
      "mp_slt",
      "mp_slt.sh",
      ["--levels=70 80"],
      ["dense", "mp-60", "mp-60-slt-70 < mp-60", "mp-60-slt-70-80 < mp-60-slt-70"],
    ),
    (
      "control",
      "clt.sh",
      ["--levels=50 80", "--controls=random_signs"],
      [
        "dense",
        "clt-50 < dense",
        "clt-50+random_signs < dense",
        "clt-50-80 < clt-50",
        "clt-50-80+random_signs < clt-50",
      ],
    ),
    (
      "control_below_the_switch",
      "slt_mp.sh",
      ["--levels=50 70", "--switch=50", "--controls=random_signs"],
      ["dense", "slt-50 < dense", "slt-50+random_signs < dense", "slt-50-mp-70 < slt-50"],
    ),
    (
      "variant",
      "slt.sh",
      ["--levels=50 80", "--variant=global_magnitude"],
      ["dense", "slt+global_magnitude-50 < dense", "slt+global_magnitude-50-80 < slt+global_magnitude-50"],
    ),
    ("snip", "snip.sh", ["--levels=50 80"], ["dense", "snip-50 < dense", "snip-80 < dense"]),
    (
      "other_spellings",
      "mp_slt.sh",
      ["--levels=050.0 60.00 72.50 080", "--switch=060"],
      ["dense", "mp-50", "mp-60", "mp-60-slt-72.5 < mp-60", "mp-60-slt-72.5-80 < mp-60-slt-72.5"],
    ),
    (
      "shares",
      "slt.sh",
      ["--levels=50", "--prune_each=20"],
      [
        "dense",
        "slt-20 < dense",
        "slt-20-36 < slt-20",
        "slt-20-36-48.8 < slt-20-36",
        "slt-20-36-48.8-50 < slt-20-36-48.8",
      ],
    ),
  )
  def test_chains_the_runs_of_the_method(self, name, flags, expected):
    """With a stand-in for Python that only writes down what it is called with."""
    folder = self.create_tempdir()
    shutil.copytree(os.path.join(trained.ROOT, "run_scripts"), os.path.join(folder.full_path, "run_scripts"))
    folder.create_file("run_scripts/setup.sh", "#!/bin/sh\n", mode="w")
    python = folder.create_file(".venv/bin/python", f'#!/bin/sh\necho "$@" >>{folder.full_path}/calls\n').full_path
    os.chmod(python, 0o755)
    os.chmod(os.path.join(folder.full_path, "run_scripts", "setup.sh"), 0o755)
    subprocess.run([os.path.join(folder.full_path, "run_scripts", name), *flags], check=True, capture_output=True)
    with open(os.path.join(folder.full_path, "calls"), encoding="utf-8") as file:
      calls = [dict(re.findall(r"--([a-z_]+)=(\S+)", line)) | {"step": line.split()[1]} for line in file]
    trainings = [call for call in calls if call["step"] == "t2t_lottery.train"]
    descent = [
      call["run"]
      + "".join(
        f"{sign}{call[parent]}" for sign, parent in ((" < ", "mask_from"), (", ", "rewind_from")) if parent in call
      )
      for call in trainings
    ]
    self.assertEqual(descent, expected)
    for call in trainings[1:]:
      self.assertEqual(call["level"], re.split(r"[-+]", re.sub(r"\+random_signs$", "", call["run"]))[-1])
    self.assertEqual([c["run"] for c in calls if c["step"] == "t2t_lottery.evaluate"], [c["run"] for c in trainings])
    self.assertEqual(calls[-1]["runs"].split(","), [call["run"] for call in trainings])

  def test_hparams_of_the_user_take_the_place_of_the_drivers_own(self):
    code = """
from absl import flags
from t2t_lottery import asked_run, settings
flags.FLAGS(["", "--problem=p", "--size=tiny", "--steps=2000", "--run=mp-50", "--method=mp", "--level=50", "--hparams=prune_every=400,dropout=0.2"])
config = settings.from_flags()
print(*asked_run.command(config, asked_run.describe(config)), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=trained.ROOT, check=True, capture_output=True, text=True)
    (given,) = [line for line in done.stdout.splitlines() if line.startswith("--hparams=")]
    self.assertLen(re.findall("prune_every=", given), 1)
    self.assertIn("prune_until=1600", given)
    self.assertTrue(given.endswith(",prune_every=400,dropout=0.2"))

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
  def test_told_to_end_it_ends_the_step_at_work_and_waits_for_it(self, number):
    folder = self.create_tempdir()
    shutil.copytree(os.path.join(trained.ROOT, "run_scripts"), os.path.join(folder.full_path, "run_scripts"))
    setup = folder.create_file("run_scripts/setup.sh", "#!/bin/sh\n", mode="w").full_path
    python = folder.create_file(".venv/bin/python", STEP_THAT_SAVES.format(python=sys.executable), mode="w").full_path
    for path in (setup, python):
      os.chmod(path, 0o755)
    with subprocess.Popen(
      [os.path.join(folder.full_path, "run_scripts", "dense.sh")],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      # A shell ignores what it was started to ignore, as Ctrl-C in the background and SIGHUP by nohup.
      preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
      try:
        self.assertEqual(process.stdout.readline(), "at work\n")
        process.send_signal(number)
        self.assertEqual(process.stdout.readline(), "told\n")
        # The step hears of it each time.
        process.send_signal(number)
        self.assertEqual(process.communicate(timeout=60)[0], "saved\n")
      finally:
        process.kill()
    self.assertEqual(process.returncode, 128 + number)


if __name__ == "__main__":
  tf.test.main()
