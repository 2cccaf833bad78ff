"""Invalid JSON files in a run's folder: each command reports the file on one line."""

from __future__ import annotations

import json
import os
import subprocess

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.evaluation import decoding
from t2t_lottery.report import study as report_runs
from t2t_lottery.reproduce.planning import forecast
from t2t_lottery.runs import failure_marker, model_source, paths, results_file, retention, run_files, run_status
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError
from tests.support import made_up_runs

DEEP = "[" * 10_000 + "]" * 10_000
INVALID = ("", "{", "[]", "null", "7", '"text"', "[{}]", DEEP, '{"a": ' + DEEP + "}", "\x00")


class RunFilesTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.runs = made_up_runs.Runs(self.create_tempdir().full_path)
    self.runs.evaluated("dense", "dense", 0, 30.0, 50.0)
    self.runs.evaluated("slt-50", "slt", 50, 29.0, 51.0, "dense")
    self.folder = self.runs.path("slt-50")
    self.required = run_status.Requirements({"train_steps": 2000}, "beam:4", 0)

  def assert_reported(self, path, function):
    """Checks that a function reports a file on one line."""
    with self.assertRaises(UserError) as caught:
      function()
    message = str(caught.exception)
    self.assertLen(message.splitlines(), 1)
    self.assertStartsWith(message, f"{path} is damaged (")
    self.assertEndsWith(message, "): delete it to regenerate it")

  def replace(self, path, **changed):
    """Changes a JSON file; None removes a name."""
    content = {**(atomic_files.read_json(path) if os.path.exists(path) else {}), **changed}
    atomic_files.write_text(path, json.dumps({name: value for name, value in content.items() if value is not None}))

  @parameterized.parameters(*INVALID)
  def test_anything_but_an_object_is_reported(self, content):
    for path, reader in (
      (paths.description, lambda: run_files.description(self.folder)),
      (paths.result, lambda: run_files.result(self.folder)),
      (paths.failed, lambda: failure_marker.describe(self.folder)),
      (paths.last_error, lambda: run_files.last_error(self.folder)),
      (paths.thinned, lambda: retention.steps(self.folder)),
      (paths.hparams, lambda: run_files.hparams(self.folder)),
      (paths.usage, lambda: run_files.peak_memory(self.folder)),
      (paths.layers, lambda: run_files.layers(self.folder)),
      (paths.joined, lambda: run_files.hosts(self.folder)),
    ):
      atomic_files.write_text(path(self.folder), content)
      self.assert_reported(path(self.folder), reader)

  @parameterized.parameters(
    (paths.failed, {}, "lacks step"),
    (paths.failed, {"step": "1", "reason": "r"}, "step is not an integer"),
    (paths.last_error, {"error": 5, "status": 1}, "error is not a string"),
    (paths.thinned, {"steps": [1, "2"]}, "steps[1] is not an integer"),
    (paths.usage, {"peak_memory": True}, "peak_memory is not an integer"),
    (paths.result, {"test": {"bleu": "29"}}, "test.bleu is not an integer or a number"),
    (paths.result, {"test": [29]}, "test is not an object"),
    (paths.result, {"average": {"checkpoints": 5}}, "average lacks test_bleu"),
    (paths.result, {"signatures": {"bleu": None}}, "signatures.bleu is not a string"),
    (paths.layers, {"total": {"sparsity": "half"}}, "total.sparsity is not an integer or a number or null"),
  )
  def test_the_error_names_the_field(self, path, content, expected):
    atomic_files.write_json(path(self.folder), content)
    readers = {
      paths.failed: run_files.failed,
      paths.last_error: run_files.last_error,
      paths.thinned: run_files.steps_before_deletion,
      paths.usage: run_files.peak_memory,
      paths.result: run_files.result,
      paths.layers: run_files.layers,
    }
    with self.assertRaises(UserError) as caught:
      readers[path](self.folder)
    self.assertIn(f"({expected})", str(caught.exception))

  def test_the_status_of_a_run_names_the_file(self):
    for path in (paths.result, paths.description, paths.last_error):
      before = atomic_files.read_json(path(self.folder)) if os.path.exists(path(self.folder)) else None
      for content in INVALID:
        atomic_files.write_text(path(self.folder), content)
        status = run_status.read(self.folder, self.required)
        self.assertEqual(status.state, run_status.State.FAILED)
        self.assertStartsWith(status.error, f"{path(self.folder)} is damaged")
      if before is None:
        os.remove(path(self.folder))
      else:
        atomic_files.write_json(path(self.folder), before)
    self.assertEqual(run_status.read(self.folder, self.required).bleu, 29.0)

  @parameterized.parameters(*INVALID, '{"run": "slt-50"}', '{"test": {"bleu": "29"}}')
  def test_a_damaged_result_does_not_affect_others(self, content):
    other = made_up_runs.Runs(self.runs.folder, problem="translate_enfr_grammar")
    other.evaluated("dense", "dense", 0, 30.0, 50.0)
    for folder in (self.folder, other.path("dense")):
      atomic_files.write_text(paths.result(folder), content)
    # Of another problem, and of this one.
    self.assertEqual([line["run"] for line in results_file.collect(self.runs.folder)], ["dense"])
    study = report_runs.read(self.runs.folder, made_up_runs.PROBLEM)
    self.assertEqual(study.evaluated("dense")[0]["test"]["bleu"], 30.0)
    self.assertEmpty(study.evaluated("slt-50"))
    (line,) = report_runs.unfinished(study)
    self.assertStartsWith(line, f"slt-50, seed 1: {paths.result(self.folder)} is damaged (")
    atomic_files.write_text(paths.description(self.folder), content)
    (line,) = report_runs.unfinished(report_runs.read(self.runs.folder, made_up_runs.PROBLEM))
    self.assertStartsWith(line, f"{paths.description(self.folder)} is damaged (")

  def test_other_damaged_files_do_not_break_the_report(self):
    for path in (paths.layers(self.folder), paths.segments(self.folder)):
      atomic_files.write_text(path, "[]")
    translation = paths.translation(self.folder, "test", paths.checkpoint(self.folder, 1900))
    atomic_files.write_bytes(translation, [b"fine\n", b"caf\xe9\n"])
    study = report_runs.read(self.runs.folder)
    (run,) = study.runs["slt-50"]
    self.assertEqual((run.layers(), run.segments("bleu"), run.translation()), ({}, None, []))
    lines = report_runs.unfinished(study)
    self.assertLen(lines, 3)
    self.assertIn(f"{paths.layers(self.folder)} is damaged", "".join(lines))
    self.assertIn(f"{paths.segments(self.folder)} is damaged", "".join(lines))
    self.assertIn(f"{translation} is damaged (line 2 is not UTF-8)", "".join(lines))

  def test_an_edited_translation_is_detected(self):
    path = os.path.join(self.folder, "translations", "dev.40.txt")
    lines = ["one \u2028 line\r", "", "another"]
    run_files.write_translation(path, lines, "beam:4|decoder:x")
    self.assertEqual((run_files.translation(path), run_files.made_by(path)), (lines, "beam:4|decoder:x"))
    subprocess.run(["sha256sum", "--check", "--status", paths.checksum(path)], check=True, cwd=os.path.dirname(path))
    for changed in (["one line", "", "another"], lines[:2]):
      atomic_files.write_lines(path, changed)
      with self.assertRaisesRegex(UserError, f"^{path} was changed since it was made: delete it to regenerate it$"):
        run_files.translation(path)
    os.remove(paths.checksum(path))  # Older versions wrote none.
    self.assertEqual(run_files.translation(path), lines[:2])
    for content in (b"", b"no checksum\n", b"a\nb\n"):
      atomic_files.write_bytes(paths.checksum(path), [content])
      with self.assertRaisesRegex(UserError, "was changed since it was made"):
        run_files.translation(path)

  def test_a_translation_by_another_decoder_is_not_reused(self):
    checkpoint = paths.checkpoint(self.folder, 40)
    decoded = decoding.Decoding(self.folder, self.runs.problem, "")
    path = paths.translation(self.folder, "dev", checkpoint)
    for made_by in (decoding.signature(decoding.CTRANSLATE2), "an earlier one"):
      run_files.write_translation(path, ["one"], made_by)
      atomic_files.write_json(paths.loss(self.folder, "dev", checkpoint), {"loss": 1.5, "signature": made_by})
      self.assertEqual(decoded.is_complete("dev", checkpoint), made_by != "an earlier one")
    self.assertEqual(run_files.loss(paths.loss(self.folder, "dev", checkpoint)), (1.5, "an earlier one"))
    # As earlier versions wrote them.
    os.remove(paths.checksum(path))
    atomic_files.write_json(paths.loss(self.folder, "dev", checkpoint), 1.5)
    self.assertFalse(decoded.is_complete("dev", checkpoint))
    self.assertEqual(run_files.loss(paths.loss(self.folder, "dev", checkpoint)), (1.5, None))

  def test_the_forecast_skips_unreadable_files(self):
    workload = forecast.Workload(paths.Runs(self.runs.folder, self.runs.problem, "tiny", 1), 2000, "", 20, 3000)
    atomic_files.write_json(paths.usage(self.runs.path("dense")), {"peak_memory": 12345})
    for content in INVALID:
      atomic_files.write_text(paths.usage(self.folder), content)
      self.assertEqual(forecast.peak_memory(workload), 12345)
    self.replace(paths.description(self.folder), method="unheard_of")
    self.assertEqual(forecast.peak_memory(workload), 12345)

  def test_a_result_without_a_best_step_is_an_error(self):
    self.replace(paths.result(self.folder), best_step=None)
    with self.assertRaisesRegex(UserError, "does not contain the best step"):
      model_source.find(self.folder)


if __name__ == "__main__":
  tf.test.main()
