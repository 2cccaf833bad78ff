"""The parts of French noun phrases: pronouns, articles, adjectives before and after the noun."""

from __future__ import annotations

from problems.grammar import entries, numerals
from problems.grammar import french_forms as forms
from problems.grammar import meaning as m

_POSSESSIVES = {
  "my": ("mon", "ma", "mes"),
  "your": ("ton", "ta", "tes"),
  "his": ("son", "sa", "ses"),
  "her": ("son", "sa", "ses"),
  "our": ("notre", "notre", "nos"),
  "their": ("leur", "leur", "leurs"),
}
# (person, plural) -> subject, direct and indirect object, after a preposition.
_PRONOUNS = {
  (1, False): ("je", "me", "me", "moi"),
  (2, False): ("tu", "te", "te", "toi"),
  (1, True): ("nous", "nous", "nous", "nous"),
}
_THIRD = {
  ("m", False): ("il", "le", "lui", "lui"),
  ("f", False): ("elle", "la", "lui", "elle"),
  ("m", True): ("ils", "les", "leur", "eux"),
  ("f", True): ("elles", "les", "leur", "elles"),
}


def pronoun(what: m.Pronoun, use: int) -> str:
  """A pronoun; use: 0 subject, 1 direct object, 2 indirect object, 3 after a preposition."""
  key = (what.person, what.plural)
  return (_PRONOUNS[key] if key in _PRONOUNS else _THIRD[what.french_gender, what.plural])[use]


def feminine(what: m.Nominal) -> bool:
  """Whether its adjectives and participles are feminine."""
  return m.gender(what, "french") == "f"


def adjective_form(adjective: entries.Adjective, is_feminine: bool, plural: bool) -> str:
  """An adjective with gender and number."""
  masculine, feminine_form, masculine_plural = adjective.french
  if is_feminine:
    return feminine_form + ("s" if plural else "")
  return masculine_plural if plural else masculine


def core(what: m.NounPhrase) -> tuple[list[str], bool]:
  """Adjectives and noun, and whether an adjective comes first."""
  noun, is_feminine, plural = what.noun, feminine(what), what.plural
  word = noun.french_plural if plural else noun.french
  words = ["*" + word if noun.aspirated else word]
  first = False
  for adjective in what.adjectives:
    form = adjective_form(adjective, is_feminine, plural)
    if not adjective.before:
      words.append(form)
      continue
    first = True
    if not (is_feminine or plural) and forms.starts_with_vowel(words[0]):
      form = adjective.french_before_vowel or form
    words.insert(0, form)
  return words, first


def article(what: m.NounPhrase, following: list[str], adjective_first: bool, general: bool, bare: str) -> list[str]:
  """The words before the noun and its adjectives.

  Args:
    what: the noun phrase.
    following: its adjectives and noun.
    adjective_first: whether an adjective is the first of them.
    general, bare: as in `french.nominal`.
  """
  is_feminine, plural, determiner = feminine(what), what.plural, what.determiner
  vowel = forms.starts_with_vowel(following[0])
  the = "les" if plural else "la" if is_feminine else "le"
  partitive = determiner == "bare" or (determiner == "a" and bare == "pas")
  if determiner in ("the", "owner", "whose") or (partitive and general):
    return [the]
  if partitive:
    if bare == "de":
      return []
    if bare == "pas" or (plural and adjective_first):
      return ["de"]
    return ["des"] if plural else ["du"] if the == "le" and not vowel else ["de", the]
  if determiner == "a":
    return ["une" if is_feminine else "un"]
  if determiner == "number":
    word = numerals.french(what.number, is_feminine)
    return ["*" + word if what.number in (8, 11) else word]
  if determiner in _POSSESSIVES:
    masculine, feminine_form, plural_form = _POSSESSIVES[determiner]
    return [plural_form if plural else feminine_form if is_feminine and not vowel else masculine]
  if determiner == "this":
    return ["ces" if plural else "cette" if is_feminine else "cet" if vowel else "ce"]
  if determiner == "which":
    return [("quelle" if is_feminine else "quel") + ("s" if plural else "")]
  return {
    "every": ["chaque"],
    "all": ["toutes" if is_feminine else "tous", "les"],
    "many": ["beaucoup", "de"],
    "some": ["quelques"],
    "how many": ["combien", "de"],
  }[determiner]
