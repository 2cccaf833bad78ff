"""The parts of the command for a table: the scheduler, the status of runs, the forecast."""

from __future__ import annotations

import os
import threading

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.reproduce import console, scheduler, validation
from t2t_lottery.reproduce.planning import forecast, resource_split, run_graph
from t2t_lottery.runs import paths, presets, run_lock, run_status
from t2t_lottery.utils import atomic_files, errors
from tests.support import made_up_runs

LEVELS = "--levels=50 80"
TRANSLATION = "beam:4"
LOG = """$ t2t-trainer
INFO:tensorflow:loss = 9.0, step = 1900
INFO:tensorflow:global_step/sec: 99
$ t2t-trainer
INFO:tensorflow:loss = 8.0, step = 600
INFO:tensorflow:global_step/sec: 9.5
INFO:tensorflow:loss = 7.0, step = 700
INFO:tensorflow:global_step/sec: 10.5
"""


def runs_of(seeds=(1,)):
  return run_graph.graph(("slt_mp", "mp"), seeds, (LEVELS, "--switch=50"))


class OptionsTest(parameterized.TestCase, tf.test.TestCase):
  @parameterized.parameters(
    (("slt", "stl"), "unknown method stl: did you mean slt?"),
    (("magic",), "unknown method magic: choose from dense, mp, lt, slt, clt, slt_mp, mp_slt"),
    ((), "--methods is empty"),
    (("lt", "lt"), "--methods contains lt twice"),
  )
  def test_rejects_invalid_methods(self, methods, message):
    validation.check_methods(run_graph.METHODS)
    with self.assertRaises(errors.UserError) as raised:
      validation.check_methods(methods)
    self.assertIn(message, str(raised.exception))

  def test_seeds_are_distinct_integers(self):
    self.assertEqual(validation.seeds("1 2"), (1, 2))
    for text, message in (("1 2 1", "--seeds contains 1 twice"), ("one", "seed one is not"), ("", "--seeds is empty")):
      with self.assertRaisesRegex(errors.UserError, message):
        validation.seeds(text)

  def test_the_other_order_of_batches_needs_another_seed(self):
    for text in (None, "0", "3"):
      validation.check_data_seed(text, (1, 2))
    with self.assertRaisesRegex(errors.UserError, "--data_seed=2 is one of --seeds, .*: give another"):
      validation.check_data_seed("2", (1, 2))


class SchedulerTest(tf.test.TestCase):
  def execute(self, failing=(), busy=()):
    done = []

    def do(run):
      done.append(run.name)
      return run.name not in failing

    ends = scheduler.execute(runs_of(), do, lambda run: run.name in busy and run.name not in done)
    return done, {name: end for (_, name), end in ends.items()}

  def test_executes_every_run_once_after_its_parents(self):
    done, ends = self.execute()
    self.assertEqual(done, [run.name for run in runs_of()])
    self.assertEqual(set(ends.values()), {scheduler.End.DONE})

  def test_runs_that_do_not_depend_on_a_failed_one_continue(self):
    done, ends = self.execute(failing=["slt-50"])
    self.assertEqual(done, ["dense", "slt-50", "mp-50", "mp-80"])
    self.assertEqual(ends["slt-50"], scheduler.End.FAILED)
    self.assertEqual(ends["slt-50-mp-80"], scheduler.End.SKIPPED)
    self.assertEqual(ends["mp-80"], scheduler.End.DONE)

  def test_runs_of_other_processes_come_last(self):
    done, _ = self.execute(busy=["dense", "mp-50"])
    self.assertEqual(done, ["mp-80", "dense", "slt-50", "slt-50-mp-80", "mp-50"])

  def test_a_seed_does_not_wait_for_another(self):
    runs = runs_of((1, 2))
    ends = scheduler.execute(runs, lambda run: run.key != (1, "dense"), lambda run: False)
    self.assertEqual(ends[2, "slt-50-mp-80"], scheduler.End.DONE)
    self.assertEqual(ends[1, "slt-50-mp-80"], scheduler.End.SKIPPED)


class ParallelTest(tf.test.TestCase):
  def test_fills_the_capacity_and_starts_no_run_before_its_parents(self):
    runs = run_graph.graph(("slt", "mp"), (1, 2), (LEVELS,))
    together = threading.Barrier(2, timeout=60)
    running, counts, before = set(), [], {run.key: {(run.seed, parent) for parent in run.parents} for run in runs}
    done = set()

    def do(run):
      self.assertContainsSubset(before[run.key], done)
      running.add(run.key)
      # Ten runs make five pairs only if two are always running.
      together.wait()
      counts.append(len(running))
      together.wait()
      running.remove(run.key)
      done.add(run.key)
      return True

    ends = scheduler.execute(runs, do, lambda run: False, lambda: 2)
    self.assertEqual(set(ends), set(before))
    self.assertEqual(max(counts), 2)

  def test_interrupt_stops_running_runs(self):
    stopped = threading.Event()

    def capacity():
      raise KeyboardInterrupt

    def do(run):
      del run
      return stopped.wait(60)

    with self.assertRaises(KeyboardInterrupt):
      scheduler.execute(runs_of(), do, lambda run: False, capacity, stopped.set)
    self.assertTrue(stopped.is_set())

  def test_shares_are_even_and_cover_the_machine(self):
    cores = {share.cores for share in resource_split.split(2, range(5), [])}
    self.assertEqual(cores, {frozenset({0, 1}), frozenset({2, 3, 4})})
    self.assertEqual([share.gpus for share in resource_split.split(2, range(4), ["0", "1", "2"])], [("0",), ("1", "2")])
    self.assertEqual([share.gpus for share in resource_split.split(3, range(4), ["0", "1"])], [("0",), ("0",), ("1",)])
    self.assertEqual(resource_split.of_machine(1), [resource_split.Share()])
    self.assertEqual(
      frozenset().union(*(share.cores for share in resource_split.of_machine(2))), os.sched_getaffinity(0)
    )

  def test_with_fewer_cores_than_jobs_some_share_one(self):
    self.assertEqual([sorted(share.cores) for share in resource_split.split(3, [4, 7], [])], [[4], [4], [7]])


class StatusTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(self.create_tempdir().full_path)
    self.where = paths.Runs(self.made.folder, self.made.problem, self.made.size, 1)
    self.required = run_status.Requirements(
      {"method": "slt", "sparsity_asked": 0.5, "train_steps": 2000}, TRANSLATION, 0
    )

  def read(self, **required):
    return run_status.read(self.made.path("slt-50"), self.required._replace(**required))

  def begin(self, *steps, log=""):
    self.made.begun("slt-50", "slt", 50, "dense")
    folder = self.made.path("slt-50")
    atomic_files.write_text(paths.train_log(folder), log)
    for i, step in enumerate(steps):
      path = paths.checkpoint(folder, step) + ".index"
      atomic_files.write_text(path, "")
      os.utime(path, (1000 + 10 * i, 1000 + 10 * i))
    return folder

  def describe(self):
    return console.describe(self.read(), 2000)

  def test_run_from_waiting_to_done(self):
    self.assertEqual(self.describe(), "waiting")
    folder = self.begin(0, 500, log=LOG)
    self.assertEqual(self.describe(), "stopped, step 500 of 2,000")
    with run_lock.held(folder):
      self.assertEqual(self.describe(), "running, step 700 of 2,000, 10.5 steps/s, 0:02:03 left")
    self.begin(2000)
    self.assertEqual(self.describe(), "trained")
    with run_lock.held(folder):
      self.assertEqual(self.describe(), "being evaluated")
    self.made.evaluated("slt-50", "slt", 50, 26.04, 65, "dense")
    self.assertEqual(self.describe(), "done, BLEU 26.0")

  def test_run_is_done_if_evaluation_would_skip_it(self):
    self.begin(2000)
    self.made.evaluated("slt-50", "slt", 50, 26, 65, "dense")
    self.assertEqual(self.read(translation="beam:1").state, run_status.State.TRAINED)
    self.assertEqual(self.read(average=3).state, run_status.State.TRAINED)

  def test_failed_run_has_its_error_until_it_is_resumed(self):
    folder = self.begin(500)
    atomic_files.write_json(paths.last_error(folder), {"status": 1, "error": "train: no space (full log: x)"})
    self.assertEqual(self.describe(), "failed: train: no space (full log: x)")
    with run_lock.held(folder):
      self.assertEqual(self.describe(), "running, step 500 of 2,000")

  def test_reports_a_folder_that_contains_another_run(self):
    self.begin(2000)
    status = self.read(about={"method": "slt", "train_steps": 40})
    self.assertEqual(status.state, run_status.State.OTHER)
    self.assertIn("contains a run with train_steps=2000; requested 40", status.error)

  def test_names_a_damaged_file(self):
    folder = self.begin(500)
    atomic_files.write_text(paths.description(folder), "{")
    self.assertIn("run.json is damaged", self.read().error)

  def test_speed_comes_from_the_log_or_else_from_checkpoints(self):
    self.assertEqual(run_status.median_speed(self.begin(0, 100, log=LOG)), 10.5)
    self.assertEqual(run_status.median_speed(self.begin(0, 100, 200)), 10.0)
    self.assertIsNone(run_status.median_speed(self.made.path("slt-50") + "-80"))


def of_bert(name):
  """A size as `set_check.complete` describes that of a BERT."""
  size = presets.BERT_SIZES[name]._asdict()
  return presets.SIZES["base"]._replace(**size, batch_size=32)


class ForecastTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(self.create_tempdir().full_path)
    self.where = paths.Runs(self.made.folder, self.made.problem, self.made.size, 1)
    self.workload = forecast.Workload(self.where, 2000, "", 20, 3072)
    self.runs = runs_of()

  def predict(self, statuses, hparams=""):
    return forecast.predict(self.runs, statuses, self.workload._replace(hparams=hparams))

  def test_counts_the_parameters_of_the_papers_model(self):
    # transformer_base_v3 with t2t's TPU adaptations and 33,288 subwords, counted in a checkpoint of t2t.
    self.assertEqual(forecast.parameters(presets.SIZES["base"], 33_288), 61_163_520)

  @parameterized.parameters(
    # BERT base uncased of Devlin et al. (2019), as transformers counts it.
    ("bert_base", 30_522, 109_482_240),
    # Counted in checkpoints of 20 steps on RTE: bytes / 12, less the head's 2 * (hidden size + 1) and the step.
    ("bert_tiny", 3116, 134_368),
    ("bert_miniature_6x384", 3116, 12_189_312),
  )
  def test_counts_the_parameters_of_a_bert(self, size, pieces, expected):
    self.assertEqual(forecast.bert_parameters(of_bert(size), pieces), expected)

  def test_disk_and_memory_of_a_bert_are_of_its_size(self):
    size = of_bert("bert_miniature_6x384")
    workload = forecast.Workload(self.where, 20, "", 2, 3116, 1, size, of_bert=True)
    waiting = [run_status.Status(run_status.State.WAITING)]
    (dense,) = run_graph.graph(("dense",), (1,), ())
    remaining = forecast.predict([dense], waiting, workload)
    # The folder of such a run: three checkpoints and that of step 0, of which `essential` keeps two; graph and events.
    self.assertAllClose(remaining.disk["all"], 606e6, rtol=0.02)
    self.assertAllClose(forecast.bert_run_bytes(size, 3116, False, 2, "essential"), 313e6, rtol=0.02)
    # A byte for each weight that can be pruned.
    masks = forecast.bert_run_bytes(size, 3116, True, 2) - forecast.bert_run_bytes(size, 3116, False, 2)
    self.assertEqual(masks, 4 * (6 * (4 * 384**2 + 2 * 384 * 1536) + 384**2))
    # The measured peak was 2.80 GB; the estimate must not be below it, nor twice as much.
    self.assertBetween(forecast.peak_memory(workload), 2.8e9, 4e9)
    longer = forecast.peak_memory(workload._replace(where=self.where._replace(problem="squad_v1")))
    self.assertGreater(longer, 2 * forecast.peak_memory(workload))

  def test_without_runs_time_is_unknown_and_disk_is_computed(self):
    waiting = [run_status.Status(run_status.State.WAITING)] * 5
    remaining = self.predict(waiting)
    self.assertEqual(remaining.steps, 10_000)
    self.assertIsNone(remaining.seconds)
    self.assertFalse(remaining.measured)
    computed = forecast.run_bytes("tiny", 3072, False, 20) + 4 * forecast.run_bytes("tiny", 3072, True, 20)
    self.assertEqual(remaining.disk["all"], computed)
    # The essential checkpoints of five runs, and the intermediate ones of the running one.
    essential = forecast.run_bytes("tiny", 3072, False, 20, "essential") + 4 * forecast.run_bytes(
      "tiny", 3072, True, 20, "essential"
    )
    intermediate = forecast.run_bytes("tiny", 3072, True, 20) - forecast.run_bytes("tiny", 3072, True, 20, "essential")
    self.assertEqual(remaining.disk["essential"], essential + intermediate)
    parallel = forecast.predict(self.runs, waiting, self.workload._replace(jobs=3))
    self.assertEqual(parallel.disk["essential"], essential + 3 * intermediate)
    # 22 checkpoints of 5 bytes per parameter, and what t2t writes for the graph.
    self.assertBetween(forecast.run_bytes("base", 33_288, True, 20), 6.7e9, 7.2e9)

  def test_at_equal_training_runs_differ_in_length(self):
    self.runs = run_graph.graph(("mp",), (1,), ("--levels=50 80", "--steps=2000", "--equal_training"))
    statuses = [run_status.Status(run_status.State.WAITING)] * 5
    # Dense, two of MP, and one as long as each level of SLT's line.
    remaining = self.predict(statuses)
    self.assertEqual(remaining.steps, 3 * 2000 + 4000 + 6000)
    lines = console.dry_run(self.runs, statuses, 2000, remaining).splitlines()
    self.assertRegex("\n".join(lines), r"mp\+steps_6000-80 +6,000  waiting")
    running = [run_status.Status(run_status.State.RUNNING, 1000, 10.0)] * 5
    self.assertIn("running, step 1,000 of 6,000, 10.0 steps/s, 0:08:20 left", console.status(self.runs, running, 2000))

  def test_time_and_disk_are_measured_on_similar_runs(self):
    self.made.evaluated("dense", "dense", 0, 26, 65)
    folder = self.made.path("dense")
    atomic_files.write_text(paths.train_log(folder), "INFO:tensorflow:global_step/sec: 4\n")
    statuses = [
      run_status.Status(run_status.State.DONE, 2000, bleu=26),
      run_status.Status(run_status.State.STOPPED, 1500),
      *[run_status.Status(run_status.State.WAITING)] * 3,
    ]
    remaining = self.predict(statuses)
    self.assertEqual(remaining.steps, 6500)
    self.assertEqual(remaining.seconds, 6500 / 4)
    self.assertTrue(remaining.measured)
    self.assertEqual(remaining.disk["all"], 4 * forecast.folder_bytes(folder))
    # In proportion to what is measured of all checkpoints: an estimate of whole models would be many times these made-up folders.
    share = forecast.run_bytes("tiny", 3072, True, 20, "essential") / forecast.run_bytes("tiny", 3072, True, 20)
    expected = (3 * share + 1) * forecast.folder_bytes(folder)
    self.assertAllClose(remaining.disk["essential"], expected, atol=5)
    self.assertIsNone(self.predict(statuses, hparams="batch_size=512").seconds)

  def test_memory_is_measured_on_similar_runs(self):
    computed = forecast.peak_memory(self.workload)
    self.assertBetween(computed, 1e9, 1.5e9)
    for run, peak in (("dense", 3_000), ("slt-50", 2_000)):
      self.made.begun(run, "slt", 50)
      atomic_files.write_json(paths.usage(self.made.path(run)), {"peak_memory": peak})
    self.assertEqual(forecast.peak_memory(self.workload), 3_000)
    self.assertEqual(forecast.peak_memory(self.workload._replace(hparams="batch_size=512")), computed)

  def test_nothing_remains_when_all_runs_are_done(self):
    remaining = self.predict([run_status.Status(run_status.State.DONE, 2000, bleu=26)] * 5)
    self.assertEqual((remaining.steps, remaining.seconds), (0, 0))
    self.assertEqual((remaining.disk["all"], remaining.disk["essential"]), (0, 0))


if __name__ == "__main__":
  tf.test.main()
