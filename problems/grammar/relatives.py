"""Draws relative clauses."""

from __future__ import annotations

import dataclasses
import itertools

from problems.grammar import clauses, draw, entries, lexicon
from problems.grammar import meaning as m

_TENSES = {"present": 40, "past": 35, "perfect": 15, "future": 10}


def _doers() -> dict[entries.Noun, list[entries.Verb]]:
  verbs: dict[entries.Noun, list[entries.Verb]] = {}
  for verb in (*lexicon.INTRANSITIVE, *lexicon.TRANSITIVE):
    kin = draw.KIN if draw.PERSONS in verb.subjects else ()
    for noun in dict.fromkeys(itertools.chain(*verb.subjects, kin)):
      verbs.setdefault(noun, []).append(verb)
  return verbs


def _done_to() -> dict[entries.Noun, list[entries.Verb]]:
  verbs: dict[entries.Noun, list[entries.Verb]] = {}
  for verb in lexicon.TRANSITIVE:
    # "de" gives "dont" for anything, other prepositions need "qui", which is for persons.
    direct = verb.french.preposition in ("", "de") and not verb.german.preposition
    for noun in dict.fromkeys(itertools.chain(*verb.objects)):
      if direct or draw.human(noun):
        verbs.setdefault(noun, []).append(verb)
  return verbs


DOERS = _doers()
DONE_TO = _done_to()
AT_PLACES = (*lexicon.STAY, *(verb for verb in lexicon.INTRANSITIVE if "place" in verb.marks))


class Relatives(clauses.Clauses):
  """Draws relative clauses at random."""

  def relative(self, antecedent: m.NounPhrase) -> m.NounPhrase:
    """Adds a relative clause to a noun phrase, if one fits."""
    noun, chance = antecedent.noun, self.chance
    bare = dataclasses.replace(antecedent, adjectives=(), owner=None)
    roles = {"subject": 45.0 if noun in DOERS else 0, "object": 45.0 if noun in DONE_TO else 0}
    if draw.human(noun):
      roles["owner"] = 16
    if noun.place:
      roles = {"place": 60, "object": 40 if noun in DONE_TO else 0}
    role = chance.of(roles) if any(roles.values()) else ""
    if role == "subject":
      c = self._done_by(bare)
    elif role == "object":
      c = self._done_to(bare)
    elif role == "owner":
      owned = chance.frequent(lexicon.NOUNS_BY_GROUP[chance.of({"kin": 5, "animal": 2, "vehicle": 2})])
      subject = m.NounPhrase(owned, determiner="whose", plural=chance.happens(0.2))
      c = (
        self.be(subject)
        if owned.group == "vehicle" or chance.happens(0.5)
        else self._simple(chance.frequent(DOERS[owned]), subject)
      )
      c = dataclasses.replace(c, polarity="")
      if c.predicate and c.predicate.degree:
        c = dataclasses.replace(c, predicate=m.Quality(c.predicate.adjective))
    elif role == "place":
      subject = self._other()
      c = m.Clause(
        subject,
        chance.frequent(AT_PLACES),
        chance.of({"present": 50, "past": 35}),
        place=m.Location(bare),
      )
    else:
      return antecedent
    return dataclasses.replace(antecedent, relative=m.Relative(role, c))

  def _other(self) -> m.Nominal:
    """A short noun phrase for a person."""
    return draw.plain(self.subject((draw.PERSONS,)))

  def _simple(self, verb: entries.Verb, subject: m.Nominal) -> m.Clause:
    timing = self.tense(verb, _TENSES)
    what = draw.plain(self.object(verb, subject, False)) if verb.objects else None
    return m.Clause(subject, verb, object=what, **timing)

  def _done_by(self, antecedent: m.NounPhrase) -> m.Clause:
    verb = self.chance.frequent(DOERS[antecedent.noun])
    if self.chance.happens(0.2):
      c = self.be(antecedent)
      if not c.predicate.degree:
        return dataclasses.replace(c, polarity="")
    return self._simple(verb, antecedent)

  def _done_to(self, antecedent: m.NounPhrase) -> m.Clause:
    verb = self.chance.frequent(DONE_TO[antecedent.noun])
    subject = (
      self._other()
      if draw.PERSONS in verb.subjects
      else self.noun_phrase(self.chance.frequent(verb.subjects[0]), {"the": 1}, adjectives=0)
    )
    timing = self.tense(verb, _TENSES)
    return m.Clause(subject, verb, object=antecedent, **timing)
