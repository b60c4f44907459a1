"""`shared.text.decoding` against trying every sentence there is, on a model small enough for that."""

import itertools

import pytest
import torch

from shared.text.decoding import beam_search, greedy

START, END = 0, 1


def _model(seed, tokens=5, sharpness=2.0):
    """A random model with memory: the next token depends on all tokens so far, through a state of 6 numbers."""
    generator = torch.Generator().manual_seed(seed)
    read = torch.randn(tokens, 6, generator=generator, dtype=torch.float64)
    carry = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    write = torch.randn(6, tokens, generator=generator, dtype=torch.float64) * sharpness

    def step(previous, state):
        state = torch.tanh(read[previous] + state @ carry)
        return state @ write, state

    return step, torch.randn(1, 6, generator=generator, dtype=torch.float64)


def _log_probability(step, state, tokens):
    """Of a whole sentence, END included."""
    total, previous = 0.0, START
    for token in tokens:
        logits, state = step(torch.tensor([previous]), state)
        total += torch.log_softmax(logits[0], dim=-1)[token].item()
        previous = token
    return total


def _best_of_all(step, state, max_length, power, tokens=5):
    others = [t for t in range(tokens) if t != END]
    scores = {}
    for length in range(max_length):
        for beginning in itertools.product(others, repeat=length):
            sentence = [*beginning, END]
            score = _log_probability(step, state, sentence) / len(sentence) ** power
            scores[beginning] = score
    return list(max(scores, key=scores.get))


@pytest.mark.parametrize("power", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_best_of_all_sentences(seed, power):
    step, state = _model(seed)
    found = beam_search(step, state, START, END, 4, beam=4**4 + 1, length_power=power)
    assert found == _best_of_all(step, state, 4, power)


@pytest.mark.parametrize("seed", range(40))
def test_a_beam_of_one_is_greedy(seed):
    step, state = _model(seed)
    [by_greedy] = greedy(step, state, START, END, 12)
    assert beam_search(step, state, START, END, 12, beam=1) == by_greedy


def test_a_beam_of_five_finds_more_probable_sentences_than_greedy():
    gains = []
    for seed in range(40):
        step, state = _model(seed)
        [tokens] = greedy(step, state, START, END, 12)
        found = beam_search(step, state, START, END, 12, beam=5, length_power=0.0)
        if len(tokens) < 12:  # what was cut is no sentence
            scores = [_log_probability(step, state, [*s, END]) for s in (found, tokens)]
            gains.append(scores[0] - scores[1])
    assert min(gains) > -1e-4
    assert sum(gain > 1e-3 for gain in gains) >= 5


def test_greedy_writes_many_sentences_as_it_writes_one():
    step, _ = _model(3)
    states = torch.randn(30, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = greedy(step, states, START, END, 9)
    assert together == [greedy(step, state[None], START, END, 9)[0] for state in states]
    assert {len(sentence) for sentence in together} > {9}  # some are cut, others end by themselves
    assert all(END not in sentence for sentence in together)


def test_greedy_stops_when_all_have_ended():
    asked = []

    def step(previous, state):
        asked.append(previous.tolist())
        state = state + 1
        return torch.stack([torch.full_like(state, 0.5), (state >= 3).to(state.dtype)], 1), state

    assert greedy(step, torch.tensor([0.0, 1.0]), 0, 1, 100) == [[0, 0], [0]]
    assert len(asked) == 3


def test_what_has_not_ended_is_cut():
    step = lambda previous, state: (torch.tensor([[3.0, -50.0, 1.0]]).repeat(len(state), 1), state)  # noqa: E731
    state = torch.zeros(1, 1)
    assert greedy(step, state, START, END, 4) == [[0, 0, 0, 0]]
    assert beam_search(step, state, START, END, 4, beam=1) == [0, 0, 0, 0]
