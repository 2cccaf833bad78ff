"""The graph of a table: the drivers' runs, each once, parents first."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.reproduce.planning import run_graph
from t2t_lottery.utils.errors import UsageError


class GraphTest(parameterized.TestCase, tf.test.TestCase):
  def test_rejects_flags_without_effect_on_all_methods(self):
    for methods, flag in (
      (("mp", "snip"), "--rewind=dense"),
      (("slt", "lt"), "--switch=70"),
      (("dense",), "--levels=50"),
      (("mp",), "--one_shot"),
    ):
      name = flag.partition("=")[0]
      with self.assertRaisesRegex(UsageError, f"^{name} has no effect on {', '.join(methods)}: leave it out$"):
        run_graph.graph(methods, (1,), (flag,))
      with_slt_mp = {run.name for run in run_graph.graph((*methods, "slt_mp"), (1,), (flag,))}
      self.assertContainsSubset({run.name for run in run_graph.graph(("slt_mp",), (1,), (flag,))}, with_slt_mp)

  def test_passes_on_the_error_of_a_driver(self):
    for flag, message in (
      ("--levels=50 40", "levels must increase from above 0 to below 100: 50 40"),
      ("--levels=", "--levels is empty"),
      ("--controls=random_sign", "unknown control random_sign: did you mean random_signs?"),
      ("--variant=global_scors", "--variant=global_scors: did you mean global_scores?"),
    ):
      with self.assertRaises(UsageError) as raised:
        run_graph.graph(("slt",), (1,), (flag,))
      self.assertEqual(str(raised.exception), message)

  def test_variant_and_rewind_apply_to_the_entire_chain(self):
    methods, flags = ("mp", "slt_mp", "mp_slt", "snip"), ("--levels=50 80", "--variant=dense_embedding")
    runs = {run.name: run for run in run_graph.graph(methods, (1,), (*flags, "--rewind=dense"))}
    del runs[run_graph.DENSE]
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
    names = {run.name for run in run_graph.graph(methods, (1,), flags)}
    self.assertContainsSubset(["slt+dense_embedding-50-60-mp-80", "mp+dense_embedding-60-slt-80"], names)

  @parameterized.parameters("mp", "slt_mp", "mp_slt", "snip", "synflow")
  def test_other_methods_have_no_global_variant(self, method):
    message = "^--variant=global_magnitude is only for lt, slt, clt, lrr and finetune$"
    with self.assertRaisesRegex(UsageError, message):
      run_graph.graph(("lt", method), (1,), ("--variant=global_magnitude",))

  def test_a_control_has_an_effect_on_some_method(self):
    with self.assertRaisesRegex(UsageError, "^--controls=constant_values has no effect on clt: leave it out$"):
      run_graph.graph(("clt",), (1,), ("--controls=random_signs constant_values",))
    names = [run.name for run in run_graph.graph(("clt", "slt"), (1,), ("--levels=50", "--controls=constant_values"))]
    self.assertCountEqual(names, ["dense", "clt-50", "slt-50", "slt-50+constant_values"])

  def test_only_synflow_has_global_scores(self):
    with self.assertRaisesRegex(UsageError, "^--variant=global_scores is only for synflow$"):
      run_graph.graph(("slt",), (1,), ("--variant=global_scores",))

  def test_equal_levels_have_one_name(self):
    def names(levels):
      return [run.name for run in run_graph.graph(("slt", "mp"), (1,), (f"--levels={levels}",))]

    self.assertEqual(names("050 80.0"), names("50 80"))
    self.assertEqual(names("48.80 0090.5"), names("48.8 90.5"))

  def test_the_papers_table_has_63_runs_per_seed(self):
    runs = run_graph.graph(run_graph.PAPERS, (1, 2))
    # Dense; four methods of 12 levels; SLT-MP's two of SLT and six of MP; MP-SLT's six above the switch.
    self.assertLen(runs, 2 * (1 + 4 * 12 + 2 + 6 + 6))
    self.assertLen({run.key for run in runs}, len(runs))
    self.assertEqual([run.seed for run in runs], sorted(run.seed for run in runs))

  def test_sweeps_share_the_dense_run_and_keep_what_each_method_needs(self):
    """Also if another method than SLT, whose dense run keeps only the usual t, is planned first."""
    flags = ("--levels=50 60 80", "--rewind_steps=0 2% 20%", "--switches=50 60", "--steps=1000")
    runs = {run.name: run for run in run_graph.graph(("mp", "slt", "slt_mp"), (1,), flags)}
    self.assertEqual(runs["dense"].flag("rewind_also"), "20 200")
    self.assertEqual(runs["slt+t_20-50-60"].flag("rewind_step"), "20")
    self.assertIsNone(runs["slt-50"].flag("rewind_step"))
    self.assertContainsSubset({"mp-80", "lt-50-60-80", "slt-50-mp-80", "slt-50-60-mp-80"}, runs)

  @pytest.mark.slow
  def test_order_is_parents_first_then_most_descendants(self):
    runs = run_graph.graph(("slt_mp", "mp"), (1,), ("--levels=50 70 80", "--controls=random_signs"))
    self.assertEqual(
      [run.name for run in runs],
      [
        *("dense", "slt-50", "slt-50-60", "slt-50+random_signs", "slt-50-60+random_signs"),
        *("slt-50-60-mp-70", "slt-50-60-mp-80", "mp-50", "mp-70", "mp-80"),
      ],
    )
    for flags in ((), ("--rewind=dense",), ("--one_shot",), ("--controls=random_mask",)):
      seen = set()
      for run in run_graph.graph(run_graph.METHODS, (1,), flags):
        self.assertContainsSubset(run.parents, seen)
        seen.add(run.name)

  def test_parents_are_the_runs_named_by_flags(self):
    for flags in ((), ("--rewind=dense",)):
      for run in run_graph.graph(run_graph.METHODS, (1,), flags):
        named = {flag.split("=")[1] for flag in run.flags if flag.startswith(("--mask_from=", "--rewind_from="))}
        self.assertEqual(set(run.parents), named)
        self.assertIn(f"--level={run.level}", (*run.flags, "--level=0"))


if __name__ == "__main__":
  tf.test.main()
