"""Likelihoods, baselines, repetition, and the whole evaluation of a small model of a small run."""

import json
import math
import zlib

import numpy as np
import pytest
import torch

from shared.llm.config import gpt2, qwen3
from shared.llm.judging import baselines
from shared.llm.judging.evaluate import Limits, evaluate
from shared.llm.judging.likelihood import continuation_log_probabilities, token_log_probabilities
from shared.llm.judging.repetition import distinct, longest_overlaps, repeated
from shared.llm.model import LanguageModel, Parts
from shared.llm.run import Run, write_json
from shared.llm.tokenizer import load_tokenizer, train_tokenizer
from shared.text.ngrams import NGramModel


def model_of(vocab_size=50, max_length=16, make=qwen3):
    torch.manual_seed(0)
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "d_head": 8}
    return LanguageModel(make(vocab_size, **sizes, max_length=max_length), Parts.fused()).eval()


# Likelihood


@pytest.mark.parametrize("make", [gpt2, qwen3])
@pytest.mark.parametrize(
    ("length", "stride"), [(9, 4), (17, 4), (18, 4), (60, 4), (61, 16), (40, 1)]
)
def test_every_token_is_judged_once_with_the_context_there_is(make, length, stride):
    model = model_of(make=make)
    tokens = np.random.default_rng(0).integers(0, 50, length)
    found = token_log_probabilities(model, tokens, stride=stride, rows=3)
    assert found.shape == (length - 1,)
    for place in range(1, length):
        # the window that judges it ends at the first of 16, 16 + stride, … that isn't before it
        end = 16 if place <= 16 else 16 + stride * math.ceil((place - 16) / stride)
        start = max(0, min(end, length - 1) - 16)
        with torch.no_grad():
            spread = model(torch.tensor(tokens[None, start:place]))[0, -1].log_softmax(-1)
        assert found[place - 1] == pytest.approx(spread[tokens[place]].item(), abs=1e-4)


def test_chunks_of_the_vocabulary_change_nothing(monkeypatch):
    model, tokens = model_of(), np.arange(45)
    whole = token_log_probabilities(model, tokens)
    monkeypatch.setattr("shared.llm.judging.likelihood._NUMBERS_AT_ONCE", 120)
    np.testing.assert_allclose(token_log_probabilities(model, tokens), whole, atol=1e-5)


def test_continuations():
    model = model_of()
    beginnings = [[1, 2, 3], [4], list(range(40)), [7, 7]]
    continuations = [[5], [6, 7, 8, 9], [1, 2], [3]]
    found = continuation_log_probabilities(model, beginnings, continuations, rows=3)
    for b, c, log_p in zip(beginnings, continuations, found):
        text = [*b, *c][-17:]
        with torch.no_grad():
            spread = model(torch.tensor([text[:-1]]))[0].log_softmax(-1)
        expected = sum(spread[len(text) - 1 - len(c) + i, t].item() for i, t in enumerate(c))
        assert log_p.item() == pytest.approx(expected, abs=1e-4)


def test_likelihood_errors():
    with pytest.raises(ValueError, match="at least 2"):
        token_log_probabilities(model_of(), np.array([1]))
    with pytest.raises(ValueError, match="stride is 17"):
        token_log_probabilities(model_of(), np.arange(9), stride=17)
    with pytest.raises(ValueError, match="a beginning has 0 tokens"):
        continuation_log_probabilities(model_of(), [[]], [[1]])
    with pytest.raises(ValueError, match="at most 16"):
        continuation_log_probabilities(model_of(), [[1]], [[1] * 17])


# Baselines


def test_baselines():
    train, text = (
        baselines.joined(["the cat sat on the mat. " * 40] * 3),
        "the mat sat on the cat. ",
    )
    held_out = baselines.joined([text])
    n = len(text)
    by_bytes = baselines.n_gram_of_bytes(train, held_out, n, 4)
    judged = np.frombuffer(("\0" + held_out).encode(), np.uint8)
    counted = NGramModel(np.frombuffer(train.encode(), np.uint8).astype(int), 256, 4)
    assert by_bytes == pytest.approx(-counted.log_probabilities(judged)[1:].sum() / math.log(2) / n)
    assert (
        by_bytes < baselines.packed(held_out, "xz", n, train) < baselines.packed(held_out, "xz", n)
    )
    gzip = 8 * len(zlib.compress(held_out.encode(), 9)) / n
    assert baselines.packed(held_out, "gzip", n) == pytest.approx(gzip)
    wide = baselines.joined(["東京"])
    assert baselines.packed(wide, "gzip", 6) == 8 * len(zlib.compress(wide.encode(), 9)) / 6


@pytest.mark.parametrize(("size", "order"), [(256, 7), (2048, 5), (50_257, 4), (151_936, 3)])
def test_highest_order(size, order):
    assert baselines.highest_order(size, 7) == order


# Repetition


def test_distinct_and_repeated():
    assert distinct([[1, 2, 1, 2], [1, 2]], 1) == 2 / 6
    assert distinct([[1, 2, 1, 2], [1, 2]], 2) == 2 / 4
    assert distinct([[1]], 2) == 0
    assert repeated([[1, 2, 3, 4, 5]]) == 0
    assert repeated([[7] * 10, [1, 2, 3, 4], [1]]) == pytest.approx(3 / 7)
    assert repeated([[1, 2]]) == 0


def test_longest_overlap_is_what_comparing_everything_finds():
    rng = np.random.default_rng(0)
    for trial in range(20):
        corpus, text = rng.integers(0, 4, 300), rng.integers(0, 4, 30).tolist()
        if trial % 4 == 0:
            text[5:25] = corpus[100:120].tolist()
        # Beside other texts, shorter and longer ones, it is the same.
        _, (found, begin), _ = longest_overlaps([[1], text, corpus.tolist()], corpus)
        runs = {tuple(corpus[i : i + n]) for n in range(1, 31) for i in range(301 - n)}
        longest = max(
            n for n in range(31) for i in range(31 - n) if n == 0 or tuple(text[i : i + n]) in runs
        )
        assert found == longest and (found == 0 or tuple(text[begin : begin + found]) in runs)
    assert longest_overlaps([[9, 9], []], np.array([1, 2])) == [(0, 0)] * 2
    assert longest_overlaps([[1, 2, 3]], np.array([], dtype=int)) == [(0, 0)]
    assert longest_overlaps([[1, 2, 3], [0, 3]], np.array([2, 3])) == [(2, 1), (1, 1)]


# The whole


def articles(begin, end):
    names = ["Avel", "Bora", "Cirn", "Dovo", "Elka", "Fenn", "Goro", "Hild", "Ivo", "Jarn"]
    lands = ["Norland", "Estria", "Kelmark", "Suvia", "Ostany"]
    for i in range(begin, end):
        name = names[i % 10] + names[i // 10 % 10].lower()
        land = lands[i * 7 % 5]
        yield (
            f"{name}\n\n{name} is a town in {land}. It has {100 + i * 37 % 900} people and lies by the sea. "
            f"The town is known for its bees, and the bees for their honey."
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("run"))
    train_tokenizer(articles(0, 80), 320, run.place("tokenizer"))
    tokenizer = load_tokenizer(run.folder / "tokenizer")
    splits = {}
    for split, texts in (("train", articles(0, 80)), ("validation", articles(80, 100))):
        texts = list(texts)
        tokens = [t for text in texts for t in [*tokenizer.encode(text), tokenizer.eos_id]]
        np.array(tokens, "<u2").tofile(run.place("pack") / f"{split}-00000.bin")
        sizes = {
            "tokens": len(tokens),
            "documents": len(texts),
            "bytes": sum(len(text.encode()) for text in texts),
        }
        splits[split] = {**sizes, "shards": [{"file": f"{split}-00000.bin", "sha256": "", **sizes}]}
    write_json(
        run.place("pack") / "index.json",
        {
            "dtype": "uint16",
            "vocab_size": tokenizer.vocab_size,
            "eos_id": tokenizer.eos_id,
            "splits": splits,
        },
    )
    return run


SMALL = Limits(questions=10, samples=3, sample_tokens=30, prefixes=5, prefix=10)


def test_the_whole_evaluation(run):
    tokenizer = load_tokenizer(run.folder / "tokenizer")
    model = model_of(tokenizer.vocab_size, 64)
    steps = []
    record = evaluate(model, tokenizer, run, 0, SMALL, lambda *step: steps.append(step))
    assert steps == [(i, 4) for i in (1, 2, 3, 4)]
    assert json.loads(json.dumps(record)) is not None
    bits = record["bits_per_byte"]
    text = [a.encode() for a in articles(80, 100)]
    assert bits["documents"] == 20 and bits["bytes"] == sum(map(len, text))
    assert bits["model"] == pytest.approx(
        math.log2(bits["perplexity"]) * bits["tokens"] / bits["bytes"]
    )
    assert bits["model"] == pytest.approx(
        math.log2(tokenizer.vocab_size) * bits["tokens"] / bits["bytes"], rel=0.1
    )
    others = {name: other["bits_per_byte"] for name, other in bits["others"].items()}
    assert bits["best_n_gram"] == min(v for name, v in others.items() if "n-grams" in name)
    assert others["xz after training text"] < others["xz"]
    assert "NOT below" in record["lines"][0]
    kinds = record["cloze"]["train"]["kinds"]
    assert kinds["where it is"]["questions"] == 10 and kinds["together"]["questions"] == 10
    assert record["repetition"]["held-out articles"]["longest_overlap"] >= 10
    assert record["memorization"]["train"]["prefixes"] == 5
    report = (run.folder / "evaluate" / "report.md").read_text(encoding="utf-8")
    for line in (*record["lines"], "## Facts by cloze", "modified Kneser-Ney"):
        assert line in report
    again = evaluate(model, tokenizer, run.folder, 0, SMALL)
    assert {**again, "seconds": 0} == {**record, "seconds": 0}


def test_a_model_that_learned_is_seen_to_have(run):
    tokenizer = load_tokenizer(run.folder / "tokenizer")
    model = model_of(tokenizer.vocab_size, 64).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    data = np.fromfile(run.folder / "pack" / "train-00000.bin", "<u2").astype(int)
    rng = np.random.default_rng(0)
    for _ in range(120):
        rows = torch.tensor(
            np.stack([data[i : i + 65] for i in rng.integers(0, len(data) - 65, 8)])
        )
        loss = torch.nn.functional.cross_entropy(
            model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    untrained = evaluate(model_of(tokenizer.vocab_size, 64), tokenizer, run, 0, SMALL)
    trained = evaluate(model, tokenizer, run, 0, SMALL)
    assert model.training
    assert trained["bits_per_byte"]["model"] < 0.4 * untrained["bits_per_byte"]["model"]
    train, before = trained["memorization"]["train"], untrained["memorization"]["train"]
    assert train["tokens_until_it_differs"] > before["tokens_until_it_differs"]


def test_another_tokenizers_model_is_refused(run):
    tokenizer = load_tokenizer(run.folder / "tokenizer")
    with pytest.raises(ValueError, match="they are of different runs"):
        evaluate(model_of(50), tokenizer, run)
