"""The problem `squad_v1`: records of windows, the questions of dev next to them, and malformed files."""

import json
import os

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from t2t_lottery.data import manifest, squad
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import atomic_files
from tests.support import tiny_bert


class SquadTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.tmp_dir, self.data_dir = (self.create_tempdir().full_path for _ in range(2))
    atomic_files.write_lines(os.path.join(self.tmp_dir, "vocab.txt"), tiny_bert.PIECES)
    tiny_bert.write_squad(self.tmp_dir)

  def path(self, split):
    return os.path.join(self.tmp_dir, "SQuAD", f"{split}-v1.1.json")

  def test_records_are_the_windows_and_their_targets_the_answers(self):
    registry.problem("squad_v1").generate_data(self.data_dir, self.tmp_dir)
    self.assertTrue(manifest.is_complete("squad_v1", self.data_dir))
    facts = manifest.facts("squad_v1", self.data_dir)
    tokenizer = WordPiece(tiny_bert.PIECES)
    stored = squad.read_stored(os.path.join(self.data_dir, facts["questions"]))
    self.assertEqual(stored, squad.read(self.path("dev")))
    manifest.check_unchanged("squad_v1", self.data_dir)
    for split in ("train", "dev"):
      questions = squad.read(self.path(split))
      windows = [(window, one) for one in questions for window in squad.windows(tokenizer, one)]
      # The last context is long.
      self.assertGreater(len(windows), len(questions) + 1)
      (records,) = manifest.records("squad_v1", self.data_dir, split)
      found = [tf.train.Example.FromString(r).features.feature for r in tf.python_io.tf_record_iterator(records)]
      self.assertEqual(facts["examples"][split], len(windows))
      # t2t shuffles the records of training.
      read = sorted(
        tuple(tuple(one[n].int64_list.value) for n in ("inputs", "inputs_segments", "targets")) for one in found
      )
      expected = sorted((tuple(w.ids), tuple(w.segments), w.target(q.span)) for w, q in windows)
      self.assertEqual(read, expected)
      self.assertEqual(max(len(ids) for ids, _, _ in read), 384)
      for ids, _, (first, last) in read:
        if last:
          self.assertIn(" ".join(tiny_bert.PIECES[piece] for piece in ids[first : last + 1]), tiny_bert.PIECES)

  def test_a_question_whose_answer_is_elsewhere_is_no_training_example_but_is_asked(self):
    for split in ("train", "dev"):
      content = atomic_files.read_json(self.path(split))
      content["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] += 1
      with open(self.path(split), "w", encoding="utf-8") as file:
        json.dump(content, file)
    made = registry.problem("squad_v1")
    counts = [
      sum(1 for _ in made.generate_encoded_samples(self.data_dir, self.tmp_dir, split))
      for split in (problem.DatasetSplit.TRAIN, problem.DatasetSplit.EVAL)
    ]
    windows = [
      sum(len(squad.windows(WordPiece(tiny_bert.PIECES), one)) for one in squad.read(self.path(split)))
      for split in ("train", "dev")
    ]
    self.assertEqual(counts, [windows[0] - 1, windows[1]])

  def test_a_malformed_or_missing_file_is_one_line_and_writes_nothing(self):
    for damage in (lambda path: tf.gfile.Remove(path), lambda path: atomic_files.write_text(path, '{"data": 3}')):
      damage(self.path("dev"))
      with self.assertRaises(SystemExit) as caught:
        registry.problem("squad_v1").generate_data(self.data_dir, self.tmp_dir)
      self.assertRegex(str(caught.exception), r"dev-v1\.1\.json is (missing|damaged)")
      self.assertEmpty(os.listdir(self.data_dir))


if __name__ == "__main__":
  tf.test.main()
