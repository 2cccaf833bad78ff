"""SQuAD (Rajpurkar et al. 2016): questions in the official JSON of version 1.1, and BERT's input for them.

A context that is too long becomes several overlapping windows, as in run_squad.py of google-research/bert. An answer is a span of
characters of the context: each piece knows its own, so that a predicted answer is text of the context as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from t2t_lottery.data.wordpiece import WordPiece
from t2t_lottery.utils import atomic_files
from t2t_lottery.utils.errors import UserError

# Defaults of run_squad.py: pieces of an example with the special ones, of a question, and between starts of windows.
LONGEST, LONGEST_QUESTION, STRIDE = 384, 64, 128
_SHAPE = {
  "data": [
    {
      "paragraphs": [
        {
          "context": str,
          "qas": [
            {"id": str, "question": str, "answers": [{"text": str, "answer_start": int, "*": object}], "*": object}
          ],
          "*": object,
        }
      ],
      "*": object,
    }
  ],
  "*": object,
}
_STORED = {"questions": [{"id": str, "question": str, "context": str, "answers": [str], "starts": [int]}]}


class Question(NamedTuple):
  """A question about a text.

  Attributes:
    id: of the data set.
    question, context: text.
    answers: each is right; at least one.
    starts: character of the context at which each starts.
  """

  id: str
  question: str
  context: str
  answers: list[str]
  starts: list[int]

  @property
  def span(self) -> tuple[int, int] | None:
    """Characters of the first answer, first and behind the last; None if it is not there."""
    start, text = self.starts[0], self.answers[0]
    return (start, start + len(text)) if self.context[start : start + len(text)] == text else None


class Window(NamedTuple):
  """BERT's input for a question and a part of its context: `[CLS] question [SEP] part [SEP]`.

  Attributes:
    ids, segments: the pieces; 0 or 1 for each.
    first: place of the part's first piece among `ids`.
    spans: characters of the context of each piece of the part: first, and behind the last.
    most: for each piece of the part, whether no other window shows more context around it; an answer starts at such a piece.
  """

  ids: list[int]
  segments: list[int]
  first: int
  spans: list[tuple[int, int]]
  most: list[bool]

  def target(self, span: tuple[int, int] | None) -> tuple[int, int]:
    """Places of the first and last piece of an answer; twice 0, that of `[CLS]`, if the window does not contain all of it.

    Args:
      span: characters of the context; None for no answer.
    """
    if span is None or span[0] < self.spans[0][0] or span[1] > self.spans[-1][1]:
      return 0, 0
    inside = [i for i, (start, end) in enumerate(self.spans) if end > span[0] and start < span[1]]
    return (self.first + inside[0], self.first + inside[-1]) if inside else (0, 0)


def read(path: str) -> list[Question]:
  """Reads the official JSON.

  Raises:
    UserError: if it is not of version 1.1, or a question has no answer or no text to find it in.
  """
  content = atomic_files.read_json(path, _SHAPE, "give the official file of SQuAD 1.1")
  found = [
    Question(qa["id"], qa["question"], paragraph["context"], *_answers(qa))
    for article in content["data"]
    for paragraph in article["paragraphs"]
    for qa in paragraph["qas"]
  ]
  known: set[str] = set()
  for question in found:
    where = f"{path}: question {question.id!r}"
    if question.id in known:
      raise UserError(f"{where} occurs twice")
    known.add(question.id)
    if not question.answers:
      raise UserError(f"{where} has no answer: give the files of SQuAD 1.1, whose questions all have one")
    texts = [("context", question.context), ("question", question.question)]
    for name, text in [*texts, *(("answer", answer) for answer in question.answers)]:
      if not text.strip():
        raise UserError(f"{where}: its {name} is empty")
  if not found:
    raise UserError(f"{path} has no questions")
  return found


def _answers(qa: dict[str, Any]) -> tuple[list[str], list[int]]:
  return [answer["text"] for answer in qa["answers"]], [answer["answer_start"] for answer in qa["answers"]]


def write_stored(path: str, questions: list[Question]) -> None:
  """Writes questions next to the records, for evaluation."""
  atomic_files.write_json(path, {"questions": [question._asdict() for question in questions]})


def read_stored(path: str) -> list[Question]:
  """Reads what `write_stored` wrote.

  Raises:
    UserError: if it is missing or damaged.
  """
  return [Question(**question) for question in atomic_files.read_json(path, _STORED)["questions"]]


def windows(
  tokenizer: WordPiece,
  question: Question,
  longest: int = LONGEST,
  longest_question: int = LONGEST_QUESTION,
  stride: int = STRIDE,
) -> list[Window]:
  """BERT's inputs for a question, in the order of the context; none if the context has no pieces.

  Source: `convert_examples_to_features` in run_squad.py of google-research/bert.

  Args:
    tokenizer: of the model.
    question: the question.
    longest: pieces of an input, with the special ones.
    longest_question: pieces of the question that are kept, from its start.
    stride: pieces between the starts of two windows.
  """
  asked = tokenizer.encode(question.question)[:longest_question]
  ids, spans = _encoded(tokenizer, question.context)
  parts = list(_parts(len(ids), longest - len(asked) - 3, stride))
  first = len(asked) + 2
  found = []
  for number, (start, end) in enumerate(parts):
    most = [_shows_most(parts, piece) == number for piece in range(start, end)]
    inputs = [tokenizer.cls, *asked, tokenizer.sep, *ids[start:end], tokenizer.sep]
    segments = [0] * first + [1] * (end - start + 1)
    found.append(Window(inputs, segments, first, spans[start:end], most))
  return found


@functools.lru_cache(maxsize=1)
def _encoded(tokenizer: WordPiece, context: str) -> tuple[list[int], list[tuple[int, int]]]:
  """The pieces of a context and their characters; the questions about one follow each other."""
  return tokenizer.encode_with_spans(context)


def _parts(pieces: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
  """First piece of each window, and the one behind its last."""
  start = 0
  while start < pieces:
    end = min(start + room, pieces)
    yield start, end
    if end == pieces:
      return
    start += min(end - start, stride)


def _shows_most(parts: list[tuple[int, int]], piece: int) -> int:
  """The window with the most context on the shorter side of a piece, and of these the longest, then the first."""

  def context(number: int) -> float:
    start, end = parts[number]
    # As in run_squad.py.
    return min(piece - start, end - 1 - piece) + 0.01 * (end - start)

  return max((n for n, (start, end) in enumerate(parts) if start <= piece < end), key=context)
