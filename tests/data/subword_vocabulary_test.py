"""Subwords compared with t2t's encoder: same ids and same text, for any text."""

import os
import random
import sys

import tensorflow.compat.v1 as tf
from tensor2tensor.data_generators import text_encoder

from t2t_lottery.data import subword_vocabulary
from t2t_lottery.utils.errors import UserError

SHARED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "..", "..", "shared", "data")
TEXT = [
  "Ein Mann, der \"ja\" sagt: 'nein'.",
  "L'été, où êtes-vous ? 12 000 €",
  "a_b \\u \\\\ \\95; ;u",
  "  two  spaces\tand\ta tab ",
  "naïve café №5 Ⅷ ½ ٣",
  "日本語 と русский и ελληνικά",
  "😀👍🏽 \u200b\u00a0\u2028\u0085",
  "x\r\ny\rz\n",
  "<pad> <EOS> <pad>_ _",
  " ",
  "",
]


def noise(count):
  """Random strings of characters from all of Unicode, and from those affected by escaping."""
  rng = random.Random(1)
  common = "ab 12 \\_u;<>' \"\n\r\t"
  for _ in range(count):
    # Surrogates are not characters: they cannot be written to a file.
    points = (rng.choice((0x80, 0x500, 0xD7FF, sys.maxunicode)) for _ in range(30))
    rare = [chr(c) for c in map(rng.randrange, points) if not 0xD800 <= c < 0xE000]
    yield "".join(rng.choice(rare) if rng.random() < 0.3 else rng.choice(common) for _ in range(rng.randrange(25)))


class SubwordsTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.get_temp_dir(), "vocabulary")

  def build(self, text, size):
    """Writes a vocabulary built by t2t to `self.path`."""
    text_encoder.SubwordTextEncoder.build_from_generator(text, size).store_to_file(self.path)

  def assert_same(self, text):
    theirs = text_encoder.SubwordTextEncoder(self.path)
    ours = subword_vocabulary.Subwords(self.path)
    self.assertLen(ours, theirs.vocab_size)
    for line in text:
      ids = theirs.encode(line)
      self.assertEqual(ours.encode(line), ids, repr(line))
      self.assertEqual(ours.decode(ids), theirs.decode(ids), repr(line))
    rng = random.Random(2)
    for _ in range(500):
      ids = [rng.randrange(theirs.vocab_size) for _ in range(rng.randrange(30))]
      self.assertEqual(ours.decode(ids), theirs.decode(ids), ids)

  def test_known_and_unknown_characters(self):
    self.build(TEXT[:3] * 5, 60)
    self.assert_same([*TEXT, *noise(2000)])

  def test_vocabulary_that_contains_the_unusual_characters(self):
    self.build(TEXT * 3, 150)
    self.assert_same([*TEXT, *noise(2000)])

  def test_vocabulary_without_quotes_and_with_unusual_lines(self):
    # Every character of a subword must be a subword, or t2t fails.
    letters = "\n".join("abcdefghijklmnopqrstuvwxyz0123456789\\;<>EOS")
    odd = "'it''s_'\n'\n\"q_\"\nab_\r\n_\nu\n  \n\n'''\n"
    with open(self.path, "w", encoding="utf-8", newline="\n") as file:
      file.write(f"<pad>_\n<EOS>_\n{odd}{letters}\n")
    self.assert_same([*TEXT, "it's ab q", *noise(500)])

  def test_number_too_large_for_a_character(self):
    self.build(TEXT * 3, 150)
    ours = subword_vocabulary.Subwords(self.path)
    theirs = text_encoder.SubwordTextEncoder(self.path)
    ids = [theirs._subtoken_string_to_id[c] for c in "\\99999999;_"]
    self.assertEqual(ours.decode(ids), "\u3013")
    self.assertEqual(theirs.decode(ids), "\u3013")

  def test_real_text(self):
    found = [os.path.join(SHARED, "multi30k", f"val.{side}") for side in ("en", "de", "fr")]
    if not all(map(os.path.exists, found)):
      self.skipTest("no Multi30k text next to the checkout")
    text = []
    for path in found:
      with open(path, encoding="utf-8", newline="\n") as file:
        text += file.read().split("\n")
    self.build(text[:500], 1000)
    self.assert_same(text)

  def test_errors(self):
    with self.assertRaisesRegex(UserError, "cannot read the vocabulary .*No such file"):
      subword_vocabulary.Subwords(self.path)
    with open(self.path, "wb") as file:
      file.write(b"\xff\xfe")
    with self.assertRaisesRegex(UserError, "cannot read the vocabulary .*utf-8"):
      subword_vocabulary.Subwords(self.path)
    with open(self.path, "w", encoding="utf-8"):
      pass
    with self.assertRaisesRegex(UserError, "is not a subword vocabulary"):
      subword_vocabulary.Subwords(self.path)
    with open(self.path, "w", encoding="utf-8") as file:
      file.write("'<pad>_'\n'<EOS>_'\n'a_'\n")
    with self.assertRaisesRegex(UserError, "has no subword for .* it is damaged"):
      subword_vocabulary.Subwords(self.path).encode("b")


if __name__ == "__main__":
  tf.test.main()
