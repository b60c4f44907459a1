"""`draw` beside `sampling.sample`: the same distributions, each text by itself."""

import pytest
import torch

from shared.llm.writing import draw as module
from shared.llm.writing.draw import draw
from shared.llm.writing.generate import Sampling
from shared.llm.writing.sampling import keep_min_p, keep_top_k, keep_top_p, repetition_penalty

WAYS = [
    {},
    {"temperature": 0.5},
    {"top_p": 0.7},
    {"top_k": 3},
    {"top_k": 5, "top_p": 0.6},
    {"min_p": 0.2},
    {"top_k": 20, "top_p": 0.9, "min_p": 0.05, "temperature": 1.7},
    {"top_p": 1e-9},
    {"top_p": 0.99},
    {"repetition_penalty": 1.5, "top_p": 0.9},
]


def settings(**more):
    return Sampling(**{"temperature": 1.0, "top_p": 1.0, **more})


def wanted(logits, one):
    """The probabilities, by the textbook's filters one after the other."""
    if one.repetition_penalty != 1:
        logits = repetition_penalty(logits, torch.tensor([0, 3]), one.repetition_penalty)
    logits = logits / one.temperature
    if one.top_k:
        logits = keep_top_k(logits, one.top_k)
    if one.top_p < 1:
        logits = keep_top_p(logits, one.top_p)
    return keep_min_p(logits, one.min_p).softmax(-1)


@pytest.mark.parametrize("enough", [256, 4])
@pytest.mark.parametrize("how", WAYS, ids=str)
def test_distribution(how, enough, monkeypatch):
    """Chance is put at the middles of 4,000 equal pieces: each token must come as often as it is likely."""
    monkeypatch.setattr(module, "ENOUGH", enough)
    count = 4000
    places = iter(((torch.arange(count) + 0.5) / count).double())
    monkeypatch.setattr(torch, "rand", lambda *_, **__: next(places))
    logits = 2 * torch.randn(30, generator=torch.Generator().manual_seed(3))
    one = settings(**how)
    many = (logits.expand(count, -1), [one] * count, [None] * count, [[0, 3]] * count)
    found = torch.tensor(draw(*many)).bincount(minlength=30) / count
    torch.testing.assert_close(found, wanted(logits, one), atol=1.5 / count, rtol=0)


def test_each_text_by_itself():
    logits = torch.randn(12, 600, generator=torch.Generator().manual_seed(0))
    mixed = [settings(**WAYS[row % len(WAYS)]) for row in range(10)]
    mixed += [settings(temperature=0), settings(temperature=0, repetition_penalty=2)]
    texts = [[row, 3, 3] for row in range(12)]
    generators = lambda: [torch.Generator().manual_seed(row) for row in range(12)]  # noqa: E731
    together = draw(logits, mixed, generators(), texts)
    alone = [
        draw(logits[row : row + 1], [mixed[row]], [generators()[row]], [texts[row]])[0]
        for row in range(12)
    ]
    assert together == alone
    assert together[10] == logits[10].argmax()


def test_many_draws_differ():
    one, generator = settings(), torch.Generator().manual_seed(0)
    drawn = draw(torch.zeros(500, 300), [one] * 500, [generator] * 500, [[]] * 500)
    assert len(set(drawn)) > 200 and min(drawn) >= 0 and max(drawn) < 300


def test_next_to_no_temperature_is_greedy():
    logits = 90 * torch.randn(4, 300, generator=torch.Generator().manual_seed(5))
    one = settings(temperature=1e-40)
    generators = [torch.Generator()] * 4
    assert draw(logits, [one] * 4, generators, [[]] * 4) == logits.argmax(-1).tolist()
