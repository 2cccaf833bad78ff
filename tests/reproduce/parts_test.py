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
    (("magic",), "unknown method magic: known are dense, mp, lt, slt, clt, slt_mp, mp_slt"),
    ((), "--methods is empty"),
    (("lt", "lt"), "--methods names lt twice"),
  )
  def test_wrong_methods_are_named(self, methods, message):
    validation.check_methods(run_graph.METHODS)
    with self.assertRaises(errors.UserError) as raised:
      validation.check_methods(methods)
    self.assertIn(message, str(raised.exception))

  def test_seeds_are_numbers_each_once(self):
    self.assertEqual(validation.seeds("1 2"), (1, 2))
    for text, message in (("1 2 1", "--seeds names 1 twice"), ("one", "seed one is not"), ("", "--seeds is empty")):
      with self.assertRaisesRegex(errors.UserError, message):
        validation.seeds(text)


class SchedulerTest(tf.test.TestCase):
  def follow(self, failing=(), busy=()):
    done = []

    def do(run):
      done.append(run.name)
      return run.name not in failing

    ended = scheduler.follow(runs_of(), do, lambda run: run.name in busy and run.name not in done)
    return done, {name: end for (_, name), end in ended.items()}

  def test_every_run_is_done_once_after_its_parents(self):
    done, ended = self.follow()
    self.assertEqual(done, [run.name for run in runs_of()])
    self.assertEqual(set(ended.values()), {scheduler.End.DONE})

  def test_what_does_not_depend_on_a_failed_run_goes_on(self):
    done, ended = self.follow(failing=["slt-50"])
    self.assertEqual(done, ["dense", "slt-50", "mp-50", "mp-80"])
    self.assertEqual(ended["slt-50"], scheduler.End.FAILED)
    self.assertEqual(ended["slt-50-mp-80"], scheduler.End.LEFT_OUT)
    self.assertEqual(ended["mp-80"], scheduler.End.DONE)

  def test_runs_that_others_are_at_work_on_come_last_but_come(self):
    done, _ = self.follow(busy=["dense", "mp-50"])
    self.assertEqual(done, ["mp-80", "dense", "slt-50", "slt-50-mp-80", "mp-50"])

  def test_a_seed_does_not_wait_for_another(self):
    runs = runs_of((1, 2))
    ended = scheduler.follow(runs, lambda run: run.key != (1, "dense"), lambda run: False)
    self.assertEqual(ended[2, "slt-50-mp-80"], scheduler.End.DONE)
    self.assertEqual(ended[1, "slt-50-mp-80"], scheduler.End.LEFT_OUT)


class SideBySideTest(tf.test.TestCase):
  def test_as_many_runs_as_there_is_room_for_and_none_before_its_parents(self):
    runs = run_graph.graph(("slt", "mp"), (1, 2), (LEVELS,))
    together = threading.Barrier(2, timeout=60)
    at_work, most, before = set(), [], {run.key: {(run.seed, parent) for parent in run.parents} for run in runs}
    done = set()

    def do(run):
      self.assertContainsSubset(before[run.key], done)
      at_work.add(run.key)
      # Ten runs go in five pairs only if two are always at work.
      together.wait()
      most.append(len(at_work))
      together.wait()
      at_work.remove(run.key)
      done.add(run.key)
      return True

    ended = scheduler.follow(runs, do, lambda run: False, lambda: 2)
    self.assertEqual(set(ended), set(before))
    self.assertEqual(max(most), 2)

  def test_interrupted_it_stops_what_is_at_work(self):
    stopped = threading.Event()

    def room():
      raise KeyboardInterrupt

    def do(run):
      del run
      return stopped.wait(60)

    with self.assertRaises(KeyboardInterrupt):
      scheduler.follow(runs_of(), do, lambda run: False, room, stopped.set)
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

  def test_with_less_cores_than_jobs_some_share_one(self):
    self.assertEqual([sorted(share.cores) for share in resource_split.split(3, [4, 7], [])], [[4], [4], [7]])


class StandingTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(self.create_tempdir().full_path)
    self.where = paths.Runs(self.made.folder, self.made.problem, self.made.size, 1)
    self.asked = run_status.Requirements({"method": "slt", "sparsity_asked": 0.5, "train_steps": 2000}, TRANSLATION, 0)

  def look(self, **asked):
    return run_status.read(self.made.path("slt-50"), self.asked._replace(**asked))

  def begin(self, *steps, log=""):
    self.made.begun("slt-50", "slt", 50, "dense")
    folder = self.made.path("slt-50")
    atomic_files.write_text(paths.train_log(folder), log)
    for i, step in enumerate(steps):
      path = paths.checkpoint(folder, step) + ".index"
      atomic_files.write_text(path, "")
      os.utime(path, (1000 + 10 * i, 1000 + 10 * i))
    return folder

  def words(self):
    return console.in_words(self.look(), 2000)

  def test_a_run_from_waiting_to_done(self):
    self.assertEqual(self.words(), "waiting")
    folder = self.begin(0, 500, log=LOG)
    self.assertEqual(self.words(), "stopped, step 500 of 2,000")
    with run_lock.held(folder):
      self.assertEqual(self.words(), "running, step 700 of 2,000, 10.5 steps/s, 0:02:03 left")
    self.begin(2000)
    self.assertEqual(self.words(), "trained")
    with run_lock.held(folder):
      self.assertEqual(self.words(), "being evaluated")
    self.made.evaluated("slt-50", "slt", 50, 26.04, 65, "dense")
    self.assertEqual(self.words(), "done, BLEU 26.0")

  def test_done_is_what_evaluation_would_not_do_again(self):
    self.begin(2000)
    self.made.evaluated("slt-50", "slt", 50, 26, 65, "dense")
    self.assertEqual(self.look(translation="beam:1").state, run_status.State.TRAINED)
    self.assertEqual(self.look(average=3).state, run_status.State.TRAINED)

  def test_a_failed_run_says_what_went_wrong_until_it_is_taken_up_again(self):
    folder = self.begin(500)
    atomic_files.write_json(paths.last_error(folder), {"status": 1, "error": "train: no space (full log: x)"})
    self.assertEqual(self.words(), "failed: train: no space (full log: x)")
    with run_lock.held(folder):
      self.assertEqual(self.words(), "running, step 500 of 2,000")

  def test_a_folder_that_holds_another_run_is_told_beforehand(self):
    self.begin(2000)
    stands = self.look(about={"method": "slt", "train_steps": 40})
    self.assertEqual(stands.state, run_status.State.OTHER)
    self.assertIn("contains a run with train_steps=2000; requested 40", stands.error)

  def test_a_damaged_file_is_named(self):
    folder = self.begin(500)
    atomic_files.write_text(paths.description(folder), "{")
    self.assertIn("run.json is damaged", self.look().error)

  def test_speed_is_what_the_trainer_told_or_else_of_the_checkpoints(self):
    self.assertEqual(run_status.median_speed(self.begin(0, 100, log=LOG)), 10.5)
    self.assertEqual(run_status.median_speed(self.begin(0, 100, 200)), 10.0)
    self.assertIsNone(run_status.median_speed(self.made.path("slt-50") + "-80"))


class OutlookTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.made = made_up_runs.Runs(self.create_tempdir().full_path)
    self.where = paths.Runs(self.made.folder, self.made.problem, self.made.size, 1)
    self.asked = forecast.Workload(self.where, 2000, "", 20, 3072)
    self.runs = runs_of()

  def outlook(self, stands, hparams=""):
    return forecast.predict(self.runs, stands, self.asked._replace(hparams=hparams))

  def test_parameters_are_those_of_the_papers_model(self):
    # transformer_base_v3 with t2t's TPU adaptations and 33,288 subwords, counted in a checkpoint of t2t.
    self.assertEqual(forecast.parameters(presets.SIZES["base"], 33_288), 61_163_520)

  def test_without_any_run_steps_are_known_time_is_not_and_disk_is_computed(self):
    ahead = self.outlook([run_status.Status(run_status.State.WAITING)] * 5)
    self.assertEqual(ahead.steps, 10_000)
    self.assertIsNone(ahead.seconds)
    self.assertFalse(ahead.measured)
    computed = forecast.run_bytes("tiny", 3072, False, 20) + 4 * forecast.run_bytes("tiny", 3072, True, 20)
    self.assertEqual(ahead.disk["all"], computed)
    # Five runs as they stay, and the one at work as it is before it is thinned.
    stay = forecast.run_bytes("tiny", 3072, False, 20, "essential") + 4 * forecast.run_bytes(
      "tiny", 3072, True, 20, "essential"
    )
    thinned = forecast.run_bytes("tiny", 3072, True, 20) - forecast.run_bytes("tiny", 3072, True, 20, "essential")
    self.assertEqual(ahead.disk["essential"], stay + thinned)
    side_by_side = forecast.predict(
      self.runs, [run_status.Status(run_status.State.WAITING)] * 5, self.asked._replace(jobs=3)
    )
    self.assertEqual(side_by_side.disk["essential"], stay + 3 * thinned)
    # 22 checkpoints of 5 bytes a parameter, and what t2t writes of the graph.
    self.assertBetween(forecast.run_bytes("base", 33_288, True, 20), 6.7e9, 7.2e9)

  def test_time_and_disk_of_runs_so_far(self):
    self.made.evaluated("dense", "dense", 0, 26, 65)
    folder = self.made.path("dense")
    atomic_files.write_text(paths.train_log(folder), "INFO:tensorflow:global_step/sec: 4\n")
    stands = [
      run_status.Status(run_status.State.DONE, 2000, bleu=26),
      run_status.Status(run_status.State.STOPPED, 1500),
      *[run_status.Status(run_status.State.WAITING)] * 3,
    ]
    ahead = self.outlook(stands)
    self.assertEqual(ahead.steps, 6500)
    self.assertEqual(ahead.seconds, 6500 / 4)
    self.assertTrue(ahead.measured)
    self.assertEqual(ahead.disk["all"], 4 * forecast.folder_bytes(folder))
    self.assertIsNone(self.outlook(stands, hparams="batch_size=512").seconds)

  def test_memory_is_that_of_runs_so_far(self):
    computed = forecast.peak_memory(self.asked)
    self.assertBetween(computed, 1e9, 1.5e9)
    for run, peak in (("dense", 3_000), ("slt-50", 2_000)):
      self.made.begun(run, "slt", 50)
      atomic_files.write_json(paths.usage(self.made.path(run)), {"peak_memory": peak})
    self.assertEqual(forecast.peak_memory(self.asked), 3_000)
    self.assertEqual(forecast.peak_memory(self.asked._replace(hparams="batch_size=512")), computed)

  def test_when_all_is_done_nothing_is_to_come(self):
    ahead = self.outlook([run_status.Status(run_status.State.DONE, 2000, bleu=26)] * 5)
    self.assertEqual((ahead.steps, ahead.seconds, ahead.disk["all"], ahead.disk["essential"]), (0, 0, 0, 0))


if __name__ == "__main__":
  tf.test.main()
