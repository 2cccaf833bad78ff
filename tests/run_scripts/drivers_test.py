"""The drivers in run_scripts/: their flags, before anything starts."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.reproduce.planning import driver_flags, run_graph
from t2t_lottery.runs import presets
from t2t_lottery.utils import errors
from tests.support import trained

DRIVERS = (*(f"{method}.sh" for method in run_graph.METHODS), "quickstart.sh")
OF_STRUCTURES = ("units.sh", "heads.sh")
# Flags of translation, which imp.sh does not have.
NOT_OF_BERT = {
  **dict.fromkeys(("--comet", "--comet_python", "--name", "--train", "--dev", "--test", "--languages"), "x"),
  **{"--size": "tiny", "--average": "2", "--decoder": "t2t", "--bleu_tokenize": "13a", "--compute_type": "int8"},
  **{"--vocab_size": "500", "--rewind_step": "5"},
}
# Replaces Python: saves on the second SIGTERM.
STEP_THAT_SAVES = """import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("running", flush=True)
signal.sigwait([signal.SIGTERM])
print("signaled", flush=True)
signal.sigwait([signal.SIGTERM])
print("saved", flush=True)
raise SystemExit(143)
"""


def driver(name, *arguments):
  return subprocess.run(
    [os.path.join(trained.ROOT, "run_scripts", name), *arguments], check=False, capture_output=True, text=True
  )


def trainer_command(*arguments, size="--size=tiny"):
  """The command of t2t-trainer that a step of a driver calls."""
  code = """
import sys
from absl import flags
from t2t_lottery import train
from t2t_lottery.runs import command_flags
from t2t_lottery.runs import run_spec
flags.FLAGS(["", "--problem=p", "--steps=2000", "--run=r", *sys.argv[1:]])
settings, options = command_flags.read(), train.options()
print(*run_spec.command(settings, run_spec.describe(settings, options), options), sep="\\n")
"""
  done = subprocess.run(
    [sys.executable, "-c", code, size, *arguments], cwd=trained.ROOT, check=True, capture_output=True, text=True
  )
  return done.stdout.splitlines()


class DriversTest(parameterized.TestCase, tf.test.TestCase):
  def test_every_driver_is_a_method_of_the_graph(self):
    folder = os.path.join(trained.ROOT, "run_scripts")
    found = set()
    for name in os.listdir(folder):
      with open(os.path.join(folder, name), encoding="utf-8") as file:
        if 'parse "$@"' in file.read():
          found.add(name)
    self.assertEqual(found, {*DRIVERS})

  @parameterized.parameters(*DRIVERS)
  def test_help_lists_every_flag_with_an_effect(self, name):
    done = driver(name, "--help")
    self.assertEqual(done.returncode, 0)
    listed = set(re.findall(r"^  (--[a-z0-9_]+)", done.stdout, re.MULTILINE))
    flags = (*driver_flags.OF_RUNS, *driver_flags.OF_TEXT, *driver_flags.OF_TICKETS)
    known = {f"--{flag.name}" for flag in flags} | {"--plan", "--version"}
    self.assertContainsSubset(["--problem", "--seed"], listed)
    values = {flag.name: (flag.choices or ("1",))[0] for flag in driver_flags.of_chain() if flag.metavar}
    variant = "magnitude" if name in OF_STRUCTURES else "heads" if name == "imp.sh" else "dense_embedding"
    values.update(levels="50", slt_levels="80", controls="random_signs", variant=variant, switch="1", switches="1")
    given = ["--one_shot", "--equal_training", *(f"--{flag}={value}" for flag, value in values.items())]
    given += [
      "--checkpoint=x",
      "--steps=100",
      *(f"{flag}={value}" for flag, value in NOT_OF_BERT.items() if name == "imp.sh"),
    ]
    # Of --prune_each=1, the first level is 1%. Pairs that exclude each other.
    ways = (
      [word for word in given if word.partition("=")[0] not in others]
      for others in (
        ("--switch", "--one_shot", "--variant", "--rewind_steps"),
        ("--switches", "--equal_training", "--ticket_from", "--slt_levels"),
      )
    )
    found = {flag for way in ways for flag in driver(name, "--plan=table", *way).stdout.splitlines()[0].split("\t")[1:]}
    # Without controls that have no effect.
    unused = {flag for flag in found if "=" not in flag}
    self.assertEqual(listed, known - {*unused})
    for flag in unused:
      (word,) = [word for word in given if word.partition("=")[0] == flag]
      done = driver(name, word)
      self.assertEqual(done.returncode, 2)
      self.assertEqual(done.stderr, f"{name}: {flag} has no effect in {name}: leave it out\n")

  @parameterized.parameters(
    ("80 70", "slt_levels must increase from above 0 to below 100: 80 70"),
    ("50 80", "--slt_levels must be above 50, the last of --levels: 50 80"),
    (" ", "--slt_levels is empty"),
  )
  def test_slt_prunes_more_than_the_structures_that_are_gone(self, levels, message):
    done = driver("units.sh", "--levels=50", f"--slt_levels={levels}")
    self.assertEqual((done.returncode, done.stderr), (2, f"units.sh: {message}\n"))

  @parameterized.parameters(
    ("snip.sh", "--gpus=2", "--gpus=2: tickets of snip scores take gradients"),
    ("supermask.sh", "--gpus=4", "--gpus=4: tickets of supermask scores take gradients"),
    ("units.sh", "--hosts=a:1,b:1", "--hosts: tickets of activation scores take activations"),
    ("heads.sh", "--gpus=2", "--gpus=2: tickets of gradient scores take gradients"),
    ("heads.sh", "--gpus=2 --variant=gates", "--gpus=2: tickets of gates scores take gradients"),
    ("imp.sh", "--gpus=2 --variant=mlps --checkpoint=x", "--gpus=2: tickets of gradient scores take gradients"),
    ("heads.sh", "--gpus=2 --variant=magnitude", ""),
    ("slt.sh", "--gpus=2", ""),
    ("heads.sh", "--gpus=1", ""),
  )
  def test_scores_of_one_device_are_refused_on_several(self, name, words, message):
    done = driver(name, *words.split(), "--plan")
    expected = f"{name}: {message} on one device: leave it out\n" if message else ""
    self.assertEqual((done.returncode, done.stderr), (2 if message else 0, expected))

  @parameterized.parameters("bad_mask", "shuffled_mask", "random_signs+bad_mask")
  def test_a_control_that_would_restore_removed_structures_is_refused(self, control):
    for way in ("--rewind=dense", "--one_shot"):
      done = driver("units.sh", "--levels=25", way, f"--controls={control}", "--slt_levels=80", "--plan")
      self.assertEqual(done.returncode, 2)
      self.assertRegex(
        done.stderr,
        "^units.sh: the control (bad|shuffled)_mask would restore what was removed as a whole before --slt_levels: ",
      )

  @parameterized.parameters(
    ("--method=slt", "unknown flag --method=slt; --help lists all"),
    ("--level=50", "unknown flag --level=50: did you mean --levels\\?"),
    ("levels=50", "unknown flag levels=50"),
    ("--one_shot=yes", "--one_shot takes no value"),
    ("--levels", '--levels needs a value: --levels="L ..."'),
    ("--rewind=first", "--rewind=first: choose last or dense"),
    ("--keep=essentials", "--keep=essentials: did you mean essential\\?"),
    ("--levels=50 40", "levels must increase from above 0 to below 100: 50 40"),
    ("--levels=50 100", "levels must increase from above 0 to below 100"),
    ("--levels=0 50", "levels must increase from above 0"),
    ("--levels=half", "level half is not a percentage"),
    ("--levels=", "--levels is empty"),
    ("--switch=sixty", "level sixty is not a percentage"),
    ("--prune_each=100", "--prune_each=100 is not a share of weights in percent"),
    ("--controls=random_signs magic", "unknown control magic"),
    ("--controls=random_signs random_signs", "--controls contains random_signs twice"),
    ("--controls=shuffled_mask", "the control shuffled_mask needs .*: give --rewind=dense or --one_shot"),
    ("--controls=bad_mask", "the control bad_mask needs .*: give --rewind=dense or --one_shot"),
    ("--controls=running_sum", "the control running_sum is of the gradients of heads and MLPs: heads.sh without"),
    ("--controls=random_signs+magic", "unknown control magic"),
    (
      "--controls=redrawn_values+constant_values",
      ".*: redrawn_values and constant_values change the same: combine others",
    ),
    ("--controls=random_signs+constant_values constant_values+random_signs", "--controls contains .* twice"),
    ("--controls=reinitialized+random_signs", ".*: the signs of reinitialized weights are random already"),
    ("--controls=random_signs+bad_mask", "the control bad_mask needs .*: give --rewind=dense or --one_shot"),
    ("--variant=mlps", "--variant=mlps is only for imp"),
    ("--variant=layer_magnitude", "--variant=layer_magnitude is only for imp"),
    ("--data_seed=two", "--data_seed=two is not a nonnegative integer"),
    ("--data_seed=٣", "--data_seed=٣ is not a nonnegative integer"),
    ("--prune_each=0.0001", "--prune_each=0.0001 makes more than 1000 levels up to 98%: give a larger share"),
    ("--dev=a.en,a.de", "--dev=b.en,b.de and --dev=a.en,a.de: give one of them", "--dev=b.en,b.de"),
    ("--seed=1", "--seed=2 and --seed=1: give one of them", "--seed=2"),
    ("--steps=1e3", "--steps=1e3 is not a nonnegative integer", "--plan"),
    ("--steps=19", "--steps=19: a run has at least 20 steps", "--plan"),
    ("--seed=-1", "--seed=-1 is not a nonnegative integer", "--plan"),
    ("--rewind_step=3001", "--rewind_step=3001 is after the end of a run of 3000 steps", "--size=tiny", "--plan"),
    ("--checkpoints=3001", "--checkpoints=3001 are more than a run of 3000 steps can save", "--size=tiny"),
    ("--switches=60 50", "switches must increase from above 0 to below 100: 60 50"),
    ("--switches=", "--switches is empty"),
    ("--schedule_from=25000", "--schedule_from=25000: choose 0 or t"),
    ("--train=a.en,a.de", "--train is for own text: give it a --name"),
    ("--name=Mine", "--name=Mine: use lower-case letters"),
    ("--variant=wild", "--variant=wild: choose global_magnitude or global_scores or layer_magnitude"),
    ("--size=tinny", "--size=tinny: did you mean tiny\\?"),
    ("--hparams=hiden_size=8", "unknown hparam hiden_size: did you mean hidden_size\\?"),
    ("--hparams=batch_size=x", "--hparams=batch_size=x: batch_size is an integer"),
    ("--equal_training", "--equal_training: SLT's line has no level 55, the switch: add it to --levels", "--switch=55"),
    ("--equal_training", "--equal_training: with --one_shot SLT's line is as short", "--one_shot"),
    ("--bleu_tokenize=flores20", "--bleu_tokenize=flores20: did you mean flores200\\?"),
    ("--hparams=supermask_temperature=0", "--hparams: supermask_temperature=0 is invalid: must be greater than 0"),
    ("--hparams=gates_penalty=nan", "--hparams: gates_penalty=nan is invalid: must be at least 0"),
    ("--comet_python=python", "--comet_python=python has no effect without --comet=MODEL"),
    ("--size=bigg", "--size=bigg: did you mean big\\?"),
  )
  def test_invalid_flag_is_reported_in_one_line(self, flag, message, *more):
    done = driver("slt_mp.sh", flag, *more)
    self.assertEqual(done.returncode, 2)
    self.assertLen(done.stderr.splitlines(), 1)
    self.assertRegex(done.stderr, f"^slt_mp.sh: {message}")

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
    ("lrr", "lrr.sh", ["--levels=50 80"], ["dense", "lrr-50 < dense", "lrr-50-80 < lrr-50"]),
    (
      "finetune_one_shot",
      "finetune.sh",
      ["--levels=50 80", "--one_shot"],
      ["dense", "finetune-50 < dense", "finetune-80 < dense"],
    ),
    (
      "schedule_from_t",
      "slt_mp.sh",
      ["--levels=50 80", "--switch=50", "--schedule_from=t", "--rewind=dense"],
      [
        "dense",
        "slt+schedule_from_t+rewind_dense-50 < dense, dense",
        "slt+schedule_from_t+rewind_dense-50-mp-80 < slt+schedule_from_t+rewind_dense-50, dense",
      ],
    ),
    (
      "data_seed",
      "mp_slt.sh",
      ["--levels=70 80", "--data_seed=7"],
      [
        *("dense", "dense+data_seed_7", "mp-60", "mp-60+data_seed_7"),
        *("mp-60-slt-70 < mp-60", "mp-60-slt-70+data_seed_7 < mp-60, mp-60-slt-70"),
        *("mp-60-slt-70-80 < mp-60-slt-70", "mp-60-slt-70-80+data_seed_7 < mp-60-slt-70, mp-60-slt-70-80"),
      ],
    ),
    (
      "rewind_steps",
      "slt.sh",
      ["--levels=10 20", "--rewind_steps=0 100 5% 100%"],
      [
        *("dense", "lt-10 < dense", "lt-10-20 < lt-10"),
        *("slt+t_100-10 < dense", "slt+t_100-10-20 < slt+t_100-10"),
        *("slt-10 < dense", "slt-10-20 < slt-10", "lrr-10 < dense", "lrr-10-20 < lrr-10"),
      ],
    ),
    (
      "rewind_steps_of_bert",
      "imp.sh",
      ["--levels=10 20", "--rewind_steps=0 5%", "--steps=200"],
      [
        *("dense", "imp-10 < dense, dense", "imp-10-20 < imp-10, dense"),
        *("imp+t_10-10 < dense, dense", "imp+t_10-10-20 < imp+t_10-10, dense"),
      ],
    ),
    (
      "switches",
      "slt_mp.sh",
      ["--levels=50 60 80", "--switches=50 60"],
      [
        *("dense", "slt-50 < dense", "slt-50-mp-60 < slt-50", "slt-50-mp-80 < slt-50"),
        *("slt-50-60 < slt-50", "slt-50-60-mp-80 < slt-50-60"),
      ],
    ),
    (
      "switches_mp_slt",
      "mp_slt.sh",
      ["--levels=50 80", "--switches=50 60"],
      ["dense", "mp-50", "mp-50-slt-80 < mp-50", "mp-60", "mp-60-slt-80 < mp-60"],
    ),
    ("schedule_from_0", "slt.sh", ["--levels=50", "--schedule_from=0"], ["dense", "slt-50 < dense"]),
    (
      "synflow_global",
      "synflow.sh",
      ["--levels=50 80", "--variant=global_scores"],
      ["dense", "synflow+global_scores-50 < dense", "synflow+global_scores-80 < dense"],
    ),
    (
      "mp_equal_training",
      "mp.sh",
      ["--levels=50 80", "--steps=100", "--equal_training"],
      ["dense", "mp-50", "mp-80", "mp+steps_200-50", "mp+steps_300-80"],
    ),
    (
      "slt_mp_equal_training",
      "slt_mp.sh",
      ["--levels=50 60 70 80", "--steps=100", "--switches=50 60", "--equal_training"],
      [
        *("dense", "slt-50 < dense"),
        *(f"slt-50-mp-{level} < slt-50" for level in (60, 70, 80)),
        *("slt-50-mp+steps_200-70 < slt-50", "slt-50-mp+steps_300-80 < slt-50", "slt-50-60 < slt-50"),
        *(f"slt-50-60-mp-{level} < slt-50-60" for level in (70, 80)),
        "slt-50-60-mp+steps_200-80 < slt-50-60",
      ],
    ),
    ("snip", "snip.sh", ["--levels=50 80"], ["dense", "snip-50 < dense", "snip-80 < dense"]),
    ("supermask", "supermask.sh", ["--levels=50 80"], ["dense", "supermask-50 < dense", "supermask-80 < dense"]),
    ("units", "units.sh", ["--levels=50 80"], ["dense", "units-50 < dense", "units-50-80 < units-50"]),
    (
      "imp",
      "imp.sh",
      ["--levels=20 40", "--controls=shuffled_mask"],
      [
        *("dense", "imp-20 < dense, dense", "imp-20+shuffled_mask < dense, dense"),
        *("imp-20-40 < imp-20, dense", "imp-20-40+shuffled_mask < imp-20, dense"),
      ],
    ),
    (
      "imp_of_the_remaining",
      "imp.sh",
      ["--levels=19", "--prune_each=10"],
      ["dense", "imp-10 < dense, dense", "imp-10-19 < imp-10, dense"],
    ),
    (
      "imp_of_another_task",
      "imp.sh",
      ["--levels=20 40", "--ticket_from=glue_cola"],
      [
        *("dense", "imp+ticket_from_glue_cola-20 < glue_cola/imp-20, dense"),
        "imp+ticket_from_glue_cola-20-40 < glue_cola/imp-20-40, dense",
      ],
    ),
    (
      "good_random_and_bad",
      "imp.sh",
      ["--levels=20 40", "--one_shot", "--variant=heads_mlps", "--controls=random_mask bad_mask"],
      [
        "dense",
        *(
          f"imp+heads_mlps-{level}{control} < dense, dense"
          for level in (20, 40)
          for control in ("", "+random_mask", "+bad_mask")
        ),
      ],
    ),
    ("heads", "heads.sh", ["--levels=25 50"], ["dense", "heads-25 < dense", "heads-25-50 < heads-25"]),
    (
      "units_then_slt",
      "units.sh",
      ["--levels=25 50", "--slt_levels=080 90.0", "--variant=magnitude"],
      [
        *("dense", "units+magnitude-25 < dense", "units+magnitude-25-50 < units+magnitude-25"),
        "slt+units+magnitude_25_50-80 < units+magnitude-25-50",
        "slt+units+magnitude_25_50-80-90 < slt+units+magnitude_25_50-80",
      ],
    ),
    (
      "heads_then_slt",
      "heads.sh",
      ["--levels=12.5", "--slt_levels=80", "--controls=random_signs"],
      [
        *("dense", "heads-12.5 < dense", "heads-12.5+random_signs < dense"),
        "slt+heads_12p5+global_magnitude-80 < heads-12.5",
        "slt+heads_12p5+global_magnitude-80+random_signs < heads-12.5",
      ],
    ),
    ("gates", "heads.sh", ["--levels=25", "--variant=gates"], ["dense", "heads+gates-25 < dense"]),
    (
      "a_random_mask_of_all_weights",
      "lt.sh",
      ["--levels=20 40", "--rewind=dense", "--controls=random_mask"],
      [
        *("dense", "lt+rewind_dense-20 < dense, dense", "lt+rewind_dense-20+random_mask < dense, dense"),
        *("lt+rewind_dense-20-40 < lt+rewind_dense-20, dense", "lt+rewind_dense-20-40+random_mask < dense, dense"),
      ],
    ),
    (
      "a_random_mask_within_the_level_before",
      "lt.sh",
      ["--levels=20 40", "--controls=random_mask"],
      [
        *("dense", "lt-20 < dense", "lt-20+random_mask < dense"),
        *("lt-20-40 < lt-20", "lt-20-40+random_mask < lt-20"),
      ],
    ),
    (
      "running_sum",
      "heads.sh",
      ["--levels=25", "--controls=running_sum"],
      ["dense", "heads-25 < dense", "heads-25+running_sum < dense"],
    ),
    (
      "units_by_magnitude",
      "units.sh",
      ["--levels=50", "--variant=magnitude"],
      ["dense", "units+magnitude-50 < dense"],
    ),
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
  def test_plan_is_the_chain_of_the_method(self, name, flags, expected):
    done = driver(name, "--plan", *flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    runs = []
    for line in done.stdout.splitlines():
      run, *words = line.split("\t")
      runs.append({"run": run, **dict(word[2:].split("=", 1) for word in words)})
    lineage = [
      run["run"]
      + "".join(
        f"{sign}{run[parent]}"
        for sign, parent in ((" < ", "mask_from"), (", ", "rewind_from"), (", ", "ticket_of"))
        if parent in run
      )
      for run in runs
    ]
    self.assertEqual(lineage, expected)
    for run in runs[1:]:
      self.assertEqual("schedule_from" in run, "schedule_from" in run["run"])
      self.assertEqual(run.get("data_seed"), "7" if run["run"].endswith("+data_seed_7") else None)
      name = re.sub(r"\+(random_signs|random_mask|bad_mask|shuffled_mask|running_sum|data_seed_7)$", "", run["run"])
      self.assertEqual(run.get("level", "dense"), re.split(r"[-+]", name)[-1])

  def test_controls_that_are_combined_are_one_run(self):
    done = driver("slt.sh", "--plan", "--levels=20", "--controls=random_signs+constant_values")
    *_, (name, *flags) = (line.split("\t") for line in done.stdout.splitlines())
    self.assertEqual(name, "slt-20+random_signs+constant_values")
    self.assertContainsSubset(["--control=random_signs", "--control=constant_values"], flags)

  def test_controls_that_do_not_change_clt(self):
    for control in ("constant_values", "permuted_values", "random_signs+constant_values"):
      done = driver("clt.sh", "--levels=20", f"--controls={control}")
      self.assertEqual(done.stderr, f"clt.sh: the control {control} has no effect in clt.sh: leave it out\n")
    runs = run_graph.graph(("slt", "clt"), (1,), ("--levels=20", "--controls=constant_values random_signs"))
    names = [run.name for run in runs if "+" in run.name]
    self.assertCountEqual(names, ["slt-20+constant_values", "slt-20+random_signs", "clt-20+random_signs"])

  def test_a_switch_without_a_level_above_it_is_refused(self):
    for name in ("slt_mp.sh", "mp_slt.sh"):
      for flags in (["--switches=50 90"], ["--switch=80"]):
        done = driver(name, "--levels=50 80", *flags)
        switch = flags[0][-2:]
        self.assertEqual(
          (done.returncode, done.stderr),
          (2, f"{name}: no level is above {switch}, the switch: add one to --levels, or give a lower --switch\n"),
        )
    # Of a table with other methods, only a switch that is asked for.
    self.assertNotEmpty(run_graph.graph(("slt", "slt_mp"), (1,), ("--levels=50",)))
    with self.assertRaisesRegex(errors.UserError, "no level is above 50, the switch"):
      run_graph.graph(("slt", "slt_mp"), (1,), ("--levels=50", "--switch=50"))

  def test_at_equal_training_a_run_is_as_long_as_slts_line_without_what_its_ticket_has_had(self):
    """SLT's line is that of slt.sh with the same flags, whose levels start lower than those of SLT-MP."""
    runs = run_graph.graph(("slt", "mp", "slt_mp"), (1,), ("--steps=100", "--equal_training"))
    by_name = {run.name: run for run in runs}

    def steps_in_all(run):
      return run.length(100) + sum(steps_in_all(by_name[parent]) for parent in {*run.parents})

    of_slt = {run.level: steps_in_all(run) for run in runs if run.method == "slt"}
    longer = [run for run in runs if "+steps_" in run.name]
    self.assertLen(longer, 12 + 6)
    for run in longer:
      self.assertEqual(steps_in_all(run), of_slt[run.level], run.name)

  def test_at_equal_training_all_steps_of_a_run_scale_but_those_of_its_ticket(self):
    planned = driver(
      "slt_mp.sh", "--plan", "--levels=50 60 80", "--switch=50", "--steps=2000", "--equal_training"
    ).stdout.splitlines()
    (_, *flags) = next(line.split("\t") for line in planned if line.startswith("slt-50-mp+steps_4000-80"))
    command = trainer_command(*flags)
    self.assertContainsSubset(["--train_steps=4000", "--local_eval_frequency=200"], command)
    (given,) = [word for word in command if word.startswith("--hparams=")]
    found = dict(pair.split("=") for pair in given.removeprefix("--hparams=").split(","))
    steps = presets.for_length(4000)
    for name in ("prune_until", "prune_every"):
      self.assertEqual(found[name], str(getattr(steps, name)))
    self.assertEqual(found["learning_rate_warmup_steps"], str(steps.warmup_steps))
    # The ticket's mask and weights are those of a run of 2,000 steps.
    self.assertEndsWith(found["mask_checkpoint"], "/slt-50/model.ckpt-2000")
    self.assertRegex(found["rewind_checkpoint"], "/slt-50/.*model.ckpt-100$")

  @parameterized.parameters(
    (["--rewind_steps=0 5% 25000"], "5% is a|25000 is step 25000, which is given twice"),
    (["--rewind_steps=2000", "--steps=1999"], "2000 is after the end of a run of 1999 steps"),
    (["--rewind_steps=0.1%", "--steps=400"], "0.1% of 400 steps is step 0: give 0 if that is meant"),
    (["--rewind_steps=99.9%", "--steps=400"], "99.9% of 400 steps is step 400: give 400 if that is meant"),
    (["--rewind_steps=early"], "early is neither a step nor a share of the length, such as 2%"),
    (["--rewind_steps=2.5"], "2.5 is neither a step nor a share"),
    (["--rewind_steps="], "is empty"),
    (["--rewind_steps=100%", "--rewind=dense"], "the end of the last level's: leave out 100% or --rewind=dense"),
    (["--rewind_steps=0", "--schedule_from=t"], "only between 0 and 100% has --schedule_from=t a meaning"),
  )
  def test_a_sweep_over_t_without_meaning_is_refused(self, flags, message):
    done = driver("slt.sh", *flags)
    self.assertEqual(done.returncode, 2)
    self.assertLen(done.stderr.splitlines(), 1)
    self.assertRegex(done.stderr, f"^slt.sh: --rewind_steps:? ?.*({message})")

  def test_one_switch_or_several(self):
    done = driver("mp_slt.sh", "--switch=50", "--switches=50 60")
    self.assertEqual(done.stderr, "mp_slt.sh: --switches=50 60 replaces --switch=50: leave one of them out\n")

  def test_the_dense_run_keeps_each_t_and_a_ticket_rewinds_to_its_own(self):
    """t is part of a ticket's name, so the dense run is shared; each ticket keeps the theta_t of the next level."""
    planned = driver(
      "slt.sh", "--plan", "--size=tiny", "--levels=50", "--rewind_steps=2% 5% 20% 100%"
    ).stdout.splitlines()
    self.assertEqual(planned[0], "dense\t--rewind_also=60 600")
    self.assertEqual(
      [line.rpartition("\t--rewind_step=")[2] for line in planned if line.startswith("slt+")], ["60", "600"]
    )
    (given,) = [word for word in trainer_command("--method=dense", "--rewind_also=60 600") if "--hparams=" in word]
    self.assertIn("rewind_also=60 600", given)
    flags = ("--method=slt", "--level=50", "--mask_from=dense", "--rewind_step=60")
    (given,) = [word for word in trainer_command(*flags) if "--hparams=" in word]
    self.assertRegex(given, "rewind_checkpoint=[^,]*/dense/[^,]*model.ckpt-60,")
    self.assertRegex(given, "rewind_step=60(,|$)")

  @parameterized.parameters("slt.sh", "mp_slt.sh", "quickstart.sh")
  def test_executes_the_plan_and_prints_the_table(self, name):
    flags = ["--levels=50 80", "--hosts=a:1,b:1", "--host_index", "1", "--gpus=2", "--keep=essential", "--seed=3"]
    planned = [line.split("\t") for line in driver(name, "--plan", *flags).stdout.splitlines()]
    scripts = self.stand_in("printf '%s\\t' \"$@\"; echo")
    command = [os.path.join(scripts, name), *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    steps = {}
    for line in done:
      isolated, step, *words = line.rstrip("\t").split("\t")
      self.assertEqual(isolated, "-Im")
      steps.setdefault(step.removeprefix("t2t_lottery."), []).append(words)
    # datagen checks the levels before anything else is done.
    self.assertEqual(list(steps)[0], "datagen")
    self.assertContainsSubset(["--levels=50 80" + " 60" * (name == "mp_slt.sh")], steps["datagen"][0])
    shared = ["--size=", "--seed=3", "--host_index=1", "--hosts=a:1,b:1", "--tmp_dir="]
    for step in ("datagen", "train", "evaluate", "results"):
      for words in steps[step]:
        for flag in shared:
          self.assertLen([word for word in words if word.startswith(flag)], 1)
    for (run, *flags), training, evaluation in zip(planned, steps["train"], steps["evaluate"], strict=True):
      self.assertEqual(training[training.index(f"--run={run}") :], [f"--run={run}", "--gpus=2", *flags])
      self.assertContainsSubset([f"--run={run}", "--keep=essential", "--average=0"], evaluation)
    self.assertIn("--runs=" + ",".join(run for run, *_ in planned), steps["results"][0])
    self.assertEqual("report" in steps, name == "quickstart.sh")

  def test_own_text_is_passed_to_datagen_and_sets_the_problem_of_all_steps(self):
    text = ["--train=a b.en,a.de", "--train=c.en-de.tsv", "--test=t.en,t.de", "--vocab_size=500"]
    scripts = self.stand_in("printf '%s\\t' \"$@\"; echo")
    command = [os.path.join(scripts, "slt.sh"), "--levels=50", "--name=mine", *text]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    datagen, *others = (line.split("\t") for line in lines)
    self.assertContainsSubset(text, datagen)
    self.assertLen(others, 5)
    for step in (datagen, *others):
      self.assertIn("--problem=translate_mine", step)
      if step != datagen:
        self.assertNoCommonElements(text, step)
    done = driver("slt.sh", "--name=mine", "--problem=translate_ende_wmt14")
    self.assertEqual(done.stderr, "slt.sh: --name=mine is the problem translate_mine: leave out --problem\n")

  def stand_in(self, python):
    """Copies the drivers, with a script in place of Python except for their flags, and an empty setup.sh; returns the folder."""
    folder = self.create_tempdir()
    scripts = os.path.join(folder.full_path, "run_scripts")
    shutil.copytree(os.path.join(trained.ROOT, "run_scripts"), scripts)
    os.symlink(os.path.join(trained.ROOT, "t2t_lottery"), os.path.join(folder.full_path, "t2t_lottery"))
    flags = f'case "$*" in *driver_flags*) exec {sys.executable} "$@" ;; esac'
    made = [
      folder.create_file("run_scripts/setup.sh", "#!/bin/sh\n", mode="w").full_path,
      folder.create_file(".venv/bin/python", f"#!/bin/sh\n{flags}\n{python}\n", mode="w").full_path,
    ]
    for path in made:
      os.chmod(path, 0o755)
    return scripts

  @parameterized.parameters("slt.sh", "reproduce.sh")
  def test_symbolic_link_to_a_driver_works(self, name):
    scripts = self.stand_in('echo "$@"')
    elsewhere = self.create_tempdir().full_path
    link = os.path.join(elsewhere, "a link")
    os.symlink(os.path.join(scripts, name), os.path.join(elsewhere, "one"))
    os.symlink("one", link)
    by_name, by_link = (
      subprocess.run([path, "--levels=50"], cwd=elsewhere, capture_output=True, text=True, check=True).stdout
      for path in (os.path.join(scripts, name), link)
    )
    self.assertNotEmpty(by_name)
    self.assertEqual(by_link, by_name)

  def test_driver_without_its_library_fails(self):
    alone = shutil.copy(os.path.join(trained.ROOT, "run_scripts", "slt.sh"), self.create_tempdir().full_path)
    done = subprocess.run([alone], capture_output=True, text=True, check=False)
    self.assertNotEqual(done.returncode, 0)
    self.assertLen(done.stderr.splitlines(), 1)

  def test_flags_and_help_need_no_environment(self):
    """Any Python of the machine parses them."""
    scripts = self.stand_in("exit 9")
    os.remove(os.path.join(os.path.dirname(scripts), ".venv", "bin", "python"))
    for flags, status in ((["--help"], 0), (["--plan"], 0), (["--levels=none"], 2)):
      done = subprocess.run([os.path.join(scripts, "slt.sh"), *flags], capture_output=True, text=True, check=False)
      self.assertEqual(done.returncode, status, done.stderr)
      self.assertLen((done.stdout + done.stderr).splitlines(), len(driver("slt.sh", *flags).stdout.splitlines()) or 1)

  @parameterized.parameters(
    ("slt.sh", "--levels=50", "--steps=none"),
    ("reproduce.sh", "--methods=none"),
  )
  def test_nothing_in_the_working_folder_is_imported(self, *command):
    scripts = self.stand_in(f'exec "{sys.executable}" "$@"')
    folder = self.create_tempdir()
    for name in ("tokenize", "runpy", "random", "inspect", "socket", "t2t_lottery", "numpy"):
      folder.create_file(f"{name}.py", 'print("imported", flush=True)\nraise SystemExit(0)\n', mode="w")
    done = subprocess.run(
      [os.path.join(scripts, command[0]), *command[1:]],
      cwd=folder.full_path,
      capture_output=True,
      text=True,
      check=False,
    )
    self.assertNotIn("imported", done.stdout)
    self.assertNotEqual(done.returncode, 0)
    self.assertIn("none", done.stderr)

  def test_child_processes_import_nothing_from_there_either(self):
    code = "from t2t_lottery.utils import t2t_process; print(t2t_process.t2t('t2t_trainer')[1:])"
    for flags, expected in (([], "-m"), (["-I"], "-Im")):
      done = subprocess.run(
        [sys.executable, *flags, "-c", code], cwd=trained.ROOT, check=True, capture_output=True, text=True
      )
      self.assertEqual(done.stdout, f"['{expected}', 't2t_lottery.compat', 't2t_trainer']\n")

  def test_hparams_of_the_user_override_those_of_the_driver(self):
    command = trainer_command("--method=mp", "--level=50", "--hparams=prune_every=400,dropout=0.2")
    (given,) = [line for line in command if line.startswith("--hparams=")]
    self.assertLen(re.findall("prune_every=", given), 1)
    self.assertIn("prune_until=1600", given)
    self.assertTrue(given.endswith(",prune_every=400,dropout=0.2"))

  def test_the_seed_of_a_run_is_no_other_order_of_its_batches(self):
    where = [f"--runs_dir={self.create_tempdir().full_path}", "--problem=translate_ende_grammar", "--size=tiny"]
    message = "--data_seed=3 is the seed of the run, which orders its batches: give another\n"
    for done, name in (
      (trained.command("train", *where, "--run=r", "--seed=3", "--data_seed=3"), "t2t-lottery"),
      # Before the dense run.
      (driver("slt.sh", *where, "--seed=3", "--data_seed=3"), "slt.sh"),
    ):
      self.assertEqual((done.returncode, done.stderr), (2, f"{name}: {message}"))

  def test_place_in_the_schedule_and_order_of_batches_are_hparams(self):
    ticket = ["--level=50", "--mask_from=dense"]
    for arguments, expected in (
      (["--method=lrr", *ticket], {}),
      (["--method=finetune", *ticket], {"schedule_from": "2000"}),
      (["--method=slt", *ticket], {}),
      (["--method=slt", *ticket, "--schedule_from=t", "--data_seed=0"], {"schedule_from": "100", "data_seed": "0"}),
      (["--method=dense", "--data_seed=7"], {"data_seed": "7"}),
      (["--method=slt", *ticket, "--data_seed=7", "--ticket_of=r"], {"data_seed": "7"}),
    ):
      (given,) = [line for line in trainer_command(*arguments) if line.startswith("--hparams=")]
      found = dict(pair.split("=") for pair in given.removeprefix("--hparams=").split(","))
      self.assertEqual({n: v for n, v in found.items() if n in ("schedule_from", "data_seed")}, expected)
      self.assertEqual("rewind_checkpoint" in found, arguments[0] == "--method=slt")

  def test_a_twin_trains_the_ticket_of_its_run(self):
    ticket = ["--level=50", "--mask_from=dense", "--control=units", "--control=bad_mask"]
    found = []
    for more in ([], ["--data_seed=7", "--ticket_of=units-50"]):
      command = trainer_command("--method=slt", *ticket, *more, "--hparams=dropout=0.2")
      (given,) = [line for line in command if line.startswith("--hparams=")]
      found.append(dict(pair.split("=") for pair in given.removeprefix("--hparams=").split(",")))
    self.assertEqual((found[0]["ticket_score"], found[0]["bad_mask"]), ("activation", "True"))
    self.assertRegex(found[0]["mask_checkpoint"], "/dense/model.ckpt-2000$")
    for source in ("mask_checkpoint", "rewind_checkpoint"):
      self.assertRegex(found[1].pop(source), "/units-50/.*model.ckpt-0$")
      del found[0][source]
    for name in ("ticket_score", "bad_mask"):
      del found[0][name]
    self.assertEqual(found[1], {**found[0], "data_seed": "7"})

  def test_a_twin_of_clt_keeps_the_magnitudes_of_its_run(self):
    ticket = ["--method=clt", "--level=50", "--mask_from=dense", "--control=redrawn_values", "--data_seed=7"]
    for more, values in (([], "redrawn"), (["--ticket_of=clt-50+redrawn_values"], "rewound")):
      command = trainer_command(*ticket, *more)
      (given,) = [line for line in command if line.startswith("--hparams=")]
      self.assertIn(f"ticket_values={values}", given)

  def test_hparams_are_passed_only_to_runs_that_use_them(self):
    flags = "--hparams=prune_until=1000,embedding_fan=hidden,supermask_steps=30,dropout=0.2"
    own = {"mp": ["prune_every", "prune_until"], "clt": ["embedding_fan"], "lt": ["supermask_steps"]}
    ticket = ["--level=50", "--mask_from=dense"]
    for method, more in {
      "dense": [],
      "slt": ticket,
      "mp": ["--level=50"],
      "clt": ticket,
      "lt": [*ticket, "--control=supermask"],
    }.items():
      command = trainer_command(f"--method={method}", *more, flags)
      (given,) = [line for line in command if line.startswith("--hparams=")]
      self.assertIn("dropout=0.2", given)
      present = [
        name for name in ("prune_every", "prune_until", "embedding_fan", "supermask_steps") if f"{name}=" in given
      ]
      self.assertEqual(present, own.get(method, []), method)

  @parameterized.parameters(
    ("--method=slt --level=50", "slt needs --mask_from"),
    ("--method=slt --mask_from=dense", "slt needs --level"),
    ("--method=mp", "mp needs --level"),
    ("--method=slt_mp --level=90 --mask_from=slt-50", "slt_mp needs --initial_level"),
    ("--method=slt --level=90 --mask_from=slt-50 --initial_level=50", "slt takes no --initial_level=50"),
    ("--method=mp --level=90 --mask_from=slt-50", "mp takes no --mask_from=slt-50: it draws no ticket"),
    ("--method=mp --level=90 --rewind_from=dense", "mp takes no --rewind_from=dense"),
    ("--level=90", "dense takes no --level=90"),
    (
      "--method=lrr --level=90 --mask_from=slt-50 --rewind_from=dense",
      "lrr takes no --rewind_from=dense: it keeps the",
    ),
    ("--method=lt --level=90 --mask_from=dense --schedule_from=t", "lt takes no --schedule_from=t: it does not rewind"),
  )
  def test_missing_and_unused_flags_of_a_run_are_rejected(self, flags, message):
    folder = self.create_tempdir().full_path
    where = ["--problem=translate_ende_grammar", "--size=tiny", f"--runs_dir={folder}"]
    done = trained.command("train", *where, "--run=r", *flags.split())
    self.assertEqual(done.returncode, 2)
    self.assertRegex(done.stderr, rf"^t2t-lottery: --method=\w+ {message.partition(' ')[2]}.*\n$")
    self.assertEmpty(os.listdir(folder))

  def test_invalid_hparams_and_step_counts_are_rejected_before_training(self):
    """Each step of a driver checks them, from datagen on."""
    expected = {
      "--hparams=rewind_step=3": "rewind_step is given by --rewind_step",
      "--hparams=dropout=0.1,sparsity=0.5": "sparsity is given by --levels",
      "--hparams=initial_sparsity=0.5": "initial_sparsity is given by --switch",
      "--hparams=mask_checkpoint=x": "mask_checkpoint is given by the driver",
      "--hparams=rewind_checkpoint=x": "rewind_checkpoint is given by --rewind",
      "--hparams=pruning_method=lt": "pruning_method is given by the driver of the method",
      "--hparams=prune_embedding=False": "prune_embedding is given by --variant=dense_embedding",
      "--hparams=ticket_scope=global": "ticket_scope is given by --variant=global_magnitude, global_scores of",
      "--hparams=ticket_score=snip": "ticket_score is given by snip.sh",
      "--hparams=ticket_values=constant": "ticket_values is given by clt.sh",
      "--hparams=ticket_signs=random": "ticket_signs is given by --controls=random_signs",
      "--hparams=shuffle_mask=True": "shuffle_mask is given by --controls=shuffled_mask",
      "--hparams=dropout=0.1,dropout=0.2": "gives dropout twice",
      "--hparams=dropout": "dropout is not NAME=VALUE",
      "--hparams=prune_until=2000": "prune_until=2000 must be before the end of a run, --steps=2000",
      "--hparams=prune_until=10": "prune_every=40 and prune_until=10 leave no step",
      "--hparams=prune_every=often": "prune_every is an integer",
      "--hparams=prune_every=-5": "must be a number of steps",
      "--checkpoints=2001": "--checkpoints=2001 are more than a run of 2000 steps can save",
    }
    code = """
import json, sys
from absl import flags
from t2t_lottery.utils import errors
from t2t_lottery.runs import command_flags
outcomes = {}
for flag in json.load(sys.stdin):
  flags.FLAGS.unparse_flags()
  flags.FLAGS(["", "--problem=p", "--steps=2000", "--hparams=", "--checkpoints=20", flag])
  try:
    outcomes[flag] = command_flags.read().hparams
  except errors.UserError as error:
    outcomes[flag] = str(error)
print(json.dumps(outcomes))
"""
    valid = "--hparams=batch_size=1024,prune_every=10, prune_until=1999,dropout[1]=2,moe_hidden_sizes=[1,2]"
    done = subprocess.run(
      [sys.executable, "-c", code],
      input=json.dumps([*expected, valid]),
      cwd=trained.ROOT,
      check=True,
      capture_output=True,
      text=True,
    )
    outcomes = json.loads(done.stdout)
    self.assertEqual(f"--hparams={outcomes.pop(valid)}", valid)
    for flag, message in expected.items():
      self.assertIn(message, outcomes[flag])
      self.assertNotIn("\n", outcomes[flag])

  @parameterized.parameters(("slt.sh", "--size=tiny"), ("imp.sh", "--checkpoint=x"))
  def test_commands_save_as_many_checkpoints_by_default_as_drivers(self, name, flag):
    """So that `reproduce.sh` and a driver agree on a run that both know."""
    code = (
      "import sys; from absl import flags; from t2t_lottery.runs import command_flags; "
      "flags.FLAGS(['', '--problem=p', *sys.argv[1:]]); print(command_flags.checkpoints())"
    )
    done = subprocess.run(
      [sys.executable, "-c", code, flag], cwd=trained.ROOT, capture_output=True, text=True, check=True
    )
    self.assertRegex(driver(name, "--help").stdout, rf"--checkpoints=N .*\[{done.stdout.strip()}\]\n")

  @parameterized.parameters("99.9999999", "99.998")
  def test_level_that_leaves_a_layer_without_weights_is_rejected_before_datagen(self, level):
    folder = self.create_tempdir().full_path
    flags = [
      "--problem=translate_ende_grammar",
      "--size=tiny",
      f"--runs_dir={folder}/runs",
      f"--data_dir={folder}/data",
    ]
    for name, command, status in (
      ("datagen", [f"--levels=50 {level}"], 1),
      ("reproduce", [f"--levels=50 {level}", "--methods=mp", "--dry_run"], 2),
    ):
      done = trained.command(name, *flags, *command)
      self.assertEqual(done.returncode, status)
      self.assertRegex(
        done.stderr,
        rf"^t2t-lottery: level {level}: sparsity 0\.9999\d* leaves none of the 16384 weights of a layer.*\n$",
      )
    self.assertEmpty(os.listdir(folder))

  @parameterized.parameters(
    ("units", "99.95", "leaves none of the 512 units of a feed-forward block: use a lower one"),
    ("heads", "98.5", "leaves none of the 24 heads of the model: use a lower one"),
  )
  def test_level_that_leaves_no_structure_is_rejected_before_datagen(self, method, level, why):
    folder = self.create_tempdir().full_path
    flags = ["--size=tiny", f"--levels=50 {level}", f"--runs_dir={folder}/runs", f"--data_dir={folder}/data"]
    message = f"level {level}: sparsity {float(level) / 100:g} {why}"
    done = driver(f"{method}.sh", "--problem=translate_ende_grammar", *flags)
    self.assertNotEqual(done.returncode, 0)
    self.assertRegex(done.stderr, message)
    done = trained.command(
      "reproduce", "--problem=translate_ende_grammar", *flags, f"--methods=slt {method}", "--dry_run"
    )
    self.assertEqual(done.returncode, 2)
    self.assertRegex(done.stderr, message)
    self.assertEmpty(os.listdir(folder))

  def test_level_of_single_weights_after_structures_is_checked_before_datagen(self):
    folder = self.create_tempdir().full_path
    flags = ["--size=tiny", f"--runs_dir={folder}/runs", f"--data_dir={folder}/data"]
    done = driver("units.sh", "--problem=translate_ende_grammar", *flags, "--levels=25", "--slt_levels=80 99.999")
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "^t2t-lottery: level 99.999: sparsity 0.99999 leaves none of the 16384 weights.*\n$")
    self.assertEmpty(os.listdir(folder))

  @parameterized.parameters((40, 40, 40), (50, 20, 25), (45, 40, 45), (2000, 20, 20), (2000, 10, 20), (2001, 30, 30))
  def test_no_candidate_checkpoint_is_rotated_out(self, steps, checkpoints, kept):
    command = trainer_command(f"--steps={steps}", f"--checkpoints={checkpoints}")
    self.assertIn(f"--keep_checkpoint_max={kept}", command)
    (every,) = [int(flag.split("=")[1]) for flag in command if flag.startswith("--local_eval_frequency=")]
    self.assertLessEqual(len({*range(every, steps + 1, every), steps}), kept)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
  def test_signal_stops_the_running_step_and_waits_for_it(self, number):
    step = self.create_tempdir().create_file("step.py", STEP_THAT_SAVES, mode="w").full_path
    scripts = self.stand_in(f"exec {sys.executable} {step}")
    with subprocess.Popen(
      [os.path.join(scripts, "dense.sh")],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      # A shell ignores the signals that its parent ignores, such as Ctrl-C in the background and SIGHUP under nohup.
      preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as process:
      try:
        self.assertEqual(process.stdout.readline(), "running\n")
        process.send_signal(number)
        self.assertEqual(process.stdout.readline(), "signaled\n")
        # The step receives each signal.
        process.send_signal(number)
        self.assertEqual(process.communicate(timeout=60)[0], "saved\n")
      finally:
        process.kill()
    self.assertEqual(process.returncode, 128 + number)


if __name__ == "__main__":
  tf.test.main()
