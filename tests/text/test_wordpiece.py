"""`shared.text.wordpiece` and `bert_words` against transformers' BertTokenizer and the library `tokenizers`."""

import gzip
import itertools
import json
import random
import unicodedata

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from shared import data
from shared.text.bert_words import bert_normalize, bert_words, is_punctuation
from shared.text.wordpiece import (
    BERT_SPECIAL_TOKENS,
    WordPieceTokenizer,
    count_words,
    join_pieces,
    train_wordpiece,
)

ODD = [
    "",
    " \n\t ",
    "[MASK] is [mask][SEP]x[UNK]",
    "a" * 100 + " " + "a" * 101,
    "\x00\ufffd\u200b\u200ddon't—stop…",
    "##a ## #a",
    "Ａｂｃ ﬁ İstanbul ΟΔΟΣ ß Zoë",
    "東京タワーへ行く 한국어 हिन्दी 👩\u200d👩\u200d👧",
    "3.14$ + 5% ~ `x` ^_^",
    "x\x1cy \x0b z\x85 \u2028 \u00a0 \u3000 w",
]
# Both sides must know a character; the library's tables of Unicode are old, and Python's differ by version.
OLD = unicodedata.ucd_3_2_0
SIGNS = [
    chr(code)
    for code in range(0x30000)
    if OLD.category(chr(code)) not in ("Cn", "Cs")
    and OLD.category(chr(code)) == unicodedata.category(chr(code))
]


@pytest.fixture(scope="module")
def encyclopedia():
    return [article.text for article in data.encyclopedia().articles]


@pytest.fixture(scope="module")
def vocabulary(encyclopedia):
    return train_wordpiece(encyclopedia, 2_000)


def library_tokenizer(vocabulary, lower=True):
    ids = {token: number for number, token in enumerate(vocabulary)}
    theirs = tokenizers.Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    theirs.normalizer = normalizers.BertNormalizer(lowercase=lower)
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    theirs.decoder = decoders.WordPiece(cleanup=False)
    theirs.add_special_tokens(list(BERT_SPECIAL_TOKENS))
    return theirs


def random_texts(n, seed=0):
    draw = random.Random(seed)
    for _ in range(n):
        yield "".join(
            draw.choice(SIGNS) if draw.random() < 0.4 else draw.choice("abc ABC'.,\n\t[]#")
            for _ in range(draw.randrange(30))
        )


@pytest.mark.parametrize("lower", [True, False])
def test_same_words_as_by_the_library(lower):
    normalizer = normalizers.BertNormalizer(lowercase=lower)
    cut = pre_tokenizers.BertPreTokenizer()
    for text in [*ODD, *random_texts(3_000)]:
        theirs = [word for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text))]
        assert bert_words(text, lower) == theirs, repr(text)


@pytest.mark.parametrize("lower", [True, False])
def test_same_ids_as_by_the_library(encyclopedia, vocabulary, lower):
    theirs = library_tokenizer(vocabulary, lower)
    ours = WordPieceTokenizer(vocabulary, lower)
    for text in [*ODD, *encyclopedia, *random_texts(1_000, seed=1)]:
        ids = ours.encode(text, "all")
        assert ids == theirs.encode(text).ids, repr(text[:80])
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False)


def test_same_ids_as_by_transformers(vocabulary, encyclopedia, tmp_path):
    transformers = pytest.importorskip("transformers")
    ours = WordPieceTokenizer(vocabulary)
    ours.save(tmp_path)
    theirs = transformers.BertTokenizer.from_pretrained(str(tmp_path))
    for text in [*ODD, *encyclopedia[:100]]:
        assert ours.encode(text, "all") == theirs(text, add_special_tokens=False)["input_ids"]
    both = theirs("Bees dance.", "Do they?")
    ids, types = ours.encode_pair("Bees dance.", "Do they?")
    assert (ids, types) == (both["input_ids"], both["token_type_ids"])
    assert ours.encode_pair("Bees")[0] == theirs("Bees")["input_ids"]


def test_bert_base_uncased(real_data, tmp_path):
    """The published vocabulary, on real text and odd strings."""
    transformers = pytest.importorskip("transformers")
    folder = real_data / "tokenizers" / "bert-base-uncased"
    ours = WordPieceTokenizer.load(folder / "vocab.txt")
    assert ours.n_vocab == 30_522
    ours.save(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
    theirs = transformers.BertTokenizer.from_pretrained(str(tmp_path))
    texts = [*ODD, *random_texts(1_000, seed=2)]
    texts.append(gzip.decompress((real_data / "wikitext-2" / "valid.txt.gz").read_bytes()).decode())
    file = sorted((real_data / "wikipedia").glob("*.jsonl.gz"))[0]
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        texts += [json.loads(line)["text"] for line in itertools.islice(lines, 150)]
    for text in texts:
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text, "all") == expected, repr(text[:80])


@pytest.mark.parametrize("size", [400, 1_000, 3_000])
def test_same_vocabulary_as_by_the_librarys_trainer(encyclopedia, size):
    """The library numbers its pieces anew each time and breaks ties by that: sets agree but for the last count."""
    theirs = library_tokenizer([*BERT_SPECIAL_TOKENS])
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(BERT_SPECIAL_TOKENS), show_progress=False
    )
    theirs.train_from_iterator(encyclopedia, trainer)
    ours = train_wordpiece(encyclopedia, size, alphabet=10**6)
    assert len(ours) == theirs.get_vocab_size() == size
    apart = set(ours) ^ set(theirs.get_vocab())
    assert len(apart) <= 0.01 * size


def test_the_same_every_time(encyclopedia, vocabulary):
    shuffled = encyclopedia[:]
    random.Random(1).shuffle(shuffled)
    assert train_wordpiece(iter(shuffled), 2_000) == vocabulary
    assert vocabulary[:5] == list(BERT_SPECIAL_TOKENS)


def test_training_by_hand():
    with pytest.warns(UserWarning, match="allow only 18 tokens of the 50 asked for"):
        vocabulary = train_wordpiece(["hug pug hugs", "Hug, hug"], 50)
    assert vocabulary[5:] == [*",ghpsu", "##g", "##s", "##u", "##ug", "hug", "pug", "hugs"]


def test_the_longest_piece_comes_first():
    pieces = ["un", "##aff", "##able", "##a", "##ff", "unaff", "bee"]
    ours = WordPieceTokenizer([*BERT_SPECIAL_TOKENS, *pieces])
    assert ours.tokenize("Unaffable bees bee") == ["unaff", "##able", "[UNK]", "bee"]
    assert ours.decode(ours.encode("unaffable bee")) == "unaffable bee"
    assert join_pieces("##aff", "##able") == "##affable"
    assert join_pieces("un", "##aff") == "unaff"


def test_special_tokens_only_where_they_are_allowed(vocabulary):
    ours = WordPieceTokenizer(vocabulary)
    mask = ours.special["[MASK]"]
    assert mask not in ours.encode("a [MASK] b")
    assert ours.encode("a [MASK] b", {"[MASK]"}).count(mask) == 1
    with pytest.raises(ValueError, match='must be "all" or of'):
        ours.encode("a", {"[NO]"})


@pytest.mark.filterwarnings("ignore:the texts allow only")
def test_rare_characters_have_no_place():
    texts = ["abab " * 50, "abab xyz é東"]
    small = train_wordpiece(texts, 20, alphabet=2)
    assert set("ab") <= set(small)
    assert not set("xyz東") & set(small)
    assert WordPieceTokenizer(small).tokenize("abab xyz") == ["abab", "[UNK]"]


@pytest.mark.parametrize(
    ("texts", "size", "said"),
    [
        (["ab"], 6, "vocab_size is 6; it must be at least 7"),
        ([" ", ""], 50, "hold no word"),
        ("ab", 50, r"must be several: \[text\]"),
    ],
)
def test_what_can_not_be_trained_on(texts, size, said):
    with pytest.raises(ValueError, match=said):
        train_wordpiece(texts, size)


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        ([*BERT_SPECIAL_TOKENS, "a", "a"], "holds 'a' more than once"),
        (["a", "[UNK]"], r"must hold \[PAD\]"),
    ],
)
def test_vocabularies_that_are_none(vocabulary, said):
    with pytest.raises(ValueError, match=said):
        WordPieceTokenizer(vocabulary)


def test_files_and_numbers_that_are_none(tmp_path, vocabulary):
    with pytest.raises(ValueError, match="can't be read"):
        WordPieceTokenizer.load(tmp_path / "vocab.txt")
    with pytest.raises(ValueError, match="2000 is no id"):
        WordPieceTokenizer(vocabulary).decode([1, 2_000])


def test_words():
    assert bert_words("Don't panic, Zoë!") == ["don", "'", "t", "panic", ",", "zoe", "!"]
    assert bert_words("Zoë", lower=False) == ["Zoë"]
    assert bert_normalize("a\u3000\x07b") == "a b"
    assert count_words(["Bee bee", "a bee."]) == {"bee": 3, "a": 1, ".": 1}
    assert [c for c in "a$ é¿\x07" if is_punctuation(c)] == ["$", "¿"]
