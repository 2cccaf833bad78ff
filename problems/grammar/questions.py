"""Draws questions."""

from __future__ import annotations

import dataclasses

from problems.grammar import draw, lexicon, relatives
from problems.grammar import meaning as m

_WORDS = {
  "who": 4,
  "whom": 2,
  "what": 4,
  "where": 4,
  "why": 2,
  "when": 2,
  "which": 3,
  "how many": 2,
}
_DIRECT = tuple(verb for verb in lexicon.TRANSITIVE if not verb.german.preposition and not verb.french.preposition)
_DOES_TO_PERSONS = tuple(verb for verb in _DIRECT if draw.PERSONS in verb.objects)
_DOES_TO_THINGS = tuple(
  verb
  for verb in _DIRECT
  if not any(draw.human(noun) for group in verb.objects for noun in group)
  and verb.german.case == "acc"
  and verb.name != "visit"
)


class Questions(relatives.Relatives):
  """Draws questions at random."""

  def question(self) -> m.Sentence:
    """A yes-no question."""
    c = self.any()
    while draw.quantified(c.subject):
      c = self.any()
    return m.Sentence("question", self.adverbs(dataclasses.replace(c, polarity=""), 0.15))

  def word(self) -> m.Sentence:
    """A question with a question word."""
    chance = self.chance
    kind = chance.of(_WORDS)
    if kind in ("whom", "what", "which", "how many"):
      return self._about(kind)
    if kind == "where":
      frame = chance.of({self.go: 4, self.stay: 3, self._at_work: 3})
    else:
      frame = chance.of({self.transitive: 1, self.intransitive: 1})
    c = frame(subject=m.Pronoun(3) if kind == "who" else None)
    return m.Sentence(kind, dataclasses.replace(c, polarity="", subject=draw.plain(c.subject)))

  def _at_work(self, subject: m.Nominal | None = None) -> m.Clause:
    verb = self.chance.frequent(relatives.AT_PLACES)
    subject = subject or self.subject(verb.subjects)
    return m.Clause(subject, verb, place=self.staying(), **self.tense(verb))

  def _about(self, kind: str) -> m.Sentence:
    """A question about an object."""
    chance = self.chance
    verb = chance.frequent(_DOES_TO_PERSONS if kind == "whom" else _DOES_TO_THINGS)
    subject = self.subject(verb.subjects)
    if kind in ("whom", "what"):
      what: m.Nominal = m.Pronoun(3)
    else:
      noun = chance.frequent(chance.frequent(verb.objects))
      kind = kind if noun.plural else "which"
      what = m.NounPhrase(noun, plural=kind == "how many", determiner=kind)
    return m.Sentence(kind, m.Clause(draw.plain(subject), verb, object=what, **self.tense(verb)))
