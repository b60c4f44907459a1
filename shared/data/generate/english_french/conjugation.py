"""French conjugation: present, past participle and imperative from the infinitive.

Met in weeks 4 and 6, behind the sentence pairs. A person is a number: 0 je, 1 tu, 2 il/elle, 3 nous, 4 vous,
5 ils/elles. Three regular patterns and their spelling changes, then a table of what is irregular.
"""

from __future__ import annotations

from functools import cache

_ER, _IR, _RE = (
    ("e", "es", "e", "ons", "ez", "ent"),
    ("s", "s", "t", "ssons", "ssez", "ssent"),
    ("s", "s", "", "ons"),
)

# Six forms of the present, then the past participle.
_IRREGULAR = {
    "être": "suis es est sommes êtes sont été",
    "avoir": "ai as a avons avez ont eu",
    "aller": "vais vas va allons allez vont allé",
    "faire": "fais fais fait faisons faites font fait",
    "dire": "dis dis dit disons dites disent dit",
    "voir": "vois vois voit voyons voyez voient vu",
    "savoir": "sais sais sait savons savez savent su",
    "boire": "bois bois boit buvons buvez boivent bu",
    "lire": "lis lis lit lisons lisez lisent lu",
    "écrire": "écris écris écrit écrivons écrivez écrivent écrit",
    "prendre": "prends prends prend prenons prenez prennent pris",
    "comprendre": "comprends comprends comprend comprenons comprenez comprennent compris",
    "apprendre": "apprends apprends apprend apprenons apprenez apprennent appris",
    "mettre": "mets mets met mettons mettez mettent mis",
    "ouvrir": "ouvre ouvres ouvre ouvrons ouvrez ouvrent ouvert",
    "dormir": "dors dors dort dormons dormez dorment dormi",
    "partir": "pars pars part partons partez partent parti",
    "sortir": "sors sors sort sortons sortez sortent sorti",
    "courir": "cours cours court courons courez courent couru",
    "venir": "viens viens vient venons venez viennent venu",
    "revenir": "reviens reviens revient revenons revenez reviennent revenu",
    "vouloir": "veux veux veut voulons voulez veulent voulu",
    "pouvoir": "peux peux peut pouvons pouvez peuvent pu",
    "devoir": "dois dois doit devons devez doivent dû",
    "connaître": "connais connais connaît connaissons connaissez connaissent connu",
    "rire": "ris ris rit rions riez rient ri",
    "suivre": "suis suis suit suivons suivez suivent suivi",
    "peindre": "peins peins peint peignons peignez peignent peint",
    "construire": "construis construis construit construisons construisez construisent construit",
}
# The imparfait is used for two verbs only: what was, and what one had.
IMPARFAIT = {
    "être": ("étais", "étais", "était", "étions", "étiez", "étaient"),
    "avoir": ("avais", "avais", "avait", "avions", "aviez", "avaient"),
}
_SILENT = frozenset(
    {0, 1, 2, 5}
)  # the persons whose ending is a silent e, where the stem may change
_DOUBLING = frozenset({"appeler", "jeter"})


@cache
def present(infinitive: str) -> tuple[str, ...]:
    """The six forms of the present: `present("manger")` → mange, manges, mange, mangeons, mangez, mangent."""
    if infinitive in _IRREGULAR:
        return tuple(_IRREGULAR[infinitive].split()[:6])
    stem, ending = infinitive[:-2], infinitive[-2:]
    if ending == "er":
        return tuple(_er_stem(infinitive, stem, person) + _ER[person] for person in range(6))
    if ending == "ir":
        return tuple(stem + "i" + suffix for suffix in _IR)
    return tuple(stem + suffix for suffix in (*_RE, "ez", "ent"))


def _er_stem(infinitive: str, stem: str, person: int) -> str:
    if person in _SILENT:
        if stem.endswith("y"):  # nettoyer: il nettoie
            return stem[:-1] + "i"
        if infinitive in _DOUBLING:  # appeler: il appelle
            return stem + stem[-1]
        if (
            stem[-2] in "eé" and stem[-1] not in "aeiouéê"
        ):  # acheter: il achète; préférer: il préfère
            return stem[:-2] + "è" + stem[-1]
    elif person == 3 and stem.endswith("g"):  # manger: nous mangeons
        return stem + "e"
    elif person == 3 and stem.endswith("c"):  # lancer: nous lançons
        return stem[:-1] + "ç"
    return stem


@cache
def participle(infinitive: str) -> str:
    """The past participle, masculine singular: mangé, fini, vendu, écrit."""
    if infinitive in _IRREGULAR:
        return _IRREGULAR[infinitive].split()[6]
    return infinitive[:-2] + {"er": "é", "ir": "i", "re": "u"}[infinitive[-2:]]


@cache
def imperative(infinitive: str, person: int) -> str:
    """The imperative of tu (1), nous (3) or vous (4): `regarde`, `ouvre`, `prends`, `mangeons`."""
    form = present(infinitive)[person]
    # tu loses its s after e: regarde, ouvre
    return form[:-1] if person == 1 and form.endswith("es") else form
