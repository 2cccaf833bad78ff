"""Realizes noun phrases and places in German."""

from __future__ import annotations

from problems.grammar import entries, numerals
from problems.grammar import german_forms as forms
from problems.grammar import meaning as m


def gender(what: m.Nominal) -> str:
  """Gender, or "p" for plural, as the tables of `german_forms` have it."""
  return "p" if m.is_plural(what) else m.gender(what, "german")


def _determined(what: m.NounPhrase, case: str, negated: bool) -> tuple[list[str], dict[tuple[str, str], str]]:
  """Words before the adjectives, and the adjectives' endings."""
  determiner = "no" if negated else what.determiner
  key = (case, gender(what))
  if determiner == "the" or (determiner == "owner" and not isinstance(what.owner, m.Named)):
    return [forms.THE[key]], forms.WEAK
  if determiner == "owner":
    return [what.owner.name.text + "s"], forms.STRONG
  if determiner in ("bare", "whose"):
    return [], forms.STRONG
  if determiner == "number":
    return [numerals.german(what.number)], forms.STRONG
  if determiner == "how many":
    return ["wie", "viele"], forms.STRONG
  stem, endings, adjective_endings = forms.DETERMINERS[determiner]
  return [stem + endings[key]], adjective_endings


def nominal(what: m.Nominal, case: str, negated: bool = False) -> list[str]:
  """A noun phrase without its relative clause, name or pronoun.

  Args:
    what: its meaning.
    case: nom, acc, dat or gen.
    negated: whether the determiner is "kein".
  """
  if isinstance(what, m.Pronoun):
    return [forms.pronoun(what.person, what.plural, what.german_gender, case)]
  if isinstance(what, m.Named):
    return [what.name.text]
  if isinstance(what, m.Pair):
    return [*nominal(what.first, case), "und", *nominal(what.second, case)]
  words, endings = _determined(what, case, negated)
  ending = endings[case, gender(what)]
  words += [adjective.german_stem + ending for adjective in what.adjectives]
  words.append(forms.noun(what.noun, what.plural, case))
  if what.determiner == "owner" and not isinstance(what.owner, m.Named):
    words += nominal(what.owner, "gen")
  return words


def prepositional(preposition: str, case: str, what: m.Nominal) -> list[str]:
  """A preposition with its noun phrase: im Haus."""
  words = nominal(what, case)
  # An article before a noun with a relative clause is not contracted: in dem Haus, in dem ...
  if isinstance(what, m.NounPhrase) and what.determiner in ("the", "owner") and not what.relative:
    contraction = forms.CONTRACTIONS.get((preposition, words[0]))
    if contraction:
      return [contraction, *words[1:]]
  return [preposition, *words]


def place(where: m.Location | entries.Phrase) -> list[str]:
  """A location or destination."""
  if isinstance(where, entries.Phrase):
    return [where.german]
  if where.relation:
    return prepositional(where.relation.german, where.relation.case, where.where)
  if where.goal:
    preposition = where.where.noun.place.german_goal
    return prepositional(preposition, "dat" if preposition == "zu" else "acc", where.where)
  return prepositional(where.where.noun.place.german, "dat", where.where)
