"""Draws noun phrases."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from problems.grammar import entries, lexicon
from problems.grammar import meaning as m
from problems.grammar.chance import Chance

IT = m.Pronoun(3, gender="n", german_gender="n", french_gender="m")
SUBJECT_PRONOUNS = {
  m.Pronoun(1): 10,
  m.Pronoun(2): 6,
  m.Pronoun(3, gender="m"): 6,
  m.Pronoun(3, gender="f", german_gender="f", french_gender="f"): 6,
  m.Pronoun(1, plural=True): 6,
  m.Pronoun(3, plural=True): 5,
}
_POSSESSIVES = {"my": 5, "your": 3, "his": 3, "her": 3, "our": 2, "their": 1}
_OTHERS = {"my": 5, "your": 3, "our": 2}
_OWN = {(1, False): "my", (2, False): "your", (1, True): "our", (3, True): "their"}

_SUBJECT = {
  "the": 60,
  "my": 14,
  "this": 8,
  "a": 7,
  "owner": 6,
  "number": 4,
  "every": 2,
  "all": 1.5,
  "many": 2,
  "some": 2,
}
_OBJECT = {
  "the": 38,
  "a": 26,
  "my": 12,
  "bare": 9,
  "number": 6,
  "this": 6,
  "owner": 3,
  "many": 2.5,
  "some": 2.5,
}
_NEGATED_OBJECT = {"the": 40, "a": 30, "my": 12, "bare": 10, "this": 8}
_HAD_OBJECT = {"a": 55, "bare": 10, "number": 20, "many": 8, "some": 7}
_MASS = {"the": 45, "bare": 40, "my": 10, "this": 5}
_PLURAL = {
  "the": 0.25,
  "my": 0.2,
  "this": 0.25,
  "bare": 1,
  "number": 1,
  "all": 1,
  "many": 1,
  "some": 1,
}
_QUANTIFIERS = ("every", "all", "many", "some", "number", "bare")
_ADJECTIVE_GROUPS = {
  "person": ("person",),
  "animal": ("animal", "color"),
  "food": ("food",),
  "text": ("text",),
  "art": ("text",),
  "thing": ("object", "color"),
  "clothing": ("object", "color"),
  "vehicle": ("color", "object"),
  "instrument": ("object",),
  "home": ("place",),
  "building": ("place",),
  "outside": ("place",),
  "opening": ("color", "object"),
  "idea": ("idea",),
}
_SIZED = (
  "person",
  "animal",
  "thing",
  "vehicle",
  "clothing",
  "instrument",
  "home",
  "building",
  "outside",
  "opening",
  "nature",
)
PERSONS = lexicon.NOUNS_BY_GROUP["person"]
KIN = lexicon.NOUNS_BY_GROUP["kin"]
_ONE_OF_A_KIND = ("mother", "father")
_BUILDINGS = tuple(noun for group in ("home", "building") for noun in lexicon.NOUNS_BY_GROUP[group])


def human(noun: entries.Noun) -> bool:
  """Whether a noun is a person."""
  return noun.group in ("person", "kin")


def plain(what: m.Nominal) -> m.Nominal:
  """The same noun phrase without adjectives."""
  return dataclasses.replace(what, adjectives=()) if isinstance(what, m.NounPhrase) else what


def quantified(what: m.Nominal) -> bool:
  """Whether it is quantified or generic: every, all, many, some, a number, or a bare noun."""
  return isinstance(what, m.NounPhrase) and what.determiner in _QUANTIFIERS


def without(weights: Mapping[str, float], *keys: str) -> dict[str, float]:
  """Weights without the given keys."""
  return {key: weight for key, weight in weights.items() if key not in keys}


def own(subject: m.Nominal) -> str:
  """The possessive that refers to a subject; "" if none does so unambiguously."""
  if isinstance(subject, m.Pronoun) and (subject.person, subject.plural) in _OWN:
    return _OWN[subject.person, subject.plural]
  if m.is_plural(subject):
    return "their"
  return {"m": "his", "f": "her"}.get(m.gender(subject, "english"), "")


class Draw:
  """Draws parts of sentences at random."""

  def __init__(self, chance: Chance):
    self.chance = chance

  def adjectives(self, noun: entries.Noun) -> tuple[entries.Adjective, ...]:
    """One or two adjectives that fit a noun."""
    chance = self.chance
    groups = _ADJECTIVE_GROUPS.get(noun.group, ())
    sized = noun.group in _SIZED and (not groups or chance.happens(0.4))
    chosen = [chance.frequent(lexicon.ADJECTIVES["size"])] if sized else []
    if groups and (not sized or chance.happens(0.25)):
      other = chance.frequent(lexicon.ADJECTIVES[chance.frequent(groups)])
      # A second one is a color: others would need a comma in German.
      if not chosen or other.is_color:
        chosen.append(other)
    return tuple(chosen)

  def quality(self, subject: m.Nominal, compared: bool) -> entries.Adjective | None:
    """A predicative adjective for a subject, comparable if requested; None if there is none."""
    noun = subject.noun if isinstance(subject, m.NounPhrase) else None
    group = "person" if noun is None or human(noun) else noun.group
    groups = [name for name in _ADJECTIVE_GROUPS.get(group, ()) if not (compared and name == "color")]
    groups += ["size"] if group in _SIZED else []
    if not groups:
      return None
    adjective = self.chance.frequent(lexicon.ADJECTIVES[self.chance.frequent(groups)])
    return None if compared and not adjective.german_comparative else adjective

  def noun_phrase(
    self,
    noun: entries.Noun,
    weights: Mapping[str, float],
    possessor: m.Nominal | None = None,
    adjectives: float = 0.36,
  ) -> m.NounPhrase:
    """A noun phrase with a given noun.

    Args:
      noun: the noun.
      weights: of the determiners; "my" represents all possessives.
      possessor: the usual referent of a possessive.
      adjectives: probability of adjectives.
    """
    chance = self.chance
    if not noun.plural:
      weights = _MASS
    determiner = chance.of(weights)
    if determiner in ("my", "owner") and not noun.owned:
      determiner = "the"
    if noun.group == "kin" and determiner in ("the", "a", "this", "bare"):
      determiner = "my"
    if determiner == "my":
      pointing = own(possessor) if possessor is not None and chance.happens(0.7) else ""
      determiner = pointing or chance.of(_POSSESSIVES if possessor is None else _OTHERS)
    number, owner = 0, None
    if determiner == "number":
      number = chance.number(2, 12) if chance.happens(0.75) else chance.number(13, 99)
    if determiner == "owner":
      owner = self._owner(noun)
    plural = (
      bool(noun.plural) and (determiner not in ("owner", "every", "a")) and chance.happens(_PLURAL.get(determiner, 0.2))
    )
    if noun.singular in _ONE_OF_A_KIND and determiner in ("my", "owner", *_POSSESSIVES):
      plural = False
    suiting = self.adjectives(noun) if chance.happens(adjectives) else ()
    return m.NounPhrase(noun, plural, determiner, number, suiting, owner)

  def _owner(self, noun: entries.Noun) -> m.Nominal:
    chance = self.chance
    if noun.group == "opening":
      return m.NounPhrase(chance.frequent(_BUILDINGS))
    if chance.happens(0.5):
      return m.Named(chance.frequent(lexicon.NAMES))
    return m.NounPhrase(chance.frequent(PERSONS), plural=chance.happens(0.15))

  def subject(self, groups: tuple[tuple[entries.Noun, ...], ...]) -> m.Nominal:
    """A subject from classes of nouns, mostly the first; for persons, also a pronoun or name."""
    chance = self.chance
    nouns = groups[0] if len(groups) == 1 or chance.happens(0.82) else chance.frequent(groups[1:])
    if nouns is PERSONS:
      kind = chance.of({"noun": 52, "pronoun": 24, "name": 13, "kin": 7, "pair": 4})
      if kind == "pronoun":
        return chance.of(SUBJECT_PRONOUNS)
      if kind == "name":
        return m.Named(chance.frequent(lexicon.NAMES))
      if kind == "kin":
        return self.noun_phrase(chance.frequent(KIN), without(_SUBJECT, "all", "every"), adjectives=0.1)
      if kind == "pair":
        return self.pair()
    return self.noun_phrase(chance.frequent(nouns), _SUBJECT)

  def pair(self) -> m.Pair:
    """Two names, or two persons."""
    chance = self.chance
    first, second = chance.number(0, 9), chance.number(10, 19)
    if chance.happens(0.5):
      return m.Pair(m.Named(lexicon.NAMES[first]), m.Named(lexicon.NAMES[second]))
    return m.Pair(m.NounPhrase(PERSONS[first]), m.NounPhrase(PERSONS[second]))

  def person(self, subject: m.Nominal, negated: bool = False) -> m.Nominal:
    """A person other than the subject, as an object."""
    chance = self.chance
    kind = chance.of({"noun": 52, "pronoun": 26, "name": 15, "kin": 7})
    if kind == "pronoun":
      other = chance.of(SUBJECT_PRONOUNS)
      # "We see me" is excluded; "he sees him" is not.
      if other.person == 3 or other.person != m.person(subject):
        return other
    if kind == "name":
      name = m.Named(chance.frequent(lexicon.NAMES))
      if name != subject:
        return name
    weights = without(_NEGATED_OBJECT, "a", "bare") if negated else _OBJECT
    noun = chance.frequent(KIN if kind == "kin" else PERSONS)
    while isinstance(subject, m.NounPhrase) and noun is subject.noun:
      noun = chance.frequent(PERSONS)
    return self.noun_phrase(noun, weights, subject)

  def object(self, verb: entries.Verb, subject: m.Nominal, negated: bool, of: entries.Noun | None = None) -> m.Nominal:
    """An object of a verb (of a given noun, if any)."""
    noun = of or self.chance.frequent(self.chance.frequent(verb.objects))
    if of is None and human(noun):
      return self.person(subject, negated)
    if verb.name == "have" and noun.plural:
      return self.noun_phrase(noun, {"a": 80, "bare": 20} if negated else _HAD_OBJECT, subject)
    weights = _NEGATED_OBJECT if negated else _OBJECT
    if "general" in verb.marks:
      weights = without(weights, "a", "number", "many", "some")
    return self.noun_phrase(noun, weights, subject)
