"""`shared.llm.tokenizer`: the same ids through transformers, the same merges as ours, and odd texts."""

import json
import pickle
import warnings

import pytest
from transformers import AutoTokenizer

from shared import data
from shared.llm.tokenizer import (
    BERT_SPECIAL_TOKENS,
    LONGEST_RUN,
    SPECIAL_TOKENS,
    load_tokenizer,
    train_tokenizer,
)
from shared.text.bpe import BPETokenizer
from shared.text.bpe_training import train_bpe
from shared.text.wordpiece import WordPieceTokenizer, train_wordpiece

ODD = [
    "",
    "Bees dance. 🐝🐝 it's\n\n  ok  ",
    "<|endoftext|> a <|im_start|>user\n<|im_end|>",
    "naïve 東京 don't [MASK]",
]


@pytest.fixture(scope="module")
def texts():
    return [article.text for article in data.encyclopedia().articles]


@pytest.fixture(scope="module")
def folders(texts, tmp_path_factory):
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in ("bpe", "wordpiece")}
    for kind, folder in folders.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train_tokenizer(iter(texts), 1_500, folder, kind=kind)
    return folders


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_transformers_gives_the_same_ids(texts, folders, kind):
    ours, theirs = load_tokenizer(folders[kind]), AutoTokenizer.from_pretrained(folders[kind])
    assert ours.vocab_size == len(theirs) == 1_500
    for text in [*ODD, *texts[:50]]:
        ids = ours.encode(text)
        assert ids == theirs(text, add_special_tokens=False)["input_ids"]
        assert ids == ours.encode_batch([text])[0]
    assert theirs.pad_token_id == ours.special[theirs.pad_token]
    assert set(theirs.all_special_tokens) == set(ours.special)


def test_the_parts_that_special_tokens_play(folders):
    ours, theirs = load_tokenizer(folders["bpe"]), AutoTokenizer.from_pretrained(folders["bpe"])
    assert ours.special == {token: number for number, token in enumerate(SPECIAL_TOKENS)}
    assert ours.eos_id == theirs.eos_token_id == 0
    assert theirs.pad_token == "<|pad|>"
    bert = AutoTokenizer.from_pretrained(folders["wordpiece"])
    assert load_tokenizer(folders["wordpiece"]).eos_id == bert.sep_token_id
    tokens = bert("bees", "bees").tokens()
    assert tokens[0] == "[CLS]"
    assert tokens.count("[SEP]") == 2


def test_same_merges_and_ids_as_ours(texts, folders):
    ours = BPETokenizer.load(folders["bpe"])
    assert ours.merges == train_bpe(texts, 1_500 - len(SPECIAL_TOKENS))
    theirs = load_tokenizer(folders["bpe"])
    for text in [*ODD, *texts[:50]]:
        assert ours.encode(text, "all") == theirs.encode(text)
        assert ours.encode(text) == theirs.encode(text, special=False)


def test_same_wordpieces_as_ours(texts, folders):
    ours = WordPieceTokenizer.load(folders["wordpiece"])
    assert ours.vocabulary == train_wordpiece(texts, 1_500)
    theirs = load_tokenizer(folders["wordpiece"])
    for text in [*ODD, *texts[:50]]:
        assert ours.encode(text, "all") == theirs.encode(text)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("special", [True, False])
def test_there_and_back(folders, text, special):
    ours = load_tokenizer(folders["bpe"])
    ids = ours.encode(text, special=special)
    assert ours.decode(ids) == text
    assert ours.encode_batch([text, text], special=special) == [ids, ids]
    if not special:
        assert not set(ids) & set(ours.special.values())


def test_empty_batches_and_halves_of_characters(folders):
    ours = load_tokenizer(folders["bpe"])
    assert ours.encode_batch([]) == []
    assert ours.encode_batch(["", ""]) == [[], []]
    assert ours.decode([]) == ""
    assert ours.decode(ours.encode("a\ud800b")) == "a\ufffdb"
    assert "\ufffd" in ours.decode(ours.encode("🐝")[:-1])


def test_it_travels_to_other_processes(folders):
    ours = load_tokenizer(folders["bpe"])
    again = pickle.loads(pickle.dumps(ours))
    for special in (True, False):
        assert again.encode(ODD[2], special) == ours.encode(ODD[2], special)


def test_overlapping_special_tokens(tmp_path):
    train_tokenizer(["abc abc abc"] * 9, 262, tmp_path, ["<|end|>", "<|end", "<|end|>x"])
    ours = load_tokenizer(tmp_path)
    same = BPETokenizer.load(tmp_path)
    for text in ("<|end|>x<|end|><|end", "a<|end|><|endx"):
        assert ours.encode(text) == same.encode(text, "all")
    assert ours.encode("<|end|>x<|end|><|end") == [2, 0, 1]


def test_the_record_says_what_was_done(texts, tmp_path):
    record = train_tokenizer(texts[:40], 400, tmp_path)
    assert record == {
        "kind": "bpe",
        "vocab_size": 400,
        "vocab_size_asked": 400,
        "special_tokens": {token: number for number, token in enumerate(SPECIAL_TOKENS)},
        "texts": 40,
        "characters": sum(map(len, texts[:40])),
    }


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_more_tokens_than_the_texts_allow(tmp_path, kind):
    with pytest.warns(UserWarning, match="of the 5000 asked for") as told:
        record = train_tokenizer(["bee bee bee"], 5_000, tmp_path, kind=kind)
    assert len(told) == 1
    assert record["note"] == str(told[0].message)
    ours = load_tokenizer(tmp_path)
    assert ours.vocab_size == record["vocab_size"] < 5_000
    assert len(ours.encode("bee")) == 1


def test_texts_of_emoji_only(tmp_path):
    with pytest.warns(UserWarning, match="allow only"):
        train_tokenizer(["🐝🐝🌻", "🌻🐝"], 400, tmp_path)
    ours = load_tokenizer(tmp_path)
    assert ours.decode(ours.encode("🌻🐝🌷")) == "🌻🐝🌷"


def test_an_enormous_document_without_a_space(tmp_path):
    """The library alone takes time quadratic in the run; cut, it is done in seconds, and encoding keeps it whole."""
    long = "-" * 1_000_000
    train_tokenizer([long, "bees dance " * 50, " " * 300_000], 300, tmp_path)
    ours = load_tokenizer(tmp_path)
    assert ours.decode(ours.encode(long)) == long
    assert ours.encode(long) == BPETokenizer.load(tmp_path).encode(long)
    assert len(long) > LONGEST_RUN


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_empty_texts(tmp_path, kind):
    for nothing in ([], ["", ""]):
        with pytest.raises(ValueError, match="hold no"):
            train_tokenizer(nothing, 400, tmp_path / "new", kind=kind)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"vocab_size": 259}, "vocab_size is 259; it must be at least 260"),
        ({"vocab_size": 6, "kind": "wordpiece"}, "must be at least 7"),
        ({"kind": "unigram"}, "kind is 'unigram'"),
        ({"texts": "one text"}, r"must be several: \[text\]"),
        ({"special_tokens": "<|end|>"}, "must be a list"),
        ({"special_tokens": []}, "at least one token"),
        ({"special_tokens": ["a", "a"]}, "each once"),
        ({"special_tokens": ["[PAD]"], "kind": "wordpiece"}, r"WordPiece needs \[PAD\], \[UNK\]"),
    ],
)
def test_what_can_not_be_trained(tmp_path, changed, said):
    arguments = {"texts": ["a b"], "vocab_size": 300, "folder": tmp_path, **changed}
    with pytest.raises(ValueError, match=said):
        train_tokenizer(**arguments)


def test_what_can_not_be_loaded(tmp_path, folders):
    with pytest.raises(ValueError, match=r"holds no tokenizer\.json; train_tokenizer writes one"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version"')
    with pytest.raises(ValueError, match=r"tokenizer\.json is damaged"):
        load_tokenizer(tmp_path)
    content = json.loads((folders["bpe"] / "tokenizer.json").read_text(encoding="utf-8"))
    content["added_tokens"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="names no token that ends a text"):
        load_tokenizer(tmp_path)
    with pytest.raises(ValueError, match="is no folder, and from the hub it can't be had"):
        load_tokenizer("nobody/has-this")


@pytest.mark.parametrize("wrong", [-1, 1_500])
def test_numbers_that_are_no_ids(folders, wrong):
    with pytest.raises(ValueError, match=f"{wrong} is no id: they run from 0 to 1499"):
        load_tokenizer(folders["bpe"]).decode([0, wrong])


def test_bert_has_its_five():
    assert BERT_SPECIAL_TOKENS == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
