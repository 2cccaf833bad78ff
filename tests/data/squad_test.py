"""SQuAD's files, windows of long contexts, and places of answers in them."""

import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from t2t_lottery.data import squad
from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils.errors import UserError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij().", *(f"##{letter}" for letter in "abcdefghij")]
TOKENIZER = WordPiece(PIECES)


def question(context, answer="a", start=None, asked="b c", number=0):
  return squad.Question(f"q{number}", asked, context, [answer], [context.index(answer) if start is None else start])


class SquadTest(parameterized.TestCase):
  def write(self, content):
    path = os.path.join(self.create_tempdir().full_path, "dev-v1.1.json")
    with open(path, "w", encoding="utf-8") as file:
      file.write(content if isinstance(content, str) else json.dumps(content))
    return path

  def official(self, qas, context="Abc (de) f."):
    return {"version": "1.1", "data": [{"title": "A", "paragraphs": [{"context": context, "qas": qas}]}]}

  def test_reads_the_official_form_and_what_it_stores(self):
    answers = [{"text": "Abc", "answer_start": 0}, {"text": "de", "answer_start": 5}]
    path = self.write(self.official([{"id": "x", "question": "B?", "answers": answers}]))
    found = squad.read(path)
    self.assertEqual(found, [squad.Question("x", "B?", "Abc (de) f.", ["Abc", "de"], [0, 5])])
    self.assertEqual(found[0].span, (0, 3))
    squad.write_stored(path + ".stored", found)
    self.assertEqual(squad.read_stored(path + ".stored"), found)
    self.assertIsNone(found[0]._replace(starts=[1, 5]).span)

  @parameterized.parameters(
    ("{", r"is damaged \(.*\): give the official file of SQuAD 1.1"),
    ([], "is damaged"),
    ({"data": [{"paragraphs": [{"qas": []}]}]}, "is damaged .*context"),
    ({"data": []}, "has no questions"),
    (
      [{"id": "x", "question": "B?", "answers": [], "is_impossible": True}],
      "question 'x' has no answer: give the files",
    ),
    ([{"id": "x", "question": "B?", "answers": [{"text": "b"}]}], "is damaged .*answer_start"),
    ([{"id": "x", "question": "B?", "answers": [{"text": "b", "answer_start": "1"}]}], "is damaged .*answer_start"),
    (
      [{"id": "x", "question": " ", "answers": [{"text": "b", "answer_start": 1}]}],
      "question 'x': its question is empty",
    ),
    ([{"id": "x", "question": "B", "answers": [{"text": "", "answer_start": 1}]}], "question 'x': its answer is empty"),
    ([{"id": "x", "question": "B", "answers": [{"text": "b", "answer_start": 1}]}] * 2, "question 'x' occurs twice"),
  )
  def test_bad_files_are_one_line(self, content, message):
    of_questions = isinstance(content, list) and content
    path = self.write(self.official(content) if of_questions else content)
    with self.assertRaisesRegex(UserError, message) as caught:
      squad.read(path)
    self.assertStartsWith(str(caught.exception), path)
    self.assertNotIn("\n", str(caught.exception))

  def test_a_missing_file_is_one_line(self):
    with self.assertRaisesRegex(UserError, "cannot read /nowhere.json: No such file"):
      squad.read("/nowhere.json")

  def test_a_short_context_is_one_window(self):
    (window,) = squad.windows(TOKENIZER, question("a (bc) d"))
    self.assertEqual(
      [PIECES[piece] for piece in window.ids], [*"", "[CLS]", "b", "c", "[SEP]", *"a(b", "##c", ")", "d", "[SEP]"]
    )
    self.assertEqual(window.segments, [0] * 4 + [1] * 7)
    self.assertEqual((window.first, window.most), (4, [True] * 6))
    self.assertEqual(window.spans, [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6), (7, 8)])

  def test_a_long_context_is_covered_by_windows_that_start_every_stride(self):
    context = " ".join("abcdefghij"[i % 10] for i in range(50))
    found = squad.windows(TOKENIZER, question(context, asked="a b c d e"), longest=25, longest_question=4, stride=6)
    room = 25 - 4 - 3
    ids = TOKENIZER.encode(context)
    # The last is the first one that reaches the end.
    starts = [0, 6, 12, 18, 24, 30, 36]
    self.assertEqual([window.spans[0][0] // 2 for window in found], starts)
    for window, start in zip(found, starts):
      part = ids[start : start + room]
      self.assertEqual(window.ids, [2, *TOKENIZER.encode("a b c d"), 3, *part, 3])
      self.assertEqual((window.first, len(window.most), len(window.segments)), (6, len(part), len(window.ids)))
    for piece in range(50):
      # Of each piece one window shows the most: none has it farther from the nearer edge.
      edges = {
        s: min(piece - s, s + len(w.most) - 1 - piece) for w, s in zip(found, starts) if 0 <= piece - s < len(w.most)
      }
      (chosen,) = [s for w, s in zip(found, starts) if s in edges and w.most[piece - s]]
      self.assertGreaterEqual(edges[chosen] + 0.01 * room, max(edges.values()))

  def test_the_target_is_where_the_answer_is_or_cls(self):
    context = "a (bc) d ef"
    (window,) = squad.windows(TOKENIZER, question(context))
    pieces = [PIECES[piece] for piece in window.ids]
    for answer, expected in (
      ("bc", ["b", "##c"]),
      ("(bc)", ["(", "b", "##c", ")"]),
      ("c", ["##c"]),
      ("d ef", ["d", "e", "##f"]),
    ):
      start = context.index(answer)
      first, last = window.target((start, start + len(answer)))
      self.assertEqual(pieces[first : last + 1], expected)
      self.assertEqual(context[window.spans[first - window.first][0] : window.spans[last - window.first][1]], answer)
    self.assertEqual(window.target(None), (0, 0))
    # Of two windows, the second has only the end of the answer.
    first, second, *_ = squad.windows(TOKENIZER, question("a b c d e f g h"), longest=9, stride=3)
    self.assertEqual(first.target((4, 7)), (6, 7))
    self.assertEqual(second.target((4, 7)), (0, 0))
    self.assertEqual(second.target((6, 9)), (4, 5))


class SpansTest(absltest.TestCase):
  def test_pieces_are_those_of_encode_and_stand_for_their_characters(self):
    random = np.random.RandomState(4)
    letters = "abcdefghijAB É\u0301\u0130ﬁ ß中\x00\x1c\u2028\xad.()Σ\t"
    for _ in range(300):
      text = "".join(random.choice([*letters], 12))
      ids, spans = TOKENIZER.encode_with_spans(text)
      self.assertEqual(ids, TOKENIZER.encode(text))
      self.assertEqual(spans, sorted(spans))
      for piece, (start, end) in zip(ids, spans):
        self.assertLess(start, end)
        if piece != TOKENIZER.unk:
          self.assertEqual("".join(TOKENIZER.words(text[start:end])), PIECES[piece].removeprefix("##"))

  def test_accents_belong_to_their_letter_and_control_characters_to_nothing(self):
    text = "e\u0301a \x00É(b"
    _, spans = TOKENIZER.encode_with_spans(text)
    self.assertEqual([text[start:end] for start, end in spans], ["e\u0301", "a", "É", "(", "b"])


if __name__ == "__main__":
  absltest.main()
