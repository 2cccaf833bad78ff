# ruff: noqa: E501
"""Nouns by class, each class with its most frequent words first.

A line: English | German | French | place.
  English: singular, and the plural if irregular ("-": a mass noun without plural).
  German: gender, singular, plural ("-": none), and `weak` (n-declension: every form but the nominative singular equals the plural)
    or the genitive singular if irregular.
  French: gender, singular, and the plural if irregular; `*` before a singular with an aspirated h.
  place: English, German and French preposition of location; then German and French ones of direction
    ("-": not a destination).
"""

NOUNS = {
  "person": """
man, men | m Mann, Männer | m homme
woman, women | f Frau, Frauen | f femme
child, children | n Kind, Kinder | m enfant
teacher | m Lehrer, Lehrer | m professeur
boy | m Junge, Jungen, weak | m garçon
girl | n Mädchen, Mädchen | f fille
doctor | m Arzt, Ärzte | m médecin
friend | m Freund, Freunde | m ami
student | m Student, Studenten, weak | m étudiant
neighbor | m Nachbar, Nachbarn, weak | m voisin
nurse | f Krankenschwester, Krankenschwestern | f infirmière
farmer | m Bauer, Bauern, weak | m fermier
king | m König, Könige | m roi
queen | f Königin, Königinnen | f reine
lawyer | m Anwalt, Anwälte | m avocat
lady | f Dame, Damen | f dame
tourist | m Tourist, Touristen, weak | m touriste
baker | m Bäcker, Bäcker | m boulanger
police officer | m Polizist, Polizisten, weak | m policier
colleague | m Kollege, Kollegen, weak | m collègue
actress | f Schauspielerin, Schauspielerinnen | f actrice
guest | m Gast, Gäste | m invité
customer | m Kunde, Kunden, weak | m client
artist | m Künstler, Künstler | m artiste
waiter | m Kellner, Kellner | m serveur
soldier | m Soldat, Soldaten, weak | m soldat
princess | f Prinzessin, Prinzessinnen | f princesse
prince | m Prinz, Prinzen, weak | m prince
journalist | m Journalist, Journalisten, weak | m journaliste
singer | m Sänger, Sänger | m chanteur
pupil | m Schüler, Schüler | m élève
engineer | m Ingenieur, Ingenieure | m ingénieur
waitress | f Kellnerin, Kellnerinnen | f serveuse
gardener | m Gärtner, Gärtner | m jardinier
writer | m Schriftsteller, Schriftsteller | m écrivain
pilot | m Pilot, Piloten, weak | m pilote
judge | m Richter, Richter | m juge
hero, heroes | m Held, Helden, weak | m *héros, héros
painter | m Maler, Maler | m peintre
thief, thieves | m Dieb, Diebe | m voleur
musician | m Musiker, Musiker | m musicien
boss | m Chef, Chefs, Chefs | m patron
dentist | m Zahnarzt, Zahnärzte, Zahnarztes | m dentiste
witness | m Zeuge, Zeugen, weak | m témoin
hunter | m Jäger, Jäger | m chasseur
photographer | m Fotograf, Fotografen, weak | m photographe
butcher | m Metzger, Metzger | m boucher
passenger | m Passagier, Passagiere | m passager
captain | m Kapitän, Kapitäne | m capitaine
""",
  "kin": """
brother | m Bruder, Brüder | m frère
sister | f Schwester, Schwestern | f sœur
mother | f Mutter, Mütter | f mère
father | m Vater, Väter | m père
son | m Sohn, Söhne | m fils
daughter | f Tochter, Töchter | f fille
uncle | m Onkel, Onkel | m oncle
aunt | f Tante, Tanten | f tante
grandmother | f Großmutter, Großmütter | f grand-mère, grands-mères
grandfather | m Großvater, Großväter | m grand-père, grands-pères
cousin | m Cousin, Cousins | m cousin
nephew | m Neffe, Neffen, weak | m neveu
niece | f Nichte, Nichten | f nièce
""",
  "animal": """
dog | m Hund, Hunde | m chien
cat | f Katze, Katzen | m chat
horse | n Pferd, Pferde | m cheval
bird | m Vogel, Vögel | m oiseau
cow | f Kuh, Kühe | f vache
mouse, mice | f Maus, Mäuse | f souris
bear | m Bär, Bären, weak | m ours
rabbit | n Kaninchen, Kaninchen | m lapin
lion | m Löwe, Löwen, weak | m lion
monkey | m Affe, Affen, weak | m singe
pig | n Schwein, Schweine | m cochon
elephant | m Elefant, Elefanten, weak | m éléphant
goat | f Ziege, Ziegen | f chèvre
duck | f Ente, Enten | m canard
hen | n Huhn, Hühner | f poule
wolf, wolves | m Wolf, Wölfe | m loup
fox | m Fuchs, Füchse | m renard
snake | f Schlange, Schlangen | m serpent
butterfly | m Schmetterling, Schmetterlinge | m papillon
frog | m Frosch, Frösche | f grenouille
bee | f Biene, Bienen | f abeille
donkey | m Esel, Esel | m âne
tiger | m Tiger, Tiger | m tigre
owl | f Eule, Eulen | m *hibou, hiboux
squirrel | n Eichhörnchen, Eichhörnchen | m écureuil
turtle | f Schildkröte, Schildkröten | f tortue
""",
  "food": """
apple | m Apfel, Äpfel | f pomme
bread, - | n Brot, - | m pain
cake | m Kuchen, Kuchen | m gâteau
egg | n Ei, Eier, Eies | m œuf
cheese, - | m Käse, - | m fromage
soup | f Suppe, Suppen | f soupe
meat, - | n Fleisch, - | f viande
orange | f Orange, Orangen | f orange
salad | m Salat, Salate | f salade
potato, potatoes | f Kartoffel, Kartoffeln | f pomme de terre, pommes de terre
rice, - | m Reis, - | m riz
tomato, tomatoes | f Tomate, Tomaten | f tomate
chocolate, - | f Schokolade, - | m chocolat
sandwich | n Sandwich, Sandwichs, Sandwichs | m sandwich
sausage | f Wurst, Würste | f saucisse
banana | f Banane, Bananen | f banane
carrot | f Karotte, Karotten | f carotte
cherry | f Kirsche, Kirschen | f cerise
fish, - | m Fisch, - | m poisson
cookie | m Keks, Kekse | m biscuit
strawberry | f Erdbeere, Erdbeeren | f fraise
pear | f Birne, Birnen | f poire
butter, - | f Butter, - | m beurre
ham, - | m Schinken, - | m jambon
ice cream, - | n Eis, - | f glace
honey, - | m Honig, - | m miel
lemon | f Zitrone, Zitronen | m citron
onion | f Zwiebel, Zwiebeln | m oignon
bean | f Bohne, Bohnen | m *haricot
mushroom | m Pilz, Pilze | m champignon
pizza | f Pizza, Pizzen | f pizza
jam, - | f Marmelade, - | f confiture
peach | m Pfirsich, Pfirsiche | f pêche
""",
  "drink": """
water, - | n Wasser, - | f eau
coffee, - | m Kaffee, - | m café
milk, - | f Milch, - | m lait
tea, - | m Tee, - | m thé
wine, - | m Wein, - | m vin
beer, - | n Bier, - | f bière
juice, - | m Saft, - | m jus
lemonade, - | f Limonade, - | f limonade
""",
  "text": """
book | n Buch, Bücher | m livre
letter | m Brief, Briefe | f lettre
newspaper | f Zeitung, Zeitungen | m journal
story | f Geschichte, Geschichten | f histoire
poem | n Gedicht, Gedichte | m poème
article | m Artikel, Artikel | m article
message | f Nachricht, Nachrichten | m message
novel | m Roman, Romane | m roman
report | m Bericht, Berichte | m rapport
fairy tale | n Märchen, Märchen | m conte
magazine | f Zeitschrift, Zeitschriften | m magazine
""",
  "thing": """
table | m Tisch, Tische | f table
key | m Schlüssel, Schlüssel | f clé
bag | f Tasche, Taschen | m sac
gift | n Geschenk, Geschenke | m cadeau
flower | f Blume, Blumen | f fleur
picture | n Bild, Bilder | f image
chair | m Stuhl, Stühle | f chaise
lamp | f Lampe, Lampen | f lampe
cup | f Tasse, Tassen | f tasse
clock | f Uhr, Uhren | f horloge
bottle | f Flasche, Flaschen | f bouteille
computer | m Computer, Computer | m ordinateur
suitcase | m Koffer, Koffer | f valise
glass | n Glas, Gläser | m verre
umbrella | m Regenschirm, Regenschirme | m parapluie
bed | n Bett, Betten | m lit
phone | n Telefon, Telefone | m téléphone
knife, knives | n Messer, Messer | m couteau
box | f Kiste, Kisten | f boîte
plate | m Teller, Teller | f assiette
photo | n Foto, Fotos | f photo
spoon | m Löffel, Löffel | f cuillère
ball | m Ball, Bälle | m ballon
ticket | f Fahrkarte, Fahrkarten | m billet
map | f Landkarte, Landkarten | f carte
mirror | m Spiegel, Spiegel | m miroir
fork | f Gabel, Gabeln | f fourchette
ring | m Ring, Ringe | f bague
pencil | m Bleistift, Bleistifte | m crayon
radio | n Radio, Radios | f radio
doll | f Puppe, Puppen | f poupée
basket | m Korb, Körbe | m panier
candle | f Kerze, Kerzen | f bougie
television | m Fernseher, Fernseher | f télévision
toy | n Spielzeug, Spielzeuge | m jouet
camera | f Kamera, Kameras | m appareil photo, appareils photo
blanket | f Decke, Decken | f couverture
carpet | m Teppich, Teppiche | m tapis
wallet | f Brieftasche, Brieftaschen | m portefeuille
stamp | f Briefmarke, Briefmarken | m timbre
sofa | n Sofa, Sofas | m canapé
tool | n Werkzeug, Werkzeuge | m outil
rope | n Seil, Seile | f corde
cupboard | m Schrank, Schränke | m placard
""",
  "instrument": """
piano | n Klavier, Klaviere | m piano
guitar | f Gitarre, Gitarren | f guitare
violin | f Geige, Geigen | m violon
flute | f Flöte, Flöten | f flûte
trumpet | f Trompete, Trompeten | f trompette
""",
  "vehicle": """
car | n Auto, Autos | f voiture
bicycle | n Fahrrad, Fahrräder | m vélo
train | m Zug, Züge | m train
bus | m Bus, Busse, Busses | m bus
boat | n Boot, Boote | m bateau
plane | n Flugzeug, Flugzeuge | m avion
truck | m Lastwagen, Lastwagen | m camion
motorcycle | n Motorrad, Motorräder | f moto
""",
  "clothing": """
coat | m Mantel, Mäntel | m manteau
shirt | n Hemd, Hemden | f chemise
dress | n Kleid, Kleider | f robe
hat | m Hut, Hüte | m chapeau
shoe | m Schuh, Schuhe | f chaussure
jacket | f Jacke, Jacken | f veste
skirt | m Rock, Röcke | f jupe
glove | m Handschuh, Handschuhe | m gant
scarf, scarves | m Schal, Schals, Schals | f écharpe
cap | f Mütze, Mützen | f casquette
sweater | m Pullover, Pullover | m pull
boot | m Stiefel, Stiefel | f botte
tie | f Krawatte, Krawatten | f cravate
sock | f Socke, Socken | f chaussette
""",
  "home": """
garden | m Garten, Gärten | m jardin | in in dans in dans
kitchen | f Küche, Küchen | f cuisine | in in dans in dans
house | n Haus, Häuser | f maison | in in dans - -
room | n Zimmer, Zimmer | f chambre | in in dans in dans
bathroom | n Badezimmer, Badezimmer | f salle de bains, salles de bains | in in dans in dans
living room | n Wohnzimmer, Wohnzimmer | m salon | in in dans in dans
cellar | m Keller, Keller | f cave | in in dans in dans
""",
  "building": """
school | f Schule, Schulen | f école | at in à in à
station | m Bahnhof, Bahnhöfe | f gare | at an à zu à
restaurant | n Restaurant, Restaurants | m restaurant | in in dans in à
church | f Kirche, Kirchen | f église | in in dans in à
office | n Büro, Büros | m bureau | in in dans in à
museum | n Museum, Museen | m musée | in in à in à
hospital | n Krankenhaus, Krankenhäuser | m hôpital | in in à in à
hotel | n Hotel, Hotels | m hôtel | at in à zu à
library, libraries | f Bibliothek, Bibliotheken | f bibliothèque | at in à in à
supermarket | m Supermarkt, Supermärkte | m supermarché | at in à in à
cinema | n Kino, Kinos | m cinéma | at in à in à
shop | m Laden, Läden | m magasin | in in dans in à
café | n Café, Cafés | m café | in in dans in à
theater | n Theater, Theater | m théâtre | at in à in à
airport | m Flughafen, Flughäfen | m aéroport | at an à zu à
castle | n Schloss, Schlösser | m château | in in dans zu à
university | f Universität, Universitäten | f université | at an à zu à
bank | f Bank, Banken | f banque | at in à zu à
bakery | f Bäckerei, Bäckereien | f boulangerie | at in à zu à
factory | f Fabrik, Fabriken | f usine | in in dans zu à
farm | m Bauernhof, Bauernhöfe | f ferme | on auf à zu à
pharmacy | f Apotheke, Apotheken | f pharmacie | at in à zu à
stadium | n Stadion, Stadien | m stade | at in à in à
swimming pool | n Schwimmbad, Schwimmbäder | f piscine | at in à in à
""",
  "outside": """
park | m Park, Parks, Parks | m parc | in in dans in à
street | f Straße, Straßen | f rue | on auf dans auf dans
forest | m Wald, Wälder | f forêt | in in dans in dans
market | m Markt, Märkte | m marché | at auf à auf à
city | f Stadt, Städte | f ville | in in dans - -
village | n Dorf, Dörfer | m village | in in dans in à
beach | m Strand, Strände | f plage | at an à an à
lake | m See, Seen, Sees | m lac | in in dans zu à
river | m Fluss, Flüsse | f rivière | in in dans zu à
island | f Insel, Inseln | f île | on auf sur - -
bridge | f Brücke, Brücken | m pont | on auf sur - -
harbor | m Hafen, Häfen | m port | at an à zu à
zoo | m Zoo, Zoos | m zoo | at in à in à
field | n Feld, Felder | m champ | in auf dans auf dans
""",
  "opening": """
door | f Tür, Türen | f porte
window | n Fenster, Fenster | f fenêtre
gate | n Tor, Tore | m portail
drawer | f Schublade, Schubladen | m tiroir
""",
  "idea": """
question | f Frage, Fragen | f question
problem | n Problem, Probleme | m problème
idea | f Idee, Ideen | f idée
answer | f Antwort, Antworten | f réponse
plan | m Plan, Pläne | m plan
word | n Wort, Wörter | m mot
secret | n Geheimnis, Geheimnisse | m secret
rule | f Regel, Regeln | f règle
sentence | m Satz, Sätze | f phrase
joke | m Witz, Witze | f blague
mistake | m Fehler, Fehler | f erreur
solution | f Lösung, Lösungen | f solution
language | f Sprache, Sprachen | f langue
lesson | f Lektion, Lektionen | f leçon
exercise | f Übung, Übungen | m exercice
""",
  "art": """
song | n Lied, Lieder | f chanson
film | m Film, Filme | m film
game | n Spiel, Spiele | m jeu
play | n Theaterstück, Theaterstücke | f pièce de théâtre, pièces de théâtre
""",
  "nature": """
tree | m Baum, Bäume | m arbre
star | m Stern, Sterne | f étoile
cloud | f Wolke, Wolken | m nuage
stone | m Stein, Steine | f pierre
mountain | m Berg, Berge | f montagne
""",
}

# Persons whose noun does not say whether one goes on with "he" or "she".
NO_PRONOUN = ("child",)
# Persons that one can have.
OWNED = (
  "friend",
  "neighbor",
  "teacher",
  "doctor",
  "student",
  "colleague",
  "boss",
  "guest",
  "customer",
  "lawyer",
  "dentist",
  "pupil",
)
# Natural gender where the German noun's own is another.
NATURAL_GENDER = {"girl": "f"}
