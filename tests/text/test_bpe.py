"""`shared.text.bpe` against the library `tokenizers`, tiktoken and GPT-2's own files; and what no oracle can say."""

import gzip
import itertools
import json
import pickle
import random
import re
import time
import tracemalloc
import warnings

import pytest
import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from shared import data
from shared.text import bpe
from shared.text.bpe import BPETokenizer
from shared.text.bpe_files import SIGN_OF_BYTE, signs, unsigned
from shared.text.bpe_merging import Merges
from shared.text.bpe_training import train_bpe
from shared.text.pretokenize import CL100K_PATTERN, GPT2_PATTERN

PATTERNS = {"gpt2": GPT2_PATTERN, "cl100k": CL100K_PATTERN}
ODD = [
    "",
    " ",
    "🐝🐝🐝👩\u200d👩\u200d👧",
    "a \n b\n\n  c\t\td \r\n",
    "don't DON'T 12345 naïve 東京 हिन्दी \x00\x1c\x85 \u2028",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 9,
    "<|endoftext|> <|end",
]


@pytest.fixture(scope="module")
def encyclopedia():
    return [article.text for article in data.encyclopedia().articles]


@pytest.fixture(scope="module")
def merges(encyclopedia):
    return train_bpe(encyclopedia, 2_000)


@pytest.fixture(scope="module")
def tokenizer(merges):
    return BPETokenizer(merges, ["<|endoftext|>", "<|end", "<|pad|>"])


def library_tokenizer(texts, vocab_size, pattern=GPT2_PATTERN):
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def library_merges(theirs):
    written = json.loads(theirs.to_str())["model"]["merges"]
    return [(unsigned(left), unsigned(right)) for left, right in written]


# Training


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_same_merges_as_by_the_library(encyclopedia, pattern):
    theirs = library_tokenizer(encyclopedia, 4_000, pattern)
    assert train_bpe(encyclopedia, 4_000, pattern) == library_merges(theirs)


@pytest.mark.filterwarnings("ignore:the texts allow only")
def test_same_merges_where_nearly_all_pairs_are_equally_frequent():
    """Few letters, little text: runs of one letter, pairs that overlap, ties everywhere."""
    draw = random.Random(0)
    for _ in range(300):
        letters = "abc"[: draw.randint(1, 3)] + " " * draw.randint(0, 1)
        texts = [
            "".join(draw.choice(letters) for _ in range(draw.randint(1, 60)))
            for _ in range(draw.randint(1, 5))
        ]
        size = 256 + draw.randint(1, 80)
        assert train_bpe(texts, size) == library_merges(library_tokenizer(texts, size)), texts


def test_real_text_gives_the_librarys_merges(real_data):
    text = gzip.decompress((real_data / "wikitext-2" / "valid.txt.gz").read_bytes()).decode()
    for pattern in PATTERNS.values():
        ours = train_bpe([text], 3_000, pattern)
        theirs = library_tokenizer([text], 3_000, pattern)
        assert ours == library_merges(theirs)
        assert BPETokenizer(ours, pattern=pattern).encode(text) == theirs.encode(text).ids


def test_order_of_the_texts_does_not_matter(encyclopedia, merges):
    shuffled = encyclopedia[:]
    random.Random(1).shuffle(shuffled)
    assert train_bpe(iter(shuffled), 2_000) == merges


def test_the_first_merges_by_hand():
    """hug 3, pug 1, hugs 2: "u" + "g" six times, then "h" + "ug" five times; then each pair twice or once."""
    texts = ["hug", "hug", "hug", "pug", "hugs", "hugs"]
    with pytest.warns(UserWarning, match="allow only 260 tokens of the 300 asked for"):
        merges = train_bpe(texts, 300)
    assert merges == [(b"u", b"g"), (b"h", b"ug"), (b"hug", b"s"), (b"p", b"ug")]


def test_bytes_alone():
    assert train_bpe(["abab"], 256) == []
    assert BPETokenizer([]).decode(BPETokenizer([]).encode("né")) == "né"


@pytest.mark.parametrize(
    ("texts", "size", "said"),
    [
        (["ab"], 255, "vocab_size is 255; it must be at least 256"),
        ([], 300, "hold no character"),
        (["", ""], 300, "hold no character"),
        ("ab", 300, r"must be several: \[text\]"),
    ],
)
def test_what_can_not_be_trained_on(texts, size, said):
    with pytest.raises(ValueError, match=said):
        train_bpe(texts, size)


def test_a_megabyte_without_a_space_is_no_problem():
    draw = random.Random(0)
    one_letter = "a" * 1_000_000
    letters = "".join(draw.choices("acgt", k=300_000))
    started = time.process_time()
    merges = train_bpe([one_letter, letters], 400)
    tokenizer = BPETokenizer(merges)
    for text in (one_letter, letters):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    # Linear work takes a few seconds here; work that grows with the square would take hours.
    assert time.process_time() - started < 60


# Encoding


def test_same_ids_as_by_the_library(encyclopedia, merges):
    theirs = library_tokenizer(encyclopedia, 2_000)
    ours = BPETokenizer(merges)
    for text in [*ODD, *encyclopedia]:
        assert ours.encode(text) == theirs.encode(text).ids, repr(text[:80])
    together = "\n\n".join(encyclopedia)
    assert BPETokenizer(merges).encode(together) == theirs.encode(together).ids


def tiktokens(ours):
    """tiktoken's tokenizer with our pattern and our tokens, each ranked by the merge that makes it."""
    tiktoken = pytest.importorskip("tiktoken")
    return tiktoken.Encoding(
        "ours",
        pat_str=ours.pattern,
        mergeable_ranks=ours.ids,
        special_tokens=ours.special,
    )


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_same_ids_as_by_tiktoken(encyclopedia, pattern):
    some = encyclopedia[::5]
    ours = BPETokenizer(train_bpe(some, 2_000, pattern), ["<|endoftext|>"], pattern)
    theirs = tiktokens(ours)
    for text in [*ODD, *some]:
        assert ours.encode(text) == theirs.encode_ordinary(text), repr(text[:80])
    text = "<|endoftext|>One.<|endoftext|>Two<|end"
    assert ours.encode(text, "all") == theirs.encode(text, allowed_special="all")
    assert ours.decode_bytes(ours.encode(text, "all")) == text.encode()


@pytest.mark.filterwarnings("ignore:the texts allow only")
def test_the_three_ways_to_merge_agree(merges):
    draw = random.Random(0)
    runs = train_bpe(["a" * 24 + " aaaaaaa aaa aaaaa abababababa aabaab"], 290)
    for known, letters in ((merges, " étainrsloaa"), (runs, "aab")):
        way = Merges(known)
        words = [
            "".join(draw.choices(letters, k=draw.randint(1, 60))).encode() for _ in range(3_000)
        ]
        one_by_one = [way.word(word) for word in words]
        assert [way.long_word(word) for word in words] == one_by_one
        tokens, counts = way.many(words)
        rest = iter(tokens.tolist())
        assert [list(itertools.islice(rest, n)) for n in counts] == one_by_one
        assert way.word(b"") == way.long_word(b"") == []


def test_what_is_remembered_changes_nothing(encyclopedia, merges, monkeypatch):
    """A small memory, that is emptied all the time; the plain way; and all at once."""
    together = "\n".join(encyclopedia[:80]) + " \n"
    expected = BPETokenizer(merges).encode(together)
    monkeypatch.setattr(bpe, "_MANY", 1 << 60)
    assert BPETokenizer(merges).encode(together) == expected
    monkeypatch.setattr(bpe, "_MANY", 2)
    monkeypatch.setattr(bpe, "_REMEMBERED", 50)
    small = BPETokenizer(merges)
    assert small.encode(together) == small.encode(together) == expected
    assert len(small._of_piece) <= 50


@pytest.mark.parametrize("text", ODD)
def test_there_and_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode(text, "all")) == text


def test_any_bytes_there_and_back(tokenizer):
    draw = random.Random(0)
    for _ in range(300):
        blob = draw.randbytes(draw.randint(0, 80)) + "naïve 🐝".encode()[: draw.randint(0, 12)]
        assert tokenizer.decode_bytes(tokenizer.encode_bytes(blob)) == blob
    assert tokenizer.decode_bytes(tokenizer.encode_bytes(bytes(range(256)))) == bytes(range(256))
    text = "Sound text, 🐝 included."
    assert tokenizer.encode_bytes(text.encode()) == tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode_bytes(b"a\xffb\xf0\x9f")) == "a\ufffdb\ufffd"


def test_half_a_character(tokenizer):
    bee = tokenizer.encode("🐝")
    assert len(bee) > 1
    assert "\ufffd" in tokenizer.decode(bee[:-1])
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


# Special tokens


def test_special_tokens_only_where_they_are_allowed(tokenizer):
    text = "a<|endoftext|>b"
    end = tokenizer.special["<|endoftext|>"]
    assert end == 2_000
    assert tokenizer.n_vocab == 2_003
    assert end not in tokenizer.encode(text)
    assert tokenizer.encode(text, {"<|endoftext|>"}) == [
        *tokenizer.encode("a"),
        end,
        *tokenizer.encode("b"),
    ]
    assert tokenizer.encode(text, {"<|pad|>"}) == tokenizer.encode(text)


def test_of_overlapping_special_tokens_the_longest_counts(tokenizer):
    end, short = tokenizer.special["<|endoftext|>"], tokenizer.special["<|end"]
    assert tokenizer.encode("<|endoftext|><|end<|endoftext|>", "all") == [end, short, end]
    rest = tokenizer.encode("oftext|>")
    assert tokenizer.encode("<|endoftext|>", {"<|end"}) == [short, *rest]
    assert tokenizer.encode("<<|end|>", "all") == [
        *tokenizer.encode("<"),
        short,
        *tokenizer.encode("|>"),
    ]


def test_special_tokens_that_are_none(tokenizer, merges):
    with pytest.raises(ValueError, match=r"allowed_special holds '<\|no\|>'"):
        tokenizer.encode("a", {"<|no|>"})
    with pytest.raises(ValueError, match='must be "all" or a set'):
        tokenizer.encode("a", "<|pad|>")
    with pytest.raises(ValueError, match="empty string"):
        BPETokenizer(merges, [""])
    with pytest.raises(ValueError, match="must be a list"):
        BPETokenizer(merges, "<|pad|>")
    with pytest.raises(ValueError, match="each once"):
        BPETokenizer(merges, {"<|pad|>": 5})


# Texts that come in parts


@pytest.mark.parametrize("at_once", [1, 10, 1 << 16])
def test_in_parts_as_the_whole(tokenizer, monkeypatch, at_once):
    monkeypatch.setattr(bpe, "_READ_AT_ONCE", at_once)
    draw = random.Random(0)
    signs = ["a", "b ", " ", "\n", "dance", "<|end", "oftext|>", "<|pad|>", "🐝", " the"]
    for _ in range(400):
        text = "".join(draw.choices(signs, k=draw.randint(0, 60)))
        cuts = sorted(draw.randint(0, len(text)) for _ in range(draw.randint(0, 8)))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
        for allowed in ((), "all"):
            assert list(tokenizer.encode_iterable(parts, allowed)) == tokenizer.encode(
                text, allowed
            )


def test_a_file_in_constant_memory(tokenizer, encyclopedia, tmp_path):
    def peak(times):
        path = tmp_path / "text.txt"
        path.write_text("\n".join(encyclopedia[:100]) * times, encoding="utf-8")
        tracemalloc.start()
        with open(path, encoding="utf-8") as file:
            n = sum(1 for _ in tokenizer.encode_iterable(file))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return n, most

    peak(1)  # what is remembered of the pieces counts no more
    (small, at_one), (large, at_ten) = peak(2), peak(20)
    assert large > 9.9 * small
    assert at_ten < 1.2 * at_one + 100_000


# Files


def test_save_and_load(tokenizer, tmp_path, encyclopedia):
    tokenizer.save(tmp_path / "new")
    again = BPETokenizer.load(tmp_path / "new")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "new" / "tokenizer.json"))
    assert (again.merges, again.special, again.ids) == (
        tokenizer.merges,
        tokenizer.special,
        tokenizer.ids,
    )
    text = encyclopedia[0] + "<|endoftext|><|pad|>"
    expected = tokenizer.encode(text, "all")
    assert again.encode(text, "all") == theirs.encode(text).ids == expected
    assert pickle.loads(pickle.dumps(tokenizer)).encode(text, "all") == expected


def test_save_and_load_with_gpt4s_pattern(tmp_path, encyclopedia):
    ours = BPETokenizer(
        train_bpe(encyclopedia[:50], 500, CL100K_PATTERN), ["<|endoftext|>"], CL100K_PATTERN
    )
    ours.save(tmp_path)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    again = BPETokenizer.load(tmp_path)
    assert again.pattern == CL100K_PATTERN
    for text in [*ODD[:-1], *encyclopedia[:50]]:
        assert again.encode(text) == ours.encode(text) == theirs.encode(text).ids


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(normalizer={"type": "NFC"}), "asks for a normalizer"),
        (lambda c: c["model"].update(type="Unigram"), "asks for the model Unigram"),
        (lambda c: c["model"].update(ignore_merges=True), "asks for ignore_merges"),
        (lambda c: c["pre_tokenizer"].update(add_prefix_space=True), "asks for the pre-tokenizer"),
        (lambda c: c.pop("model"), "can't be read as byte-level BPE: 'model'"),
        (lambda c: c["model"]["merges"].append(["a", "\u4e00"]), "stands for no byte"),
    ],
)
def test_files_that_ask_for_something_else(tokenizer, tmp_path, change, said):
    tokenizer.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        BPETokenizer.load(tmp_path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="can't be read"):
        BPETokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model"')
    with pytest.raises(ValueError, match="is damaged"):
        BPETokenizer.load(tmp_path)
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\nĠ t\n", encoding="utf-8")
    (tmp_path / "encoder.json").write_text("{}")
    with pytest.raises(ValueError, match="not GPT-2's files"):
        BPETokenizer.from_gpt2_files(tmp_path / "encoder.json", tmp_path / "vocab.bpe")


def test_signs_are_transformers_signs():
    convert = pytest.importorskip("transformers.convert_slow_tokenizer")
    assert convert.bytes_to_unicode() == SIGN_OF_BYTE
    assert signs(b" bee\n") == "ĠbeeĊ"
    assert unsigned(signs(bytes(range(256)))) == bytes(range(256))


def gpt2(real_data):
    folder = real_data / "tokenizers" / "gpt2"
    return BPETokenizer.from_gpt2_files(folder / "encoder.json", folder / "vocab.bpe")


def real_texts(real_data):
    yield from ODD
    raw = gzip.decompress((real_data / "wikitext-2" / "valid.txt.gz").read_bytes()).decode()
    yield raw
    file = sorted((real_data / "wikipedia").glob("*.jsonl.gz"))[0]
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in itertools.islice(lines, 150))


def test_gpt2_gives_tiktokens_ids(real_data):
    ours = gpt2(real_data)
    theirs = tiktokens(ours)
    assert ours.n_vocab == 50_257
    for text in real_texts(real_data):
        assert ours.encode(text) == theirs.encode_ordinary(text), repr(text[:80])
        assert ours.decode(ours.encode(text)) == text
    assert ours.encode("a<|endoftext|>", "all")[-1] == 50_256
    # Every token is what its own bytes become. So ours, which ranks pairs, and tiktoken, which ranks tokens, agree.
    for i, (left, right) in enumerate(ours.merges):
        assert ours._merging.word(left + right) == [256 + i]


def test_gpt2_gives_transformers_ids(real_data, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = real_data / "tokenizers" / "gpt2"
    (tmp_path / "vocab.json").write_bytes((folder / "encoder.json").read_bytes())
    (tmp_path / "merges.txt").write_bytes((folder / "vocab.bpe").read_bytes())
    theirs = transformers.GPT2Tokenizer.from_pretrained(str(tmp_path))
    ours = gpt2(real_data)
    for text in real_texts(real_data):
        text = re.sub("<.endoftext.>", "", text)
        assert ours.encode(text) == theirs(text)["input_ids"], repr(text[:80])


# What can't be


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([(b"ab", b"c")], r"merge 0 is of b'ab' and b'c'"),
        ([(b"a", b"b"), (b"a", b"b")], r"merge 1 makes b'ab', which is there already"),
    ],
)
def test_merges_that_can_not_have_been_learned(wrong, said):
    with pytest.raises(ValueError, match=said):
        BPETokenizer(wrong)


def test_ids_that_lack_a_token():
    with pytest.raises(ValueError, match="must hold every token"):
        BPETokenizer([(b"a", b"b")], ids={bytes([byte]): byte for byte in range(256)})


@pytest.mark.parametrize("wrong", [-1, 2_003, 10**9])
def test_numbers_that_are_no_ids(tokenizer, wrong):
    with pytest.raises(ValueError, match=f"{wrong} is no id"):
        tokenizer.decode([0, wrong])


def test_no_warning_where_all_is_well(encyclopedia):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_bpe(encyclopedia[:20], 300)
