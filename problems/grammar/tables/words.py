# ruff: noqa: E501
"""Names, times, modal verbs and other function words, the most frequent first."""

# English | gender. A name is the same in all three languages.
NAMES = """
Anna | f
Paul | m
Maria | f
Peter | m
Julia | f
Martin | m
Sophie | f
David | m
Emma | f
Daniel | m
Laura | f
Simon | m
Clara | f
Robert | m
Eva | f
Oliver | m
Sarah | f
Leon | m
Nina | f
Victor | m
"""

# Preposition and name in each language: at a place; to it; coming from it.
TOWNS = """
in Berlin | in Berlin | à Berlin || to Berlin | nach Berlin | à Berlin || from Berlin | aus Berlin | de Berlin
in Paris | in Paris | à Paris || to Paris | nach Paris | à Paris || from Paris | aus Paris | de Paris
in Germany | in Deutschland | en Allemagne || to Germany | nach Deutschland | en Allemagne || from Germany | aus Deutschland | d'Allemagne
in London | in London | à Londres || to London | nach London | à Londres || from London | aus London | de Londres
in France | in Frankreich | en France || to France | nach Frankreich | en France || from France | aus Frankreich | de France
in Vienna | in Wien | à Vienne || to Vienna | nach Wien | à Vienne || from Vienna | aus Wien | de Vienne
in Italy | in Italien | en Italie || to Italy | nach Italien | en Italie || from Italy | aus Italien | d'Italie
in Rome | in Rom | à Rome || to Rome | nach Rom | à Rome || from Rome | aus Rom | de Rome
in Switzerland | in der Schweiz | en Suisse || to Switzerland | in die Schweiz | en Suisse || from Switzerland | aus der Schweiz | de Suisse
in Munich | in München | à Munich || to Munich | nach München | à Munich || from Munich | aus München | de Munich
in Spain | in Spanien | en Espagne || to Spain | nach Spanien | en Espagne || from Spain | aus Spanien | d'Espagne
in Cologne | in Köln | à Cologne || to Cologne | nach Köln | à Cologne || from Cologne | aus Köln | de Cologne
in Portugal | in Portugal | au Portugal || to Portugal | nach Portugal | au Portugal || from Portugal | aus Portugal | du Portugal
in Geneva | in Genf | à Genève || to Geneva | nach Genf | à Genève || from Geneva | aus Genf | de Genève
"""

# Times by the tense that they go with.
TIMES = {
  "present": """
today | heute | aujourd'hui
every day | jeden Tag | tous les jours
in the evening | am Abend | le soir
in the morning | am Morgen | le matin
at night | in der Nacht | la nuit
every week | jede Woche | toutes les semaines
""",
  "progressive": """
now | jetzt | maintenant
at the moment | im Moment | en ce moment
""",
  "past": """
yesterday | gestern | hier
last week | letzte Woche | la semaine dernière
this morning | heute Morgen | ce matin
yesterday evening | gestern Abend | hier soir
last year | letztes Jahr | l'année dernière
last summer | letzten Sommer | l'été dernier
""",
  "perfect": """
today | heute | aujourd'hui
this week | diese Woche | cette semaine
""",
  "future": """
tomorrow | morgen | demain
next week | nächste Woche | la semaine prochaine
soon | bald | bientôt
tomorrow evening | morgen Abend | demain soir
next year | nächstes Jahr | l'année prochaine
""",
}

WEEKDAYS = """
on Sunday | am Sonntag | dimanche
on Monday | am Montag | lundi
on Saturday | am Samstag | samedi
on Friday | am Freitag | vendredi
on Wednesday | am Mittwoch | mercredi
on Tuesday | am Dienstag | mardi
on Thursday | am Donnerstag | jeudi
"""

# A number of these makes "three days ago" and "in three days".
SPANS = """
days | Tagen | jours
weeks | Wochen | semaines
years | Jahren | ans
months | Monaten | mois
hours | Stunden | heures
"""

FREQUENCIES = """
often | oft | souvent
always | immer | toujours
sometimes | manchmal | parfois
rarely | selten | rarement
"""

ALREADY = "already | schon | déjà"

# How one does it: adverb | verbs it goes with.
MANNERS = """
slowly | langsam | lentement | run, swim, sing, dance, get up, wake up, drive, write, eat, drink, learn, climb, open
quickly | schnell | rapidement | run, swim, fall asleep, cook, clean, repair, eat, drink, learn, find, write, climb, solve
loudly | laut | fort | laugh, sing, cry, shout, whistle, cough, sneeze
quietly | leise | doucement | laugh, sing, talk with, cry, close, whistle
carefully | vorsichtig | prudemment | drive, open, close, wash, cut, carry, hold, touch, climb
together | zusammen | ensemble | work, sing, dance, swim, travel, play, cook, leave, arrive, come back
"""

# Where something is in relation to a building or a thing.
SPOTS = """
behind | hinter dat | derrière
in front of | vor dat | devant
next to | neben dat | à côté de
"""

# With whom, without whom; for whom (verbs it goes with).
COMPANIONS = """
with | mit dat | avec | work, travel, sing, live, leave, arrive, come back, swim, play, cook, wait
without | ohne acc | sans | leave, arrive, come back, travel
for | für acc | pour | work, cook, buy, find, look for, write, order, bake, choose, draw, paint, sing
"""
