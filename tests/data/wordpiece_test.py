"""BERT's tokenizer: pieces equal to those of the reference, on cases and on real text."""

import os

import tensorflow.compat.v1 as tf
from absl.testing import parameterized

from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import errors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


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
