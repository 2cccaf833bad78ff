"""The meaning of a sentence, independent of language.

A sentence is drawn once (`draw`, `sentences`) and then realized in English, German or French by the
module of that name. Ambiguities of English are resolved in the same way in all sentences, so that the
translation is a function of the English: "you" is du and tu, speakers are masculine, "it" and "they"
agree with the noun that they refer to.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, Union

from problems.grammar import entries, lexicon


@dataclasses.dataclass(frozen=True)
class NounPhrase:
  """A noun with its determiner and modifiers.

  Attributes:
    determiner: the, a, bare (none), this, every, all, many, some, number, which, how many, whose,
      owner, or a possessive (my, ...).
    number: for "number".
    owner: for "owner" (the man's dog, the door of the house).
    relative: a relative clause.
  """

  noun: entries.Noun
  plural: bool = False
  determiner: str = "the"
  number: int = 0
  adjectives: tuple[entries.Adjective, ...] = ()
  owner: Nominal | None = None
  relative: Relative | None = None

  @property
  def indefinite(self) -> bool:
    """Whether German negates it with "kein", and French with "pas de"."""
    return self.determiner in ("a", "bare")


@dataclasses.dataclass(frozen=True)
class Named:
  """A person by name."""

  name: entries.Name


@dataclasses.dataclass(frozen=True)
class Pronoun:
  """A personal pronoun: `gender` in English (n: it), and the genders of its referent."""

  person: int
  plural: bool = False
  gender: str = "m"
  german_gender: str = "m"
  french_gender: str = "m"


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two joined with "and"."""

  first: Nominal
  second: Nominal


Nominal = Union[NounPhrase, Named, Pronoun, Pair]


@dataclasses.dataclass(frozen=True)
class Relative:
  """A relative clause; its antecedent is its subject, object, place, or its subject's owner."""

  role: str
  clause: Clause


class Quality(NamedTuple):
  """A predicative adjective; `degree`: "", "more" or "as" with the standard of comparison."""

  adjective: entries.Adjective
  degree: str = ""
  standard: Nominal | None = None


class Age(NamedTuple):
  """Years of age."""

  years: int


class Profession(NamedTuple):
  """A profession as predicate."""

  noun: entries.Noun


Predicate = Union[Quality, Age, Profession]


class Location(NamedTuple):
  """A place given by a noun: at it, going to it, or in a relation to it."""

  where: NounPhrase
  goal: bool = False
  relation: entries.Relation | None = None


@dataclasses.dataclass(frozen=True)
class Clause:
  """A verb with its arguments and adverbs.

  Attributes:
    tense: present, progressive, past, was doing, perfect or future.
    modal: "", or an English modal (see `MODALS`), in the present or the past.
    polarity: "" or "not" or "never".
  """

  subject: Nominal
  verb: entries.Verb
  tense: str = "present"
  modal: str = ""
  polarity: str = ""
  object: Nominal | None = None
  recipient: Nominal | None = None
  predicate: Predicate | None = None
  place: Location | entries.Phrase | None = None
  time: entries.Phrase | None = None
  frequency: entries.Phrase | None = None
  manner: entries.Phrase | None = None
  companion: tuple[entries.Relation, Nominal] | None = None
  complement: tuple[str, Clause] | None = None
  infinitive: Clause | None = None

  @property
  def exists(self) -> bool:
    """Whether this is "there is"."""
    return self.verb is lexicon.EXIST


# Modal verbs, the most frequent first; "want", "have" (to), "would like" and "like" take "to".
MODALS = ("can", "must", "want", "like", "should", "would like", "may")
PAST_MODALS = {"can": "could", "want": "wanted", "must": "had"}


@dataclasses.dataclass(frozen=True)
class Sentence:
  """A sentence.

  Attributes:
    kind: statement, question, or a question word: who, whom, what, where, why, when, which, how
      many.
    clause: the main clause. In a question with a question word for one of its parts, that
      part is present, but not realized.
    conjunction: of the second clause: and, but, because, when, if.
    second: the second clause.
    second_first: whether the sentence begins with the second clause.
    time_first: whether it begins with the clause's time.
  """

  kind: str
  clause: Clause
  conjunction: str = ""
  second: Clause | None = None
  second_first: bool = False
  time_first: bool = False


def gender(nominal: Nominal, language: str) -> str:
  """Grammatical gender in a language ("english": natural gender)."""
  if isinstance(nominal, NounPhrase):
    noun = nominal.noun
    return {"english": noun.natural, "german": noun.german_gender, "french": noun.french_gender}[language]
  if isinstance(nominal, Named):
    return nominal.name.gender
  if isinstance(nominal, Pronoun):
    return {
      "english": nominal.gender,
      "german": nominal.german_gender,
      "french": nominal.french_gender,
    }[language]
  both = (gender(nominal.first, language), gender(nominal.second, language))
  return "f" if both == ("f", "f") else "m"


def is_plural(nominal: Nominal) -> bool:
  """Whether the verb is in the plural."""
  return isinstance(nominal, Pair) or (isinstance(nominal, (NounPhrase, Pronoun)) and nominal.plural)


def person(nominal: Nominal) -> int:
  """1, 2 or 3."""
  return nominal.person if isinstance(nominal, Pronoun) else 3


def opening(kind: str) -> str:
  """The part that a question word replaces ("": none, as for why)."""
  return {
    "who": "subject",
    "whom": "object",
    "what": "object",
    "where": "place",
    "which": "object",
    "how many": "object",
  }.get(kind, "")
