"""The engine: every text as alone, whoever stands beside it; first come, first served; memory within its limit."""

import random
import threading
import time

import pytest
import torch

from shared.llm.config import bert, gpt2
from shared.llm.model import LanguageModel, Parts
from shared.llm.serve.engine import Engine, Full, Stopped
from shared.llm.serve.limits import Limits
from shared.llm.serve.rows import Rows
from shared.llm.serve.texts import Text
from shared.llm.writing.generate import Sampling, generate_tokens
from tests.llm.serving import Bytes, Saying, tiny


class Writer:
    """An engine, and what it hands out."""

    def __init__(self, model=None, tokenizer=None, **limits):
        limits = Limits(**{"cache_gib": 0.01, **limits})
        self.engine = Engine(model or tiny(), tokenizer or Bytes(), limits)
        self.ended, self.said, self.order = {}, {}, []
        self.changed = threading.Condition()

    def __enter__(self):
        self.engine.start()
        return self

    def __exit__(self, *_):
        self.engine.stop()

    def text(self, prompt, **settings):
        more = {name: settings.pop(name) for name in ("copy", "deadline") if name in settings}
        return Text(prompt, Sampling(**settings), self.deliver, frozenset([256, 258]), **more)

    def deliver(self, pieces):
        with self.changed:
            for text, piece in pieces:
                assert text not in self.ended, "something came after the end"
                self.said[text] = self.said.get(text, "") + piece.text
                if piece.tokens and text not in self.order:
                    self.order.append(text)
                if piece.reason is not None:
                    self.ended[text] = piece.reason
            self.changed.notify_all()

    def wait(self, texts, seconds=20):
        with self.changed:
            done = lambda: all(text in self.ended for text in texts)  # noqa: E731
            assert self.changed.wait_for(done, seconds), "not all ended"


def many(writer, count, seed=0):
    chance = random.Random(seed)
    return [
        writer.text(
            [chance.randrange(256) for _ in range(chance.choice([1, 2, 5, 20, 60]))],
            max_tokens=chance.choice([0, 1, 3, 20, 60]),
            temperature=chance.choice([0, 0.7, 1.0]),
            top_p=chance.choice([0.9, 1]),
            top_k=chance.choice([None, 5]),
            repetition_penalty=chance.choice([1, 1.3]),
            seed=number,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("parts", [None, Parts.fused()])
@pytest.mark.parametrize("kind", ["qwen3", "gpt2"])
@pytest.mark.parametrize("limits", [{}, {"max_rows": 3, "tokens_per_step": 7}])
def test_every_text_is_what_the_model_writes_alone(kind, parts, limits):
    model = tiny()
    if kind == "gpt2":
        torch.manual_seed(2)
        sizes = {"max_length": 128, "d_model": 32, "n_layers": 2, "n_heads": 2}
        model = LanguageModel(gpt2(260, **sizes))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    again = LanguageModel(model.config, parts)
    again.load_state_dict(model.state_dict())
    with Writer(again.eval(), **limits) as writer:
        texts = many(writer, 30)
        for text in texts:
            writer.engine.submit([text])
        writer.wait(texts)
    for text in texts:
        alone = generate_tokens(again, [text.prompt], text.settings, eos_id=256)[0]
        tokens = alone.tokens
        if 258 in tokens:
            tokens = tokens[: tokens.index(258)]
        assert text.written == tokens
        assert writer.said[text] == Bytes().decode(tokens)
    assert {"length"} <= set(writer.ended.values())


def test_copies_of_a_prompt_differ_as_they_do_in_a_batch():
    with Writer() as writer:
        texts = [writer.text([5, 6], max_tokens=12, temperature=1, copy=copy) for copy in (0, 1)]
        writer.engine.submit(texts)
        writer.wait(texts)
    settings = texts[0].settings
    together = generate_tokens(writer.engine.model, [[5, 6]] * 2, settings, eos_id=256)
    assert [text.written for text in texts] == [c.tokens for c in together]
    assert texts[0].written != texts[1].written


def test_first_come_first_served():
    """A long text at the head of the queue is not overtaken by short ones that would fit."""
    with Writer(max_rows=2) as writer:
        texts = [
            writer.text([7] * length, max_tokens=10) for length in (3, 3, 90, 3, 3, 40, 3, 3, 3)
        ]
        writer.engine.submit(texts)
        writer.wait(texts)
    assert writer.order == texts


def test_memory_stays_within_the_limit_and_is_given_back():
    with Writer(cache_gib=1e-9) as writer:  # one text of full length always fits
        cache, sizes = writer.engine.cache, []
        assert cache.max_tokens == 128
        reserve = cache.reserve
        cache.reserve = lambda *size: (reserve(*size), sizes.append(cache.rows * cache.length))
        texts = many(writer, 40, seed=1)
        writer.engine.submit(texts)
        writer.wait(texts)
        assert max(sizes) <= 128 and len(sizes) > 5
        until = time.monotonic() + 20
        while cache.keys and time.monotonic() < until:
            time.sleep(0.01)
        assert not cache.keys


def test_texts_are_called_off():
    tokenizer = Bytes("abcdefgh" * 50)
    with Writer(Saying(tokenizer, 0.005), tokenizer, max_rows=2) as writer:
        texts = [writer.text([1], max_tokens=400) for _ in range(4)]
        writer.engine.submit(texts)
        time.sleep(0.05)
        writer.engine.cancel(texts[0])  # it is written
        writer.engine.cancel(texts[3])  # it waits
        writer.wait([texts[0], texts[3]])
        assert writer.ended[texts[0]] == writer.ended[texts[3]] == "cancelled"
        assert len(texts[0].written) < 400 and not texts[3].written
        assert texts[2].first is None or texts[2].first > texts[0].first
        writer.wait(texts)
        assert writer.said[texts[1]] == writer.said[texts[2]] == "abcdefgh" * 50
        writer.engine.cancel(texts[1])  # nothing happens
    assert writer.ended[texts[1]] in ("stop", "length")


def test_time_is_limited():
    tokenizer = Bytes("abcdefgh" * 50)
    with Writer(Saying(tokenizer, 0.005), tokenizer, max_rows=1) as writer:
        soon = time.monotonic() + 0.5
        texts = [writer.text([1], max_tokens=400, deadline=soon) for _ in range(2)]
        writer.engine.submit(texts)
        writer.wait(texts)
    assert set(writer.ended.values()) == {"timeout"}
    assert texts[0].written and not texts[1].written


def test_a_full_queue_refuses_and_says_when_to_come_again():
    tokenizer = Bytes("abcdefgh" * 50)
    with Writer(Saying(tokenizer, 0.01), tokenizer, max_rows=1, max_queue=3) as writer:
        texts = [writer.text([1], max_tokens=20) for _ in range(3)]
        writer.engine.submit(texts)
        with pytest.raises(Full) as full:
            writer.engine.submit([writer.text([1]) for _ in range(4)])
        assert full.value.seconds >= 1
        assert len(writer.engine.queue) <= 3
        writer.wait(texts)


def test_stopping_ends_what_is_written():
    tokenizer = Bytes("abcdefgh" * 50)
    with Writer(Saying(tokenizer, 0.01), tokenizer, max_rows=1) as writer:
        texts = [writer.text([1], max_tokens=400) for _ in range(3)]
        writer.engine.submit(texts)
        time.sleep(0.05)
    assert [writer.ended[text] for text in texts] == ["cancelled"] * 3
    with pytest.raises(Stopped):
        writer.engine.submit([writer.text([1])])


def test_a_step_that_fails_ends_all_and_is_known(caplog):
    model = tiny()
    with Writer(model, max_rows=1) as writer:
        writer.engine.model.logits = lambda hidden: 1 / 0
        texts = [writer.text([1], max_tokens=4) for _ in range(3)]
        writer.engine.submit(texts)
        writer.wait(texts)
        assert set(writer.ended.values()) == {"error"}
        assert not writer.engine.running
    assert "ZeroDivisionError" in caplog.text


def test_texts_that_can_never_be_written():
    with Writer() as writer:
        for prompt, count in (([], 5), ([1] * 100, 29), ([1] * 200, 1)):
            with pytest.raises(ValueError, match="together they must be from 1 to 128"):
                writer.engine.submit([writer.text(prompt, max_tokens=count)])


def test_models_and_limits_that_make_no_sense():
    both = LanguageModel(bert(260, d_model=8, n_heads=1, n_layers=1))
    with pytest.raises(ValueError, match="sees both sides"):
        Engine(both, Bytes(), Limits())
    with pytest.raises(ValueError, match="max_rows is 0; it must be above 0"):
        Limits(max_rows=0)


def test_rows_grow_and_keep_what_they_hold():
    rows = Rows(tiny().config, max_rows=4, max_tokens=400)
    rows.reserve(1, 10)
    for cache in rows.prompt(0, 0):
        key = torch.randn(1, 1, 7, 16)
        seen, _ = cache.extend(key, key)
        assert torch.equal(seen, key)
    before = rows.keys[-1][0, :, :7].clone()
    rows.reserve(3, 100)
    assert torch.equal(rows.keys[-1][0, :, :7], before)
    assert rows.rows * rows.length <= 400
    rows.move(0, 2)
    assert torch.equal(rows.keys[-1][2, :, :7], before)
    for cache in rows.step([7, 0, 5]):
        key = torch.randn(3, 1, 1, 16)
        seen, _ = cache.extend(key, key)
        assert seen.shape == (3, 1, 8, 16)
        assert torch.equal(seen[torch.arange(3), :, torch.tensor([7, 0, 5])], key[:, :, 0])
    with pytest.raises(ValueError, match="5 rows of 10 tokens do not fit"):
        rows.reserve(5, 10)


def test_tokens_that_nobody_can_spell_are_not_written():
    """A model may have room for more tokens than its tokenizer has."""
    model = tiny()
    with torch.no_grad():
        model.embedding.weight[200:] *= 50
    tokenizer = Bytes()
    tokenizer.vocab_size = 200
    with Writer(model, tokenizer) as writer:
        texts = [writer.text([number], max_tokens=30, temperature=1) for number in range(4)]
        writer.engine.submit(texts)
        writer.wait(texts)
    assert all(max(text.written) < 200 for text in texts)
