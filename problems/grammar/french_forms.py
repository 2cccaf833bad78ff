"""French inflection: verbs, elision."""

from __future__ import annotations

import functools

from problems.grammar.tables import french_verbs as table

_VOWELS = "aeiouyhâàéèêëîïôûœ"
_ELIDED = ("le", "la", "de", "que", "ne", "se", "me", "te", "je")
_ER = ("e", "es", "e", "ons", "ez", "ent")
_IR = ("is", "is", "it", "issons", "issez", "issent")
_RE = ("s", "s", "", "ons", "ez", "ent")
_IMPERFECT = ("ais", "ais", "ait", "ions", "iez", "aient")
_FUTURE = ("ai", "as", "a", "ons", "ez", "ont")
_CONDITIONAL = _IMPERFECT


def _irregular() -> dict[str, tuple[tuple[str, ...], str, str]]:
  verbs = {}
  for line in table.IRREGULAR.strip().split("\n"):
    names, present_forms, past_participle, future_stem = (cell.strip() for cell in line.split("|"))
    first, *others = names.split(", ")
    verbs[first] = (tuple(present_forms.split()), past_participle, future_stem)
    for other in others:
      start = other[: -len(first)]
      verbs[other] = (
        tuple(start + form for form in present_forms.split()),
        start + past_participle,
        start + future_stem,
      )
  return verbs


_IRREGULAR = _irregular()


def slot(person: int, plural: bool) -> int:
  """0: je, 1: tu, 2: il, 3: nous, 5: ils."""
  return person - 1 + 3 * plural


def starts_with_vowel(word: str) -> bool:
  """Whether the article is elided before a word; "*" marks an aspirated h, huit and onze."""
  return word[0].lower() in _VOWELS


def _silent_e(infinitive: str) -> str:
  """Stem of an -er verb before an ending with a silent e."""
  stem = infinitive[:-2]
  if infinitive in table.DOUBLED:
    return stem + stem[-1]
  if infinitive in table.GRAVE:
    place = max(stem.rfind("e"), stem.rfind("é"))
    return stem[:place] + "è" + stem[place + 1 :]
  return stem[:-1] + "i" if stem.endswith("y") else stem


def _before_o(infinitive: str) -> str:
  """Stem of an -er verb before -ons, and -ais."""
  stem = infinitive[:-2]
  if stem.endswith("g"):
    return stem + "e"
  return stem[:-1] + "ç" if stem.endswith("c") else stem


@functools.cache
def present(infinitive: str) -> tuple[str, ...]:
  """The six forms of the present."""
  if infinitive in _IRREGULAR:
    return _IRREGULAR[infinitive][0]
  stem = infinitive[:-2]
  if infinitive.endswith("er"):
    silent = _silent_e(infinitive)
    stems = (silent, silent, silent, _before_o(infinitive), stem, silent)
    return tuple(a + b for a, b in zip(stems, _ER))
  return tuple(stem + ending for ending in (_IR if infinitive.endswith("ir") else _RE))


@functools.cache
def imperfect(infinitive: str) -> tuple[str, ...]:
  """The six forms of the imparfait: the stem of "nous" in the present."""
  if infinitive == "être":
    return tuple("ét" + ending for ending in _IMPERFECT)
  stem = present(infinitive)[3][:-3]
  # Before -ions and -iez the letter that preserves the sound of g or c is not needed.
  plain = infinitive[:-2] if infinitive.endswith("er") else stem
  return tuple((plain if ending[0] == "i" else stem) + ending for ending in _IMPERFECT)


def _future_stem(infinitive: str) -> str:
  if infinitive in _IRREGULAR:
    return _IRREGULAR[infinitive][2]
  if infinitive.endswith("er") and infinitive not in table.ACUTE_FUTURE:
    return _silent_e(infinitive) + "er"
  return infinitive[:-1] if infinitive.endswith("re") else infinitive


@functools.cache
def future(infinitive: str) -> tuple[str, ...]:
  """The six forms of the future."""
  return tuple(_future_stem(infinitive) + ending for ending in _FUTURE)


@functools.cache
def conditional(infinitive: str) -> tuple[str, ...]:
  """The six forms of the conditional."""
  return tuple(_future_stem(infinitive) + ending for ending in _CONDITIONAL)


@functools.cache
def participle(infinitive: str) -> str:
  """Past participle, masculine singular."""
  if infinitive in _IRREGULAR:
    return _IRREGULAR[infinitive][1]
  return infinitive[:-2] + {"er": "é", "ir": "i", "re": "u"}[infinitive[-2:]]


def agreed(word: str, feminine: bool, plural: bool) -> str:
  """A participle with gender and number."""
  if feminine:
    word = word.replace("dû", "du") + "e"
  return word + "s" if plural and not word.endswith("s") else word


def with_preposition(preposition: str, words: list[str]) -> list[str]:
  """A preposition before a noun phrase: du, des, au, aux where an article follows.

  Args:
    preposition: such as "de", "à côté de".
    words: the noun phrase; its article is the first word.
  """
  *start, last = preposition.split()
  contracted = {
    ("de", "le"): "du",
    ("de", "les"): "des",
    ("à", "le"): "au",
    ("à", "les"): "aux",
  }.get((last, words[0]))
  if contracted and (words[0] == "les" or not starts_with_vowel(words[1])):
    return [*start, contracted, *words[1:]]
  return [*start, last, *words]


def elide(words: list[str]) -> list[str]:
  """Joins the short words to a following vowel: l'homme, qu'il, s'il."""
  result: list[str] = []
  for word, following in zip(words, words[1:] + [","]):
    if word in _ELIDED and starts_with_vowel(following):
      word = word[:-1] + "'"
    elif word == "si" and following in ("il", "ils"):
      word = "s'"
    word = word.lstrip("*")
    if result and result[-1].endswith("'"):
      result[-1] += word
    else:
      result.append(word)
  return result
