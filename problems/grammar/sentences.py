"""Draws sentences: statements, questions, and two clauses joined."""

from __future__ import annotations

import dataclasses

from problems.grammar import draw, entries, lexicon, questions, reference
from problems.grammar import meaning as m

_KINDS = {
  "statement": 48,
  "question": 7,
  "word": 7,
  "because": 9,
  "that": 9,
  "whether": 2,
  "when": 6,
  "on_condition": 4,
  "join": 6,
  "there_is": 2,
}
_KNOW, _ASK = (next(verb for verb in lexicon.CLAUSAL if verb.name == name) for name in ("know", "ask"))
_THAT = tuple(verb for verb in lexicon.CLAUSAL if "that" in verb.marks)


class Sentences(questions.Questions):
  """Draws sentences at random."""

  def sentence(self) -> m.Sentence:
    """A sentence of any kind."""
    drawn = getattr(self, self.chance.of(_KINDS))()
    c = drawn.clause
    if drawn.second and drawn.second_first:
      return dataclasses.replace(drawn, clause=reference.with_they(drawn.second, c))
    if drawn.second:
      return dataclasses.replace(drawn, second=reference.with_they(c, drawn.second))
    if c.complement:
      inner = reference.with_they(c, c.complement[1])
      return dataclasses.replace(drawn, clause=dataclasses.replace(c, complement=(c.complement[0], inner)))
    return drawn

  def statement(self) -> m.Sentence:
    """A statement of one clause."""
    chance = self.chance
    c = self.any()
    if chance.happens(0.35):
      c = self._with_relative(c)
    if not c.infinitive:
      c = self.adverbs(c)
    # After a relative clause, a time would seem to modify it.
    first = c.time is not None and (self._ends_in_clause(c) or chance.happens(0.4))
    return m.Sentence("statement", c, time_first=first)

  def _ends_in_clause(self, c: m.Clause) -> bool:
    where = c.place.where if isinstance(c.place, m.Location) else None
    return any(isinstance(what, m.NounPhrase) and what.relative for what in (c.object, where))

  def _with_relative(self, c: m.Clause) -> m.Clause:
    """Adds a relative clause to the object, or else to the subject or the place."""
    determined = ("the", "a", "this")
    if (
      isinstance(c.object, m.NounPhrase)
      and c.object.determiner in determined
      and not c.companion
      and not c.place
      and not c.manner
    ):
      if c.recipient or c.polarity:
        return c
      return dataclasses.replace(c, object=self.relative(c.object))
    if isinstance(c.place, m.Location) and c.place.where.determiner in determined:
      return dataclasses.replace(c, place=c.place._replace(where=self.relative(c.place.where)))
    if isinstance(c.subject, m.NounPhrase) and c.subject.determiner in determined and not c.infinitive and not c.object:
      return dataclasses.replace(c, subject=self.relative(c.subject))
    return c

  def because(self) -> m.Sentence:
    """A clause and its reason."""
    chance = self.chance
    c = self.any()
    while c.infinitive or isinstance(c.predicate, m.Age):
      c = self.any()
    second = self._about_first(c)
    if second:
      return m.Sentence("statement", c, "because", second)
    return m.Sentence("statement", c, "because", self.any(), second_first=chance.happens(0.3))

  def _about_first(self, c: m.Clause) -> m.Clause | None:
    """A clause about the referents of the first, with pronouns; None for an unrelated topic."""
    chance = self.chance
    pronoun = reference.pronoun_for(c.subject)
    by_person = isinstance(c.subject, (m.Named, m.Pronoun, m.Pair)) or draw.human(c.subject.noun)
    what = c.object if isinstance(c.object, m.NounPhrase) and not draw.human(c.object.noun) else None
    if by_person and what is not None and not m.is_plural(c.subject) and chance.happens(0.4):
      it = reference.pronoun_for(what)
      adjective = self.quality(what, False)
      if it and adjective and what.noun.plural and not adjective.is_color:
        return self._is_such(it, adjective, c.tense)
    if pronoun is None or not chance.happens(0.7):
      return None
    if by_person:
      return self.be(pronoun) if chance.happens(0.45) else self.any(pronoun)
    if c.subject.noun.group == "animal":
      return self._is_such(pronoun, chance.frequent(lexicon.ADJECTIVES["animal"]), c.tense)
    return None

  def _is_such(self, it: m.Pronoun, adjective: entries.Adjective, tense: str) -> m.Clause:
    tense = "past" if tense == "past" else "present"
    return m.Clause(it, lexicon.BE, tense, predicate=m.Quality(adjective))

  def that(self) -> m.Sentence:
    """A clause with "think", "know", "say" ... and a complement."""
    chance = self.chance
    verb = chance.frequent(_THAT)
    subject = draw.plain(self.subject(verb.subjects))
    inner = self.any(reference.pronoun_for(subject) if chance.happens(0.3) else None)
    while inner.infinitive:
      inner = self.any()
    # Not negated: "not think that" would need the French subjunctive.
    return m.Sentence("statement", m.Clause(subject, verb, complement=("that", inner)))

  def whether(self) -> m.Sentence:
    """A clause with an indirect question."""
    chance = self.chance
    inner = self.any()
    while inner.infinitive or inner.polarity:
      inner = self.any()
    subject = draw.plain(self.subject((draw.PERSONS,)))
    complement = ("whether", inner)
    if draw.quantified(subject) or chance.happens(0.5):
      tense = "progressive" if chance.happens(0.5) else "present"
      return m.Sentence("statement", m.Clause(subject, _ASK, tense, complement=complement))
    c = m.Clause(subject, _KNOW, polarity="not", complement=complement)
    return m.Sentence("statement", c)

  def _in_tense(self, tense: str, subject: m.Nominal | None = None) -> m.Clause:
    """A short clause in a tense."""
    verbs = [
      verb
      for verb in (*lexicon.INTRANSITIVE, *lexicon.TRANSITIVE)
      if draw.PERSONS in verb.subjects
      and (tense != "was doing" or "state" not in verb.marks)
      and (tense != "future" or "general" not in verb.marks)
      and (tense != "past" or "event" in verb.marks)
      and (tense != "was doing" or "event" not in verb.marks)
    ]
    verb = self.chance.frequent(verbs)
    subject = subject or draw.plain(self.subject(verb.subjects))
    what = self.object(verb, subject, False) if verb.objects else None
    return m.Clause(subject, verb, tense, object=what)

  def when(self) -> m.Sentence:
    """A clause and a "when" clause."""
    chance = self.chance
    first = chance.happens(0.5)
    if chance.happens(0.5):
      c, second = self._in_tense("was doing"), self._in_tense("past")
    else:
      second = self.be() if chance.happens(0.4) else self._in_tense("present")
      second = dataclasses.replace(second, tense="present", polarity="")
      pronoun = reference.pronoun_for(second.subject)
      human = not isinstance(second.subject, m.NounPhrase) or draw.human(second.subject.noun)
      c = self._in_tense("present", pronoun if human and first and chance.happens(0.5) else None)
    return m.Sentence("statement", c, "when", second, second_first=first)

  def on_condition(self) -> m.Sentence:
    """A clause in the future and its condition."""
    chance = self.chance
    condition = self.weather("present") if chance.happens(0.4) else self._in_tense("present")
    if chance.happens(0.4):
      condition = dataclasses.replace(condition, time=lexicon.TIMES["future"][0])
    c = self.stay() if chance.happens(0.15) else self._in_tense("future")
    c = dataclasses.replace(c, tense="future", modal="", polarity="")
    return m.Sentence("statement", c, "if", condition, second_first=chance.happens(0.6))

  def join(self) -> m.Sentence:
    """Two coordinated clauses."""
    chance = self.chance
    c, second = self.any(), self.any()
    while c.infinitive or second.infinitive:
      c, second = self.any(), self.any()
    return m.Sentence("statement", c, chance.of({"and": 5, "but": 4}), second)

  def there_is(self) -> m.Sentence:
    """A "there is" statement or question."""
    c = self.exists()
    question = not c.polarity and self.chance.happens(0.2)
    return m.Sentence("question" if question else "statement", c)
