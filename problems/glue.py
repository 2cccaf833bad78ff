"""GLUE's tasks (Wang et al. 2019) in BERT's form, read by t2t's own problems where t2t has them.

Files are GLUE's, in tmp_dir/TASK: `train.tsv` and `dev.tsv`, unless a class names others.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator

from tensor2tensor.data_generators import (
  cola,
  mrpc,
  multinli,
  problem,
  qnli,
  quora_qpairs,
  rte,
  sst_binary,
  text_problems,
  wnli,
)
from tensor2tensor.utils import registry

from problems import classification
from t2t_lottery.utils.errors import UserError


class _PairOnce(classification.BertInput):
  """Each pair once: t2t's reader yields it in both orders, of dev too."""

  def generate_samples(self, data_dir, tmp_dir, dataset_split):
    """See `Text2ClassProblem.generate_samples`."""
    for number, sample in enumerate(super().generate_samples(data_dir, tmp_dir, dataset_split)):
      if number % 2 == 0:
        yield sample


@registry.register_problem
class GlueCola(classification.BertInput, cola.Cola):
  """CoLA: is a sentence acceptable?"""

  folder = "CoLA"


@registry.register_problem
class GlueSst2(classification.BertInput, sst_binary.SentimentSSTBinary):
  """SST-2: is a sentence of a film review positive?"""

  folder = "SST-2"


@registry.register_problem
class GlueRte(classification.BertInput, rte.RTE):
  """RTE: does the first text entail the second?"""

  folder = "RTE"


@registry.register_problem
class GlueWnli(classification.BertInput, wnli.WinogradNLI):
  """WNLI: does the first text entail the second, which resolves a pronoun?"""

  folder = "WNLI"


@registry.register_problem
class GlueQnli(classification.BertInput, qnli.QuestionNLI):
  """QNLI: does the sentence answer the question?"""

  folder = "QNLI"


@registry.register_problem
class GlueMnli(classification.BertInput, multinli.MultiNLI):
  """MNLI: entailment, contradiction or neither; dev is the matched one."""

  folder = "MNLI"
  files = ("train.tsv", "dev_matched.tsv")


@registry.register_problem
class GlueMrpc(_PairOnce, mrpc.MSRParaphraseCorpus):
  """MRPC: do two sentences say the same?"""

  folder = "MRPC"
  files = ("msr_paraphrase_train.txt", "dev_ids.tsv", "msr_paraphrase_test.txt")


@registry.register_problem
class GlueQqp(_PairOnce, quora_qpairs.QuoraQuestionPairs):
  """QQP: do two questions ask the same?"""

  folder = "QQP"


@registry.register_problem
class GlueStsb(classification.BertInput, text_problems.Text2RealProblem):
  """STS-B: how similar are two sentences, from 0 to 5?

  GLUE's files, or those of the STS benchmark itself, sts-train.csv and sts-dev.csv: seven columns, tab-separated, without a
  header; the score is the fifth, the sentences are the sixth and seventh. GLUE's ten columns have the sentences and then the score
  last, below a header.
  """

  folder = "STS-B"
  _BENCHMARK = ("sts-train.csv", "sts-dev.csv")

  def files_in(self, tmp_dir):
    """See `BertInput.files_in`."""
    folder = os.path.join(tmp_dir, self.folder)
    has_benchmark = all(os.path.exists(os.path.join(folder, name)) for name in self._BENCHMARK)
    return self._BENCHMARK if has_benchmark else self.files

  def generate_samples(self, data_dir, tmp_dir, dataset_split) -> Iterator[dict]:
    """See `Text2RealProblem.generate_samples`."""
    tmp_dir = os.path.expanduser(tmp_dir)
    files = self.files_in(tmp_dir)
    path = os.path.join(tmp_dir, self.folder, files[dataset_split != problem.DatasetSplit.TRAIN])
    score, first, second = (4, 5, 6) if files == self._BENCHMARK else (9, 7, 8)
    with open(path, encoding="utf-8", newline="") as file:
      for number, row in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
        if number == 1 and files != self._BENCHMARK:
          continue
        try:
          yield {"inputs": [row[first], row[second]], "targets": [float(row[score])]}
        except (IndexError, ValueError):
          raise UserError(
            f"{path}, line {number}: no score in column {score + 1}, or fewer than {1 + max(score, second)} columns"
          ) from None
