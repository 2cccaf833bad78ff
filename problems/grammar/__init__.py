"""English to German and French by a synchronous grammar: text that needs no download.

A sentence's meaning is drawn from a seed (`sentences`, `clauses`, `draw`) and realized in each language
(`english`, `german`, `french`) with the words of the lexicon (`tables`). The translation is a function
of the English source, so a model can approach 100 BLEU; agreement, case, word order and the size of the
lexicon make it need its weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensor2tensor.utils import registry

from problems import text
from problems.grammar import corpus


class GrammarProblem(text.ParallelTextProblem):
  """English to `language`."""

  language: str
  approx_vocab_size = 3 * 2**10
  train_shards = 1

  def parallel_text(self, split: str, tmp_dir: str) -> Iterator[tuple[str, str]]:
    del tmp_dir
    return corpus.pairs(self.language, split)


@registry.register_problem
class TranslateEndeGrammar(GrammarProblem):
  """Grammar text, English to German."""

  language = "de"


@registry.register_problem
class TranslateEnfrGrammar(GrammarProblem):
  """Grammar text, English to French."""

  language = "fr"


@registry.register_problem("translate_ende_grammar_1k")
class TranslateEndeGrammar1k(TranslateEndeGrammar):
  """Grammar text, English to German, with 1,024 subwords."""

  approx_vocab_size = 2**10


@registry.register_problem("translate_enfr_grammar_1k")
class TranslateEnfrGrammar1k(TranslateEnfrGrammar):
  """Grammar text, English to French, with 1,024 subwords."""

  approx_vocab_size = 2**10
