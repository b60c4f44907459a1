"""Every data set of the course in one table: its weeks, rows, licence, size, and who publishes it.

`bumblebee data` prints it; the loaders take their titles, folders and licences from it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One data set.

    name: of its loader in `shared.data`, and for `bumblebee data fetch`; rows, size: of the real thing, as downloaded;
    source: who has it; identifier: its name there; folder: in BUMBLEBEE_DATA and in the cache, "" for what ships with
    the course or a dependency; stand_in: the loader of what stands in for it.
    """

    name: str
    title: str
    weeks: tuple[int, ...]
    rows: str
    licence: str
    size: str
    source: str
    identifier: str
    folder: str = ""
    stand_in: str = ""


def _own(name: str, title: str, weeks: tuple[int, ...], rows: str, size: str) -> Record:
    return Record(name, title, weeks, rows, "CC0", size, "this course", f"shared.data.{name}")


_REAL = (
    Record(
        name="mnist",
        title="MNIST",
        weeks=(1,),
        rows="60,000 train / 10,000 test",
        licence="CC BY-SA 3.0, as usually given",
        size="12 MB",
        source="torchvision",
        identifier="torchvision.datasets.MNIST",
        folder="mnist",
        stand_in="digits",
    ),
    Record(
        name="cifar10",
        title="CIFAR-10",
        weeks=(2,),
        rows="50,000 train / 10,000 test",
        licence="none stated by its authors",
        size="144 MB",
        source="the hub, or torchvision",
        identifier="uoft-cs/cifar10",
        folder="cifar10",
        stand_in="drawn_images",
    ),
    Record(
        name="diabetes",
        title="diabetes",
        weeks=(3,),
        rows="353 train / 89 test",
        licence="none stated; Efron et al. 2004",
        size="7 kB",
        source="scikit-learn",
        identifier="sklearn.datasets.load_diabetes",
    ),
    Record(
        name="shakespeare",
        title="Tiny Shakespeare",
        weeks=(4,),
        rows="1,115,394 characters",
        licence="public domain",
        size="1.1 MB",
        source="GitHub",
        identifier="karpathy/char-rnn",
        folder="text",
        stand_in="encyclopedia_texts",
    ),
    Record(
        name="sentence_pairs",
        title="English–French sentence pairs",
        weeks=(4, 6),
        rows="about 167,000 pairs",
        licence="CC BY 2.0, tatoeba.org and manythings.org",
        size="6 MB",
        source="D2L's copy, or ManyThings",
        identifier="fra-eng.zip",
        folder="tatoeba",
        stand_in="grammar_pairs",
    ),
    Record(
        name="rotten_tomatoes",
        title="Rotten Tomatoes",
        weeks=(5,),
        rows="8,530 train / 1,066 validation / 1,066 test",
        licence="none stated; research, Pang & Lee 2005",
        size="0.9 MB",
        source="the hub",
        identifier="cornell-movie-review-data/rotten_tomatoes",
        folder="rt-polarity",
        stand_in="reviews",
    ),
    Record(
        name="imdb",
        title="IMDb",
        weeks=(5,),
        rows="25,000 train / 25,000 test",
        licence="none stated; research, Maas et al. 2011",
        size="84 MB",
        source="the hub",
        identifier="stanfordnlp/imdb",
        folder="imdb",
        stand_in="reviews",
    ),
    Record(
        name="ett",
        title="ETTh1",
        weeks=(5,),
        rows="17,420 hours × 7",
        licence="CC BY-ND 4.0",
        size="2.6 MB",
        source="GitHub",
        identifier="zhouhaoyi/ETDataset",
        folder="ett",
        stand_in="load_curve",
    ),
    Record(
        name="sunspots",
        title="sunspots",
        weeks=(5,),
        rows="years and months",
        licence="see shared/data/pack/README.md",
        size="60 kB",
        source="this course ships it",
        identifier="shared/data/pack/sunspots_*.csv",
    ),
    Record(
        name="ag_news",
        title="AG News",
        weeks=(7,),
        rows="120,000 train / 7,600 test",
        licence="non-commercial research",
        size="20 MB",
        source="the hub",
        identifier="fancyzhx/ag_news",
        folder="ag_news",
        stand_in="encyclopedia_passages",
    ),
    Record(
        name="wikipedia",
        title="Wikipedia",
        weeks=(8, 9),
        rows="241,787 articles (simple), 6,407,814 (en)",
        licence="CC BY-SA 3.0 and GFDL",
        size="157 MB (simple), 12 GB (en)",
        source="the hub",
        identifier="wikimedia/wikipedia, 20231101.simple",
        folder="wikipedia",
        stand_in="encyclopedia",
    ),
    Record(
        name="wikitext2",
        title="WikiText-2",
        weeks=(9,),
        rows="2,088,628 / 217,646 / 245,569 tokens",
        licence="CC BY-SA 3.0 and GFDL",
        size="8 MB",
        source="the hub",
        identifier="Salesforce/wikitext, wikitext-2-v1",
        folder="wikitext-2",
        stand_in="encyclopedia_texts",
    ),
    Record(
        name="squad",
        title="SQuAD 2.0",
        weeks=(8, 9),
        rows="130,319 train / 11,873 validation",
        licence="CC BY-SA 4.0",
        size="18 MB",
        source="the hub",
        identifier="rajpurkar/squad_v2",
        folder="squad",
        stand_in="encyclopedia_questions",
    ),
    Record(
        name="conversations",
        title="Topical-Chat",
        weeks=(9,),
        rows="539 train / 539 test",
        licence="CDLA-Sharing-1.0",
        size="7.6 MB",
        source="GitHub",
        identifier="alexa/Topical-Chat",
        folder="chat",
        stand_in="chats",
    ),
    Record(
        name="instructions",
        title="instructions",
        weeks=(9,),
        rows="990 train / 110 test / 175 seed tasks",
        licence="Apache-2.0",
        size="0.3 MB",
        source="GitHub",
        identifier="rasbt/LLMs-from-scratch, yizhongw/self-instruct",
        folder="instruction",
        stand_in="chat_instructions",
    ),
    Record(
        name="preferences",
        title="preferences",
        weeks=(9,),
        rows="990 train / 110 test",
        licence="Apache-2.0; Llama 3.1's terms may apply",
        size="0.5 MB",
        source="GitHub",
        identifier="rasbt/LLMs-from-scratch",
        folder="preference",
        stand_in="preference_pairs",
    ),
    Record(
        name="gpt2_vocabulary",
        title="GPT-2's vocabulary",
        weeks=(8, 9),
        rows="50,257 tokens",
        licence="modified MIT",
        size="1.5 MB",
        source="OpenAI",
        identifier="encoder.json, vocab.bpe",
        folder="tokenizers/gpt2",
        stand_in="byte_vocabulary",
    ),
    Record(
        name="bert_vocabulary",
        title="BERT's vocabulary",
        weeks=(8,),
        rows="30,522 tokens",
        licence="Apache-2.0",
        size="0.2 MB",
        source="the hub",
        identifier="google-bert/bert-base-uncased",
        folder="tokenizers/bert-base-uncased",
        stand_in="letter_vocabulary",
    ),
    Record(
        name="digits",
        title="digits",
        weeks=(1,),
        rows="1,347 train / 450 test",
        licence="CC BY 4.0, UCI",
        size="57 kB",
        source="scikit-learn",
        identifier="sklearn.datasets.load_digits",
    ),
)

_OURS = (
    _own("drawn_images", "drawn images", (2,), "6,000 train / 1,500 test", "made when asked for"),
    _own("grammar_pairs", "sentence pairs from a grammar", (4, 6), "24,000 pairs", "made when asked for"),
    _own("reviews", "short reviews", (5,), "1,730 sentences", "0.3 MB"),
    _own("load_curve", "load curve", (5,), "17,520 hours", "made when asked for"),
    _own("encyclopedia", "pocket encyclopedia", (8, 9), "880 articles", "1.0 MB"),
    _own("encyclopedia_texts", "pocket encyclopedia", (4, 9), "880 articles, split", "the same"),
    _own("encyclopedia_passages", "passages of the pocket encyclopedia", (7,), "3,309 passages", "the same"),
    _own("encyclopedia_questions", "questions on the pocket encyclopedia", (8, 9), "1,853 questions", "0.3 MB"),
    _own("chats", "short conversations", (9,), "927 conversations", "0.4 MB"),
    _own("chat_instructions", "single questions and answers", (9,), "867 of the conversations", "the same"),
    _own("preference_pairs", "preference pairs with reasons", (9,), "332 pairs", "0.1 MB"),
    _own("byte_vocabulary", "bytes", (8, 9), "257 tokens", "made when asked for"),
    _own("letter_vocabulary", "letters", (8,), "characters of the encyclopedia", "made when asked for"),
)  # fmt: skip

RECORDS: tuple[Record, ...] = (*_REAL, *_OURS)


def find(name: str) -> Record:
    """The record of a data set; a ValueError lists the names there are."""
    for record in RECORDS:
        if record.name == name:
            return record
    raise ValueError(
        f"no data set is called {name!r}; there are {', '.join(record.name for record in RECORDS)}"
    )
