"""GLUE's problems: BERT's input form, each pair once, what is missing is named."""

import os

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401
from problems import classification
from t2t_lottery.data.wordpiece import WordPiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
CLS, SEP = 2, 3


class GlueTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.tmp_dir, self.data_dir = (self.create_tempdir().full_path for _ in range(2))
    self.write("vocab.txt", PIECES)

  def write(self, name, lines):
    path = os.path.join(self.tmp_dir, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
      file.writelines(f"{line}\n" for line in lines)

  def examples(self, name, split=problem.DatasetSplit.EVAL):
    return list(registry.problem(name).generate_encoded_samples(self.data_dir, self.tmp_dir, split))

  def test_a_pair_is_cls_first_sep_second_sep_in_two_segments(self):
    header = "index\tsentence1\tsentence2\tlabel"
    self.write("RTE/train.tsv", [header])
    self.write("RTE/dev.tsv", [header, "0\ta b\tc\tentailment"])
    (example,) = self.examples("glue_rte")
    self.assertEqual(example["inputs"], [CLS, 5, 6, SEP, 7, SEP])
    self.assertEqual(example["inputs_segments"], [0, 0, 0, 0, 1, 1])
    self.assertEqual(example["targets"], [1])

  def test_the_longer_text_of_a_pair_is_shortened(self):
    ids, segments = classification.encode(WordPiece(PIECES), ["a a a a", "b b"], longest=7)
    self.assertEqual(ids, [CLS, 5, 5, SEP, 6, 6, SEP])
    self.assertEqual(segments, [0, 0, 0, 0, 1, 1, 1])

  def test_a_pair_of_qqp_and_mrpc_is_yielded_once(self):
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
    self.write("QQP/train.tsv", [header])
    self.write("QQP/dev.tsv", [header, "0\t1\t2\ta\tb\t1", "1\t3\t4\tc\td\t0"])
    self.write("MRPC/dev_ids.tsv", ["1\t2", "3\t4"])
    self.write("MRPC/msr_paraphrase_test.txt", ["header"])
    self.write("MRPC/msr_paraphrase_train.txt", ["header", "1\t1\t2\ta\tb", "0\t3\t4\tc\td", "0\t5\t6\ta\td"])
    for name in ("glue_qqp", "glue_mrpc"):
      found = self.examples(name)
      self.assertEqual([example["inputs"] for example in found], [[CLS, 5, SEP, 6, SEP], [CLS, 7, SEP, 8, SEP]])
      self.assertEqual([example["targets"] for example in found], [[1], [0]])

  def dev_of_stsb_from_its_first(self):
    """Checks the first example of dev; returns the rest."""
    generator = registry.problem("glue_stsb").generate_encoded_samples(
      self.data_dir, self.tmp_dir, problem.DatasetSplit.EVAL
    )
    example = next(generator)
    self.assertEqual((example["targets"], example["inputs"][:2]), ([4.75], [CLS, 5]))
    return generator

  def test_stsb_is_read_from_the_benchmarks_columns(self):
    self.write("STS-B/sts-train.csv", [])
    self.write("STS-B/sts-dev.csv", ['main\tx\t2012\t0001\t4.750\ta "b\tc', "main\tx\t2012\t0002\t5\ta"])
    generator = self.dev_of_stsb_from_its_first()
    with self.assertRaisesRegex(SystemExit, "line 2: no score"):
      next(generator)

  def test_stsb_is_read_from_the_columns_of_glue(self):
    # As in GLUE's files: index, genre, filename, year, old_index, source1, source2, sentence1, sentence2, score.
    header = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore"
    row = '0\tmain\tx\t2012\t0001\tnone\tnone\ta "b\tc\t4.750'
    self.write("STS-B/train.tsv", [header, row])
    self.write("STS-B/dev.tsv", [header, row, row.replace("4.750", "nan"), row[:-6]])
    generator = self.dev_of_stsb_from_its_first()
    with self.assertRaisesRegex(SystemExit, "dev example 2 has the score nan"):
      next(generator)
    with self.assertRaisesRegex(SystemExit, "STS-B/train.tsv is missing"):
      os.remove(os.path.join(self.tmp_dir, "STS-B", "train.tsv"))
      self.examples("glue_stsb")

  def test_missing_files_and_vocabulary_are_named(self):
    with self.assertRaisesRegex(SystemExit, "CoLA/train.tsv is missing"):
      self.examples("glue_cola")
    for name in ("train", "dev"):
      self.write(f"CoLA/{name}.tsv", ["gj04\t1\t\ta b"])
    os.remove(os.path.join(self.tmp_dir, "vocab.txt"))
    with self.assertRaisesRegex(SystemExit, "copy the vocab.txt of the model there"):
      self.examples("glue_cola")

  def test_another_vocabulary_than_that_of_the_data_is_refused(self):
    for name in ("train", "dev"):
      self.write(f"CoLA/{name}.tsv", ["gj04\t1\t\ta b"])
    self.examples("glue_cola")
    self.write("vocab.txt", [*PIECES[:-2], *PIECES[:-3:-1]])
    with self.assertRaisesRegex(SystemExit, "vocab.txt is another vocabulary than .*: give another --data_dir"):
      self.examples("glue_cola")

  def test_a_malformed_example_is_named(self):
    self.write("CoLA/train.tsv", [])
    for line, message in (
      ("gj04\t1\ta b", "CoLA: dev example 2 cannot be read: not enough values"),
      ("", "CoLA: dev example 2 cannot be read"),
      ("gj04\tyes\t\ta b", "CoLA: dev example 2 cannot be read: invalid literal"),
      ("gj04\t2\t\ta b", "CoLA: dev example 2 has class 2: must be from 0 to 1"),
      ("gj04\t-1\t\ta b", "CoLA: dev example 2 has class -1: must be from 0 to 1"),
    ):
      self.write("CoLA/dev.tsv", ["gj04\t1\t\ta b", line])
      with self.assertRaisesRegex(SystemExit, message):
        self.examples("glue_cola")
    self.write("STS-B/sts-train.csv", [])
    for line, message in (
      ("main\tx\t2012\t0001\tnan\ta\tb", "STS-B: dev example 1 has the score nan"),
      ("main\tx\t2012\t0001\t5\ta\rc\tb", "sts-dev.csv, line 1: no score"),
    ):
      self.write("STS-B/sts-dev.csv", [line])
      with self.assertRaisesRegex(SystemExit, message):
        self.examples("glue_stsb")

  def test_a_split_without_examples_is_refused(self):
    """It would be noticed only after training, by an accuracy of 0 / 0."""
    self.write("CoLA/train.tsv", ["gj04\t1\t\ta b"])
    self.write("CoLA/dev.tsv", [])
    with self.assertRaisesRegex(SystemExit, "CoLA: no example of dev"):
      registry.problem("glue_cola").generate_data(self.data_dir, self.tmp_dir)


if __name__ == "__main__":
  tf.test.main()
