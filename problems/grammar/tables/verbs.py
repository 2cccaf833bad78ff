# ruff: noqa: E501
"""Verbs by their arguments, the most frequent first.

A line: English | German | French | subjects [> objects] | marks.
  English: infinitive, then past and participle if irregular. Its first word is inflected; `~` is the position of an object pronoun (pick~up).
  German: [sich] [prefix-]infinitive, then 2nd and 3rd person singular, past and participle (without prefix) if irregular ("-": regular);
    `sein`: its auxiliary; `+word` is at the clause's end; after `;` the object's case, with its preposition ("auf acc").
  French: infinitive (regular or conjugated in `french_forms`), `+word` after it, after `;` the object's preposition.
  subjects, objects: classes of nouns, or single nouns as `=noun` (`_` for a space).
  marks: `state` (no progressive; imparfait in the past), `event` (happens at a moment: never imparfait), `general` (a bare object is general: les chiens), `to` (English recipient with "to"), `place` (may have a place).
"""

INTRANSITIVE = """
sleep, slept | schlafen schläfst schläft schlief geschlafen | dormir | person animal | place
work | arbeiten | travailler | person | place
laugh | lachen | rire | person | place
sing, sang, sung | singen - - sang gesungen | chanter | person | place
wait | warten | attendre | person animal | place
dance | tanzen | danser | person | place
cry | weinen | pleurer | person | place
arrive | an-kommen - - kam gekommen sein | arriver | person =train =bus | event
leave, left | weg-gehen - - ging gegangen sein | partir | person | event
get up, got | auf-stehen - - stand gestanden sein | se lever | person | event
swim, swam, swum | schwimmen - - schwamm geschwommen sein | nager | person animal
run, ran, run | rennen - - rannte gerannt sein | courir | person animal | place
smile | lächeln | sourire | person
travel, traveled | reisen sein | voyager | person
wake up, woke, woken | auf-wachen sein | se réveiller | person animal | event
fall asleep, fell, fallen | ein-schlafen schläfst schläft schlief geschlafen sein | s'endormir | person animal | event
come back, came, come | zurück-kommen - - kam gekommen sein | revenir | person | event
play | spielen | jouer | person animal | place
cook | kochen | cuisiner | person | place
watch TV | fern-sehen siehst sieht sah gesehen | regarder +la_télévision | person
go shopping, went, gone | ein-kaufen | faire +les_courses | person
rest | sich aus-ruhen | se reposer | person animal | place
sit down, sat, sat | sich setzen | s'asseoir | person | event
hurry | sich beeilen | se dépêcher | person
jump | springen - - sprang gesprungen sein | sauter | person animal
dream | träumen | rêver | person
lie, lied | lügen - - log gelogen | mentir | person
shout | schreien - - schrie geschrien | crier | person | place
smoke | rauchen | fumer | person | place
whistle | pfeifen - - pfiff gepfiffen | siffler | person | place
climb | klettern sein | grimper | person animal
fly, flew, flown | fliegen - - flog geflogen sein | voler | =bird =bee =butterfly =owl =duck =plane
disappear | verschwinden - - verschwand verschwunden sein | disparaître | person animal | event
cough | husten | tousser | person
sneeze | niesen | éternuer | person
win, won, won | gewinnen - - gewann gewonnen | gagner | person | event
be hungry, was, been | sein bist ist war gewesen sein +hungrig | avoir +faim | person animal | state
be thirsty, was, been | sein bist ist war gewesen sein +durstig | avoir +soif | person animal | state
be right, was, been | haben hast hat hatte gehabt +recht | avoir +raison | person | state
be wrong, was, been | haben hast hat hatte gehabt +unrecht | avoir +tort | person | state
"""

TRANSITIVE = """
see, saw, seen | sehen siehst sieht sah gesehen | voir | person animal > person animal vehicle thing building nature | state event place
have, had, had | haben hast hat hatte gehabt | avoir | person > animal vehicle thing text =problem =question =idea =plan =house =garden | state
buy, bought, bought | kaufen | acheter | person > thing clothing vehicle food text drink | place
read, read, read | lesen liest liest las gelesen | lire | person > text | place
eat, ate, eaten | essen isst isst aß gegessen | manger | person > food | place
like | mögen magst mag mochte gemocht | aimer | person > food animal drink art text person | state general
drink, drank, drunk | trinken - - trank getrunken | boire | person > drink | place
look for | suchen | chercher | person > thing animal clothing person | place
find, found, found | finden - - fand gefunden | trouver | person > thing animal clothing =solution =answer =mistake | event place
write, wrote, written | schreiben - - schrieb geschrieben | écrire | person > text =word =sentence | place
help | helfen hilfst hilft half geholfen; dat | aider | person > person animal | place
love | lieben | adorer | person > person kin animal food art =city | state general
take, took, taken | nehmen nimmst nimmt nahm genommen | prendre | person > thing =train =bus food
wait for | warten; auf acc | attendre | person > person =train =bus =letter =answer | place
call | an-rufen - - rief gerufen | appeler | person > person | event
know, knew, known | kennen - - kannte gekannt | connaître | person > person building =rule =story =song =city =secret =answer | state
visit | besuchen | visiter | person > building =city =village =island
visit | besuchen | rendre +visite; à | person > person kin
open | öffnen | ouvrir | person > opening =suitcase =box =bottle =letter =bag | event
close | zu-machen | fermer | person > opening =suitcase =box =bag =book | event
need | brauchen | avoir +besoin; de | person > thing clothing vehicle =idea =plan =water | state
hear, heard, heard | hören | entendre | person animal > person animal =song =story =train =question | state event place
understand, understood, understood | verstehen - - verstand verstanden | comprendre | person > idea person text | state event
sell, sold, sold | verkaufen | vendre | person > vehicle thing clothing food animal | place
forget, forgot, forgotten | vergessen vergisst vergisst vergaß vergessen | oublier | person > thing =word =rule =question | event
lose, lost, lost | verlieren - - verlor verloren | perdre | person > thing clothing =game | event place
meet, met, met | treffen triffst trifft traf getroffen | rencontrer | person > person | event place
thank | danken; dat | remercier | person > person
invite | ein-laden lädst lädt lud geladen | inviter | person > person kin | event
repair | reparieren | réparer | person > vehicle =clock =lamp =computer =radio =television =chair =door | place
clean | putzen | nettoyer | person > home opening =table =mirror =shoe =bicycle
wash | waschen wäschst wäscht wusch gewaschen | laver | person > clothing =car =dog =apple =cup =plate =glass | place
think about, thought | denken - - dachte gedacht; an acc | penser; à | person > person kin =problem =question =game
talk with | sprechen sprichst spricht sprach gesprochen; mit dat | parler; avec | person > person kin | place
talk about | sprechen sprichst spricht sprach gesprochen; über acc | parler; de | person > person art text idea
wear, wore, worn | tragen trägst trägt trug getragen | porter | person > clothing
carry | tragen trägst trägt trug getragen | porter | person > thing
look at | an-sehen siehst sieht sah gesehen | regarder | person animal > person animal thing vehicle nature
answer | antworten; dat | répondre; à | person > person
follow | folgen sein; dat | suivre | person animal > person animal vehicle
watch | beobachten | observer | person animal > person animal | place
tidy~up | auf-räumen | ranger | person > home =office =shop =cupboard =drawer
throw~away, threw, thrown | weg-werfen wirfst wirft warf geworfen | jeter | person > thing food clothing text
bring, brought, brought | mit-bringen - - brachte gebracht | apporter | person > food drink thing
drive, drove, driven | fahren fährst fährt fuhr gefahren | conduire | person > =car =truck =bus =motorcycle
put~on, put, put | an-ziehen - - zog gezogen | mettre | person > clothing
turn~on | an-machen | allumer | person > =lamp =radio =television =computer
turn~off | aus-machen | éteindre | person > =lamp =radio =television =computer
play | spielen | jouer; de | person > instrument | place
sing, sang, sung | singen - - sang gesungen | chanter | person > =song | place
build, built, built | bauen | construire | person > =house building =bridge =boat
draw, drew, drawn | zeichnen | dessiner | person > animal nature =house =flower =map =castle | place
paint | malen | peindre | person > nature =picture =flower =horse =garden | place
break, broke, broken | zerbrechen zerbrichst zerbricht zerbrach zerbrochen | casser | person animal > =cup =plate =glass =mirror =window =bottle | event
steal, stole, stolen | stehlen stiehlst stiehlt stahl gestohlen | voler | person > vehicle thing | place
order | bestellen | commander | person > food drink | place
cut, cut, cut | schneiden - - schnitt geschnitten | couper | person > food
bake | backen backst backt backte gebacken | préparer | person > =cake =bread =cookie =pizza
choose, chose, chosen | aus-suchen | choisir | person > clothing thing text
use | benutzen | utiliser | person > thing vehicle | place
hide, hid, hidden | verstecken | cacher | person > thing | place
hold, held, held | halten hältst hält hielt gehalten | tenir | person > thing
push | schieben - - schob geschoben | pousser | person > vehicle =table =bed
feed, fed, fed | füttern | nourrir | person > animal
catch, caught, caught | fangen fängst fängt fing gefangen | attraper | person animal > =ball animal =thief
hate | hassen | détester | person > person food =rule animal | state general
greet | begrüßen | saluer | person > person
admire | bewundern | admirer | person > person art =picture =castle | state
kiss | küssen | embrasser | person > person kin | place
marry | heiraten | épouser | person > person
disturb | stören | déranger | person animal > person
protect | beschützen | protéger | person animal > person kin animal
believe | glauben; dat | croire | person > person | state
trust | vertrauen; dat | faire +confiance; à | person > person kin | state
remember | sich erinnern; an acc | se souvenir; de | person > person =story =film =song | state
take care of, took, taken | sich kümmern; um acc | s'occuper; de | person > person kin animal =garden
be afraid of, was, been | fürchten | avoir +peur; de | person animal > animal person =answer =exercise | state
dream of | träumen; von dat | rêver; de | person > person =island =castle =house =beach
laugh about | lachen; über acc | rire; de | person > person =joke =story =mistake =film
complain about | sich beschweren; über acc | se plaindre; de | person > person =rule =film =soup =hotel
ask for | bitten - - bat gebeten; um acc | demander | person > =answer food drink =map =ticket =key
play with | spielen; mit dat | jouer; avec | person animal > animal person =ball =doll | place
dance with | tanzen; mit dat | danser; avec | person > person kin | place
learn | lernen | apprendre | person > =language =word =rule =song =lesson =poem
explain | erklären | expliquer | person > idea =plan =story =game
solve | lösen | résoudre | person > =problem =exercise
translate | übersetzen | traduire | person > text =word =sentence
sign | unterschreiben - - unterschrieb unterschrieben | signer | person > =letter =report
park | parken | garer | person > =car =truck =bus =motorcycle
lock | ab-schließen - - schloss geschlossen | verrouiller | person > =door =gate =car
touch | berühren | toucher | person > thing animal
belong to | gehören; dat | appartenir; à | thing vehicle text clothing =house =castle =garden > person kin | state
"""

DITRANSITIVE = """
give, gave, given | geben gibst gibt gab gegeben | donner | person > thing text food
show, showed, shown | zeigen | montrer | person > thing text building
send, sent, sent | schicken | envoyer | person > text =gift =picture =photo =flower =ticket
tell, told, told | erzählen | raconter | person > =story =joke =secret =fairy_tale
bring, brought, brought | bringen - - brachte gebracht | apporter | person > food drink thing
write, wrote, written | schreiben - - schrieb geschrieben | écrire | person > =letter =message =poem
sell, sold, sold | verkaufen | vendre | person > vehicle thing animal
lend, lent, lent | leihen - - lieh geliehen | prêter | person > text =bicycle =car =umbrella =pencil =camera
offer | an-bieten - - bot geboten | offrir | person > food drink =gift =ticket
explain | erklären | expliquer | person > idea =plan | to
recommend | empfehlen empfiehlst empfiehlt empfahl empfohlen | recommander | person > text building art | to
read, read, read | vor-lesen liest liest las gelesen | lire | person > =story =letter =poem =fairy_tale =article
return | zurück-geben gibst gibt gab gegeben | rendre | person > thing =book | to
"""

# With a place to be at.
STAY = """
live | wohnen | habiter | person | state
stay | bleiben - - blieb geblieben sein | rester | person
"""

# With a place to go to.
GO = """
go, went, gone | gehen - - ging gegangen sein | aller | person
come, came, come | kommen - - kam gekommen sein | venir | person
return | zurück-kehren sein | retourner | person
"""

# With a clause: "that" or, where marked, "whether".
CLAUSAL = """
think, thought, thought | denken - - dachte gedacht | penser | person | state that
know, knew, known | wissen weißt weiß wusste gewusst | savoir | person | state that
say, said, said | sagen | dire | person | that
believe | glauben | croire | person | state that
hope | hoffen | espérer | person | state that
ask | fragen | demander | person | whether
"""

# With "to" and an infinitive. French: after `;` the infinitive's preposition.
CONTROL = """
try | versuchen | essayer; de | person
forget, forgot, forgotten | vergessen vergisst vergisst vergaß vergessen | oublier; de | person
begin, began, begun | an-fangen fängst fängt fing gefangen | commencer; à | person
hope | hoffen | espérer | person | state
decide | beschließen - - beschloss beschlossen | décider; de | person
promise | versprechen versprichst verspricht versprach versprochen | promettre; de | person
"""

WEATHER = """
rain | regnen | pleuvoir
snow | schneien | neiger
"""

BE = "be, was, been | sein bist ist war gewesen sein | être | person | state"
EXIST = "be, was, been | geben gibt gibt gab gegeben | avoir | thing | state"
