"""Entries of the lexicon."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple


class Place(NamedTuple):
  """Prepositions of a place: of location, then of direction (None: not a destination)."""

  english: str
  german: str
  french: str
  german_goal: str | None
  french_goal: str | None


@dataclasses.dataclass(frozen=True, eq=False)
class Noun:
  """A noun.

  Attributes:
    plural: "" for a mass noun.
    german_weak: whether every form but the nominative singular equals the plural.
    aspirated: whether its French h prevents elision of the article.
    owned: whether it can have an owner.
    natural: its pronoun: m, f, n (a thing or an animal), or "" if undetermined.
  """

  group: str
  singular: str
  plural: str
  german_gender: str
  german: str
  german_plural: str
  german_weak: bool
  german_genitive: str
  french_gender: str
  french: str
  french_plural: str
  aspirated: bool
  owned: bool
  natural: str
  place: Place | None


@dataclasses.dataclass(frozen=True, eq=False)
class Adjective:
  """An adjective; `german_comparative` is "" if the word has none."""

  english: str
  english_comparative: str
  german: str
  german_stem: str
  german_comparative: str
  french: tuple[str, str, str]
  french_before_vowel: str
  before: bool
  is_color: bool


@dataclasses.dataclass(frozen=True, eq=False)
class German:
  """A German verb as in its table line; "-" in `forms`: regular."""

  infinitive: str
  prefix: str
  forms: tuple[str, str, str, str]
  auxiliary: str
  reflexive: bool
  tail: str
  preposition: str
  case: str


@dataclasses.dataclass(frozen=True, eq=False)
class French:
  """A French verb: infinitive without "se", what follows it, its object's preposition or ""."""

  infinitive: str
  reflexive: bool
  tail: tuple[str, ...]
  preposition: str


@dataclasses.dataclass(frozen=True, eq=False)
class Verb:
  """A verb in the three languages.

  Attributes:
    english: infinitive, past, participle of the first word.
    particle: the words after it; `movable`: an object pronoun precedes them.
    subjects, objects: noun classes of its subjects and objects.
    marks: see `tables.verbs`.
  """

  english: tuple[str, str, str]
  particle: str
  movable: bool
  german: German
  french: French
  subjects: tuple[tuple[Noun, ...], ...]
  objects: tuple[tuple[Noun, ...], ...]
  marks: frozenset[str]

  @property
  def name(self) -> str:
    """The English infinitive."""
    return f"{self.english[0]} {self.particle}".strip()


class Phrase(NamedTuple):
  """Uninflected words."""

  english: str
  german: str
  french: str


class Name(NamedTuple):
  """A person's name, the same in each language, and gender."""

  text: str
  gender: str


class Town(NamedTuple):
  """A town or country: at it, to it, from it."""

  at: Phrase
  to: Phrase
  origin: Phrase


class Relation(NamedTuple):
  """A preposition, and the verbs that it combines with (none: all)."""

  english: str
  german: str
  case: str
  french: str
  verbs: tuple[str, ...]
