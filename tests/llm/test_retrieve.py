"""An index from its articles to a cited answer: found, saved, memory-mapped, and plain words for bad input."""

from pathlib import Path

import numpy as np
import pytest

from shared import data
from shared.data.rows import Article
from shared.llm.corpus.shards import shard_path, write_shard
from shared.llm.retrieval import answer as answers
from shared.llm.retrieval.answer import NOTHING, answer, ask, prompt
from shared.llm.retrieval.build import build_index
from shared.llm.retrieval.recall import rank, recall
from shared.llm.retrieval.relevance import best_seen, relevance, stands_out
from shared.llm.retrieval.retrieve import Index

ARTICLES = [
    {
        "id": "1",
        "title": "Bee",
        "text": "A bee is an insect.\n== Dance ==\nKarl von Frisch read the bees' dance in 1923.",
    },
    {
        "id": "2",
        "title": "Moon",
        "text": "The Moon circles the Earth in 27 days. Its light is the Sun's.",
    },
    {
        "id": "3",
        "title": "Étude",
        "text": "An étude is a piece for practice. 北京 🐝 Chopin wrote many.",
    },
    {"id": "4", "title": "Empty", "text": "   "},
]


@pytest.fixture(scope="module")
def encyclopedia(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("encyclopedia") / "index"
    return Index.build(data.encyclopedia().articles, folder, workers=1)


def test_found_cited_and_opened_again(tmp_path: Path) -> None:
    Index.build(ARTICLES, tmp_path / "index", encoder=None, workers=1)
    index = Index.open(tmp_path / "index")
    assert len(index) == 4 and index.passages.n_articles == 3
    hit = index.search("Who read the dance of bees?", k=1)[0]
    assert (hit.article, hit.title, hit.section) == ("1", "Bee", "Dance")
    assert hit.citation == "“Bee”, Dance" and hit.text == hit.passage
    assert (
        ARTICLES[0]["text"][hit.start : hit.end] == hit.passage.strip()
        or hit.passage in ARTICLES[0]["text"]
    )
    assert index.search("etude chopin", k=1)[0].passage == ARTICLES[2]["text"]
    assert index.search("xyzzy") == []
    assert all(
        isinstance(a.base, np.memmap) for a in (index.bm25.passages, index.passages.texts.data)
    )


@pytest.mark.parametrize("how", ["bm25", "dense", "hybrid"])
def test_every_way_finds(encyclopedia: Index, how: str) -> None:
    hits = encyclopedia.search("Which makers of violins worked in Cremona?", k=5, how=how)
    assert len(hits) == 5 and "Violin" in [hit.title for hit in hits]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.place for hit in hits}) == 5


def ranks(index: Index, how: str, n: int = 150) -> list[int | None]:
    questions = data.encyclopedia_questions().validation
    return [
        rank(
            list(dict.fromkeys(hit.article for hit in index.search(row.question, 20, how))),
            questions.paragraphs[row.paragraph].id,
        )
        for row in questions[:n]
    ]


def test_hybrid_is_better_than_bm25_on_held_out_questions(encyclopedia: Index) -> None:
    bm25, hybrid = (recall(ranks(encyclopedia, how)) for how in ("bm25", "hybrid"))
    assert bm25.at_1 > 0.6 and hybrid.at_1 > bm25.at_1 and hybrid.mrr > bm25.mrr


def test_the_same_index_from_shards_processes_and_an_iterable(tmp_path: Path) -> None:
    rows = [article._asdict() for article in data.encyclopedia(limit=60).articles]
    rows = [
        {"id": row["id"], "title": row["title"], "text": row["text"], "url": ""} for row in rows
    ]
    (tmp_path / "shards").mkdir()
    for number in range(3):
        write_shard(shard_path(tmp_path / "shards", number), rows[20 * number : 20 * number + 20])
    made = {
        "iterable": Index.build(rows, tmp_path / "a", workers=1),
        "shards": Index.build(tmp_path / "shards", tmp_path / "b", workers=2),
        "articles": Index.build(
            (Article(r["id"], r["title"], r["text"]) for r in rows), tmp_path / "c", workers=1
        ),
    }
    first = made["iterable"]
    for other in made.values():
        assert list(other.bm25.terms) == list(first.bm25.terms)
        assert (other.bm25.weights == first.bm25.weights).all() and (
            other.bm25.passages == first.bm25.passages
        ).all()
        assert [other.passages[n] for n in range(len(other))] == [
            first.passages[n] for n in range(len(first))
        ]
        assert (other.vectors.matrix == first.vectors.matrix).all()


def test_built_again_in_the_same_folder(tmp_path: Path) -> None:
    Index.build(ARTICLES[:1], tmp_path / "index", encoder=None, workers=1)
    before = Index.open(tmp_path / "index")
    assert len(Index.build(ARTICLES, tmp_path / "index", encoder=None, workers=1)) == 4
    assert (
        len(before) == 2 and before.search("dance", 1)[0].title == "Bee"
    )  # who has the old one keeps it


class LetterEncoder:
    """Counts letters: the smallest encoder there is."""

    dimension, trust = 26, 1.0

    def encode(self, texts, kind="query"):
        from shared.llm.retrieval.lsa import unit

        return unit(
            np.array(
                [[t.lower().count(chr(97 + n)) for n in range(26)] for t in texts], dtype=np.float32
            )
        )

    def save(self, folder):
        from shared.llm.retrieval.encoders import ModelEncoder

        ModelEncoder.save(None, folder)


def test_an_encoder_of_yours(tmp_path: Path) -> None:
    index = Index.build(ARTICLES, tmp_path / "index", encoder=LetterEncoder(), workers=1)
    assert index.search("The Moon circles the Earth", 1, "dense")[0].title == "Moon"
    with pytest.raises(ValueError, match=r"give it to Index\.open"):
        Index.open(tmp_path / "index")
    assert Index.open(tmp_path / "index", LetterEncoder()).search("moon", 1)[0].title == "Moon"


def test_an_answer_is_a_sentence_with_its_source(encyclopedia: Index) -> None:
    found = answer(encyclopedia, "Who invented the hammer mechanism of the early piano?")
    assert found.found and found.sources[0].title == "Piano"
    assert str(found).splitlines() == [found.text, "[1] “Piano”"]
    assert found.text in " ".join(found.sources[0].passage.split())


@pytest.mark.parametrize("question", ["xyzzy plugh", "Wie spät ist es jetzt bei dir zu Hause?"])
def test_nothing_relevant_is_said(encyclopedia: Index, question: str) -> None:
    found = answer(encyclopedia, question)
    assert (found.text, found.found, found.sources) == (NOTHING, False, ())
    assert 0 <= found.relevance < answers.THRESHOLD
    assert answer(encyclopedia, question, threshold=0.0).found == bool(
        encyclopedia.search(question)
    )


def test_foreign_questions_are_refused_more_often(encyclopedia: Index) -> None:
    """A question whose article is not in the index has a less relevant best passage than one whose article is."""
    questions = data.encyclopedia_questions().validation
    own, foreign = [], []
    for row in questions[:100]:
        right = questions.paragraphs[row.paragraph].id
        found = answer(encyclopedia, row.question, threshold=0.0)
        if found.sources and found.sources[0].article == right:
            own.append(found.relevance)
        places, table = encyclopedia.candidates(row.question)
        others = [encyclopedia.passages[int(place)].article != right for place in places]
        if any(others):
            foreign.append(relevance(best_seen(table[others])))
    assert np.mean(np.array(own) >= answers.THRESHOLD) > 0.75
    assert np.mean(np.array(foreign) >= answers.THRESHOLD) < 0.35


@pytest.mark.parametrize(
    ("scores", "out"),
    [
        ([], 0.0),
        ([0.0, 0.0], 0.0),
        ([4.0, 2.0], 1.0),
        ([2.0] * 12, 0.0),
        ([4.0, *[1.0] * 20], 0.75),
    ],
)
def test_how_far_the_best_passage_stands_out(scores: list[float], out: float) -> None:
    assert stands_out(np.array(scores)) == out


def test_a_model_is_given_the_passages(encyclopedia: Index) -> None:
    given = []

    def model(text: str) -> str:
        given.append(text)
        return " Cristofori. "

    question = "Who invented the hammer mechanism of the early piano?"
    found = answer(encyclopedia, question, model, k=2)
    assert found.text == "Cristofori." and len(found.sources) == 2
    assert given == [prompt(question, found.sources)]
    assert all(hit.passage in given[0] for hit in found.sources) and given[0].endswith("Answer:")


def test_a_language_model_writes_within_its_context(tmp_path: Path) -> None:
    import torch

    from shared.llm.config import ModelConfig
    from shared.llm.model import LanguageModel

    class Bytes:
        vocab_size, eos_id, special = 257, 256, {}

        def encode(self, text):
            return list(text.encode())

        def encode_batch(self, texts):
            return [self.encode(text) for text in texts]

        def decode(self, ids):
            return bytes(i for i in ids if i < 256).decode("utf-8", "replace")

    torch.manual_seed(0)
    config = ModelConfig(vocab_size=257, d_model=16, n_layers=1, n_heads=2, max_length=400)
    index = Index.build(ARTICLES, tmp_path / "index", encoder=None, workers=1)
    found = answer(
        index, "Who read the bees' dance?", (LanguageModel(config), Bytes()), threshold=0.0
    )
    assert found.found and isinstance(found.text, str)


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_index("encyclopedia", tmp_path / "index", limit=30, workers=1)
    assert (
        built.articles == 30 and built.passages >= 30 and built.encoder == "LSA" and built.bytes > 0
    )
    assert "encyclopedia" in built.data
    found = ask(
        tmp_path / "index", "Who invented the hammer mechanism of the early piano?", threshold=0.0
    )
    assert found.sources
    run = tmp_path / "run"
    (run / "clean").mkdir(parents=True)
    write_shard(shard_path(run / "clean", 0), ARTICLES)
    assert build_index(run, tmp_path / "of_run", encoder=None, workers=1).articles == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"query": "  "}, "the question is empty"),
        ({"query": "a bee", "k": 0}, "k must be 1 or more"),
        ({"query": "a bee", "how": "magic"}, "how is 'magic'; it must be one of bm25"),
        ({"query": "a bee", "how": "dense"}, "this index has no vectors"),
    ],
)
def test_bad_searches(tmp_path: Path, arguments: dict, said: str) -> None:
    index = Index.build(ARTICLES, tmp_path / "index", encoder=None, workers=1)
    with pytest.raises(ValueError, match=said):
        index.search(**arguments)


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no index"):
        ask(tmp_path / "nothing", "Who?")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="is there and is no index"):
        Index.build(ARTICLES, tmp_path / "other", workers=1)
    with pytest.raises(ValueError, match="no article with text"):
        Index.build([], tmp_path / "new", workers=1)
    with pytest.raises(ValueError, match="it must be an Article or a mapping with a text"):
        Index.build(["text"], tmp_path / "new", workers=1)
    with pytest.raises(ValueError, match="does not exist"):
        build_index(tmp_path / "missing", tmp_path / "new")
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        build_index("encyclopedia", tmp_path / "new", limit=0)
    index = Index.build(ARTICLES, tmp_path / "index", encoder=None, workers=1)
    with pytest.raises(ValueError, match="threshold must be from 0 to 1"):
        answer(index, "Who?", threshold=2)
    (tmp_path / "index" / "passages.npy").write_bytes(b"half")
    with pytest.raises(ValueError, match="damaged"):
        Index.open(tmp_path / "index")


@pytest.mark.slow
def test_squad_among_wikipedia(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A sample of what bench/retrieve.py measures: hybrid is above BM25 for questions that it was not fitted to."""
    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_data))
    questions = data.squad().validation
    articles = [a._asdict() for a in data.wikipedia(limit=500).articles]
    paragraphs = [
        p._replace(title=p.title.replace("_", " "))._asdict() for p in questions.paragraphs
    ]
    index = Index.build(articles + paragraphs, tmp_path / "index", workers=1)
    asked = [row for row in questions if row.answerable][::15]
    found = {
        how: recall(
            [
                rank(
                    list(dict.fromkeys(h.article for h in index.search(row.question, 20, how))),
                    questions.paragraphs[row.paragraph].id,
                )
                for row in asked
            ]
        )
        for how in ("bm25", "hybrid")
    }
    assert found["bm25"].at_1 > 0.6 and found["hybrid"].at_1 > found["bm25"].at_1
