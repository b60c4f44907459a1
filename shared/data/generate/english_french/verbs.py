"""The verbs of the two-language grammar: both languages' forms, who does it, and to what.

Met in weeks 4 and 6. `subjects` and `objects` are specifications that `lexicon.nouns` reads (`@person`, `cat`), so that
people read books and cows eat grass. Where English has several words for one French verb (look for, wait for), the
English particle is part of the verb; where French needs à or de before the object, `preposition` says so.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.data.generate.english_french.lexicon import Noun, nouns

PEOPLE = "@person @kin"


class Verb(NamedTuple):
    """A verb. English: base, third person, past, past participle, -ing; French: the infinitive.

    particle: English word between verb and object (`at`); tail: French words that belong to the verb (`besoin`).
    stative: neither progressive nor past. imparfait: its past is the imparfait. etre: the passé composé uses être.
    """

    base: str
    third: str
    past: str
    participle: str
    ing: str
    infinitive: str
    subjects: tuple[Noun, ...] = ()
    objects: tuple[Noun, ...] = ()
    particle: str = ""
    preposition: str = ""
    tail: tuple[str, ...] = ()
    stative: bool = False
    imparfait: bool = False
    etre: bool = False


def _verb(
    english: str, french: str, subjects: str = PEOPLE, objects: str = "", **more: object
) -> Verb:
    forms = english.split()
    if len(forms) == 1:  # a regular verb
        base = forms[0]
        stem = base[:-1] if base.endswith("e") else base
        y = base.endswith("y") and base[-2] not in "aeiou"
        third = (
            base[:-1] + "ies"
            if y
            else base + ("es" if base.endswith(("s", "sh", "ch", "x", "o")) else "s")
        )
        past = base[:-1] + "ied" if y else stem + "ed"
        forms = [base, third, past, past, stem + "ing"]
    return Verb(*forms, french, nouns(subjects), nouns(objects), **more)  # type: ignore[arg-type]


BE = _verb("be is was been being", "être", stative=True, imparfait=True)
HAVE = _verb(
    "have has had had having", "avoir", PEOPLE, "cat dog horse bird rabbit hamster bicycle car computer umbrella watch "
    "key house garden bag hat coat ball lamp painting", stative=True, imparfait=True,
)  # fmt: skip
GO = _verb("go goes went gone going", "aller", etre=True)
COME_BACK = _verb("come comes came come coming", "revenir", particle="back", etre=True)
STAY = _verb("stay", "rester", etre=True)
LIVE = _verb("live", "habiter", stative=True)
PLAY = _verb("play", "jouer")
SPEAK = _verb("speak speaks spoke spoken speaking", "parler")
LEARN = _verb("learn", "apprendre")
NEED = _verb(
    "need", "avoir", PEOPLE, "hat coat umbrella key computer bag lamp bread milk water oil rice knife plate car "
    "bicycle bottle chair", tail=("besoin",), preposition="de", stative=True, imparfait=True,
)  # fmt: skip

# Without an object. Animals do some of it, trains and planes leave.
INTRANSITIVE: tuple[Verb, ...] = (
    _verb("sleep sleeps slept slept sleeping", "dormir", PEOPLE + " @animal"),
    _verb("sing sings sang sung singing", "chanter", PEOPLE + " bird"),
    _verb("dance", "danser"),
    _verb("work", "travailler"),
    _verb("swim swims swam swum swimming", "nager", PEOPLE + " duck dog bear"),
    _verb("run runs ran run running", "courir", PEOPLE + " dog horse rabbit cat mouse"),
    _verb("laugh", "rire"),
    _verb("cry", "pleurer", "boy girl child son daughter woman man"),
    _verb("walk", "marcher"),
    _verb("travel travels traveled traveled traveling", "voyager"),
    _verb("play", "jouer", "boy girl child son daughter brother sister cat dog"),
    _verb("eat eats ate eaten eating", "manger", PEOPLE + " @animal"),
    _verb("wait", "attendre", PEOPLE + " dog horse car"),
    _verb("arrive", "arriver", PEOPLE + " train bus plane boat", etre=True),
    _verb("leave leaves left left leaving", "partir", PEOPLE + " train bus plane boat", etre=True),
    _verb(
        "fall falls fell fallen falling", "tomber", PEOPLE + " horse bottle glass tree", etre=True
    ),
    _verb("go goes went gone going", "sortir", PEOPLE + " cat dog", etre=True, particle="out"),
    STAY,
)
# What may be said to be done well, badly, fast or slowly.
MANNERS = {
    "sing": (("well", "bien"), ("badly", "mal")),
    "dance": (("well", "bien"), ("badly", "mal")),
    "sleep": (("well", "bien"), ("badly", "mal")),
    "work": (("well", "bien"), ("fast", "vite"), ("slowly", "lentement")),
    "run": (("fast", "vite"),),
    "swim": (("fast", "vite"), ("slowly", "lentement"), ("well", "bien")),
    "walk": (("fast", "vite"), ("slowly", "lentement")),
    "eat": (("fast", "vite"), ("slowly", "lentement"), ("well", "bien")),
}

_ANYONE = "@person @kin @animal"
TRANSITIVE: tuple[Verb, ...] = (
    _verb("eat eats ate eaten eating", "manger", PEOPLE, "@fruit bread cheese meat soup rice fish honey"),
    _verb("eat eats ate eaten eating", "manger", "cow horse goat", "grass apple carrot"),
    _verb("eat eats ate eaten eating", "manger", "rabbit hamster", "carrot apple grass"),
    _verb("eat eats ate eaten eating", "manger", "mouse", "cheese bread"),
    _verb("eat eats ate eaten eating", "manger", "dog cat bear", "meat fish"),
    _verb("drink drinks drank drunk drinking", "boire", PEOPLE, "water milk coffee tea wine beer"),
    _verb("drink drinks drank drunk drinking", "boire", "@animal", "water"),
    _verb("drink drinks drank drunk drinking", "boire", "cat", "milk"),
    _verb("read reads read read reading", "lire", PEOPLE, "@text"),
    _verb("write writes wrote written writing", "écrire", PEOPLE, "letter story poem book"),
    _verb("buy buys bought bought buying", "acheter", PEOPLE, "@clothing @thing @fruit @drink bread cheese meat rice "
          "fish honey butter car bicycle boat book newspaper house horse"),
    _verb("sell sells sold sold selling", "vendre", PEOPLE, "@clothing @fruit bread cheese meat fish honey wine flower "
          "painting car bicycle house book newspaper horse lamp watch"),
    _verb("see sees saw seen seeing", "voir", _ANYONE, PEOPLE + " @animal", stative=True),
    _verb("see sees saw seen seeing", "voir", PEOPLE, "station church castle bridge island beach house hotel "
          "airport forest village @vehicle tree flower clock painting", stative=True),
    _verb("look", "chercher", PEOPLE, PEOPLE + " @animal key umbrella watch bag hat shoe ball book letter knife",
          particle="for"),
    _verb("find finds found found finding", "trouver", PEOPLE, "@animal key umbrella watch bag hat ball book letter "
          "flower egg box"),
    _verb("lose loses lost lost losing", "perdre", PEOPLE, "key umbrella watch bag hat ball book letter shoe scarf"),
    _verb("take takes took taken taking", "prendre", PEOPLE, "umbrella bag hat coat key train bus book plane"),
    _verb("wash", "laver", PEOPLE, "car shirt plate glass dog apple window bottle tomato carrot dress bicycle"),
    _verb("open", "ouvrir", PEOPLE, "@opening box letter book bag bottle gift umbrella shop"),
    _verb("close", "fermer", PEOPLE, "@opening box book bag bottle shop umbrella"),
    _verb("wear wears wore worn wearing", "porter", PEOPLE, "hat shirt coat shoe scarf watch"),
    _verb("love", "adorer", PEOPLE, "@drink @fruit @text bread cheese soup fish cat dog horse bird flower city",
          stative=True),
    _verb("love", "aimer", PEOPLE, PEOPLE, stative=True),
    _verb("like", "aimer", PEOPLE, "@drink @fruit @text bread cheese soup rice fish honey cat dog rabbit owl horse "
          "garden painting island", stative=True),
    _verb("hate", "détester", PEOPLE, "@drink bread cheese soup fish egg mouse cat plane city hospital", stative=True),
    _verb("know knows knew known knowing", "connaître", PEOPLE, PEOPLE + " village hotel island restaurant story poem",
          stative=True),
    _verb("visit", "visiter", PEOPLE, "museum church castle city village island garden house"),
    _verb("wait", "attendre", PEOPLE, PEOPLE + " train bus", particle="for"),
    _verb("listen", "écouter", PEOPLE, PEOPLE + " story bird", particle="to"),
    _verb("look", "regarder", _ANYONE, PEOPLE + " @animal", particle="at"),
    _verb("look", "regarder", PEOPLE, "painting tree flower clock watch boat house", particle="at"),
    _verb("call", "appeler", PEOPLE, PEOPLE + " dog cat"),
    _verb("help", "aider", PEOPLE, PEOPLE),
    _verb("follow", "suivre", _ANYONE, PEOPLE + " @animal"),
    _verb("paint", "peindre", PEOPLE, "house door window chair boat tree flower table"),
    _verb("make makes made made making", "faire", PEOPLE, "cake soup sandwich bread cheese coffee tea"),
    _verb("build builds built built building", "construire", PEOPLE, "house boat bridge castle school church"),
    _verb("bring brings brought brought bringing", "apporter", PEOPLE, "@text @fruit bread cheese wine water umbrella "
          "lamp gift flower chair bottle"),
    _verb("cut cuts cut cut cutting", "couper", PEOPLE, "bread cake tree meat cheese apple flower grass"),
    _verb("clean", "nettoyer", PEOPLE, "kitchen house table car shoe window boat lamp church"),
    _verb("break breaks broke broken breaking", "casser", PEOPLE, "glass plate window chair watch lamp bottle egg"),
    _verb("hide hides hid hidden hiding", "cacher", PEOPLE, "key gift letter box watch ball"),
    _verb("choose chooses chose chosen choosing", "choisir", PEOPLE, "@clothing @text cake flower gift lamp wine"),
    _verb("finish", "finir", PEOPLE, "book letter soup cake painting story poem"),
    _verb("fill", "remplir", PEOPLE, "glass box bag bottle"),
    _verb("understand understands understood understood understanding", "comprendre", PEOPLE,
          PEOPLE + " story poem letter book", stative=True),
    _verb("put puts put put putting", "mettre", PEOPLE, "hat coat shirt scarf dress", particle="on"),
    _verb("talk", "parler", PEOPLE, PEOPLE, particle="to", preposition="à"),
    _verb("answer", "répondre", PEOPLE, PEOPLE, preposition="à"),
    HAVE,
    NEED,
)  # fmt: skip
# Something is given to someone: the objects are the things.
GIVING: tuple[Verb, ...] = (
    _verb("give gives gave given giving", "donner", PEOPLE, "@text @fruit flower gift key hat ball watch water bread "
          "milk cheese coffee tea"),
    _verb("show shows showed shown showing", "montrer", PEOPLE, "painting book letter house garden museum horse watch"),
    _verb("send sends sent sent sending", "envoyer", PEOPLE, "letter gift book flower poem box"),
    _verb("lend lends lent lent lending", "prêter", PEOPLE, "book car bicycle umbrella coat computer boat knife"),
    _verb("tell tells told told telling", "raconter", PEOPLE, "story"),
    _verb("sell sells sold sold selling", "vendre", PEOPLE, "car house horse painting bicycle boat"),
)  # fmt: skip
# In love with kinds of things: French takes the definite article, as in "elle aime les pommes".
GENERIC = frozenset({"love", "like", "hate"})
# What is done to people, for object pronouns.
PERSONAL = tuple(
    verb
    for verb in TRANSITIVE
    if verb.preposition != "de" and any(noun.kind == "person" for noun in verb.objects)
) + tuple(verb for verb in TRANSITIVE if verb.base == "hate")
# What people do to things at a moment, as in a story.
PEOPLES_ACTIONS = tuple(
    verb
    for verb in TRANSITIVE
    if any(noun.kind == "person" for noun in verb.subjects)
    and (not verb.stative or verb.base == "see")
)
# Fixed complements, as (English words, French words).
GAMES = (
    ("football", "à le football"),
    ("tennis", "à le tennis"),
    ("chess", "à les échecs"),
    ("cards", "à les cartes"),
    ("the piano", "de le piano"),
    ("the violin", "de le violon"),
    ("the guitar", "de la guitare"),
    ("the accordion", "de le accordéon"),
)
LANGUAGES = (
    ("French", "français"),
    ("English", "anglais"),
    ("Italian", "italien"),
    ("Spanish", "espagnol"),
)
