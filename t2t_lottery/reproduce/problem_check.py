"""Checks that a problem's runs can be scored, before anything is downloaded or trained."""

from __future__ import annotations

import difflib
import importlib

from t2t_lottery.data import manifest
from t2t_lottery.reproduce import validation
from t2t_lottery.runs import presets
from t2t_lottery.utils import quiet
from t2t_lottery.utils.errors import UsageError, UserError


def check(problem: str, data_dir: str, of_bert: bool = False) -> None:
  """Checks a problem's name, that it is one of the model, and that translations into its target language can be scored.

  Args:
    problem: the name.
    data_dir: where its data are, or will be, stored.
    of_bert: whether the model is a BERT, not a Transformer for translation.

  Raises:
    UsageError: there is no such problem; the nearest names are given.
    UserError: its translations cannot be scored (`problems.stock_text.unsupported`), or a tokenizer is not installed.
  """
  if of_bert or problem in presets.BERT_PROBLEMS or _has_task_head(problem, data_dir):
    _check_of_bert(problem, of_bert)
    return
  # Slow, because it imports t2t.
  if not validation.is_known(problem, data_dir):
    _look_up(problem, data_dir)
  check_scores(problem, data_dir)


def _has_task_head(problem: str, data_dir: str) -> bool:
  """Whether a problem's data are there and are of a task of BERT, such as a user's own."""
  return "outputs" in manifest.facts(problem, data_dir)


def _check_of_bert(problem: str, of_bert: bool) -> None:
  if not of_bert:
    raise UserError(f"{problem} is a task of BERT: use imp.sh, with --checkpoint=FOLDER")
  if problem in presets.BERT_PROBLEMS:
    return
  found = _registered()
  base = importlib.import_module("problems.classification").BertInput
  if problem not in found or not issubclass(found[problem], base):
    known = [name for name in found if isinstance(found[name], type) and issubclass(found[name], base)]
    near = difflib.get_close_matches(problem, known, n=3, cutoff=0.5)
    raise UsageError(
      f"{problem} is no task of BERT: "
      + (f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(known)}")
    )


def check_scores(problem: str, data_dir: str, bleu_tokenize: str = "") -> None:
  """Checks that sacreBLEU's tokenizers of a problem's scores are installed.

  Args:
    problem: its name.
    data_dir: where its data are, or will be, stored.
    bleu_tokenize: the tokenizer of BLEU; empty for that of the target language.

  Raises:
    UserError: naming the package that is missing.
  """
  from t2t_lottery.evaluation import metrics  # pylint: disable=import-outside-toplevel

  metrics.check(manifest.target_language(problem, data_dir), bleu_tokenize)


def check_is_new(problem: str) -> None:
  """Checks that a name for own text is not the name of a problem of t2t or of this project.

  Raises:
    UsageError: it is.
  """
  if problem in validation.PROBLEMS or problem in _registered():
    raise UsageError(f"there already is a problem {problem}: choose another --name for own text")


def write_text_of_records(problem: str, data_dir: str) -> None:
  """Writes dev and test text and the manifest of a problem for which t2t-datagen made only records (`problems.stock_text`).

  Raises:
    UserError: files are missing, or a sentence is too long to be evaluated.
  """
  found = _registered()
  with quiet.libraries():
    importlib.import_module("problems.stock_text").write_text(found[problem](), data_dir)


def _look_up(problem: str, data_dir: str) -> None:
  found = _registered()
  importlib.import_module("problems.own_text").register(data_dir)
  if problem in found:
    if why := importlib.import_module("problems.stock_text").unsupported(found[problem]()):
      raise UserError(f"{problem} {why}, so its runs cannot be evaluated here: train it with t2t-trainer")
    return
  base = importlib.import_module("problems.text").ParallelTextProblem
  ours = [name for name in found if isinstance(found[name], type) and issubclass(found[name], base)]
  # A slip of a letter or two may be of any problem; else one of ours is meant rather than one of t2t's hundreds.
  nearest = (
    difflib.get_close_matches(problem, names, n=3, cutoff=cutoff)
    for names, cutoff in (([*found], 0.9), (ours, 0.5), ([*found], 0.6))
  )
  near = next(filter(None, nearest), None)
  raise UsageError(
    f"unknown problem {problem}: "
    + (f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(ours)}")
  )


def _registered():
  """Name -> problem, of t2t, this project and the user's usr_dir."""
  return registry().Registries.problems


def registry():
  """t2t's registry, with what this project and the user's usr_dir register, and what t2t does as soon as a name is missing;
  slow, because it imports TensorFlow.
  """
  # pylint: disable=import-outside-toplevel
  with quiet.libraries():
    from t2t_lottery import compat
    from t2t_lottery.compat import lazy_imports

    lazy_imports.install()
    compat.apply_patches()
    from tensor2tensor.utils import registry as found

    lazy_imports.load_on_demand()
    importlib.import_module("problems")
    importlib.import_module("hparams")
    importlib.import_module("t2t_lottery.compat.user_code").load()
  return found
