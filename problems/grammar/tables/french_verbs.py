# ruff: noqa: E501
"""Irregular French verbs.

A line: infinitives | present (je, tu, il, nous, vous, ils) | participle | stem of the future. The forms are those of the first
infinitive; the others add their prefix (com-prendre).
"""

IRREGULAR = """
être | suis es est sommes êtes sont | été | ser
avoir | ai as a avons avez ont | eu | aur
aller | vais vas va allons allez vont | allé | ir
faire | fais fais fait faisons faites font | fait | fer
pouvoir | peux peux peut pouvons pouvez peuvent | pu | pourr
devoir | dois dois doit devons devez doivent | dû | devr
vouloir | veux veux veut voulons voulez veulent | voulu | voudr
savoir | sais sais sait savons savez savent | su | saur
voir | vois vois voit voyons voyez voient | vu | verr
croire | crois crois croit croyons croyez croient | cru | croir
boire | bois bois boit buvons buvez boivent | bu | boir
dire | dis dis dit disons dites disent | dit | dir
lire | lis lis lit lisons lisez lisent | lu | lir
écrire | écris écris écrit écrivons écrivez écrivent | écrit | écrir
suivre | suis suis suit suivons suivez suivent | suivi | suivr
courir | cours cours court courons courez courent | couru | courr
résoudre | résous résous résout résolvons résolvez résolvent | résolu | résoudr
asseoir | assieds assieds assied asseyons asseyez asseyent | assis | assiér
pleuvoir | pleus pleus pleut pleuvons pleuvez pleuvent | plu | pleuvr
envoyer | envoie envoies envoie envoyons envoyez envoient | envoyé | enverr
prendre, apprendre, comprendre | prends prends prend prenons prenez prennent | pris | prendr
mettre, promettre | mets mets met mettons mettez mettent | mis | mettr
venir, revenir, souvenir | viens viens vient venons venez viennent | venu | viendr
tenir, appartenir | tiens tiens tient tenons tenez tiennent | tenu | tiendr
paraître, disparaître | parais parais paraît paraissons paraissez paraissent | paru | paraîtr
connaître | connais connais connaît connaissons connaissez connaissent | connu | connaîtr
dormir, endormir | dors dors dort dormons dormez dorment | dormi | dormir
partir | pars pars part partons partez partent | parti | partir
mentir | mens mens ment mentons mentez mentent | menti | mentir
ouvrir | ouvre ouvres ouvre ouvrons ouvrez ouvrent | ouvert | ouvrir
offrir | offre offres offre offrons offrez offrent | offert | offrir
rire, sourire | ris ris rit rions riez rient | ri | rir
duire, conduire, traduire | duis duis duit duisons duisez duisent | duit | duir
construire | construis construis construit construisons construisez construisent | construit | construir
peindre | peins peins peint peignons peignez peignent | peint | peindr
éteindre | éteins éteins éteint éteignons éteignez éteignent | éteint | éteindr
plaindre | plains plains plaint plaignons plaignez plaignent | plaint | plaindr
"""

# -er verbs whose stem changes before a silent e: the last vowel gets a grave accent, or the last consonant is doubled.
GRAVE = ("acheter", "lever", "espérer", "protéger")
DOUBLED = ("appeler", "jeter")
# ... of which these keep their acute accent in the future.
ACUTE_FUTURE = ("espérer", "protéger")

# Verbs with the auxiliary être (in addition to all reflexive ones).
ETRE = ("aller", "venir", "revenir", "arriver", "partir", "rester", "retourner")

# "à" after these does not make an object pronoun of the person: je pense à lui.
NO_CLITIC = ("penser",)
