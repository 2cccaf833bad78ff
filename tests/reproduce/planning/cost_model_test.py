"""The cost of a graph of runs: facts worked out by hand, and the tables of docs/scaling.md."""

from __future__ import annotations

import pathlib

import tensorflow.compat.v1 as tf

from t2t_lottery.reproduce.planning import cost_model, device_speeds, paper_cost, run_graph

SCALING = pathlib.Path(__file__).resolve().parent.parent.parent.parent / "docs" / "scaling.md"


def runs_of(parents, seeds=(1,)):
  """A graph: name -> names of its parents."""
  return [run_graph.PlannedRun(name, "slt", "50", tuple(parents[name]), (), seed) for seed in seeds for name in parents]


# A chain of three whose first run has another child, and an independent run.
GRAPH = {"a": "", "b": "a", "c": "b", "leaf": "a", "alone": ""}


def names(runs):
  return "".join(run.name for run in runs)


class ScheduleTest(tf.test.TestCase):
  def slots(self, lengths, devices, seeds=(1,)):
    found = cost_model.schedule(runs_of(GRAPH, seeds), lengths, devices)
    return [(slot.run.name, slot.device, slot.start, slot.end) for slot in found]

  def test_one_device_executes_the_graph_in_order(self):
    slots = self.slots([1] * 5, 1)
    self.assertEqual(slots, [("a", 0, 0, 1), ("b", 0, 1, 2), ("c", 0, 2, 3), ("leaf", 0, 3, 4), ("alone", 0, 4, 5)])

  def test_free_device_takes_the_first_run_whose_parents_are_done(self):
    self.assertEqual(
      self.slots([2, 3, 1, 2, 4], 2),
      [("a", 0, 0, 2), ("alone", 1, 0, 4), ("b", 0, 2, 5), ("leaf", 1, 4, 6), ("c", 0, 5, 6)],
    )

  def test_done_runs_take_no_device_and_delay_nothing(self):
    self.assertEqual(self.slots([0, 0, 5, 5, 0], 2), [("c", 0, 0, 5), ("leaf", 1, 0, 5)])
    self.assertEqual(self.slots([0] * 5, 2), [])

  def test_seeds_do_not_wait_for_each_other(self):
    ends = [end for *_, end in self.slots([1] * 10, 10, seeds=(1, 2))]
    self.assertEqual(max(ends), 3)


class CostTest(tf.test.TestCase):
  def test_chain_steps_and_time(self):
    costs = cost_model.estimate(runs_of(GRAPH), [2, 3, 1, 2, 4], 2)
    self.assertEqual((costs.runs, costs.steps, costs.chain_steps, costs.wall_steps), (5, 12, 6, 6))
    self.assertEqual(names(costs.chain), "abc")
    self.assertEqual(costs.busy, 1.0)

  def test_longest_chain_has_the_most_steps_not_the_most_runs(self):
    runs = runs_of(GRAPH)
    self.assertEqual(names(cost_model.longest_chain(runs, [1, 1, 1, 9, 1])), "aleaf")
    self.assertEqual(names(cost_model.longest_chain(runs, [1, 1, 1, 1, 9])), "alone")

  def test_longest_chain_leaves_out_done_runs(self):
    self.assertEqual(names(cost_model.longest_chain(runs_of(GRAPH), [0, 1, 1, 1, 1])), "bc")
    costs = cost_model.estimate(runs_of(GRAPH), [0] * 5, 3)
    self.assertEqual((costs.runs, costs.chain, costs.wall_steps, costs.busy), (0, (), 0, 1.0))

  def test_longest_chain_first_keeps_parents_first_and_wastes_less(self):
    runs = runs_of({"x": "", "y": "", "a": "", "b": "a"})
    self.assertEqual(names(cost_model.longest_first(runs)), "axyb")
    self.assertEqual(cost_model.estimate(runs, [1] * 4, 2).wall_steps, 3)
    self.assertEqual(cost_model.estimate(cost_model.longest_first(runs), [1] * 4, 2).wall_steps, 2)

  def test_the_papers_tables(self):
    # Dense and 12 levels are the longest chain; with enough devices nothing else counts.
    for name, count in (("Table 1", 126), ("Table 2", 90), ("both", 216)):
      costs = paper_cost.rounds(paper_cost.table_graph(name), 1000)
      self.assertEqual((costs.runs, costs.chain_steps, costs.wall_steps), (count, 13, 13))
    self.assertLen({run.key for run in paper_cost.table_graph("both")}, 216)
    self.assertEqual(paper_cost.rounds(paper_cost.table_graph("Table 1"), 1).wall_steps, 126)

  def test_depths_of_the_methods(self):
    depths = {method: len(paper_cost.rounds(run_graph.graph((method,)), 1).chain) for method in run_graph.PAPERS}
    self.assertEqual(depths, {"dense": 1, "mp": 1, "lt": 13, "slt": 13, "clt": 13, "slt_mp": 4, "mp_slt": 7})


class ScalingTest(tf.test.TestCase):
  def test_speeds_match_published_ones(self):
    # 100k steps on 8 GPUs in 12 hours; 4.3 steps/s on 4; 100k steps in 2 hours.
    self.assertAllClose(device_speeds.P100.steps_a_second(25_000) * 8 * 12 * 3600, 100_000)
    self.assertAllClose(device_speeds.V100.steps_a_second(4096), 4.3)
    self.assertAllClose(device_speeds.V2_8.steps_a_second(4096) * 2 * 3600, 100_000)

  def test_document_contains_the_tables_of_the_command(self):
    document = SCALING.read_text(encoding="utf-8")
    for table in paper_cost.tables():
      self.assertIn(f"\n\n{table}\n", document)
    days = device_speeds.A100.hours(216 * paper_cost.STEPS) / 8 / 24
    self.assertIn(f"over 8 and 24, {days:.0f}\n", document)
    self.assertIn(f"about {device_speeds.V3_8.subwords / device_speeds.A100.subwords:.1f} A100s", document)

  def test_dry_run_prints_chain_and_time(self):
    runs = run_graph.graph(("slt",), (1, 2), ("--levels=50 90",))
    text = paper_cost.dry_run(runs, [0, 600, 1000, 0, 1000, 1000], 2, "tiny", 10.0)
    self.assertEqual(
      text.splitlines(),
      [
        "longest chain: 2 runs in sequence, 2,000 steps",
        "on 2 devices, one run each: as long as 2,000 sequential steps, 0:03:20; devices busy 90% of the time",
      ],
    )
    self.assertEqual(paper_cost.dry_run(runs, [0] * 6, 2, "base", None), "")

  def test_dry_run_prints_published_speeds_for_the_papers_size(self):
    runs = paper_cost.table_graph("Table 1")
    text = paper_cost.dry_run(runs, [paper_cost.STEPS] * len(runs), 8, "base", None)
    self.assertIn("longest chain: 13 runs in sequence, 6,500,000 steps\n", text)
    self.assertIn("\n  TPU v3-8: 2,160 device hours, 12.1 days on 8, extrapolated", text)


if __name__ == "__main__":
  tf.test.main()
