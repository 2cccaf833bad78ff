"""The lexicon: all words, parsed from the tables."""

from problems.grammar import parse
from problems.grammar.tables import verbs, words

NOUNS_BY_GROUP = parse.noun_groups()
NOUNS = {noun.singular: noun for group in NOUNS_BY_GROUP.values() for noun in group}
ADJECTIVES = parse.adjective_groups()
INTRANSITIVE = parse.verbs(verbs.INTRANSITIVE, NOUNS_BY_GROUP)
TRANSITIVE = parse.verbs(verbs.TRANSITIVE, NOUNS_BY_GROUP)
DITRANSITIVE = parse.verbs(verbs.DITRANSITIVE, NOUNS_BY_GROUP)
STAY = parse.verbs(verbs.STAY, NOUNS_BY_GROUP)
GO = parse.verbs(verbs.GO, NOUNS_BY_GROUP)
CLAUSAL = parse.verbs(verbs.CLAUSAL, NOUNS_BY_GROUP)
CONTROL = parse.verbs(verbs.CONTROL, NOUNS_BY_GROUP)
WEATHER = parse.verbs(verbs.WEATHER, NOUNS_BY_GROUP)
BE = parse.verbs(verbs.BE, NOUNS_BY_GROUP)[0]
EXIST = parse.verbs(verbs.EXIST, NOUNS_BY_GROUP)[0]
NAMES = parse.names()
TOWNS = parse.towns()
TIMES = {tense: parse.phrases(table) for tense, table in words.TIMES.items()}
WEEKDAYS = parse.phrases(words.WEEKDAYS)
SPANS = parse.phrases(words.SPANS)
FREQUENCIES = parse.phrases(words.FREQUENCIES)
ALREADY = parse.phrases(words.ALREADY)[0]
MANNERS = parse.manners()
SPOTS = parse.relations(words.SPOTS)
COMPANIONS = parse.relations(words.COMPANIONS)
