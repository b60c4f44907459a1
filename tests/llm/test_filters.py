"""Every rule complains of what it is for, and of nothing in the pocket encyclopedia."""

import random

import pytest

from shared import data
from shared.llm.corpus import filters
from shared.llm.corpus.filters import RULES, Page, Thresholds, first_complaint

BOUNDS = Thresholds()
PROSE = (
    "The bee is an insect that lives in a hive with many others of its kind, and it makes honey from what it finds in "
    "the flowers of the fields around it. It has been kept by people for thousands of years. "
)
GERMAN = (
    "Die Biene ist ein Insekt, das mit vielen anderen in einem Stock lebt und aus dem, was sie in den Blüten der "
    "Felder findet, Honig macht. Seit Jahrtausenden wird sie von Menschen gehalten, die Honig essen und Wachs nutzen, "
    "und überall auf der Erde gibt es heute Imker, deren Völker auch die Bäume bestäuben."
)
RUSSIAN = (
    "Пчела живёт в улье вместе со многими другими и делает мёд из того, что находит в цветах. " * 6
)
VARIED = " ".join(f"Here the {a} of a {b} is seen." for a in ("wing", "leg") for b in "abcdefghij")


@pytest.mark.parametrize(
    ("rule", "title", "text"),
    [
        ("no_article", "List of bees", PROSE),
        ("no_article", "1562", PROSE),
        ("no_article", "300 BC", PROSE),
        ("no_article", "March 14", PROSE),
        ("no_article", "Bee (disambiguation)", PROSE),
        ("no_article", "Bee", "Bee may refer to:\n\nAn insect. " + PROSE),
        ("too_short", "Bee", "A bee is an insect. It flies."),
        ("too_short", "Bee", ""),
        ("too_short", "Bee", "🐝" * 500),
        ("too_short", "Bee", "word " * 100),
        ("other_alphabet", "Пчела", RUSSIAN),
        ("other_alphabet", "Bee", "🐝 🐝. " * 100),
        ("other_language", "Biene", GERMAN),
        ("other_language", "Transport", "Highways: 600 km. Paved: 300 km. Airports: two. Ports: none. " * 5),
        ("odd_words", "Bee", PROSE + "Hymenopterologicalnomenclature-catalogue/entries " * 30),
        ("symbols", "Bee", PROSE + "x=1 | y=2 {z} <q> " * 10),
        ("no_letters", "Bee", PROSE + "- 12 - 34 - , ; " * 20),
        ("digits", "Bee", PROSE + "in1234567890 the9876543210 " * 10),
        ("no_prose", "Bee", PROSE + "\nThe honey of the bee that is in a hive" * 12),
        ("repeated_lines", "Bee", (PROSE + "\n") * 3),
        ("repeated_phrases", "Bee", PROSE + VARIED + " the queen bee of the hive" * 30 + "."),
        ("repeated_phrases", "Bee", PROSE * 5),
    ],
)  # fmt: skip
def test_each_rule_drops_what_it_is_for(rule: str, title: str, text: str) -> None:
    assert getattr(filters, rule)(Page(title, text), BOUNDS)
    assert first_complaint(title, text, BOUNDS) in RULES
    before = list(RULES)[: list(RULES).index(rule)]
    assert first_complaint(title, text, BOUNDS) in [*before, rule]


def test_good_articles_stay() -> None:
    assert first_complaint("Bee", PROSE, BOUNDS) is None
    assert first_complaint("A list of my friends", PROSE, BOUNDS) is None
    dropped = {
        article.title: first_complaint(article.title, article.text, BOUNDS)
        for article in data.encyclopedia().articles
    }
    assert {title: rule for title, rule in dropped.items() if rule} == {}


def test_every_rule_says_why() -> None:
    assert len(RULES) == 11
    assert all(why and why[0].islower() and not why.endswith(".") for why in RULES.values())


def test_other_languages_pass_where_they_are_wanted() -> None:
    any_language = Thresholds(language=None)
    assert first_complaint("Biene", GERMAN, any_language) is None
    assert not filters.other_alphabet(Page("Пчела", RUSSIAN), any_language)


def test_no_rule_fails_on_strange_text() -> None:
    rng = random.Random(0)
    alphabet = "aé🐝 \n.{}<>|0123\u0000\u200d\ud83dЖ中\t\"'"
    for length in (0, 1, 2, 11, 12, 50, 3000):
        for _ in range(20):
            text = "".join(rng.choices(alphabet, k=length))
            page = Page("", text)
            assert all(rule(page, BOUNDS) in (True, False) for rule in filters._FUNCTIONS)


def test_an_enormous_article_is_judged_by_its_beginning() -> None:
    page = Page("Bee", PROSE * 50_000)
    assert len(page.words) == 20_000
    assert first_complaint("Bee", PROSE * 50_000, BOUNDS) == "repeated_phrases"
