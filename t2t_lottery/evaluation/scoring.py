"""What can be chosen about scores."""

from __future__ import annotations

from typing import NamedTuple

from t2t_lottery.evaluation import comet


class Scoring(NamedTuple):
  """How translations are scored, and which.

  Attributes:
    bleu_tokenize: sacreBLEU's tokenizer for BLEU; empty for that of the target language.
    comet: COMET's tool and model; None without COMET.
    int8: whether test is also translated with matrices in int8.
  """

  bleu_tokenize: str = ""
  comet: comet.Comet | None = None
  int8: bool = False


DEFAULT = Scoring()
