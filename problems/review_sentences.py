"""Sentences of film reviews in one file per class: polarity (Pang and Lee 2005) and subjectivity (Pang and Lee 2004).

Neither has a split. Dev is every sentence whose hash (`own_text.place`) is below 0.1, so that a sentence that occurs twice is
in one split. Files are UTF-8, as in NLTK's packages of the two, or Latin-1, as first published.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tensor2tensor.data_generators import problem, text_problems
from tensor2tensor.utils import registry

from problems import classification, own_text
from t2t_lottery.utils.errors import UserError

_DEV = 0.1


class _FilePerClass(classification.BertInput, text_problems.Text2ClassProblem):
  """Sentences, one a line, whose class is the number of their file in `files`.

  Attributes:
    labels: the names of the classes.
  """

  labels: tuple[str, ...]

  @property
  def num_classes(self):
    return len(self.files)

  def class_labels(self, data_dir):
    """See `Text2ClassProblem.class_labels`."""
    del data_dir
    return [*self.labels]

  def generate_samples(self, data_dir, tmp_dir, dataset_split) -> Iterator[dict]:
    """See `Text2ClassProblem.generate_samples`."""
    is_dev = dataset_split != problem.DatasetSplit.TRAIN
    for label, name in enumerate(self.files):
      path = os.path.join(os.path.expanduser(tmp_dir), self.folder, name)
      for number, sentence in enumerate(_lines(path), 1):
        if not sentence.strip():
          raise UserError(f"{path}, line {number} is empty: must be a sentence")
        if (own_text.place(sentence) < _DEV) == is_dev:
          yield {"inputs": sentence.strip(), "label": label}


def _lines(path: str) -> list[str]:
  with open(path, "rb") as file:
    content = file.read()
  try:
    text = content.decode("utf-8")
  except UnicodeDecodeError:
    text = content.decode("latin-1")
  return text.removesuffix("\n").split("\n") if text else []


@registry.register_problem
class TextPolarity(_FilePerClass):
  """Sentence polarity dataset 1.0: is a sentence of a film review positive?"""

  folder = "sentence_polarity"
  files = ("rt-polarity.neg", "rt-polarity.pos")
  labels = ("negative", "positive")


@registry.register_problem
class TextSubjectivity(_FilePerClass):
  """Subjectivity dataset 1.0: is a sentence of a review, and not of a plot summary?"""

  folder = "subjectivity"
  files = ("plot.tok.gt9.5000", "quote.tok.gt9.5000")
  labels = ("objective", "subjective")
