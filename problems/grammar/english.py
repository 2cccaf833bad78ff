"""Realizes a meaning in English."""

from __future__ import annotations

from problems.grammar import entries, numerals, parse, spelling
from problems.grammar import meaning as m

_PRONOUNS = {
  (1, False): ("I", "me"),
  (2, False): ("you", "you"),
  (1, True): ("we", "us"),
  (3, True): ("they", "them"),
}
_THIRD = {"m": ("he", "him"), "f": ("she", "her"), "n": ("it", "it")}
# The last consonant is doubled before -ing in words of one syllable, and in these.
_DOUBLED = ("begin", "forget")
_AN_BEFORE = ("a", "e", "i", "o", "u", "honest")
_A_BEFORE = ("use", "uni")
_PLAIN_MODALS = {
  "can": "can",
  "must": "must",
  "should": "should",
  "would like": "would",
  "may": "may",
}
_QUESTION_WORDS = {"who", "whom", "what", "where", "why", "when"}


def _article(following: str) -> str:
  vowel = following.startswith(_AN_BEFORE) and not following.startswith(_A_BEFORE)
  return "an" if vowel else "a"


def third_person(verb: str) -> str:
  """As "goes"."""
  if verb == "have":
    return "has"
  return verb + "es" if verb == "go" else parse.english_plural(verb)


def ing(verb: str) -> str:
  """As "writing"."""
  if verb == "lie":
    return "lying"
  if verb.endswith("e") and not verb.endswith("ee") and verb != "be":
    return verb[:-1] + "ing"
  vowels = [letter in "aeiou" for letter in verb]
  short = vowels[-2:] == [True, False] and sum(vowels) == 1 and verb[-1] not in "wxy"
  return verb + (verb[-1] if short or verb in _DOUBLED else "") + "ing"


def nominal(what: m.Nominal, subject: bool = False) -> list[str]:
  """A noun phrase, name or pronoun."""
  if isinstance(what, m.Pronoun):
    forms = _THIRD[what.gender] if (what.person, what.plural) == (3, False) else _PRONOUNS[what.person, what.plural]
    return [forms[not subject]]
  if isinstance(what, m.Named):
    return [what.name.text]
  if isinstance(what, m.Pair):
    return [*nominal(what.first, subject), "and", *nominal(what.second, subject)]
  noun = what.noun.plural if what.plural else what.noun.singular
  words = [adjective.english for adjective in what.adjectives] + [noun]
  tail = _relative(what) if what.relative else []
  if what.determiner == "owner" and what.owner:
    owner = nominal(what.owner)
    if what.noun.group == "opening":
      return ["the", *words, "of", *owner]
    return [*owner[:-1], owner[-1] + ("'" if owner[-1].endswith("s") else "'s"), *words]
  if what.determiner == "a":
    words.insert(0, _article(words[0]))
  elif what.determiner == "number":
    words.insert(0, numerals.english(what.number))
  elif what.determiner == "this":
    words.insert(0, "these" if what.plural else "this")
  elif what.determiner != "bare":
    words.insert(0, what.determiner)
  return words + tail


def _relative(antecedent: m.NounPhrase) -> list[str]:
  relative = antecedent.relative
  if relative.role == "place":
    return ["where", *clause(relative.clause, opening="place")]
  if relative.role == "owner":
    return clause(relative.clause)
  if antecedent.noun.group not in ("person", "kin"):
    word = "that"
  else:
    word = "who" if relative.role == "subject" else "whom"
  return [word, *clause(relative.clause, opening=relative.role)]


def _be(subject: m.Nominal, past: bool) -> str:
  if m.is_plural(subject) or m.person(subject) == 2:
    return "were" if past else "are"
  if m.person(subject) == 1:
    return "was" if past else "am"
  return "was" if past else "is"


def _finite(verb: tuple[str, str, str], subject: m.Nominal, past: bool) -> str:
  if past:
    return verb[1]
  singular_third = m.person(subject) == 3 and not m.is_plural(subject)
  return third_person(verb[0]) if singular_third else verb[0]


def _verb_group(c: m.Clause) -> tuple[str, list[str], tuple[str, str, str] | None]:
  """Auxiliary ("" if none), the words after it, and the full verb if it is finite."""
  base, _, participle = c.verb.english
  has = "have" if m.is_plural(c.subject) or m.person(c.subject) < 3 else "has"
  if c.modal in ("want", "like"):
    return "", ["to", base], (c.modal, c.modal + ("d" if c.modal.endswith("e") else "ed"), "")
  if c.modal == "must" and c.tense == "past":
    return "", ["to", base], ("have", "had", "had")
  if c.modal:
    auxiliary = "could" if c.tense == "past" else _PLAIN_MODALS[c.modal]
    return auxiliary, ["like", "to", base] if c.modal == "would like" else [base], None
  if c.tense in ("progressive", "was doing"):
    return _be(c.subject, c.tense == "was doing"), [ing(base)], None
  if c.tense == "perfect":
    return has, [participle], None
  if c.tense == "future":
    return "will", [base], None
  if base == "be":
    number_of = c.object if c.exists else c.subject
    return _be(number_of, c.tense == "past"), [], None
  return "", [], c.verb.english


def _predicate(c: m.Clause) -> list[str]:
  predicate = c.predicate
  if isinstance(predicate, m.Age):
    return [numerals.english(predicate.years), "years", "old"]
  if isinstance(predicate, m.Profession):
    return [_article(predicate.noun.singular), predicate.noun.singular]
  adjective = predicate.adjective
  if not predicate.degree:
    return [adjective.english]
  standard = nominal(predicate.standard)
  if predicate.degree == "as":
    return ["as", adjective.english, "as", *standard]
  return [adjective.english_comparative, "than", *standard]


def _place(place: m.Location | entries.Phrase) -> list[str]:
  if isinstance(place, entries.Phrase):
    return [place.english]
  if place.relation:
    preposition = place.relation.english
  else:
    preposition = "to" if place.goal else place.where.noun.place.english
  return [preposition, *nominal(place.where)]


def _after_verb(c: m.Clause, opening: str) -> list[str]:
  words: list[str] = []
  verb = c.verb
  object_words = nominal(c.object) if c.object and opening != "object" else []
  if verb.movable and isinstance(c.object, m.Pronoun):
    words += [*object_words, verb.particle]
    object_words = []
  elif verb.particle:
    words.append(verb.particle)
  if c.recipient and "to" in verb.marks:
    words += [*object_words, "to", *nominal(c.recipient)]
  else:
    words += (nominal(c.recipient) if c.recipient else []) + object_words
  if c.predicate:
    words += _predicate(c)
  if c.manner:
    words.append(c.manner.english)
  if c.companion:
    words += [c.companion[0].english, *nominal(c.companion[1])]
  if c.place and opening != "place":
    words += _place(c.place)
  return words


def clause(c: m.Clause, opening: str = "", inverted: bool = False, time_first: bool = False) -> list[str]:
  """A clause.

  Args:
    c: its meaning.
    opening: the part that is omitted here.
    inverted: whether the auxiliary comes before the subject.
    time_first: whether the time is expressed elsewhere.
  """
  subject = ["there"] if c.exists else [] if opening == "subject" else nominal(c.subject, subject=True)
  auxiliary, rest, full = _verb_group(c)
  past = c.tense == "past"
  adverbs = [c.polarity] if c.polarity else []
  if c.frequency:
    adverbs.append(c.frequency.english)
  if full and (inverted or c.polarity == "not"):
    singular_third = m.person(c.subject) == 3 and not m.is_plural(c.subject)
    auxiliary = "did" if past else "does" if singular_third else "do"
    rest = [full[0], *rest]
  elif full:
    rest = [_finite(full, c.subject, past), *rest]
  if c.exists:
    what = nominal(c.object)
    start = [auxiliary, *subject] if inverted else [*subject, auxiliary]
    return [*start, *(["no", *what[1:]] if c.polarity else what), *_place(c.place)]
  if inverted:
    words = [auxiliary, *subject, *adverbs, *rest]
  elif auxiliary == "can" and adverbs == ["not"]:
    words = [*subject, "cannot", *rest]
  elif auxiliary:
    words = [*subject, auxiliary, *adverbs, *rest]
  else:
    words = [*subject, *adverbs, *rest]
  words += _after_verb(c, opening)
  if c.time and not time_first:
    words.append(c.time.english)
  if c.infinitive:
    words += ["to", c.infinitive.verb.english[0], *_after_verb(c.infinitive, "")]
  if c.complement:
    words += [c.complement[0], *clause(c.complement[1])]
  return words


def realize(sentence: m.Sentence) -> str:
  """The text of a sentence."""
  c, kind = sentence.clause, sentence.kind
  if kind in _QUESTION_WORDS:
    words = [kind, *clause(c, opening=m.opening(kind), inverted=kind != "who")]
  elif m.opening(kind):
    words = [*nominal(c.object), *clause(c, opening="object", inverted=True)]
  elif kind == "question":
    words = clause(c, inverted=True)
  elif sentence.time_first:
    words = [c.time.english, *clause(c, time_first=True)]
  else:
    words = clause(c)
  if sentence.second:
    second = clause(sentence.second)
    if sentence.second_first:
      words = [sentence.conjunction, *second, ",", *words]
    else:
      words += [*([","] if sentence.conjunction == "but" else []), sentence.conjunction, *second]
  return spelling.sentence(words, "." if kind == "statement" else "?")
