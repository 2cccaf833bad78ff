"""Draws places and times."""

from __future__ import annotations

import dataclasses

from problems.grammar import draw, entries, lexicon, numerals
from problems.grammar import meaning as m

_PLACE = {"the": 86, "a": 6, "my": 4, "this": 4}
GOALS = tuple(
  noun
  for group in ("building", "outside", "home")
  for noun in lexicon.NOUNS_BY_GROUP[group]
  if noun.place and noun.place.german_goal
)


def clock(hour: int, half: bool) -> entries.Phrase:
  """A time of day; in German, half hours refer to the next hour."""
  next_hour = hour % 12 + 1
  german = f"halb {numerals.german(next_hour)}" if half else "ein Uhr" if hour == 1 else f"{numerals.german(hour)} Uhr"
  if hour == 12:
    french = "midi" + (" et demi" if half else "")
  else:
    french = f"{numerals.french(hour, feminine=True)} heure{'s' if hour > 1 else ''}" + (" et demie" if half else "")
  english = f"half past {numerals.english(hour)}" if half else f"{numerals.english(hour)} o'clock"
  return entries.Phrase(f"at {english}", f"um {german}", f"à {french}")


def span(number: int, unit: entries.Phrase, ago: bool) -> entries.Phrase:
  """A number of days ago, or from now."""
  english, german, french = (
    numerals.english(number),
    numerals.german(number),
    numerals.french(number),
  )
  return entries.Phrase(
    f"{english} {unit.english} ago" if ago else f"in {english} {unit.english}",
    f"{'vor' if ago else 'in'} {german} {unit.german}",
    f"{'il y a' if ago else 'dans'} {french} {unit.french}",
  )


class Circumstances(draw.Draw):
  """Draws places and times at random."""

  def place_phrase(self, noun: entries.Noun) -> m.NounPhrase:
    """A place as a noun phrase."""
    phrase = self.noun_phrase(noun, _PLACE, adjectives=0.12)
    return dataclasses.replace(phrase, plural=False)

  def staying(self) -> m.Location | entries.Phrase:
    """Where something happens."""
    chance = self.chance
    if chance.happens(0.2):
      return chance.frequent(lexicon.TOWNS).at
    group = chance.of({"home": 4, "building": 4, "outside": 3})
    noun = chance.frequent(lexicon.NOUNS_BY_GROUP[group])
    relation = chance.frequent(lexicon.SPOTS) if group == "building" and chance.happens(0.2) else None
    return m.Location(self.place_phrase(noun), relation=relation)

  def going(self) -> m.Location | entries.Phrase:
    """A destination."""
    chance = self.chance
    if chance.happens(0.25):
      return chance.frequent(lexicon.TOWNS).to
    return m.Location(self.place_phrase(chance.frequent(GOALS)), goal=True)

  def time(self, tense: str) -> entries.Phrase:
    """A time that fits a tense."""
    chance = self.chance
    if tense in ("past", "future") and chance.happens(0.4):
      kind = chance.of({"weekday": 4, "clock": 3, "span": 3})
      if kind == "weekday":
        return chance.frequent(lexicon.WEEKDAYS)
      if kind == "clock":
        return clock(chance.number(1, 12), chance.happens(0.3))
      return span(chance.number(2, 12), chance.frequent(lexicon.SPANS), tense == "past")
    return chance.frequent(lexicon.TIMES["past" if tense == "was doing" else tense])
