"""The flags that say how translations are scored."""

from __future__ import annotations

from absl import flags

from t2t_lottery.evaluation import comet, metrics
from t2t_lottery.evaluation.scoring import Scoring
from t2t_lottery.inference import ctranslate2_model
from t2t_lottery.utils.errors import UsageError

_BLEU_TOKENIZE = flags.DEFINE_enum(
  "bleu_tokenize", None, metrics.TOKENIZERS, "sacreBLEU's tokenizer for BLEU. Default: by the target language."
)
_COMET = flags.DEFINE_string("comet", "", "Also score test by COMET: path of a model of unbabel-comet or pymarian.")
_COMET_PYTHON = flags.DEFINE_string(
  "comet_python", "", "The Python of the environment with unbabel-comet or pymarian. Default: the tool on PATH."
)

_COMPUTE_TYPE = flags.DEFINE_enum(
  "compute_type",
  ctranslate2_model.FLOAT32,
  ctranslate2_model.COMPUTE_TYPES,
  "int8: also translate test by CTranslate2 with matrices in int8.",
)


def read() -> Scoring:
  """What the flags define.

  Raises:
    UsageError: they are invalid.
    UserError: COMET's tool is not installed.
  """
  if _COMET_PYTHON.value and not _COMET.value:
    raise UsageError(f"--comet_python={_COMET_PYTHON.value} has no effect without --comet=MODEL")
  found = comet.find(_COMET.value, _COMET_PYTHON.value) if _COMET.value else None
  return Scoring(_BLEU_TOKENIZE.value or "", found, _COMPUTE_TYPE.value == ctranslate2_model.INT8)


def words() -> tuple[str, ...]:
  """The given ones of these flags, for another command."""
  given = {"bleu_tokenize": _BLEU_TOKENIZE.value, "comet": _COMET.value, "comet_python": _COMET_PYTHON.value}
  if _COMPUTE_TYPE.value != ctranslate2_model.FLOAT32:
    given["compute_type"] = _COMPUTE_TYPE.value
  return tuple(f"--{name}={value}" for name, value in given.items() if value)
