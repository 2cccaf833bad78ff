"""Draws clauses: who does what, in which tense, where and when."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from problems.grammar import circumstances, draw, entries, lexicon
from problems.grammar import meaning as m

_TENSES = {"present": 32, "progressive": 18, "past": 18, "perfect": 12, "future": 10, "modal": 12}
_FRAMES = {
  "transitive": 40,
  "intransitive": 16,
  "be": 14,
  "ditransitive": 9,
  "go": 8,
  "stay": 5,
  "control": 5,
  "age": 2,
  "profession": 2,
}
_MODALS = dict(zip(m.MODALS, (8, 7, 7, 5, 4, 3, 3)))
_WITHOUT_NEVER = ("progressive", "was doing", "future")
_QUALIFIED = {
  "person": 8,
  "animal": 2,
  "thing": 2,
  "vehicle": 2,
  "text": 1,
  "food": 1,
  "building": 1,
  "home": 1,
  "idea": 1,
}
_HOMES = tuple(lexicon.NOUNS[name] for name in ("city", "house", "village", "castle", "hotel"))
_SITES = tuple(lexicon.NOUNS[name] for name in ("city", "village", "street", "island", "park", "forest", "harbor"))
ORIGINS = tuple(town.origin for town in lexicon.TOWNS)
_PROFESSION_NAMES = (
  "teacher doctor student nurse farmer lawyer baker artist actress journalist singer engineer"
  " waitress gardener writer pilot musician judge soldier dentist photographer queen princess"
).split()
PROFESSIONS = tuple(lexicon.NOUNS[name] for name in _PROFESSION_NAMES)


class Clauses(circumstances.Circumstances):
  """Draws clauses at random."""

  def tense(self, verb: entries.Verb, allowed: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Tense and modal for a verb, as arguments of a clause."""
    weights = allowed or _TENSES
    if "general" in verb.marks:
      weights = draw.without(weights, "future")
    if "state" in verb.marks:
      weights = draw.without(weights, "progressive", "modal", "perfect", "was doing")
    if verb.english[0] == verb.english[1]:
      # "The men put on the hats" would be both present and past.
      weights = draw.without(weights, "past")
    tense = self.chance.of(weights)
    if tense != "modal":
      return {"tense": tense}
    modal = self.chance.of(_MODALS)
    past = modal in m.PAST_MODALS and self.chance.happens(0.2)
    return {"tense": "past" if past else "present", "modal": modal}

  def polarity(self, subject: m.Nominal, timing: dict[str, Any]) -> str:
    """Draws a negation sometimes; never where "every" or "not have to" would make its scope ambiguous."""
    if draw.quantified(subject):
      return ""
    if timing == {"tense": "past", "modal": "must"} or not self.chance.happens(0.17):
      return ""
    never = not timing.get("modal") and timing["tense"] not in _WITHOUT_NEVER
    return "never" if never and self.chance.happens(0.2) else "not"

  def adverbs(self, c: m.Clause, time: float = 0.35) -> m.Clause:
    """Adds a frequency or a time."""
    chance = self.chance
    lasting = "state" in c.verb.marks and "event" not in c.verb.marks
    if lasting or c.place in ORIGINS:
      return c
    if c.tense == "present" and not c.modal and not c.polarity and chance.happens(0.16):
      return dataclasses.replace(c, frequency=chance.frequent(lexicon.FREQUENCIES))
    if c.tense == "perfect" and not c.polarity and chance.happens(0.2):
      return dataclasses.replace(c, frequency=lexicon.ALREADY)
    if c.modal == "like" or c.polarity == "never" or not chance.happens(time):
      return c
    if c.modal:
      tense = "past" if c.tense == "past" else "future"
    else:
      tense = c.tense
    return dataclasses.replace(c, time=self.time(tense))

  def manner(self, c: m.Clause) -> m.Clause:
    """Adds a manner or a companion."""
    chance, name = self.chance, c.verb.name
    if isinstance(c.object, m.Pronoun) or c.polarity:
      return c
    manners = [adverb for adverb, verbs in lexicon.MANNERS if name in verbs]
    if not m.is_plural(c.subject):
      manners = [adverb for adverb in manners if adverb.english != "together"]
    if manners and chance.happens(0.2):
      return dataclasses.replace(c, manner=chance.frequent(manners))
    companions = [relation for relation in lexicon.COMPANIONS if name in relation.verbs]
    if companions and chance.happens(0.14):
      other = self.person(c.subject, negated=True)
      return dataclasses.replace(c, companion=(chance.frequent(companions), other))
    return c

  def transitive(self, verb: entries.Verb | None = None, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a transitive verb."""
    verb = verb or self.chance.frequent(lexicon.TRANSITIVE)
    subject = subject or self.subject(verb.subjects)
    timing = self.tense(verb)
    polarity = self.polarity(subject, timing)
    c = m.Clause(subject, verb, polarity=polarity, object=self.object(verb, subject, bool(polarity)), **timing)
    return self._somewhere(self.manner(c))

  def intransitive(self, verb: entries.Verb | None = None, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with an intransitive verb."""
    verb = verb or self.chance.frequent(lexicon.INTRANSITIVE)
    subject = subject or self.subject(verb.subjects)
    timing = self.tense(verb)
    c = m.Clause(subject, verb, polarity=self.polarity(subject, timing), **timing)
    return self._somewhere(self.manner(c))

  def _somewhere(self, c: m.Clause) -> m.Clause:
    """Adds a place to a clause without another adverb."""
    if "place" not in c.verb.marks or c.manner or c.companion or not self.chance.happens(0.35):
      return c
    return dataclasses.replace(c, place=self.staying())

  def be(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with an adjective, possibly in a comparison."""
    chance = self.chance
    if subject is None:
      group = chance.of(_QUALIFIED)
      subject = self.subject((lexicon.NOUNS_BY_GROUP[group],))
    compared = chance.happens(0.28)
    adjective = self.quality(subject, compared)
    if adjective is None:
      compared, adjective = False, self.quality(subject, False)
    if isinstance(subject, m.NounPhrase):
      determiner = "the" if subject.determiner == "a" else subject.determiner
      subject = dataclasses.replace(subject, adjectives=(), determiner=determiner)
    degree, standard = "", None
    if compared:
      degree = "more" if chance.happens(0.6) else "as"
      standard = self._standard(subject)
    timing = {"tense": chance.of({"present": 70, "past": 25, "future": 5})}
    polarity = "" if degree == "as" else self.polarity(subject, timing)
    return m.Clause(
      subject,
      lexicon.BE,
      polarity=polarity,
      predicate=m.Quality(adjective, degree, standard),
      **timing,
    )

  def _standard(self, subject: m.Nominal) -> m.Nominal:
    """The standard of a comparison."""
    if isinstance(subject, m.NounPhrase) and not draw.human(subject.noun):
      group = lexicon.NOUNS_BY_GROUP[subject.noun.group]
      others = [noun for noun in group if noun is not subject.noun and noun.plural]
      return m.NounPhrase(self.chance.frequent(others), plural=subject.plural)
    other = self.person(subject, negated=True)
    if not isinstance(other, m.Pronoun):
      return other
    first, second = (m.Named(name) for name in lexicon.NAMES[:2])
    return second if subject == first else first

  def ditransitive(self, verb: entries.Verb | None = None, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a ditransitive verb."""
    verb = verb or self.chance.frequent(lexicon.DITRANSITIVE)
    subject = subject or self.subject(verb.subjects)
    timing = self.tense(verb)
    polarity = self.polarity(subject, timing)
    given = self.object(verb, subject, bool(polarity))
    return m.Clause(
      subject,
      verb,
      polarity=polarity,
      object=given,
      recipient=self.person(subject, negated=True),
      **timing,
    )

  def go(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a verb of motion."""
    chance = self.chance
    verb = chance.frequent(lexicon.GO)
    subject = subject or self.subject(verb.subjects)
    if verb.name == "come" and chance.happens(0.4):
      return m.Clause(subject, verb, place=chance.frequent(lexicon.TOWNS).origin)
    timing = self.tense(verb)
    return m.Clause(subject, verb, polarity=self.polarity(subject, timing), place=self.going(), **timing)

  def stay(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a verb of location."""
    verb = self.chance.frequent(lexicon.STAY)
    subject = subject or self.subject(verb.subjects)
    timing = self.tense(verb)
    place = self.staying()
    if verb.name == "live":
      home = m.Location(self.place_phrase(self.chance.frequent(_HOMES)))
      place = self.chance.frequent(lexicon.TOWNS).at if self.chance.happens(0.55) else home
    return m.Clause(subject, verb, polarity=self.polarity(subject, timing), place=place, **timing)

  def control(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a control verb: try, forget, begin ... to do something."""
    chance = self.chance
    verb = chance.frequent(lexicon.CONTROL)
    subject = subject or self.subject(verb.subjects)
    timing = self.tense(verb, {"present": 45, "past": 30, "perfect": 25})
    tried = self.intransitive if chance.happens(0.2) else self.transitive
    inner = tried(subject=subject)
    while "state" in inner.verb.marks:
      inner = tried(subject=subject)
    inner = m.Clause(subject, inner.verb, object=inner.object)
    return m.Clause(subject, verb, polarity=self.polarity(subject, timing), infinitive=inner, **timing)

  def age(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with an age."""
    subject = subject or self.subject((draw.PERSONS,))
    if m.is_plural(subject):
      subject = m.Named(self.chance.frequent(lexicon.NAMES))
    return m.Clause(subject, lexicon.BE, predicate=m.Age(self.chance.number(2, 99)))

  def profession(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause with a profession."""
    chance = self.chance
    if subject is None:
      named = m.Named(chance.frequent(lexicon.NAMES))
      subject = named if chance.happens(0.5) else chance.of(draw.SUBJECT_PRONOUNS)
    if m.is_plural(subject) or m.gender(subject, "english") not in ("m", "f"):
      subject = self.noun_phrase(chance.frequent(draw.KIN), {"my": 1}, adjectives=0)
      subject = dataclasses.replace(subject, plural=False)
    gender = m.gender(subject, "english")
    what = chance.frequent([noun for noun in PROFESSIONS if noun.natural == gender])
    timing = {"tense": chance.of({"present": 75, "past": 25})}
    return m.Clause(
      subject,
      lexicon.BE,
      polarity=self.polarity(subject, timing),
      predicate=m.Profession(what),
      **timing,
    )

  def exists(self) -> m.Clause:
    """A "there is" clause."""
    chance = self.chance
    noun = chance.frequent(lexicon.NOUNS_BY_GROUP["building"])
    what = self.noun_phrase(noun, {"a": 60, "number": 20, "many": 20})
    negated = what.determiner == "a" and chance.happens(0.2)
    place = chance.frequent(lexicon.TOWNS).at
    if chance.happens(0.5):
      place = m.Location(m.NounPhrase(chance.frequent(_SITES)))
    tense = "past" if chance.happens(0.2) else "present"
    return m.Clause(draw.IT, lexicon.EXIST, tense, polarity="not" if negated else "", object=what, place=place)

  def weather(self, tense: str) -> m.Clause:
    """A clause about the weather."""
    return m.Clause(draw.IT, self.chance.frequent(lexicon.WEATHER), tense)

  def any(self, subject: m.Nominal | None = None) -> m.Clause:
    """A clause of any frame, without time."""
    frame = self.chance.of(_FRAMES)
    return getattr(self, frame)(subject=subject)
