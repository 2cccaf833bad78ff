"""German inflection: verbs, articles, adjectives, nouns, pronouns."""

from __future__ import annotations

import functools

from problems.grammar import entries

CASES = ("nom", "acc", "dat", "gen")
_GENDERS = ("m", "f", "n", "p")


def _table(text: str) -> dict[tuple[str, str], str]:
  """(case, gender or "p") -> form, from rows of m, f, n, plural; "-" is an empty form."""
  rows = [[form.strip("-") for form in row.split()] for row in text.split("/")]
  return {(case, gender): form for case, row in zip(CASES, rows) for gender, form in zip(_GENDERS, row)}


THE = _table("der die das die / den die das die / dem der dem den / des der des der")
_DER_ENDINGS = _table("er e es e / en e es e / em er em en / es er es er")
_EIN_ENDINGS = _table("- e - e / en e - e / em er em en / es er es er")
WEAK = _table("e e e en / en e e en / en en en en / en en en en")
MIXED = _table("er e es en / en e es en / en en en en / en en en en")
STRONG = _table("er e es e / en e es e / em er em en / en er en er")
RELATIVE = _table("der die das die / den die das die / dem der dem denen / dessen deren dessen deren")

# Determiner -> stem, its endings, and the endings of the adjectives after it.
DETERMINERS = {
  "this": ("dies", _DER_ENDINGS, WEAK),
  "every": ("jed", _DER_ENDINGS, WEAK),
  "which": ("welch", _DER_ENDINGS, WEAK),
  "all": ("all", _DER_ENDINGS, WEAK),
  "many": ("viel", _DER_ENDINGS, STRONG),
  "some": ("einig", _DER_ENDINGS, STRONG),
  "a": ("ein", _EIN_ENDINGS, MIXED),
  "no": ("kein", _EIN_ENDINGS, MIXED),
  "my": ("mein", _EIN_ENDINGS, MIXED),
  "your": ("dein", _EIN_ENDINGS, MIXED),
  "his": ("sein", _EIN_ENDINGS, MIXED),
  "her": ("ihr", _EIN_ENDINGS, MIXED),
  "our": ("unser", _EIN_ENDINGS, MIXED),
  "their": ("ihr", _EIN_ENDINGS, MIXED),
}

# (person, plural) -> nominative, accusative, dative.
_PRONOUNS = {
  (1, False): ("ich", "mich", "mir"),
  (2, False): ("du", "dich", "dir"),
  (1, True): ("wir", "uns", "uns"),
  (3, True): ("sie", "sie", "ihnen"),
}
_THIRD = {"m": ("er", "ihn", "ihm"), "f": ("sie", "sie", "ihr"), "n": ("es", "es", "ihm")}
REFLEXIVE = {(1, False): "mich", (2, False): "dich", (1, True): "uns"}

CONTRACTIONS = {
  ("in", "dem"): "im",
  ("in", "das"): "ins",
  ("an", "dem"): "am",
  ("an", "das"): "ans",
  ("zu", "dem"): "zum",
  ("zu", "der"): "zur",
  ("von", "dem"): "vom",
}

_PRESENT = {
  "sein": ("bin", "bist", "ist", "sind"),
  "haben": ("habe", "hast", "hat", "haben"),
  "werden": ("werde", "wirst", "wird", "werden"),
  "wissen": ("weiß", "weißt", "weiß", "wissen"),
  "mögen": ("mag", "magst", "mag", "mögen"),
  "can": ("kann", "kannst", "kann", "können"),
  "must": ("muss", "musst", "muss", "müssen"),
  "want": ("will", "willst", "will", "wollen"),
  "should": ("sollte", "solltest", "sollte", "sollten"),
  "would like": ("möchte", "möchtest", "möchte", "möchten"),
  "may": ("darf", "darfst", "darf", "dürfen"),
}
_PAST_MODALS = {"can": "konnte", "want": "wollte", "must": "musste"}
_NO_GE = ("be", "ge", "er", "ver", "zer", "ent", "emp", "über", "unter")


def pronoun(person: int, plural: bool, gender: str, case: str) -> str:
  """A personal pronoun."""
  forms = _THIRD[gender] if (person, plural) == (3, False) else _PRONOUNS[person, plural]
  return forms[CASES.index(case)]


def noun(word: entries.Noun, plural: bool, case: str) -> str:
  """A noun in a case."""
  if plural:
    add_n = case == "dat" and not word.german_plural.endswith(("n", "s"))
    return word.german_plural + ("n" if add_n else "")
  if case == "gen":
    return word.german_genitive
  return word.german_plural if word.german_weak and case != "nom" else word.german


def _slot(person: int, plural: bool) -> int:
  """0: ich; 1: du; 2: er; 3: wir, sie."""
  return 3 if plural else person - 1


def _stem(infinitive: str) -> str:
  return infinitive[:-1] if infinitive.endswith(("eln", "ern")) else infinitive[:-2]


def _linked(stem: str) -> str:
  """The stem before -st, -t, -te: arbeit-e-t, regn-e-t, zeichn-e-t, but lern-t, wohn-t."""
  hard = stem[-1] in "mn" and (stem[-3:-1] == "ch" or stem[-2] not in "aeiouäöülrhmn")
  return stem + "e" if stem[-1] in "td" or hard else stem


@functools.cache
def present(verb: str, forms: tuple[str, ...], person: int, plural: bool) -> str:
  """Present of an infinitive (or of an English modal's counterpart), without prefix."""
  slot = _slot(person, plural)
  if verb in _PRESENT:
    return _PRESENT[verb][slot]
  stem = _stem(verb)
  if slot == 3:
    return verb
  if slot == 0:
    return stem[:-2] + "le" if verb.endswith("eln") else stem + "e"
  if forms[slot - 1] != "-":
    return forms[slot - 1]
  linked = _linked(stem)
  if slot == 2:
    return linked + "t"
  return linked + ("t" if linked.endswith(("s", "ß", "z", "x")) else "st")


def _past_of(first: str, person: int, plural: bool) -> str:
  slot = _slot(person, plural)
  if slot in (0, 2):
    return first
  if slot == 3:
    return first + ("n" if first.endswith("e") else "en")
  return first + ("est" if first.endswith(("t", "d", "s", "ß", "z")) else "st")


@functools.cache
def past(verb: str, forms: tuple[str, ...], person: int, plural: bool) -> str:
  """Preterite of an infinitive, without prefix, or of an English modal's counterpart."""
  if verb in _PAST_MODALS:
    return _past_of(_PAST_MODALS[verb], person, plural)
  first = forms[2] if forms[2] != "-" else _linked(_stem(verb)) + "te"
  return _past_of(first, person, plural)


@functools.cache
def participle(verb: entries.German) -> str:
  """Past participle with prefix."""
  given = verb.forms[3]
  if given == "-":
    ge = "" if verb.infinitive.startswith(_NO_GE) or verb.infinitive.endswith("ieren") else "ge"
    given = ge + _linked(_stem(verb.infinitive)) + "t"
  return verb.prefix + given


def zu_infinitive(verb: entries.German) -> list[str]:
  """As "zu lesen", "anzurufen"."""
  return [f"{verb.prefix}zu{verb.infinitive}"] if verb.prefix else ["zu", verb.infinitive]
