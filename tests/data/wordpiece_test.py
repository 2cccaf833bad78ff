"""BERT's tokenizer: pieces equal to those of the reference, on cases and on real text."""

import collections
import hashlib
import os
import pathlib
import re
import string
import zipfile

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import errors

DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
# SHA-256 of the pieces of `real_text` in the vocabulary of `vocabulary_of`, a line of ids for each sentence, by google-research/bert's
# tokenization.py (of the package bert-tensorflow 1.0.4: BasicTokenizer, then WordpieceTokenizer), lowercased or not.
EXPECTED = {
  True: "f8e7c52c8deed76a6aa0809851b01664e379fea53a980f6a08ff49aa6c88fe15",
  False: "2233bedb3f174a1919c1f510b1d21c553d4602c351b6e17842218a8f1daafe65",
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def real_text():
  """31,270 sentences: of film reviews and plots, CoLA, and German image captions."""
  sentences = []
  for name, files in (
    ("sentence_polarity", ("rt-polarity.neg", "rt-polarity.pos")),
    ("subjectivity", ("plot.tok.gt9.5000", "quote.tok.gt9.5000")),
  ):
    with zipfile.ZipFile(DATA / "text_classification" / f"{name}.zip") as archive:
      for file in files:
        sentences += archive.read(f"{name}/{file}").decode("latin-1").splitlines()
  for name in ("train", "dev"):
    sentences += [
      line.split("\t")[3] for line in (DATA / "glue" / "CoLA" / f"{name}.tsv").read_text("utf-8").splitlines()
    ]
  return sentences + (DATA / "multi30k" / "val.de").read_text("utf-8").splitlines()


def vocabulary_of(sentences, lower_case):
  """The most frequent words and endings of a text, and its characters, in an order that follows from it."""
  words = collections.Counter(word for line in sentences for word in re.findall(r"[^\W\d_]+", line))
  if lower_case:
    words = collections.Counter(word.lower() for word in words.elements())
  endings = collections.Counter({f"##{word[-3:]}": count for word, count in sorted(words.items())})
  characters = sorted({character for word in words for character in word} | set(string.digits + string.punctuation))
  common = [sorted(found.items(), key=lambda item: (-item[1], item[0]))[:6000] for found in (words, endings)]
  pieces = [piece for found in common for piece, _ in found]
  return list(dict.fromkeys([*SPECIAL, *characters, *(f"##{one}" for one in characters), *pieces]))


def tokens(pieces, text):
  tokenizer = WordPiece(SPECIAL + pieces)
  return [tokenizer.pieces[piece] for piece in tokenizer.encode(text)]


class WordPieceTest(parameterized.TestCase, tf.test.TestCase):
  def test_a_word_is_its_longest_pieces_from_the_left(self):
    # The examples of google-research/bert's tokenization_test.py.
    pieces = ["want", "##want", "##ed", "wa", "un", "runn", "##ing"]
    self.assertEqual(tokens(pieces, ""), [])
    self.assertEqual(tokens(pieces, "unwanted running"), ["un", "##want", "##ed", "runn", "##ing"])
    self.assertEqual(tokens(pieces, "unwantedX running"), ["[UNK]", "runn", "##ing"])

  def test_a_word_of_more_than_200_characters_is_unknown(self):
    self.assertEqual(tokens(["x", "##x"], "x" * 200)[:2], ["x", "##x"])
    self.assertEqual(tokens(["x", "##x"], "x" * 201), ["[UNK]"])

  @parameterized.parameters(
    # As BasicTokenizer of google-research/bert splits them.
    (" \tHeLLo!how  \n Are yoU?  ", ["hello", "!", "how", "are", "you", "?"]),
    ("H\u00e9llo $5.00", ["hello", "$", "5", ".", "00"]),
    ("ah\u535a\u63a8zz", ["ah", "\u535a", "\u63a8", "zz"]),
    ("a\u200bb c\ufffdd\u00a0e", ["ab", "cd", "e"]),
  )
  def test_words(self, text, words):
    self.assertEqual(list(WordPiece([*SPECIAL, "a"]).words(text)), words)

  @parameterized.parameters(True, False)
  def test_pieces_of_real_sentences_are_googles(self, lower_case):
    if not DATA.exists():
      self.skipTest(f"needs {DATA}")
    sentences = real_text()
    self.assertLen(sentences, 31_270)
    tokenizer = WordPiece(vocabulary_of(sentences, lower_case))
    self.assertEqual(tokenizer.lower_case, lower_case)
    lines = "".join(f"{' '.join(map(str, tokenizer.encode(line)))}\n" for line in sentences)
    self.assertEqual(hashlib.sha256(lines.encode()).hexdigest(), EXPECTED[lower_case])

  def test_a_vocabulary_with_capitals_keeps_case_and_accents(self):
    self.assertEqual(list(WordPiece([*SPECIAL, "The"]).words("H\u00e9LLo")), ["H\u00e9LLo"])

  def test_a_file_that_is_not_berts_vocabulary_is_refused(self):
    with self.assertRaisesRegex(errors.UserError, r"vocabulary has no \[UNK\]"):
      WordPiece(["[PAD]", "a"])
    with self.assertRaisesRegex(errors.UserError, r"\[PAD\] is on line 6"):
      WordPiece([*SPECIAL[1:], "a", "[PAD]"])
    with self.assertRaisesRegex(errors.UserError, "No such file"):
      WordPiece.read(os.path.join(self.create_tempdir().full_path, "vocab.txt"))


if __name__ == "__main__":
  tf.test.main()
