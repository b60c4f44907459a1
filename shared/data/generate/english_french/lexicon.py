"""Nouns, names, adjectives and adverbs of the two-language grammar, with what may be said of what.

Met in weeks 4 and 6. A noun has one kind (person, animal, drink, …); an adjective lists the kinds and nouns that it
fits (`@person` is a kind, `house` a noun), so that soups are hot and horses are fast. Where English leaves the
gender open (teacher, friend, I, we, they), the French is masculine.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.data.generate.english_french.surface import (
    Words,
    english_plural,
    french_feminine,
    french_plural,
)


class Noun(NamedTuple):
    """A noun with its plurals; `feminine` is its French gender."""

    kind: str
    english: str
    english_plural: str
    french: str
    french_plural: str
    feminine: bool


class Adjective(NamedTuple):
    """An adjective: four French forms, a fifth before a vowel sound (`bel`), its place, what it fits, its comparative.

    Forms are indexed by `2 * feminine + plural`. `attributive` is False for those that only stand after "is".
    """

    english: str
    forms: tuple[str, str, str, str]
    before_vowel: str
    before_noun: bool
    attributive: bool
    fits: frozenset[str]
    comparative: str


_NOUNS = {
    "person": "man/men=homme m, woman/women=femme f, boy=garçon m, girl=fille f, child/children=enfant m, king=roi m, "
    "queen=reine f, actress=actrice f, teacher=professeur m, doctor=médecin m, neighbor=voisin m, friend=ami m, "
    "farmer=fermier m, baker=boulanger m, artist=artiste m, student=étudiant m, waitress=serveuse f",
    "kin": "mother=mère f, father=père m, brother=frère m, sister=sœur f, uncle=oncle m, aunt=tante f, "
    "grandmother=grand-mère/grands-mères f, son=fils m, daughter=fille f",
    "animal": "cat=chat m, dog=chien m, bird=oiseau m, horse=cheval m, cow=vache f, "
    "rabbit=lapin m, mouse/mice=souris f, owl=hibou/hiboux m, "
    "bear=ours m, goat=chèvre f, duck=canard m, hen=poule f, hamster=hamster m",
    "fruit": "apple=pomme f, orange=orange f, egg=œuf m, cake=gâteau m, sandwich=sandwich m, carrot=carotte f, "
    "tomato/tomatoes=tomate f, pear=poire f",
    "food": "bread=pain m, cheese=fromage m, meat=viande f, soup=soupe f, rice=riz m, fish=poisson m, honey=miel m, "
    "butter=beurre m, grass=herbe f",
    "drink": "water=eau f, milk=lait m, coffee=café m, tea=thé m, wine=vin m, beer=bière f, oil=huile f",
    "text": "book=livre m, letter=lettre f, newspaper=journal m, story=histoire f, poem=poème m",
    "clothing": "hat=chapeau m, shirt=chemise f, dress=robe f, coat=manteau m, shoe=chaussure f, "
    "scarf/scarves=écharpe f",
    "thing": "key=clé f, umbrella=parapluie m, watch=montre f, clock=horloge f, lamp=lampe f, chair=chaise f, "
    "table=table f, bag=sac m, ball=ballon m, flower=fleur f, tree=arbre m, painting=tableau m, "
    "computer=ordinateur m, knife/knives=couteau m, glass=verre m, plate=assiette f, box=boîte f, gift=cadeau m, "
    "bottle=bouteille f",
    "opening": "door=porte f, window=fenêtre f",
    "vehicle": "car=voiture f, bicycle=vélo m, boat=bateau m, train=train m, bus=bus m, plane=avion m",
    "place": "house=maison f, garden=jardin m, school=école f, station=gare f, market=marché m, museum=musée m, "
    "hospital=hôpital m, hotel=hôtel m, church=église f, park=parc m, restaurant=restaurant m, "
    "library=bibliothèque f, kitchen=cuisine f, bridge=pont m, city=ville f, beach=plage f, forest=forêt f, "
    "village=village m, airport=aéroport m, castle=château m, shop=magasin m, street=rue f, island=île f",
}
MASS = frozenset({"food", "drink"})
# People one may call one's own besides kin; "my queen" or "my girl" would say more than it should.
POSSESSABLE = frozenset(["teacher", "doctor", "neighbor", "friend", "student"])
NAMES = {
    "Paul": False,
    "Luc": False,
    "Antoine": False,
    "Marie": True,
    "Anne": True,
    "Alice": True,
    "Julie": True,
}
NUMBERS = (
    *(("two", "deux"), ("three", "trois"), ("four", "quatre"), ("five", "cinq")),
    *(("six", "six"), ("seven", "sept"), ("eight", "huit"), ("ten", "dix")),
)

# english: French masculine [feminine [before a vowel]] | place | fits | comparative.
# Place: < before the noun, > after it, . only after "is".
_ADJECTIVES = """
big: grand | < | @animal @thing @opening @place car boat plane cake egg @clothing | bigger
small: petit | < | @animal @thing @opening @place @fruit car boat plane | smaller
little: petit | < | boy girl child brother sister |
tall: grand | . | @person @kin tree | taller
old: vieux vieille vieil | < | man woman king queen actress teacher doctor neighbor friend farmer artist uncle aunt \
@animal @thing @opening @place car bicycle boat plane book newspaper hat coat | older
young: jeune | < | man woman girl king queen actress teacher doctor artist student brother sister | younger
beautiful: beau belle bel | < | woman girl queen actress @animal flower tree painting lamp house garden church island \
city castle beach car boat dress story poem hotel | more beautiful
handsome: beau belle bel | < | man boy king uncle | more handsome
new: nouveau nouvelle nouvel | < | teacher doctor neighbor student computer clock umbrella watch lamp bag ball car \
bicycle boat plane @clothing house school hotel hospital museum restaurant | newer
good: bon bonne | < | teacher doctor student friend baker book story bread cheese soup wine cake restaurant hotel \
| better
bad: mauvais | < | book story poem wine soup restaurant hotel student |
pretty: joli | < | girl dress scarf hat flower house village garden lamp bird | prettier
long: long longue | < | letter story poem bridge street | longer
red: rouge | > | @clothing car bicycle boat flower bag ball door lamp umbrella apple wine |
black: noir | > | @clothing cat dog horse bird hen rabbit car bicycle umbrella bag |
white: blanc blanche | > | @clothing cat dog horse bird goat duck rabbit car boat flower house door plate wine |
green: vert | > | @clothing tree lamp box bottle bicycle door boat tea |
blue: bleu | > | @clothing bird flower box plate boat car door umbrella |
gray: gris | > | cat mouse horse owl coat hat bag |
brown: marron marron | > | shoe coat bag horse dog cow bear |
heavy: lourd | > | bag box table clock bottle chair | heavier
expensive: cher | > | @clothing car painting watch computer hotel restaurant wine | more expensive
empty: vide | > | box bag glass bottle plate house church street bus |
dirty: sale | > | @clothing car window plate glass street kitchen dog |
broken: cassé | > | watch clock chair lamp glass window plate |
hot: chaud | > | soup water milk coffee tea bread |
cold: froid | > | soup water milk coffee tea meat beer |
fresh: frais fraîche | > | bread water milk fish egg tomato |
delicious: délicieux | > | soup bread cheese cake apple pear meat tea honey |
interesting: intéressant | > | @text museum painting city | more interesting
famous: célèbre | > | man woman actress artist doctor painting museum hotel castle city bridge | more famous
quiet: calme | > | village street park garden beach hotel library island | quieter
fast: rapide | > | train car horse boat plane bicycle | faster
dangerous: dangereux | > | bear dog street forest knife | more dangerous
intelligent: intelligent | > | man woman boy girl child student dog horse | more intelligent
kind: gentil gentille | > | woman man teacher doctor neighbor queen boy girl waitress | kinder
happy: heureux | > | @person @kin | happier
sad: triste | > | man woman boy girl child king queen story poem | sadder
strong: fort | > | man woman horse bear farmer | stronger
tired: fatigué | . | @person @kin horse dog cat |
sick: malade | . | @person @kin @animal |
French: français | > | teacher doctor artist actress student wine cheese newspaper car |
English: anglais | > | teacher doctor artist king queen newspaper book car garden |
Italian: italien | > | artist actress baker restaurant coffee painting cheese shoe |
open: ouvert | . | door window shop museum library restaurant box |
closed: fermé | . | door window shop museum library restaurant church |
"""

# Time adverbials by the tense they go with; they close the clause in both languages.
TIMES: dict[str, tuple[tuple[str, str], ...]] = {
    "present": (
        ("every day", "tous les jours"),
        ("in the morning", "le matin"),
        ("in the evening", "le soir"),
        ("on Sundays", "le dimanche"),
        ("at night", "la nuit"),
    ),
    "progressive": (("now", "maintenant"), ("today", "aujourd'hui")),
    "past": (
        ("yesterday", "hier"),
        ("this morning", "ce matin"),
        ("last week", "la semaine dernière"),
        ("on Monday", "lundi"),
        ("two days ago", "il y a deux jours"),
    ),
    "future": (
        ("tomorrow", "demain"),
        ("this evening", "ce soir"),
        ("next week", "la semaine prochaine"),
        ("on Saturday", "samedi"),
        ("in two days", "dans deux jours"),
    ),
    "modal": (("today", "aujourd'hui"), ("tomorrow", "demain"), ("now", "maintenant")),
}
# Adverbs that stand before the English verb and after the French finite verb.
FREQUENCIES = (("often", "souvent"), ("always", "toujours"), ("sometimes", "parfois"))

_TO = "market station museum hospital hotel church park restaurant library beach airport castle school"
_IN = "house garden kitchen museum church park restaurant library forest castle street village hotel school station"
# English preposition → (French preposition, the nouns that make sense after it). `de` contracts in `write_french`.
PREPOSITIONS: dict[str, tuple[Words, str]] = {
    "to": (("à",), _TO),
    "from": (("de",), _TO),
    "at": (("à",), "market station hospital hotel restaurant airport beach library"),
    "in": (("dans",), _IN),
    "on": (("sur",), "bridge beach island"),
    "near": (
        ("près", "de"),
        "house station church tree school hotel bridge castle park museum window lamp",
    ),
    "behind": (("derrière",), "house door tree church school hotel car station"),
    "in front of": (("devant",), "house door church school hotel museum window shop restaurant"),
    "next to": (("à", "côté", "de"), "tree window church hotel shop door lamp station school"),
    "under": (("sous",), "tree table chair bridge umbrella"),
}
# Places with a preposition of their own: (English, French) for being there or going there, and for coming back.
CITIES = (
    ("Paris", "à Paris", "de Paris"),
    ("London", "à Londres", "de Londres"),
    ("Rome", "à Rome", "de Rome"),
)
COUNTRIES = (
    ("France", "en France", "de France"),
    ("Italy", "en Italie", "de Italie"),
    ("Spain", "en Espagne", "de Espagne"),
    ("Canada", "à le Canada", "de le Canada"),
    ("Japan", "à le Japon", "de le Japon"),
)


def _read_noun(kind: str, entry: str) -> Noun:
    english, french = entry.strip().split("=")
    french, gender = french.rsplit(" ", 1)
    english, _, plural = english.partition("/")
    french, _, pluriel = french.partition("/")
    return Noun(
        kind,
        english,
        plural or english_plural(english),
        french,
        pluriel or french_plural(french),
        gender == "f",
    )


def _read_adjective(line: str) -> Adjective:
    head, place, fits, comparative = (part.strip() for part in line.split("|"))
    english, words = head.split(": ")
    masculine, *rest = words.split()
    feminine = rest[0] if rest else french_feminine(masculine)
    plurals = (french_plural(masculine), french_plural(feminine))
    if (
        masculine == feminine == "marron"
    ):  # a colour named after a thing (the chestnut) never changes
        plurals = (masculine, masculine)
    forms = (masculine, plurals[0], feminine, plurals[1])
    before_vowel = rest[1] if len(rest) > 1 else masculine
    return Adjective(
        english,
        forms,
        before_vowel,
        place == "<",
        place != ".",
        frozenset(fits.split()),
        comparative,
    )


NOUNS: dict[str, Noun] = {
    noun.english: noun
    for kind, entries in _NOUNS.items()
    for noun in (_read_noun(kind, entry) for entry in entries.split(","))
}
ADJECTIVES: tuple[Adjective, ...] = tuple(
    _read_adjective(line) for line in _ADJECTIVES.strip().splitlines()
)


def nouns(spec: str) -> tuple[Noun, ...]:
    """The nouns that `spec` names: `"@drink book"` gives all drinks and the book, in the lexicon's order."""
    wanted = frozenset(spec.split())
    unknown = sorted(word for word in wanted if word not in NOUNS and word[1:] not in _NOUNS)
    if unknown:
        raise ValueError(
            f"spec must name nouns or @kinds of the lexicon; it has {', '.join(unknown)}"
        )
    return tuple(
        noun for noun in NOUNS.values() if noun.english in wanted or "@" + noun.kind in wanted
    )


def adjectives_for(noun: Noun) -> tuple[Adjective, ...]:
    """The adjectives that make sense with a noun."""
    return tuple(a for a in ADJECTIVES if noun.english in a.fits or "@" + noun.kind in a.fits)
