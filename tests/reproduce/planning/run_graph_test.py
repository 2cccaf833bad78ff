"""The graph of a whole table: its runs are those of the drivers, each once, parents first."""

from __future__ import annotations

import os
import shutil
import subprocess

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.reproduce import validation
from t2t_lottery.reproduce.planning import run_graph
from t2t_lottery.utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# What all steps get, and does not tell one run from another.
SHARED = ("--problem=", "--size=", "--seed=", "--runs_dir=", "--data_dir=", "--tmp_dir=", "--checkpoints=")


def trainings(folder, driver, flags):
  """What a driver calls the training step with, by a stand-in for Python that only writes it down."""
  scripts = os.path.join(folder, "run_scripts")
  if not os.path.exists(scripts):
    shutil.copytree(os.path.join(ROOT, "run_scripts"), scripts)
    os.makedirs(os.path.join(folder, ".venv", "bin"))
    for name, script in ((".venv/bin/python", f'echo "$@" >>{folder}/calls'), ("run_scripts/setup.sh", "")):
      path = os.path.join(folder, name)
      with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
      os.chmod(path, 0o755)
  calls = os.path.join(folder, "calls")
  open(calls, "w", encoding="utf-8").close()
  subprocess.run([os.path.join(scripts, driver), *flags], check=True, capture_output=True)
  with open(calls, encoding="utf-8") as file:
    called = [line.split()[1:] for line in file]
  return [tuple(flag for flag in call[1:] if not flag.startswith(SHARED)) for call in called if "train" in call[0]]


class PlanTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    ({}, []),
    ({"levels": ("50", "60", "70", "90")}, ["--levels=50 60 70 90"]),
    ({"levels": ("050", "60.0", "90.50"), "switch": "060.00"}, ["--levels=050 60.0 90.50", "--switch=060.00"]),
    ({"levels": ("70", "90"), "switch": "50"}, ["--levels=70 90", "--switch=50"]),
    ({"levels": ("50", "90"), "switch": "95"}, ["--levels=50 90", "--switch=95"]),
    ({"levels": ("50", "90"), "rewind_dense": True}, ["--levels=50 90", "--rewind=dense"]),
    ({"levels": ("50", "70", "80"), "one_shot": True}, ["--levels=50 70 80", "--one_shot"]),
    ({"prune_each": 20.0}, ["--prune_each=20"]),
    (
      {"levels": ("50", "90"), "variant": "global_magnitude", "controls": ("random_signs", "random_mask")},
      ["--levels=50 90", "--variant=global_magnitude", "--controls=random_signs random_mask"],
    ),
    ({"levels": ("50", "90"), "variant": "dense_embedding"}, ["--levels=50 90", "--variant=dense_embedding"]),
    (
      {"levels": ("50", "90"), "variant": "dense_embedding", "rewind_dense": True},
      ["--levels=50 90", "--variant=dense_embedding", "--rewind=dense"],
    ),
  )
  def test_runs_and_flags_are_those_of_the_drivers(self, choices, flags):
    folder = self.create_tempdir().full_path
    by_all = set()
    of_all = (
      (*run_graph.TICKETS, run_graph.DENSE)
      if choices.get("variant") == run_graph.GLOBAL_MAGNITUDE
      else tuple(run_graph.METHODS)
    )
    for method in of_all:
      used = [flag for flag in flags if flag[2:].partition("=")[0] not in run_graph.UNUSED[method]]
      by_driver = trainings(folder, f"{method}.sh", used)
      by_plan = run_graph.graph(run_graph.Selection(methods=(method,), **choices))
      self.assertCountEqual(by_driver, [(f"--run={run.name}", *run.flags) for run in by_plan])
      by_all.update(by_driver)
    whole = run_graph.graph(run_graph.Selection(methods=of_all, **choices))
    self.assertCountEqual(by_all, [(f"--run={run.name}", *run.flags) for run in whole])

  @parameterized.parameters(*run_graph.METHODS)
  def test_flags_that_say_nothing_to_a_method_are_refused(self, method):
    values = {"rewind": "dense", "switch": "70", "controls": "random_signs", "levels": "50", "prune_each": "20"}
    values["variant"] = "dense_embedding"
    for name in ("one_shot", *values):
      flag = f"--{name}" + (f"={values[name]}" if name in values else "")
      driver = os.path.join(ROOT, "run_scripts", f"{method}.sh")
      # Whatever else is wrong is told before anything is done.
      done = subprocess.run([driver, flag, "--size=none"], check=False, capture_output=True, text=True)
      self.assertEqual(done.returncode, 2)
      is_refused = f"{method}.sh: --{name} changes nothing here" in done.stderr
      self.assertEqual(is_refused, name in run_graph.UNUSED[method], (flag, done.stderr))
      choices = run_graph.Selection(methods=(method,))
      if is_refused:
        self.assertRaisesRegex(UserError, f"--{name} changes nothing here", validation.check_used, [name], choices)
        validation.check_used([name], run_graph.Selection(methods=(method, "slt_mp")))
      else:
        validation.check_used([name], choices)

  def test_a_variant_and_where_to_rewind_to_go_through_the_whole_chain(self):
    choices = run_graph.Selection(
      methods=("mp", "slt_mp", "mp_slt", "snip"), levels=("50", "80"), variant="dense_embedding"
    )
    runs = {
      run.name: run for run in run_graph.graph(choices._replace(rewind_dense=True)) if run.name != run_graph.DENSE
    }
    self.assertCountEqual(
      runs,
      [
        *("mp+dense_embedding-50", "mp+dense_embedding-60", "mp+dense_embedding-80"),
        *("slt+dense_embedding+rewind_dense-50", "slt+dense_embedding+rewind_dense-50-60"),
        "slt+dense_embedding+rewind_dense-50-60-mp-80",
        "mp+dense_embedding-60-slt+rewind_dense-80",
        *("snip+dense_embedding-50", "snip+dense_embedding-80"),
      ],
    )
    for name, run in runs.items():
      self.assertIn("--control=dense_embedding", run.flags)
      self.assertEqual("--rewind_from=dense" in run.flags, "rewind_dense" in name)
    names = {run.name for run in run_graph.graph(choices)}
    self.assertContainsSubset(["slt+dense_embedding-50-60-mp-80", "mp+dense_embedding-60-slt-80"], names)

  @parameterized.parameters("mp", "slt_mp", "mp_slt", "snip", "synflow")
  def test_what_is_pruned_layer_by_layer_has_no_global_variant(self, method):
    with self.assertRaisesRegex(UserError, f"--variant=global_magnitude is for lt, slt, clt alone: {method} "):
      run_graph.graph(run_graph.Selection(methods=("lt", method), variant="global_magnitude"))
    driver = os.path.join(ROOT, "run_scripts", f"{method}.sh")
    done = subprocess.run([driver, "--variant=global_magnitude"], check=False, capture_output=True, text=True)
    self.assertEqual(done.returncode, 2)
    self.assertRegex(
      done.stderr, rf"^{method}\.sh: --variant=global_magnitude is for .* this method does not prune so\n$"
    )

  def test_a_level_has_one_name(self):
    def names(*levels):
      return [run.name for run in run_graph.graph(run_graph.Selection(methods=("slt", "mp"), levels=levels))]

    self.assertEqual(names("050", "80.0"), names("50", "80"))
    self.assertEqual(names("48.80", "0090.5"), names("48.8", "90.5"))
    for text, level in {"0.5": "0.5", "00.50": "0.5", "100": "100", "1000": "1000", "0": "0"}.items():
      self.assertEqual(run_graph.level(text), level)
    for text in ("half", "50.", ".5", "5e1", "-5", ""):
      self.assertEqual(run_graph.level(text), text)

  def test_the_papers_table_is_some_sixty_runs_of_each_seed(self):
    runs = run_graph.graph(run_graph.Selection(methods=run_graph.PAPERS, seeds=(1, 2)))
    # Dense; four methods of 12 levels; SLT-MP's two of SLT and six of MP; MP-SLT's six above the switch.
    self.assertLen(runs, 2 * (1 + 4 * 12 + 2 + 6 + 6))
    self.assertLen({run.key for run in runs}, len(runs))
    self.assertEqual([run.seed for run in runs], sorted(run.seed for run in runs))

  def test_parents_come_first_and_those_that_most_depend_on_before_others(self):
    runs = run_graph.graph(
      run_graph.Selection(methods=("slt_mp", "mp"), levels=("50", "70", "80"), controls=("random_signs",))
    )
    self.assertEqual(
      [run.name for run in runs],
      [
        *("dense", "slt-50", "slt-50-60", "slt-50+random_signs", "slt-50-60+random_signs"),
        *("slt-50-60-mp-70", "slt-50-60-mp-80", "mp-50", "mp-70", "mp-80"),
      ],
    )
    for choices in ({}, {"rewind_dense": True}, {"one_shot": True}, {"controls": ("random_mask",)}):
      seen = set()
      for run in run_graph.graph(run_graph.Selection(methods=tuple(run_graph.METHODS), **choices)):
        self.assertContainsSubset(run.parents, seen)
        seen.add(run.name)

  def test_parents_are_the_runs_that_the_flags_name(self):
    for rewind_dense in (False, True):
      for run in run_graph.graph(run_graph.Selection(methods=tuple(run_graph.METHODS), rewind_dense=rewind_dense)):
        named = {flag.split("=")[1] for flag in run.flags if flag.startswith(("--mask_from=", "--rewind_from="))}
        self.assertEqual(set(run.parents), named)
        self.assertIn(f"--level={run.level}", (*run.flags, "--level=0"))


if __name__ == "__main__":
  tf.test.main()
