"""Realizes a meaning in German: verb second or last, and the middle field between its two parts."""

from __future__ import annotations

import itertools

from problems.grammar import german_forms as forms
from problems.grammar import german_phrases as phrases
from problems.grammar import lexicon, numerals, spelling
from problems.grammar import meaning as m

_CONJUNCTIONS = {
  "and": "und",
  "but": "aber",
  "because": "weil",
  "if": "wenn",
  "that": "dass",
  "whether": "ob",
}
_QUESTION_WORDS = {"who": "wer", "what": "was", "why": "warum", "when": "wann"}


def _relative(what: m.Nominal | None) -> list[str]:
  """The relative clause of a noun phrase between commas, if it has one."""
  relative = what.relative if isinstance(what, m.NounPhrase) else None
  if not relative:
    return []
  gender, c = phrases.gender(what), relative.clause
  if relative.role == "place":
    word = [what.noun.place.german, forms.RELATIVE["dat", gender]]
  elif relative.role == "owner":
    word = [forms.RELATIVE["gen", gender], *phrases.nominal(c.subject, "nom")]
  elif relative.role == "subject":
    word = [forms.RELATIVE["nom", gender]]
  else:
    verb = c.verb.german
    word = [*([verb.preposition] if verb.preposition else []), forms.RELATIVE[verb.case, gender]]
  opening = "subject" if relative.role == "owner" else relative.role
  return [",", *word, *clause(c, "last", opening=opening), ","]


def _full(what: m.Nominal, case: str) -> list[str]:
  return phrases.nominal(what, case) + _relative(what)


def _verb_group(c: m.Clause) -> tuple[str, list[str]]:
  """The finite verb, without prefix, and the words at the clause's end."""
  verb = c.verb.german
  number_of = c.subject
  person, plural = m.person(number_of), m.is_plural(number_of)
  prefix = [verb.prefix] if verb.prefix else []
  infinitive = verb.prefix + verb.infinitive
  if c.modal and c.modal != "like":
    # "must not" forbids: darf nicht.
    modal = "may" if c.modal == "must" and c.polarity and c.tense != "past" else c.modal
    make = forms.past if c.tense == "past" else forms.present
    return make(modal, (), person, plural), [infinitive]
  if c.tense == "perfect":
    return forms.present(verb.auxiliary, (), person, plural), [forms.participle(verb)]
  if c.tense == "future":
    return forms.present("werden", (), person, plural), [infinitive]
  make = forms.past if c.tense in ("past", "was doing") else forms.present
  return make(verb.infinitive, verb.forms, person, plural), prefix


def _predicate(c: m.Clause) -> tuple[list[str], list[str]]:
  """The predicate, and the standard of a comparison."""
  predicate = c.predicate
  if isinstance(predicate, m.Age):
    return [numerals.german(predicate.years), "Jahre", "alt"], []
  if isinstance(predicate, m.Profession):
    stem, endings, _ = forms.DETERMINERS["no"]
    kein = [stem + endings["nom", predicate.noun.german_gender]] if c.polarity == "not" else []
    return [*kein, predicate.noun.german], []
  adjective = predicate.adjective
  if not predicate.degree:
    return [adjective.german], []
  standard = phrases.nominal(predicate.standard, "nom")
  if predicate.degree == "as":
    return ["so", adjective.german], ["wie", *standard]
  return [adjective.german_comparative], ["als", *standard]


def _negated_by_kein(c: m.Clause, opening: str) -> bool:
  return (
    c.polarity == "not"
    and isinstance(c.object, m.NounPhrase)
    and c.object.indefinite
    and not c.verb.german.preposition
    and opening != "object"
  )


def _objects(c: m.Clause, opening: str) -> tuple[list[str], list[str], list[str], list[str]]:
  """Pronouns, definite and indefinite objects, prepositional object."""
  verb = c.verb.german
  pronouns: list[str] = []
  if verb.reflexive:
    pronouns.append(forms.REFLEXIVE.get((m.person(c.subject), m.is_plural(c.subject)), "sich"))
  definite: list[str] = []
  indefinite: list[str] = []
  prepositional: list[str] = []
  for what, case in ((c.recipient, "dat"), (c.object, verb.case)):
    if what is None or (what is c.object and opening == "object"):
      continue
    if what is c.object and verb.preposition:
      prepositional = phrases.prepositional(verb.preposition, case, what)
    elif isinstance(what, m.Pronoun):
      pronouns += phrases.nominal(what, case)
    else:
      vague = isinstance(what, m.NounPhrase) and what.determiner in (
        "a",
        "bare",
        "number",
        "many",
        "some",
      )
      words = phrases.nominal(what, case, negated=what is c.object and _negated_by_kein(c, opening))
      if vague or indefinite:
        indefinite += words
      else:
        definite += words
  return pronouns, definite, indefinite, prepositional


def _middle(c: m.Clause, opening: str, time_first: bool) -> tuple[list[str], list[str]]:
  """The middle field without the subject, and what follows the verb's end."""
  pronouns, definite, indefinite, prepositional = _objects(c, opening)
  time = [c.time.german] if c.time and not time_first else []
  adverb = [c.frequency.german] if c.frequency else []
  if c.polarity == "never":
    adverb.append("nie")
  if c.modal == "like":
    adverb.append("gern")
  by_kein = _negated_by_kein(c, opening) or c.exists or isinstance(c.predicate, m.Profession)
  nicht = ["nicht"] if c.polarity == "not" and not by_kein else []
  if c.modal == "like" and nicht:
    adverb, nicht = ["nicht", "gern"], []
  predicate, standard = _predicate(c) if c.predicate else ([], [])
  companion = phrases.prepositional(c.companion[0].german, c.companion[0].case, c.companion[1]) if c.companion else []
  place = phrases.place(c.place) if c.place and opening != "place" else []
  manner = [c.manner.german] if c.manner else []
  tail = [c.verb.german.tail] if c.verb.german.tail else []
  # An indefinite object is new information and comes late: liest im Garten ein Buch.
  vague_last = bool(indefinite)
  first = definite + time if c.polarity else time + definite
  middle = list(
    itertools.chain(
      pronouns,
      first,
      adverb,
      [*manner, *place] if vague_last else [],
      indefinite,
      nicht,
      prepositional,
      companion,
      [] if vague_last else [*manner, *place],
      predicate,
      tail,
    )
  )
  after = standard
  for what in (
    c.object if opening != "object" else None,
    c.place.where if isinstance(c.place, m.Location) else None,
  ):
    after = after + _relative(what)
  if c.infinitive:
    after = after + _zu_clause(c.infinitive)
  if c.complement:
    conjunction, inner = c.complement
    after = [*after, ",", _CONJUNCTIONS[conjunction], *clause(inner, "last"), ","]
  return middle, after


def _zu_clause(c: m.Clause) -> list[str]:
  middle, after = _middle(c, "", False)
  words = [*middle, *forms.zu_infinitive(c.verb.german), *after]
  return [",", *words] if middle else words


def clause(
  c: m.Clause,
  order: str,
  front: list[str] | None = None,
  opening: str = "",
  time_first: bool = False,
) -> list[str]:
  """A clause.

  Args:
    c: its meaning.
    order: position of the finite verb: second (after the subject, or front), first or last.
    front: the words before the verb in place of the subject.
    opening: the part that is omitted here.
    time_first: whether the time is expressed elsewhere.
  """
  finite, end = _verb_group(c)
  middle, after = _middle(c, opening, time_first)
  subject = [] if opening == "subject" else ["es"] if c.exists else _full(c.subject, "nom")
  if order == "last":
    prefix = c.verb.german.prefix
    verbs = [prefix + finite] if end == [prefix] else [*end, finite]
    return [*subject, *middle, *verbs, *after]
  if order == "first":
    return [finite, *subject, *middle, *end, *after]
  if front is not None:
    return [*front, finite, *subject, *middle, *end, *after]
  return [*subject, finite, *middle, *end, *after]


def _question_word(kind: str, c: m.Clause) -> list[str]:
  if kind == "whom":
    return ["wem" if c.verb.german.case == "dat" else "wen"]
  if kind == "where":
    goal = isinstance(c.place, m.Location) and c.place.goal
    return ["wohin" if goal or c.verb in lexicon.GO else "wo"]
  return [_QUESTION_WORDS[kind]] if kind in _QUESTION_WORDS else phrases.nominal(c.object, c.verb.german.case)


def _main(sentence: m.Sentence) -> list[str]:
  c, kind = sentence.clause, sentence.kind
  if kind == "who":
    return ["wer", *clause(c, "first", opening="subject")]
  if kind == "question":
    return clause(c, "first")
  if kind != "statement":
    return clause(c, "second", _question_word(kind, c), m.opening(kind))
  if sentence.time_first:
    return clause(c, "second", [c.time.german], time_first=True)
  return clause(c, "second")


def _conjunction(sentence: m.Sentence) -> str:
  """ "when" is "als" for a single event in the past."""
  if sentence.conjunction == "when":
    return "als" if sentence.second.tense in ("past", "was doing") else "wenn"
  return _CONJUNCTIONS[sentence.conjunction]


def realize(sentence: m.Sentence) -> str:
  """The text of a sentence."""
  if not sentence.second:
    words = _main(sentence)
  elif sentence.conjunction in ("and", "but"):
    comma = [","] if sentence.conjunction == "but" else []
    words = [*_main(sentence), *comma, _conjunction(sentence), *clause(sentence.second, "second")]
  else:
    second = [_conjunction(sentence), *clause(sentence.second, "last")]
    if sentence.second_first:
      words = [*second, ",", *clause(sentence.clause, "first")]
    else:
      words = [*_main(sentence), ",", *second]
  return spelling.sentence(words, "." if sentence.kind == "statement" else "?")
