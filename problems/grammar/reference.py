"""Pronouns that refer to earlier noun phrases."""

from __future__ import annotations

import dataclasses
from typing import Any

from problems.grammar import meaning as m


def pronoun_for(what: m.Nominal) -> m.Pronoun | None:
  """The pronoun for later references; None if it is ambiguous in English."""
  if isinstance(what, m.Pronoun):
    return what
  gender = "n" if m.is_plural(what) else m.gender(what, "english")
  if not gender:
    return None
  german = m.gender(what, "german")
  if isinstance(what, m.NounPhrase) and what.noun.natural in ("m", "f"):
    german = what.noun.natural
  return m.Pronoun(3, m.is_plural(what), gender, german, m.gender(what, "french"))


def _resolved(what: m.Nominal | None, antecedent: m.Nominal) -> m.Nominal | None:
  if isinstance(what, m.Pronoun) and what.person == 3 and what.plural:
    return pronoun_for(antecedent)
  return what


def with_they(first: m.Clause, second: m.Clause) -> m.Clause:
  """Makes "they" in a second clause refer to the plural noun phrase of the first, with its gender."""
  candidates = (first.subject, first.object)
  they = next((what for what in candidates if what is not None and m.is_plural(what)), None)
  if they is None:
    return second
  changes: dict[str, Any] = {
    name: _resolved(getattr(second, name), they) for name in ("subject", "object", "recipient")
  }
  if second.companion:
    changes["companion"] = (second.companion[0], _resolved(second.companion[1], they))
  if second.infinitive:
    changes["infinitive"] = with_they(first, second.infinitive)
  return dataclasses.replace(second, **changes)
