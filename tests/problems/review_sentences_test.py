"""Problems of film reviews: classes, splits, encodings."""

import os

import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensor2tensor.data_generators import problem
from tensor2tensor.utils import registry

import usr_dir  # noqa: F401

WORDS = ("a", "b", "c", "d")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
SENTENCES = [" ".join((i, j, k, m)) for i in WORDS for j in WORDS for k in WORDS for m in WORDS]
FILES = {
  "text_polarity": "rt-polarity.neg rt-polarity.pos",
  "text_subjectivity": "plot.tok.gt9.5000 quote.tok.gt9.5000",
}
FOLDERS = {"text_polarity": "sentence_polarity", "text_subjectivity": "subjectivity"}


class ReviewSentencesTest(parameterized.TestCase, tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.tmp_dir, self.data_dir = (self.create_tempdir().full_path for _ in range(2))
    self.write("vocab.txt", "".join(f"{piece}\n" for piece in PIECES).encode())

  def write(self, name, content):
    path = os.path.join(self.tmp_dir, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
      file.write(content)

  def write_classes(self, name, *contents):
    for file, content in zip(FILES[name].split(), contents):
      self.write(os.path.join(FOLDERS[name], file), content)

  def examples(self, name):
    """(text, class) of train and dev."""
    found = []
    for split in (problem.DatasetSplit.TRAIN, problem.DatasetSplit.EVAL):
      samples = registry.problem(name).generate_encoded_samples(self.data_dir, self.tmp_dir, split)
      found.append([(" ".join(PIECES[i] for i in x["inputs"][1:-1]), *x["targets"]) for x in samples])
    return found

  @parameterized.parameters(*FILES)
  def test_class_is_that_of_the_file_and_a_sentence_is_in_one_split(self, name):
    lines = "".join(f"{sentence} \n" for sentence in SENTENCES).encode()
    self.write_classes(name, lines + lines, lines)
    train, dev = self.examples(name)
    self.assertCountEqual(train + dev, [(s, c) for s in SENTENCES for c in (0, 0, 1)])
    self.assertEmpty({text for text, _ in train} & {text for text, _ in dev})
    self.assertBetween(len(dev) / len(train + dev), 0.05, 0.15)
    # What is added to a file moves no sentence.
    self.write_classes(name, lines + lines + b"a a a a a\n", lines)
    self.assertContainsSubset(dev, self.examples(name)[1])

  def test_files_may_be_utf8_or_latin1(self):
    text = "\n".join(SENTENCES) + "\ncaf\u00e9\n"
    found = []
    for encoding in ("utf-8", "latin-1"):
      self.write_classes("text_polarity", text.encode(encoding), text.encode(encoding))
      samples = [
        sample
        for split in (problem.DatasetSplit.TRAIN, problem.DatasetSplit.EVAL)
        for sample in registry.problem("text_polarity").generate_samples(self.data_dir, self.tmp_dir, split)
      ]
      self.assertIn({"inputs": "caf\u00e9", "label": 1}, samples)
      found.append(samples)
    self.assertEqual(*found)

  def test_an_empty_line_is_named(self):
    self.write_classes("text_polarity", b"a\n\nb\n", b"c\n")
    with self.assertRaisesRegex(SystemExit, "rt-polarity.neg, line 2 is empty"):
      self.examples("text_polarity")


if __name__ == "__main__":
  tf.test.main()
