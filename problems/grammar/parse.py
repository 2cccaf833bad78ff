"""Parses the lexicon's tables."""

from __future__ import annotations

from collections.abc import Callable

from problems.grammar import entries
from problems.grammar.tables import adjectives, nouns, words

Select = Callable[[str], "tuple[tuple[entries.Noun, ...], ...]"]


def _rows(table: str) -> list[list[str]]:
  return [[cell.strip() for cell in line.split("|")] for line in table.strip().split("\n")]


def _parts(cell: str) -> list[str]:
  return [part.strip() for part in cell.split(",")]


def english_plural(word: str) -> str:
  """The regular plural."""
  if word.endswith(("s", "x", "z", "ch", "sh")):
    return word + "es"
  if word.endswith("y") and word[-2] not in "aeiou":
    return word[:-1] + "ies"
  return word + "s"


def french_plural(word: str) -> str:
  """The regular plural."""
  if word.endswith(("s", "x", "z")):
    return word
  if word.endswith(("eau", "eu")):
    return word + "x"
  return word[:-2] + "aux" if word.endswith("al") else word + "s"


def _syllables(word: str) -> int:
  vowel = [letter in "aeiouyäöüéAEIOUÄÖÜ" for letter in word]
  return sum(here and not before for here, before in zip(vowel, [False] + vowel))


def _german_genitive(word: str) -> str:
  if word.endswith("nis"):
    return word + "ses"
  if word.endswith(("s", "ß", "x", "z", "sch")) or (_syllables(word) == 1 and word[-1] not in "aeiouéy"):
    return word + "es"
  return word + "s"


def _noun(group: str, row: list[str]) -> entries.Noun:
  singular, *plural = _parts(row[0])
  gender, german = row[1].split(" ", 1)
  german_singular, german_plural, *more = _parts(german)
  weak = more == ["weak"]
  if gender == "f":
    genitive = german_singular
  else:
    genitive = german_plural if weak else more[0] if more else _german_genitive(german_singular)
  french_gender, french = row[2].split(" ", 1)
  french_singular, *french_plurals = _parts(french)
  aspirated = french_singular.startswith("*")
  french_singular = french_singular.lstrip("*")
  mass = plural == ["-"]
  human = group in ("person", "kin")
  place = [None if word == "-" else word for word in row[3].split()] if len(row) > 3 else None
  natural = nouns.NATURAL_GENDER.get(singular, gender if human else "n")
  return entries.Noun(
    group=group,
    singular=singular,
    plural="" if mass else plural[0] if plural else english_plural(singular),
    german_gender=gender,
    german=german_singular,
    german_plural="" if mass else german_plural,
    german_weak=weak,
    german_genitive=genitive,
    french_gender=french_gender,
    french=french_singular,
    french_plural="" if mass else (french_plurals or [french_plural(french_singular)])[0],
    aspirated=aspirated,
    owned=group != "person" or singular in nouns.OWNED,
    natural="" if singular in nouns.NO_PRONOUN else natural,
    place=entries.Place(*place) if place else None,
  )


def _comparative(word: str) -> str:
  if word.endswith("e"):
    return word + "r"
  return word[:-1] + "ier" if word.endswith("y") and word[-2] not in "aeiou" else word + "er"


def _feminine(word: str) -> str:
  if word.endswith("eux"):
    return word[:-1] + "se"
  return word if word.endswith("e") else word + "e"


def _french_forms(given: list[str]) -> tuple[str, str]:
  """Feminine and masculine plural of an adjective."""
  feminine = given[1] if len(given) > 1 else _feminine(given[0])
  return feminine, given[2] if len(given) > 2 else french_plural(given[0])


def _adjective(row: list[str], group: str) -> entries.Adjective:
  english, *comparative = _parts(row[0])
  german = [part for part in _parts(row[1]) if not part.startswith("stem=")]
  stems = [part[5:] for part in _parts(row[1]) if part.startswith("stem=")]
  before = "before" in _parts(row[2])
  vowels = [part[6:] for part in _parts(row[2]) if part.startswith("vowel=")]
  french = [part for part in _parts(row[2]) if part != "before" and not part.startswith("vowel=")]
  german_comparative = german[1] if len(german) > 1 else _comparative(german[0])
  return entries.Adjective(
    english=english,
    english_comparative=(f"more {english}" if comparative == ["more"] else (comparative or [_comparative(english)])[0]),
    german=german[0],
    german_stem=(stems or [german[0].removesuffix("e")])[0],
    german_comparative="" if german_comparative == "-" else german_comparative,
    french=(french[0], *_french_forms(french)),
    french_before_vowel=(vowels or [""])[0],
    before=before,
    is_color=group == "color",
  )


def _german_verb(cell: str) -> entries.German:
  cell, _, slot = cell.partition(";")
  tokens = cell.split()
  reflexive = tokens[0] == "sich"
  tokens = tokens[reflexive:]
  tail = " ".join(token[1:] for token in tokens if token.startswith("+"))
  auxiliary = "sein" if "sein" in tokens[1:] else "haben"
  forms = [token for token in tokens[1:] if token != "sein" and not token.startswith("+")]
  prefix, _, infinitive = tokens[0].rpartition("-")
  preposition, _, case = slot.strip().rpartition(" ")
  if len(forms) not in (0, 4):
    raise ValueError(f"{cell}: must have four forms or none")
  padded = (*forms, "-", "-", "-", "-")
  return entries.German(
    infinitive,
    prefix,
    (padded[0], padded[1], padded[2], padded[3]),
    auxiliary,
    reflexive,
    tail,
    preposition,
    case or "acc",
  )


def _french_verb(cell: str) -> entries.French:
  cell, _, preposition = cell.partition(";")
  words_of, tail = [], []
  for token in cell.split():
    if token.startswith("+"):
      tail += token[1:].split("_")
    else:
      words_of.append(token)
  infinitive = words_of[-1]
  reflexive = len(words_of) == 2 or infinitive.startswith("s'")
  return entries.French(
    infinitive[2:] if infinitive.startswith("s'") else infinitive,
    reflexive,
    tuple(tail),
    preposition.strip(),
  )


def noun_groups() -> dict[str, tuple[entries.Noun, ...]]:
  """All nouns by their class."""
  return {group: tuple(_noun(group, row) for row in _rows(table)) for group, table in nouns.NOUNS.items()}


def adjective_groups() -> dict[str, tuple[entries.Adjective, ...]]:
  """All adjectives by the class of nouns that they describe."""
  return {
    group: tuple(_adjective(row, group) for row in _rows(table)) for group, table in adjectives.ADJECTIVES.items()
  }


def _verb(row: list[str], select: Select) -> entries.Verb:
  principal = _parts(row[0])
  base, _, particle = principal[0].replace("~", " ").partition(" ")
  past = principal[1] if len(principal) > 1 else base + ("d" if base.endswith("e") else "ed")
  if len(principal) == 1 and base.endswith("y") and base[-2] not in "aeiou":
    past = base[:-1] + "ied"
  who, _, what = row[3].partition(">") if len(row) > 3 else ("", "", "")
  return entries.Verb(
    english=(base, past, principal[2] if len(principal) > 2 else past),
    particle=particle,
    movable="~" in principal[0],
    german=_german_verb(row[1]),
    french=_french_verb(row[2]),
    subjects=select(who),
    objects=select(what),
    marks=frozenset(row[4].split()) if len(row) > 4 else frozenset(),
  )


def verbs(table: str, groups: dict[str, tuple[entries.Noun, ...]]) -> tuple[entries.Verb, ...]:
  """A table of verbs; `groups` are the nouns that its lines name."""
  by_name = {noun.singular: noun for group in groups.values() for noun in group}

  def select(cell: str) -> tuple[tuple[entries.Noun, ...], ...]:
    chosen = [groups[item] for item in cell.split() if not item.startswith("=")]
    names = [item[1:].replace("_", " ") for item in cell.split() if item.startswith("=")]
    if names:
      chosen.append(tuple(by_name[name] for name in names))
    return tuple(chosen)

  return tuple(_verb(row, select) for row in _rows(table))


def phrases(table: str) -> tuple[entries.Phrase, ...]:
  """A table of uninflected words."""
  return tuple(entries.Phrase(*row) for row in _rows(table))


def names() -> tuple[entries.Name, ...]:
  """The persons' names."""
  return tuple(entries.Name(*row) for row in _rows(words.NAMES))


def towns() -> tuple[entries.Town, ...]:
  """Towns and countries."""
  lines = words.TOWNS.strip().split("\n")
  return tuple(entries.Town(*(phrases(part)[0] for part in line.split("||"))) for line in lines)


def manners() -> tuple[tuple[entries.Phrase, tuple[str, ...]], ...]:
  """Adverbs of manner, each with the verbs that it combines with."""
  return tuple((entries.Phrase(*row[:3]), tuple(_parts(row[3]))) for row in _rows(words.MANNERS))


def relations(table: str) -> tuple[entries.Relation, ...]:
  """A table of prepositions."""
  result = []
  for english, german, french, *with_verbs in _rows(table):
    preposition, case = german.split()
    allowed = tuple(_parts(with_verbs[0])) if with_verbs else ()
    result.append(entries.Relation(english, preposition, case, french, allowed))
  return tuple(result)
