"""Realizes a meaning in French: agreement, clitics, negation around the verb, contraction."""

from __future__ import annotations

from problems.grammar import entries, numerals, spelling
from problems.grammar import french_forms as forms
from problems.grammar import french_phrases as phrases
from problems.grammar import meaning as m
from problems.grammar.tables import french_verbs

_CONJUNCTIONS = {
  "and": ["et"],
  "but": ["mais"],
  "because": ["parce", "que"],
  "if": ["si"],
  "when": ["quand"],
  "that": ["que"],
  "whether": ["si"],
}
_QUESTIONS = {
  "whom": ["qui", "est-ce", "que"],
  "what": ["que", "est-ce", "que"],
  "where": ["où", "est-ce", "que"],
  "why": ["pourquoi", "est-ce", "que"],
  "when": ["quand", "est-ce", "que"],
  "question": ["est-ce", "que"],
}
_MODALS = {
  "can": ("pouvoir", forms.present),
  "must": ("devoir", forms.present),
  "want": ("vouloir", forms.present),
  "like": ("aimer", forms.present),
  "should": ("devoir", forms.conditional),
  "would like": ("vouloir", forms.conditional),
  "may": ("pouvoir", forms.present),
}


def nominal(what: m.Nominal, general: bool = False, bare: str = "des") -> list[str]:
  """A noun phrase, name, or pronoun after a preposition.

  Args:
    what: its meaning.
    general: whether a noun without determiner means all of its kind (les chiens dorment).
    bare: article of a noun without determiner: "des" (du, de la, des), "de" (nothing: the
      preposition de comes before), or "pas" (de, as after pas; so also for "a").
  """
  if isinstance(what, m.Pronoun):
    return [phrases.pronoun(what, 3)]
  if isinstance(what, m.Named):
    return [what.name.text]
  if isinstance(what, m.Pair):
    return [*nominal(what.first, general), "et", *nominal(what.second, general)]
  core, first = phrases.core(what)
  words = phrases.article(what, core, first, general, bare) + core
  if what.determiner == "owner":
    words += _prepositional("de", what.owner)
  return words + _relative(what)


def _relative(antecedent: m.NounPhrase) -> list[str]:
  relative = antecedent.relative
  if not relative:
    return []
  verb = relative.clause.verb.french
  if relative.role == "place":
    return ["où", *clause(relative.clause, "place")]
  if relative.role == "owner":
    return ["dont", *clause(relative.clause)]
  if relative.role == "subject":
    return ["qui", *clause(relative.clause, "subject")]
  word = ["dont"] if verb.preposition == "de" else [verb.preposition, "qui"] if verb.preposition else ["que"]
  return word + clause(relative.clause, "object")


def _prepositional(preposition: str, what: m.Nominal) -> list[str]:
  if isinstance(what, m.Pair):
    return [
      *_prepositional(preposition, what.first),
      "et",
      *_prepositional(preposition, what.second),
    ]
  bare = "de" if preposition.split()[-1] == "de" else "des"
  return forms.with_preposition(preposition, nominal(what, bare=bare))


def _place(place: m.Location | entries.Phrase) -> list[str]:
  if isinstance(place, entries.Phrase):
    return [place.french]
  if place.relation:
    return _prepositional(place.relation.french, place.where)
  at = place.where.noun.place
  return _prepositional(at.french_goal if place.goal else at.french, place.where)


def _clitics(c: m.Clause, opening: str) -> list[str]:
  """Pronouns before the verb."""
  verb = c.verb.french
  words = []
  if verb.reflexive:
    third = m.person(c.subject) == 3
    words.append("se" if third else phrases.pronoun(c.subject, 1))
  if isinstance(c.object, m.Pronoun) and opening != "object":
    if not verb.preposition:
      words.append(phrases.pronoun(c.object, 1))
    elif _takes_clitic(verb):
      words.append(phrases.pronoun(c.object, 2))
  if isinstance(c.recipient, m.Pronoun):
    words.append(phrases.pronoun(c.recipient, 2))
  return words


def _takes_clitic(verb: entries.French) -> bool:
  return verb.preposition == "à" and verb.infinitive not in french_verbs.NO_CLITIC


def _agreement(c: m.Clause, opening: str) -> tuple[bool, bool]:
  """Gender and number of the participle: with être the subject's, else a preceding object's."""
  verb = c.verb.french
  if _with_etre(verb):
    return phrases.feminine(c.subject), m.is_plural(c.subject)
  before = opening == "object" or isinstance(c.object, m.Pronoun)
  if c.object and before and not verb.preposition and not verb.tail:
    return phrases.feminine(c.object), m.is_plural(c.object)
  return False, False


def _with_etre(verb: entries.French) -> bool:
  return verb.reflexive or verb.infinitive in french_verbs.ETRE


def _tense(c: m.Clause) -> str:
  """The French tense: present, imperfect, compound or future."""
  if c.tense in ("present", "progressive"):
    return "present"
  state = "state" in c.verb.marks and "event" not in c.verb.marks
  if c.tense == "was doing" or (c.tense == "past" and c.polarity != "never" and (state or c.modal or c.frequency)):
    return "imperfect"
  return "future" if c.tense == "future" else "compound"


def _verb_group(c: m.Clause, opening: str) -> list[str]:
  """The verb with clitics, negation and the adverbs between its parts."""
  verb, tense = c.verb.french, _tense(c)
  slot = forms.slot(m.person(c.subject), m.is_plural(c.subject))
  clitics = _clitics(c, opening)
  adverbs = [{"not": "pas", "never": "jamais"}[c.polarity]] if c.polarity else []
  if c.frequency:
    adverbs.append(c.frequency.french)
  ne = ["ne"] if c.polarity else []
  if c.modal:
    name, make = _MODALS[c.modal]
    make = forms.imperfect if tense == "imperfect" else make
    return [*ne, make(name)[slot], *adverbs, *clitics, verb.infinitive]
  if tense == "compound":
    auxiliary = forms.present("être" if _with_etre(verb) else "avoir")[slot]
    participle = forms.agreed(forms.participle(verb.infinitive), *_agreement(c, opening))
    return [*ne, *clitics, auxiliary, *adverbs, participle]
  make = {"present": forms.present, "imperfect": forms.imperfect, "future": forms.future}[tense]
  return [*ne, *clitics, make(verb.infinitive)[slot], *adverbs]


def _predicate(c: m.Clause) -> list[str]:
  predicate = c.predicate
  if isinstance(predicate, m.Profession):
    return [predicate.noun.french]
  adjective = predicate.adjective
  form = phrases.adjective_form(adjective, phrases.feminine(c.subject), m.is_plural(c.subject))
  if not predicate.degree:
    return [form]
  if adjective.english == "good" and predicate.degree == "more":
    comparative = [forms.agreed("meilleur", phrases.feminine(c.subject), m.is_plural(c.subject))]
  elif adjective.english == "bad" and predicate.degree == "more":
    comparative = [forms.agreed("pire", False, m.is_plural(c.subject))]
  else:
    comparative = ["plus" if predicate.degree == "more" else "aussi", form]
  return [*comparative, "que", *nominal(predicate.standard)]


def _objects(c: m.Clause, opening: str) -> list[str]:
  verb = c.verb.french
  words = list(verb.tail)
  if c.object and opening != "object":
    pronoun = isinstance(c.object, m.Pronoun)
    if verb.preposition and not (pronoun and _takes_clitic(verb)):
      words += _prepositional(verb.preposition, c.object)
    elif not pronoun:
      general = "general" in c.verb.marks
      words += nominal(c.object, general, "pas" if c.polarity and not general else "des")
  if c.recipient and not isinstance(c.recipient, m.Pronoun):
    words += _prepositional("à", c.recipient)
  return words


def _after_verb(c: m.Clause, opening: str, time_first: bool) -> list[str]:
  words = _objects(c, opening)
  if c.predicate and not isinstance(c.predicate, m.Age):
    words += _predicate(c)
  if c.manner:
    words.append(c.manner.french)
  if c.companion:
    words += _prepositional(c.companion[0].french, c.companion[1])
  if c.place and opening != "place":
    words += _place(c.place)
  if c.time and not time_first:
    words.append(c.time.french)
  if c.infinitive:
    inner = c.infinitive
    preposition = c.verb.french.preposition
    words += [
      *([preposition] if preposition else []),
      *_clitics(inner, ""),
      inner.verb.french.infinitive,
    ]
    words += _after_verb(inner, "", False)
  if c.complement:
    conjunction, inner = c.complement
    words += [*_CONJUNCTIONS[conjunction], *clause(inner)]
  return words


def clause(c: m.Clause, opening: str = "", time_first: bool = False) -> list[str]:
  """A clause.

  Args:
    c: its meaning.
    opening: the part that is omitted here.
    time_first: whether the time is expressed elsewhere.
  """
  if c.exists:
    subject = ["il"]
  elif opening == "subject":
    subject = []
  elif isinstance(c.subject, m.Pronoun):
    subject = [phrases.pronoun(c.subject, 0)]
  else:
    subject = nominal(c.subject, general=True)
  if c.exists:
    finite = forms.imperfect("avoir")[2] if c.tense == "past" else forms.present("avoir")[2]
    verb = [*(["ne"] if c.polarity else []), "y", finite, *(["pas"] if c.polarity else [])]
  elif isinstance(c.predicate, m.Age):
    make = forms.imperfect if c.tense == "past" else forms.present
    years = numerals.french(c.predicate.years)
    slot = forms.slot(m.person(c.subject), m.is_plural(c.subject))
    verb = [make("avoir")[slot], years, "ans"]
  else:
    verb = _verb_group(c, opening)
  return [*subject, *verb, *_after_verb(c, opening, time_first)]


def _main(sentence: m.Sentence) -> list[str]:
  c, kind = sentence.clause, sentence.kind
  if kind == "who":
    return ["qui", *clause(c, "subject")]
  if kind in _QUESTIONS:
    return [*_QUESTIONS[kind], *clause(c, m.opening(kind))]
  if kind != "statement":
    return [*nominal(c.object), "est-ce", "que", *clause(c, "object")]
  if sentence.time_first:
    return [c.time.french, ",", *clause(c, time_first=True)]
  return clause(c)


def realize(sentence: m.Sentence) -> str:
  """The text of a sentence."""
  words = _main(sentence)
  if sentence.second:
    second = [*_CONJUNCTIONS[sentence.conjunction], *clause(sentence.second)]
    if sentence.second_first:
      words = [*second, ",", *words]
    else:
      words += [*([","] if sentence.conjunction == "but" else []), *second]
  return spelling.sentence(forms.elide(words), "." if sentence.kind == "statement" else " ?")
