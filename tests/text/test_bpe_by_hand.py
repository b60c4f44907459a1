"""`shared.text.bpe_by_hand` against the library `tokenizers`, the fast trainer, and GPT-2's own vocabulary."""

import json
import random
import warnings
from collections import Counter

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from shared import data
from shared.text.bpe import BPETokenizer
from shared.text.bpe_by_hand import encode, merge_pair, train_bpe
from shared.text.bpe_files import signs
from shared.text.bpe_training import count_pretokens
from shared.text.bpe_training import train_bpe as train_fast
from shared.text.pretokenize import split


def words_of(texts):
    counts = Counter()
    for pretoken, count in count_pretokens(texts).items():
        counts[signs(pretoken.encode())] += count
    return counts


def library_merges(texts, n_merges):
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges, initial_alphabet=alphabet, show_progress=False
    )
    theirs.train_from_iterator(texts, trainer)
    merges = json.loads(theirs.to_str())["model"]["merges"]
    return [tuple(pair) for pair in merges], theirs


def test_by_hand():
    assert merge_pair(list("aaab"), ("a", "a")) == ["aa", "a", "b"]
    assert merge_pair([], ("a", "a")) == []
    words = {"hug": 3, "pug": 1, "hugs": 2}
    assert train_bpe(words, 2) == [("u", "g"), ("h", "ug")]
    assert train_bpe(words, 99) == [("u", "g"), ("h", "ug"), ("hug", "s"), ("p", "ug")]
    assert encode("hugs", {("u", "g"): 0, ("h", "ug"): 1}) == ["hug", "s"]
    assert encode("", {}) == []


def test_the_librarys_merges_and_tokens():
    texts = [article.text for article in list(data.encyclopedia().articles)[:15]]
    expected, theirs = library_merges(texts, 150)
    merges = train_bpe(words_of(texts), 150)
    assert merges == expected
    ranks = {pair: place for place, pair in enumerate(merges)}
    odd = "Bees dance, 東京 naïve 12,345 🐝!"
    ours = [token for word in split(odd) for token in encode(signs(word.encode()), ranks)]
    assert ours == theirs.encode(odd).tokens


def test_ties_and_overlaps_as_the_fast_one():
    draw = random.Random(1)
    for _ in range(60):
        letters = "abc"[: draw.randint(1, 3)] + " é"[: draw.randint(0, 2)]
        texts = ["".join(draw.choices(letters, k=draw.randint(1, 40))) for _ in range(4)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fast = train_fast(texts, 256 + 30)
        expected = [(signs(left), signs(right)) for left, right in fast]
        assert train_bpe(words_of(texts), 30)[: len(expected)] == expected, texts


def test_gpt2s_tokens(real_data):
    files = [real_data / "tokenizers" / "gpt2" / name for name in ("encoder.json", "vocab.bpe")]
    gpt2 = BPETokenizer.from_gpt2_files(*files)
    ranks = {(signs(a), signs(b)): place for place, (a, b) in enumerate(gpt2.merges)}
    for word in (" beekeeping", "antidisestablishmentarianism", " Größe", "東京", "2026", "    "):
        tokens = encode(signs(word.encode()), ranks)
        assert tokens == [signs(gpt2.decode_bytes([number])) for number in gpt2.encode(word)]


@pytest.mark.parametrize("n_merges", [0, 1])
def test_nothing_to_merge(n_merges):
    assert train_bpe({"a": 3, "b": 2}, n_merges) == []
