"""Tests of the grammar: handwritten facts of the three languages, and invariants over many sentences."""

import collections
import dataclasses
import hashlib
import os
import pathlib
import re
import subprocess
import sys

import pytest
import tensorflow.compat.v1 as tf
from tensor2tensor.utils import registry

from problems import grammar
from problems.grammar import (
  chance,
  circumstances,
  corpus,
  draw,
  english,
  entries,
  french,
  french_forms,
  german,
  german_forms,
  lexicon,
  numerals,
  parse,
  sentences,
)
from problems.grammar import meaning as m

_VERBS = {}
for _table in (
  "INTRANSITIVE",
  "TRANSITIVE",
  "DITRANSITIVE",
  "STAY",
  "GO",
  "CLAUSAL",
  "CONTROL",
  "WEATHER",
):
  for _verb in getattr(lexicon, _table):
    _VERBS.setdefault(f"{_verb.name}/{_table}", _verb)
    _VERBS.setdefault(_verb.name, _verb)
_ADJECTIVES = {adjective.english: adjective for group in lexicon.ADJECTIVES.values() for adjective in group}

ME, YOU, WE, THEY = m.Pronoun(1), m.Pronoun(2), m.Pronoun(1, plural=True), m.Pronoun(3, plural=True)
HE, SHE = m.Pronoun(3), m.Pronoun(3, gender="f", german_gender="f", french_gender="f")
ANNA, PAUL = (m.Named(name) for name in lexicon.NAMES[:2])


def np(noun, determiner="the", *adjectives, **more):
  """A noun phrase from English words; "+" after the noun marks the plural."""
  return m.NounPhrase(
    lexicon.NOUNS[noun.rstrip("+")],
    plural=noun.endswith("+"),
    determiner=determiner,
    adjectives=tuple(_ADJECTIVES[word] for word in adjectives),
    **more,
  )


def do(subject, verb, what=None, **more):
  """A clause from an English verb ("verb/TABLE" if it is not the first of that name)."""
  return m.Clause(subject, _VERBS[verb], object=what, **more)


def be(subject, adjective, degree="", standard=None, **more):
  """A clause with a predicative adjective."""
  return m.Clause(subject, lexicon.BE, predicate=m.Quality(_ADJECTIVES[adjective], degree, standard), **more)


def phrase(phrases, text):
  """The phrase with the given English text."""
  return next(found for found in phrases if found.english == text)


def place(noun, determiner="the", goal=False, spot=None, **more):
  """A place."""
  relation = next((found for found in lexicon.SPOTS if found.english == spot), None)
  return m.Location(np(noun, determiner, **more), goal, relation)


YESTERDAY = phrase(lexicon.TIMES["past"], "yesterday")
OFTEN = lexicon.FREQUENCIES[0]

# Meaning, English, German, French.
FACTS = [
  # Gender and case of articles, weak nouns.
  (
    do(np("man"), "see", np("dog")),
    "The man sees the dog.",
    "Der Mann sieht den Hund.",
    "L'homme voit le chien.",
  ),
  (
    do(np("student"), "help", np("boy")),
    "The student helps the boy.",
    "Der Student hilft dem Jungen.",
    "L'étudiant aide le garçon.",
  ),
  (
    do(ME, "know", np("hero"), polarity="not"),
    "I do not know the hero.",
    "Ich kenne den Helden nicht.",
    "Je ne connais pas le héros.",
  ),
  (
    do(np("child+"), "thank", np("woman+")),
    "The children thank the women.",
    "Die Kinder danken den Frauen.",
    "Les enfants remercient les femmes.",
  ),
  (
    do(np("mouse+"), "be afraid of", np("cat+")),
    "The mice are afraid of the cats.",
    "Die Mäuse fürchten die Katzen.",
    "Les souris ont peur des chats.",
  ),
  # Weak, mixed and strong adjectives; their order and forms in French.
  (
    do(np("man", "the", "old"), "have", np("house", "a", "old"), tense="past"),
    "The old man had an old house.",
    "Der alte Mann hatte ein altes Haus.",
    "Le vieil homme avait une vieille maison.",
  ),
  (
    do(ANNA, "buy", np("car", "a", "big", "red")),
    "Anna buys a big red car.",
    "Anna kauft ein großes rotes Auto.",
    "Anna achète une grande voiture rouge.",
  ),
  (
    do(PAUL, "drink", np("water", "bare", "cold")),
    "Paul drinks cold water.",
    "Paul trinkt kaltes Wasser.",
    "Paul boit de l'eau froide.",
  ),
  (
    do(PAUL, "talk with", np("friend+", "bare", "new")),
    "Paul talks with new friends.",
    "Paul spricht mit neuen Freunden.",
    "Paul parle avec de nouveaux amis.",
  ),
  (
    do(np("bird", "this", "beautiful"), "sing"),
    "This beautiful bird sings.",
    "Dieser schöne Vogel singt.",
    "Ce bel oiseau chante.",
  ),
  (
    do(np("woman", "every", "young"), "buy", np("coat", "my", "expensive")),
    "Every young woman buys my expensive coat.",
    "Jede junge Frau kauft meinen teuren Mantel.",
    "Chaque jeune femme achète mon manteau cher.",
  ),
  (
    be(np("kitchen"), "dark"),
    "The kitchen is dark.",
    "Die Küche ist dunkel.",
    "La cuisine est sombre.",
  ),
  (
    do(np("tourist+", "many"), "visit", np("kitchen", "the", "dark")),
    "Many tourists visit the dark kitchen.",
    "Viele Touristen besuchen die dunkle Küche.",
    "Beaucoup de touristes visitent la cuisine sombre.",
  ),
  # Comparison.
  (
    be(np("idea+"), "good", "more", np("plan+")),
    "The ideas are better than the plans.",
    "Die Ideen sind besser als die Pläne.",
    "Les idées sont meilleures que les plans.",
  ),
  (
    be(ANNA, "old", "as", PAUL),
    "Anna is as old as Paul.",
    "Anna ist so alt wie Paul.",
    "Anna est aussi vieille que Paul.",
  ),
  # Possession.
  (
    do(ANNA, "look for", np("car", "owner", owner=PAUL)),
    "Anna looks for Paul's car.",
    "Anna sucht Pauls Auto.",
    "Anna cherche la voiture de Paul.",
  ),
  (
    do(ANNA, "feed", np("dog", "owner", owner=np("neighbor"))),
    "Anna feeds the neighbor's dog.",
    "Anna füttert den Hund des Nachbarn.",
    "Anna nourrit le chien du voisin.",
  ),
  (
    do(HE, "close", np("door", "owner", owner=np("house"))),
    "He closes the door of the house.",
    "Er macht die Tür des Hauses zu.",
    "Il ferme la porte de la maison.",
  ),
  (
    do(SHE, "call", np("aunt", "her")),
    "She calls her aunt.",
    "Sie ruft ihre Tante an.",
    "Elle appelle sa tante.",
  ),
  (
    do(WE, "hear", np("story", "her")),
    "We hear her story.",
    "Wir hören ihre Geschichte.",
    "Nous entendons son histoire.",
  ),
  # Verb second: time first, and a clause first.
  (
    m.Sentence(
      "statement",
      do(np("farmer"), "sell", np("cow"), tense="past", time=YESTERDAY),
      time_first=True,
    ),
    "Yesterday the farmer sold the cow.",
    "Gestern verkaufte der Bauer die Kuh.",
    "Hier, le fermier a vendu la vache.",
  ),
  (
    m.Sentence("statement", do(HE, "sleep"), "when", be(HE, "tired"), second_first=True),
    "When he is tired, he sleeps.",
    "Wenn er müde ist, schläft er.",
    "Quand il est fatigué, il dort.",
  ),
  (
    m.Sentence(
      "statement",
      do(ME, "read", np("book"), tense="was doing"),
      "when",
      do(SHE, "arrive", tense="past"),
    ),
    "I was reading the book when she arrived.",
    "Ich las das Buch, als sie ankam.",
    "Je lisais le livre quand elle est arrivée.",
  ),
  (
    m.Sentence(
      "statement",
      do(WE, "stay", tense="future", place=place("house")),
      "if",
      m.Clause(draw.IT, lexicon.WEATHER[0]),
      second_first=True,
    ),
    "If it rains, we will stay in the house.",
    "Wenn es regnet, werden wir im Haus bleiben.",
    "S'il pleut, nous resterons dans la maison.",
  ),
  # Verb last.
  (
    m.Sentence("statement", do(ANNA, "laugh"), "because", do(np("dog"), "look at", np("cat"))),
    "Anna laughs because the dog looks at the cat.",
    "Anna lacht, weil der Hund die Katze ansieht.",
    "Anna rit parce que le chien regarde le chat.",
  ),
  (
    do(
      ME,
      "know/CLAUSAL",
      complement=("that", do(np("man"), "eat", np("apple", "a"), tense="perfect")),
    ),
    "I know that the man has eaten an apple.",
    "Ich weiß, dass der Mann einen Apfel gegessen hat.",
    "Je sais que l'homme a mangé une pomme.",
  ),
  (
    do(SHE, "ask", complement=("whether", do(HE, "dance", modal="can"))),
    "She asks whether he can dance.",
    "Sie fragt, ob er tanzen kann.",
    "Elle demande s'il peut danser.",
  ),
  # Separable and reflexive verbs.
  (
    do(np("baker"), "get up", tense="perfect", polarity="not"),
    "The baker has not got up.",
    "Der Bäcker ist nicht aufgestanden.",
    "Le boulanger ne s'est pas levé.",
  ),
  (
    do(np("girl+"), "hurry", tense="perfect"),
    "The girls have hurried.",
    "Die Mädchen haben sich beeilt.",
    "Les filles se sont dépêchées.",
  ),
  (
    do(ME, "try", infinitive=do(ME, "call", HE)),
    "I try to call him.",
    "Ich versuche, ihn anzurufen.",
    "J'essaie de l'appeler.",
  ),
  (
    do(SHE, "begin", infinitive=do(SHE, "cry"), tense="perfect"),
    "She has begun to cry.",
    "Sie hat angefangen zu weinen.",
    "Elle a commencé à pleurer.",
  ),
  # Modal verbs, "like to".
  (
    do(np("guest"), "go", modal="want", tense="past", place=place("museum", goal=True)),
    "The guest wanted to go to the museum.",
    "Der Gast wollte ins Museum gehen.",
    "L'invité voulait aller au musée.",
  ),
  (
    do(YOU, "drive", np("car"), modal="must", polarity="not"),
    "You must not drive the car.",
    "Du darfst das Auto nicht fahren.",
    "Tu ne dois pas conduire la voiture.",
  ),
  (
    do(ME, "swim", modal="can", polarity="not"),
    "I cannot swim.",
    "Ich kann nicht schwimmen.",
    "Je ne peux pas nager.",
  ),
  (
    do(np("uncle", "my"), "read", np("newspaper+", "bare"), modal="like"),
    "My uncle likes to read newspapers.",
    "Mein Onkel liest gern Zeitungen.",
    "Mon oncle aime lire des journaux.",
  ),
  # Tenses and auxiliaries; state and event in the French past.
  (
    do(np("actress"), "go", tense="perfect", place=lexicon.TOWNS[1].to),
    "The actress has gone to Paris.",
    "Die Schauspielerin ist nach Paris gegangen.",
    "L'actrice est allée à Paris.",
  ),
  (
    do(SHE, "need", np("key", "a"), tense="past"),
    "She needed a key.",
    "Sie brauchte einen Schlüssel.",
    "Elle avait besoin d'une clé.",
  ),
  (
    do(np("doctor"), "come back", tense="future", time=phrase(lexicon.TIMES["future"], "tomorrow")),
    "The doctor will come back tomorrow.",
    "Der Arzt wird morgen zurückkommen.",
    "Le médecin reviendra demain.",
  ),
  # Negation.
  (
    do(HE, "have", np("bicycle", "a"), polarity="not"),
    "He does not have a bicycle.",
    "Er hat kein Fahrrad.",
    "Il n'a pas de vélo.",
  ),
  (
    do(np("child"), "like", np("dog+", "bare"), polarity="not"),
    "The child does not like dogs.",
    "Das Kind mag keine Hunde.",
    "L'enfant n'aime pas les chiens.",
  ),
  (
    do(np("boy"), "wait for", np("bus"), polarity="not"),
    "The boy does not wait for the bus.",
    "Der Junge wartet nicht auf den Bus.",
    "Le garçon n'attend pas le bus.",
  ),
  (
    do(np("waiter"), "bring", np("soup+", "bare"), polarity="never"),
    "The waiter never brings soups.",
    "Der Kellner bringt nie Suppen mit.",
    "Le serveur n'apporte jamais de soupes.",
  ),
  (
    do(ME, "see", SHE, tense="past", polarity="not"),
    "I did not see her.",
    "Ich sah sie nicht.",
    "Je ne l'ai pas vue.",
  ),
  # Questions.
  (
    m.Sentence("question", do(np("waiter"), "open", np("bottle"), tense="perfect")),
    "Has the waiter opened the bottle?",
    "Hat der Kellner die Flasche geöffnet?",
    "Est-ce que le serveur a ouvert la bouteille ?",
  ),
  (
    m.Sentence("whom", do(SHE, "help", HE, tense="past")),
    "Whom did she help?",
    "Wem half sie?",
    "Qui est-ce qu'elle a aidé ?",
  ),
  (
    m.Sentence("who", do(HE, "invite", np("guest+"))),
    "Who invites the guests?",
    "Wer lädt die Gäste ein?",
    "Qui invite les invités ?",
  ),
  (
    m.Sentence("where", do(ANNA, "go", place=place("park", goal=True))),
    "Where does Anna go?",
    "Wohin geht Anna?",
    "Où est-ce qu'Anna va ?",
  ),
  (
    m.Sentence("where", do(ANNA, "live", place=place("house"))),
    "Where does Anna live?",
    "Wo wohnt Anna?",
    "Où est-ce qu'Anna habite ?",
  ),
  (
    m.Sentence("which", do(PAUL, "buy", np("lamp", "which"), tense="past")),
    "Which lamp did Paul buy?",
    "Welche Lampe kaufte Paul?",
    "Quelle lampe est-ce que Paul a achetée ?",
  ),
  (
    m.Sentence("how many", do(THEY, "write", np("letter+", "how many"), tense="perfect")),
    "How many letters have they written?",
    "Wie viele Briefe haben sie geschrieben?",
    "Combien de lettres est-ce qu'ils ont écrites ?",
  ),
  # Relative clauses: the pronoun's gender and case, and the clause's position.
  (
    do(np("dog", relative=m.Relative("object", do(ME, "see", np("dog")))), "sleep"),
    "The dog that I see sleeps.",
    "Der Hund, den ich sehe, schläft.",
    "Le chien que je vois dort.",
  ),
  (
    do(
      ME,
      "read",
      np("letter", relative=m.Relative("object", do(PAUL, "write", np("letter"), tense="perfect"))),
      tense="perfect",
    ),
    "I have read the letter that Paul has written.",
    "Ich habe den Brief gelesen, den Paul geschrieben hat.",
    "J'ai lu la lettre que Paul a écrite.",
  ),
  (
    do(
      SHE,
      "know",
      np("woman", relative=m.Relative("object", do(HE, "talk about", np("woman")))),
    ),
    "She knows the woman whom he talks about.",
    "Sie kennt die Frau, über die er spricht.",
    "Elle connaît la femme dont il parle.",
  ),
  (
    do(
      HE,
      "thank",
      np("child+", relative=m.Relative("object", do(HE, "trust", np("child+")))),
    ),
    "He thanks the children whom he trusts.",
    "Er dankt den Kindern, denen er vertraut.",
    "Il remercie les enfants à qui il fait confiance.",
  ),
  (
    do(WE, "see", np("man", relative=m.Relative("owner", be(np("car", "whose"), "red")))),
    "We see the man whose car is red.",
    "Wir sehen den Mann, dessen Auto rot ist.",
    "Nous voyons l'homme dont la voiture est rouge.",
  ),
  (
    do(
      HE,
      "live",
      place=place("house", relative=m.Relative("place", do(np("queen"), "sleep", place=place("house")))),
    ),
    "He lives in the house where the queen sleeps.",
    "Er wohnt in dem Haus, in dem die Königin schläft.",
    "Il habite dans la maison où la reine dort.",
  ),
  # Objects in order, clitics.
  (
    do(np("woman"), "give", np("key", "a"), recipient=np("neighbor"), tense="past", time=YESTERDAY),
    "The woman gave the neighbor a key yesterday.",
    "Die Frau gab gestern dem Nachbarn einen Schlüssel.",
    "La femme a donné une clé au voisin hier.",
  ),
  (
    do(PAUL, "show", np("picture"), recipient=THEY, modal="want", polarity="not"),
    "Paul does not want to show them the picture.",
    "Paul will ihnen das Bild nicht zeigen.",
    "Paul ne veut pas leur montrer l'image.",
  ),
  (
    do(HE, "put on", np("hat+", "my"), frequency=OFTEN),
    "He often puts on my hats.",
    "Er zieht meine Hüte oft an.",
    "Il met souvent mes chapeaux.",
  ),
  (
    do(ANNA, "think about", SHE),
    "Anna thinks about her.",
    "Anna denkt an sie.",
    "Anna pense à elle.",
  ),
  # Elision and contraction.
  (
    do(np("man"), "live", place=place("church", spot="next to")),
    "The man lives next to the church.",
    "Der Mann wohnt neben der Kirche.",
    "L'homme habite à côté de l'église.",
  ),
  (
    do(np("man"), "wait", place=place("castle", spot="next to")),
    "The man waits next to the castle.",
    "Der Mann wartet neben dem Schloss.",
    "L'homme attend à côté du château.",
  ),
  (
    do(np("teacher"), "explain/DITRANSITIVE", np("rule"), recipient=np("pupil+")),
    "The teacher explains the rule to the pupils.",
    "Der Lehrer erklärt den Schülern die Regel.",
    "Le professeur explique la règle aux élèves.",
  ),
  (
    do(np("boy"), "play/TRANSITIVE", np("piano")),
    "The boy plays the piano.",
    "Der Junge spielt das Klavier.",
    "Le garçon joue du piano.",
  ),
  # Pronouns take the gender of their referent.
  (
    m.Sentence(
      "statement",
      do(PAUL, "sell", np("lamp")),
      "because",
      be(m.Pronoun(3, False, "n", "f", "f"), "old"),
    ),
    "Paul sells the lamp because it is old.",
    "Paul verkauft die Lampe, weil sie alt ist.",
    "Paul vend la lampe parce qu'elle est vieille.",
  ),
  (
    m.Sentence(
      "statement",
      do(np("nurse+"), "leave"),
      "because",
      be(m.Pronoun(3, True, "n", "f", "f"), "tired"),
    ),
    "The nurses leave because they are tired.",
    "Die Krankenschwestern gehen weg, weil sie müde sind.",
    "Les infirmières partent parce qu'elles sont fatiguées.",
  ),
  # Numbers, ages, professions, "there is".
  (
    do(ME, "have", np("car+", "number", number=21)),
    "I have twenty-one cars.",
    "Ich habe einundzwanzig Autos.",
    "J'ai vingt et une voitures.",
  ),
  (
    m.Clause(np("king"), lexicon.BE, predicate=m.Age(81)),
    "The king is eighty-one years old.",
    "Der König ist einundachtzig Jahre alt.",
    "Le roi a quatre-vingt-un ans.",
  ),
  (
    m.Clause(SHE, lexicon.BE, predicate=m.Profession(lexicon.NOUNS["nurse"]), polarity="not"),
    "She is not a nurse.",
    "Sie ist keine Krankenschwester.",
    "Elle n'est pas infirmière.",
  ),
  (
    m.Clause(draw.IT, lexicon.EXIST, object=np("hotel", "a"), polarity="not", place=place("island")),
    "There is no hotel on the island.",
    "Es gibt auf der Insel kein Hotel.",
    "Il n'y a pas d'hôtel sur l'île.",
  ),
  (
    do(np("train"), "arrive", tense="past", time=circumstances.clock(3, True)),
    "The train arrived at half past three.",
    "Der Zug kam um halb vier an.",
    "Le train est arrivé à trois heures et demie.",
  ),
]

# Independent of the lexicon: gender of common nouns in the singular.
GERMAN_GENDERS = {
  "m": "Mann Hund Arzt Brief Tisch Garten Zug Apfel Bahnhof Mantel Hut Vogel König Park Wald",
  "f": "Frau Katze Tasche Blume Küche Schule Lampe Zeitung Schwester Mutter Kirche Stadt Uhr Tür",
  "n": "Kind Buch Haus Auto Pferd Brot Wasser Fahrrad Büro Museum Hotel Restaurant Hemd Lied Bild",
}
FRENCH_GENDERS = {
  "m": "chien chat livre jardin train café bus gâteau manteau chapeau roi médecin parc musée",
  "f": "femme fille voiture maison table lampe fleur clé porte reine gare rue ville cuisine lettre",
}
GERMAN_ARTICLES = {
  "m": set("der den dem ein einen einem dieser diesen diesem kein keinen jeder jeden".split()),
  "f": set("die der eine einer diese dieser keine zur jede jeder".split()),
  "n": set("das dem ein einem dieses diesem kein jedes jedem".split()),
}
GERMAN_ANY = set.union(*GERMAN_ARTICLES.values())
FRENCH_ARTICLES = {"m": {"le", "un", "du", "au", "ce"}, "f": {"la", "une", "cette"}}
FRENCH_ANY = set.union(*FRENCH_ARTICLES.values())
# German subjects in the genitive and French words with an aspirated h.
FRENCH_ASPIRATED = ("héros", "haricot", "haricots", "hibou", "hiboux", "huit", "onze")
FRENCH_VOWELS = tuple("aeiouyhâàéèêëîïôûœ")


def _realize(meaning):
  sentence = meaning if isinstance(meaning, m.Sentence) else m.Sentence("statement", meaning)
  return english.realize(sentence), german.realize(sentence), french.realize(sentence)


def _words(text):
  return re.findall(r"[\w'-]+|[,.?]", text)


def _used(value, found):
  """Adds the lexicon entries in a meaning to `found`."""
  if isinstance(
    value,
    (entries.Noun, entries.Verb, entries.Adjective, entries.Phrase, entries.Name, entries.Relation),
  ):
    found.add(id(value))
  elif dataclasses.is_dataclass(value):
    for field in dataclasses.fields(value):
      _used(getattr(value, field.name), found)
  elif isinstance(value, tuple):
    for item in value:
      _used(item, found)


class FactsTest(tf.test.TestCase):
  def test_sentences_written_by_hand(self):
    for meaning, *expected in FACTS:
      self.assertEqual(list(_realize(meaning)), expected)

  def test_german_verbs(self):
    # Infinitive -> ich, du, er in the present; ich, du in the preterite; participle.
    expected = {
      "sleep": "schlafe schläfst schläft schlief schliefst geschlafen",
      "work": "arbeite arbeitest arbeitet arbeitete arbeitetest gearbeitet",
      "smile": "lächle lächelst lächelt lächelte lächeltest gelächelt",
      "read": "lese liest liest las lasest gelesen",
      "travel": "reise reist reist reiste reistest gereist",
      "open": "öffne öffnest öffnet öffnete öffnetest geöffnet",
      "draw": "zeichne zeichnest zeichnet zeichnete zeichnetest gezeichnet",
      "learn": "lerne lernst lernt lernte lerntest gelernt",
      "repair": "repariere reparierst repariert reparierte repariertest repariert",
      "visit": "besuche besuchst besucht besuchte besuchtest besucht",
      "invite": "lade lädst lädt lud ludest eingeladen",
      "find": "finde findest findet fand fandest gefunden",
      "know/CLAUSAL": "weiß weißt weiß wusste wusstest gewusst",
      "have": "habe hast hat hatte hattest gehabt",
      "climb": "klettere kletterst klettert kletterte klettertest geklettert",
      "forget": "vergesse vergisst vergisst vergaß vergaßest vergessen",
      "dance": "tanze tanzt tanzt tanzte tanztest getanzt",
    }
    for name, forms in expected.items():
      verb = _VERBS[name].german
      args = (verb.infinitive, verb.forms)
      found = [german_forms.present(*args, person, False) for person in (1, 2, 3)]
      found += [german_forms.past(*args, person, False) for person in (1, 2)]
      self.assertEqual(found + [german_forms.participle(verb)], forms.split())

  def test_french_verbs(self):
    # Infinitive -> je, nous, ils in the present; je, nous in the imparfait; future; participle.
    expected = {
      "être": "suis sommes sont étais étions serai été",
      "avoir": "ai avons ont avais avions aurai eu",
      "aller": "vais allons vont allais allions irai allé",
      "manger": "mange mangeons mangent mangeais mangions mangerai mangé",
      "commencer": "commence commençons commencent commençais commencions commencerai commencé",
      "acheter": "achète achetons achètent achetais achetions achèterai acheté",
      "appeler": "appelle appelons appellent appelais appelions appellerai appelé",
      "espérer": "espère espérons espèrent espérais espérions espérerai espéré",
      "nettoyer": "nettoie nettoyons nettoient nettoyais nettoyions nettoierai nettoyé",
      "choisir": "choisis choisissons choisissent choisissais choisissions choisirai choisi",
      "vendre": "vends vendons vendent vendais vendions vendrai vendu",
      "comprendre": "comprends comprenons comprennent comprenais comprenions comprendrai compris",
      "éteindre": "éteins éteignons éteignent éteignais éteignions éteindrai éteint",
      "revenir": "reviens revenons reviennent revenais revenions reviendrai revenu",
      "asseoir": "assieds asseyons asseyent asseyais asseyions assiérai assis",
      "envoyer": "envoie envoyons envoient envoyais envoyions enverrai envoyé",
    }
    for name, forms in expected.items():
      present, imperfect = french_forms.present(name), french_forms.imperfect(name)
      found = [
        present[0],
        present[3],
        present[5],
        imperfect[0],
        imperfect[3],
        french_forms.future(name)[0],
      ]
      self.assertEqual(found + [french_forms.participle(name)], forms.split())

  def test_english_verbs(self):
    expected = {
      "run": "running",
      "write": "writing",
      "see": "seeing",
      "open": "opening",
      "forget": "forgetting",
      "lie": "lying",
    }
    expected.update(
      {
        "visit": "visiting",
        "play": "playing",
        "show": "showing",
        "swim": "swimming",
        "look": "looking",
      }
    )
    for verb, form in expected.items():
      self.assertEqual(english.ing(verb), form)
    self.assertEqual(
      [english.third_person(verb) for verb in ("go", "cry", "play", "watch")],
      ["goes", "cries", "plays", "watches"],
    )

  def test_numbers(self):
    expected = {
      7: "seven sieben sept",
      16: "sixteen sechzehn seize",
      21: "twenty-one einundzwanzig vingt_et_un",
      32: "thirty-two zweiunddreißig trente-deux",
      70: "seventy siebzig soixante-dix",
      71: "seventy-one einundsiebzig soixante_et_onze",
      80: "eighty achtzig quatre-vingts",
      81: "eighty-one einundachtzig quatre-vingt-un",
      91: "ninety-one einundneunzig quatre-vingt-onze",
      99: "ninety-nine neunundneunzig quatre-vingt-dix-neuf",
    }
    for number, words in expected.items():
      found = (
        numerals.english(number),
        numerals.german(number),
        numerals.french(number).replace(" ", "_"),
      )
      self.assertEqual(" ".join(found), words)
    self.assertEqual(numerals.french(31, feminine=True), "trente et une")
    self.assertEqual(numerals.french(71, feminine=True), "soixante et onze")

  def test_plurals_by_rule(self):
    self.assertEqual(
      [parse.english_plural(word) for word in ("box", "city", "boy", "bus")],
      ["boxes", "cities", "boys", "buses"],
    )
    self.assertEqual(
      [parse.french_plural(word) for word in ("cheval", "gâteau", "jeu", "bus", "ami")],
      ["chevaux", "gâteaux", "jeux", "bus", "amis"],
    )


class LexiconTest(tf.test.TestCase):
  def test_size(self):
    verbs = {verb.name for table in (lexicon.INTRANSITIVE, lexicon.TRANSITIVE, lexicon.DITRANSITIVE) for verb in table}
    self.assertGreater(len(lexicon.NOUNS), 200)
    self.assertGreater(len(verbs), 100)
    self.assertGreater(len(_ADJECTIVES), 50)

  def test_no_noun_twice(self):
    rows = sum(len(group) for group in lexicon.NOUNS_BY_GROUP.values())
    self.assertLen(lexicon.NOUNS, rows)

  def test_verbs_of_one_name_take_different_objects(self):
    by_name = collections.defaultdict(list)
    for table in (lexicon.INTRANSITIVE, lexicon.TRANSITIVE):
      for verb in table:
        by_name[verb.name].append({noun for group in verb.objects for noun in group})
    for name, objects in by_name.items():
      for number, some in enumerate(objects):
        for others in objects[:number]:
          self.assertEmpty(some & others, name)

  def test_adverbs_combine_with_existing_verbs(self):
    names = {verb.name for verb in (*lexicon.INTRANSITIVE, *lexicon.TRANSITIVE, *lexicon.STAY)}
    for _, verbs in lexicon.MANNERS:
      self.assertContainsSubset(verbs, names)
    for relation in lexicon.COMPANIONS:
      self.assertContainsSubset(relation.verbs, names)

  @pytest.mark.slow
  def test_every_word_is_drawn(self):
    source = sentences.Sentences(chance.Chance(5))
    found = set()
    for _ in range(60_000):
      _used(source.sentence(), found)
    entries = [
      *lexicon.NOUNS.values(),
      *_ADJECTIVES.values(),
      *lexicon.NAMES,
      *lexicon.FREQUENCIES,
      *lexicon.SPOTS,
    ]
    entries += [
      verb
      for name in (
        "INTRANSITIVE",
        "TRANSITIVE",
        "DITRANSITIVE",
        "STAY",
        "GO",
        "CLAUSAL",
        "CONTROL",
        "WEATHER",
      )
      for verb in getattr(lexicon, name)
    ]
    entries += [
      *lexicon.WEEKDAYS,
      *lexicon.COMPANIONS,
      lexicon.ALREADY,
      *(adverb for adverb, _ in lexicon.MANNERS),
    ]
    entries += [phrase for town in lexicon.TOWNS for phrase in town]
    entries += [phrase for phrases in lexicon.TIMES.values() for phrase in phrases]
    self.assertEmpty([entry for entry in entries if id(entry) not in found])


class InvariantsTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    source = sentences.Sentences(chance.Chance(11))
    cls.texts = [_realize(source.sentence()) for _ in range(5000)]

  def test_punctuation_and_spacing(self):
    for text in (text for texts in self.texts for text in texts):
      self.assertTrue(text.isprintable(), text)
      self.assertRegex(text, r"^[A-ZÀÉÊÎÄÖÜ]")
      self.assertRegex(text, r"[.?]$")
      self.assertNotRegex(text, r"  | [,.]|,,|[*_]|,[.?]")

  def test_length(self):
    lengths = [len(texts[0].split()) for texts in self.texts]
    self.assertBetween(sum(lengths) / len(lengths), 7, 10)
    self.assertLess(max(lengths), 30)

  def test_english(self):
    for text, _, _ in self.texts:
      self.assertNotRegex(text.lower(), r"\ba [aeio]|\ban [^aeiouh]")

  def _check_articles(self, texts, genders, articles, any_article):
    checked = 0
    gender_of = {noun: gender for gender, nouns in genders.items() for noun in nouns.split()}
    for text in texts:
      words = _words(text)
      for article, noun in zip(words, words[1:]):
        if noun in gender_of and article.lower() in any_article:
          checked += 1
          self.assertIn(article.lower(), articles[gender_of[noun]], text)
    self.assertGreater(checked, 500)

  def test_german_articles_have_the_noun_s_gender(self):
    self._check_articles([texts[1] for texts in self.texts], GERMAN_GENDERS, GERMAN_ARTICLES, GERMAN_ANY)

  def test_french_articles_have_the_noun_s_gender(self):
    self._check_articles([texts[2] for texts in self.texts], FRENCH_GENDERS, FRENCH_ARTICLES, FRENCH_ANY)

  def test_german_verb_is_last_in_a_clause_with_a_conjunction(self):
    finite = set()
    modals = ("can", "must", "want", "should", "would like", "may")
    persons = ((1, False), (2, False), (3, False), (3, True))
    for verb in {id(verb): verb for verb in (*_VERBS.values(), lexicon.BE, lexicon.EXIST)}.values():
      for person, plural in persons:
        for make in (german_forms.present, german_forms.past):
          finite.add(verb.german.prefix + make(verb.german.infinitive, verb.german.forms, person, plural))
    for person, plural in persons:
      finite.update(german_forms.present(name, (), person, plural) for name in (*modals, "haben", "sein", "werden"))
      finite.update(german_forms.past(name, (), person, plural) for name in ("can", "must", "want"))
    clauses = re.compile(r"(?:^|, )(?:weil|dass|ob|als|wenn) ([^,.?]*)", re.IGNORECASE)
    prefixes = "an|auf|aus|ein|fern|mit|vor|weg|zu|zurück"
    infinitive = re.compile(rf" (?:zu \w+|(?:{prefixes})zu\w+en)$")
    checked = 0
    for _, text, _ in self.texts:
      for clause in clauses.findall(text):
        # The standard of a comparison and a bare infinitive follow the verb.
        clause = infinitive.sub("", re.split(" (?:als|wie) ", clause)[0])
        checked += 1
        self.assertTrue(clause.split()[-1] in finite, text)
    self.assertGreater(checked, 1000)

  def test_french_elision_and_contraction(self):
    for _, _, text in self.texts:
      words = [word.lower() for word in _words(text)]
      for word, following in zip(words, words[1:]):
        if word in ("le", "la", "de", "que", "ne", "je", "me", "te", "se"):
          self.assertTrue(not following.startswith(FRENCH_VOWELS) or following in FRENCH_ASPIRATED, text)
        self.assertNotIn((word, following), [("si", "il"), ("si", "ils"), ("de", "les"), ("à", "les")])
        if word in ("de", "à") and following == "le":
          # Here "le" is a pronoun before an infinitive.
          self.assertRegex(text, rf"{word} le \w+(?:er|ir|re)\b")

  def test_french_negation_has_two_parts(self):
    for _, _, text in self.texts:
      words = _words(text.replace("n'", "ne ").replace("N'", "ne "))
      ne = sum(word.lower() == "ne" for word in words)
      self.assertEqual(ne, sum(word in ("pas", "jamais") for word in words), text)

  @pytest.mark.slow
  def test_translation_is_a_function_of_the_source(self):
    known = {}
    source = sentences.Sentences(chance.Chance(3))
    again = 0
    for _ in range(40_000):
      text, *translations = _realize(source.sentence())
      again += text in known
      self.assertEqual(known.setdefault(text, translations), translations, text)
    self.assertGreater(again, 100)


class CorpusTest(tf.test.TestCase):
  SIZES = {"test": 500, "dev": 300, "train": 3000}

  def test_splits_are_disjoint_and_the_same_in_both_languages(self):
    sources = []
    for split, size in self.SIZES.items():
      pairs = {language: list(corpus.pairs(language, split, sizes=self.SIZES)) for language in ("de", "fr")}
      self.assertLen(pairs["de"], size)
      self.assertEqual([source for source, _ in pairs["de"]], [source for source, _ in pairs["fr"]])
      sources += [source for source, _ in pairs["de"]]
    self.assertLen(set(sources), sum(self.SIZES.values()))

  def test_dev_and_test_do_not_depend_on_the_training_set_s_size(self):
    self.assertEqual(list(corpus.pairs("de", "dev", sizes=self.SIZES)), list(corpus.pairs("de", "dev")))

  def test_another_seed_gives_another_text(self):
    one, other = (list(corpus.pairs("de", "dev", seed=seed)) for seed in (1, 2))
    self.assertNotEqual(one, other)

  def test_the_same_text_in_another_process(self):
    # Empty packages in place of the real ones avoid importing TensorFlow in the child.
    code = (
      "import hashlib, sys, types\n"
      "for name, path in (('problems', 'problems'), ('problems.grammar', 'problems/grammar')):\n"
      "  sys.modules[name] = types.ModuleType(name)\n"
      "  sys.modules[name].__path__ = [path]\n"
      "from problems.grammar import corpus\n"
      "print(hashlib.sha256(repr(list(corpus.pairs('fr', 'test'))).encode()).hexdigest())\n"
    )
    digest = hashlib.sha256(repr(list(corpus.pairs("fr", "test"))).encode()).hexdigest()
    for hash_seed in ("1", "2"):
      output = subprocess.check_output(
        [sys.executable, "-c", code],
        cwd=pathlib.Path(__file__).resolve().parent.parent.parent,
        env=dict(os.environ, PYTHONHASHSEED=hash_seed),
        text=True,
      )
      self.assertEqual(output.strip(), digest)

  def test_problems_are_registered(self):
    for language in ("de", "fr"):
      problem = registry.problem(f"translate_en{language}_grammar")
      self.assertIsInstance(problem, grammar.GrammarProblem)
      self.assertEqual(list(problem.parallel_text("dev", "")), list(corpus.pairs(language, "dev")))


if __name__ == "__main__":
  tf.test.main()
