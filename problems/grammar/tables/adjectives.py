# ruff: noqa: E501
"""Adjectives by the class of nouns that they describe, the most frequent first.

A line: English | German | French.
  English: positive, and the comparative if irregular ("more": with "more").
  German: positive, the comparative if it is not positive + "er", and the attributive stem after "stem=" if it is not the positive.
  French: masculine, feminine, masculine plural (each only if irregular), form before a vowel after "vowel=",
    and `before` if it precedes the noun.
"""

ADJECTIVES = {
  "size": """
old | alt, älter | vieux, vieille, vowel=vieil, before
big, bigger | groß, größer | grand, before
small | klein | petit, before
beautiful, more | schön | beau, belle, vowel=bel, before
""",
  "person": """
young | jung, jünger | jeune, before
happy | glücklich | heureux
tired, more | müde | fatigué
sad, sadder | traurig | triste
rich | reich | riche
sick | krank, kränker | malade
poor | arm, ärmer | pauvre
nice | nett | gentil, gentille
famous, more | berühmt | célèbre
friendly | freundlich | aimable
intelligent, more | intelligent | intelligent
lazy | faul | paresseux
strong | stark, stärker | fort
curious, more | neugierig | curieux
brave | mutig | courageux
nervous, more | nervös | nerveux
proud | stolz | fier, fière
polite, more | höflich | poli
honest, more | ehrlich | honnête
shy, more | schüchtern | timide
strict | streng | sévère
""",
  "animal": """
young | jung, jünger | jeune, before
strong | stark, stärker | fort
wild | wild | sauvage
dangerous, more | gefährlich | dangereux
lazy | faul | paresseux
curious, more | neugierig | curieux
""",
  "color": """
red, redder | rot, röter | rouge
black | schwarz, schwärzer | noir
white | weiß | blanc, blanche
blue | blau | bleu, bleue, bleus
green | grün | vert
yellow | gelb | jaune
gray | grau | gris
brown | braun | brun
""",
  "object": """
new | neu | nouveau, nouvelle, vowel=nouvel, before
expensive, more | teuer, teurer, stem=teur | cher, chère
heavy | schwer | lourd
pretty | hübsch | joli, before
dirty | schmutzig | sale
broken, more | kaputt, - | cassé
modern, more | modern | moderne
clean | sauber, sauberer | propre
strange | seltsam | étrange
useful, more | nützlich | utile
round, more | rund | rond
""",
  "food": """
good, better | gut, besser | bon, bonne, before
fresh | frisch | frais, fraîche
cold | kalt, kälter | froid
hot, hotter | heiß | chaud
sweet | süß | sucré
""",
  "place": """
new | neu | nouveau, nouvelle, vowel=nouvel, before
modern, more | modern | moderne
dark | dunkel, dunkler, stem=dunkl | sombre
quiet | ruhig | calme
clean | sauber, sauberer | propre
dirty | schmutzig | sale
famous, more | berühmt | célèbre
""",
  "text": """
long | lang, länger | long, longue, before
interesting, more | interessant | intéressant
new | neu | nouveau, nouvelle, vowel=nouvel, before
good, better | gut, besser | bon, bonne, before
short | kurz, kürzer | court
boring, more | langweilig | ennuyeux
bad, worse | schlecht | mauvais, before
sad, sadder | traurig | triste
strange | seltsam | étrange
""",
  "idea": """
good, better | gut, besser | bon, bonne, before
difficult, more | schwierig | difficile
important, more | wichtig | important
easy | einfach | facile
new | neu | nouveau, nouvelle, vowel=nouvel, before
interesting, more | interessant | intéressant
bad, worse | schlecht | mauvais, before
""",
}
