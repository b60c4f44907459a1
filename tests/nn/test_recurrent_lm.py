"""The recurrent language model, its training in pieces, and its writing, against torch and against plain arithmetic."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from shared.nn.recurrent import GRUCell, LSTMCell, RNNCell
from shared.nn.recurrent_lm import (
    RecurrentLM,
    Unrolled,
    detach,
    sample,
    side_by_side,
    truncated_bptt,
)

LAYERS = {"RNN": (RNNCell, nn.RNN), "LSTM": (LSTMCell, nn.LSTM), "GRU": (GRUCell, nn.GRU)}


def pair(name, seed=0):
    """The same model twice: with our cell, unrolled, and with torch's layer."""
    torch.manual_seed(seed)
    cell, layer = LAYERS[name]
    ours = RecurrentLM(9, 4, Unrolled(cell(4, 8)), 8)
    theirs = RecurrentLM(9, 4, layer(4, 8, batch_first=True), 8)
    weights = ours.state_dict()
    theirs.load_state_dict(
        {
            f"{key.replace('layer.cell', 'layer')}_l0" if "layer" in key else key: value
            for key, value in weights.items()
        }
    )
    return ours, theirs


@pytest.mark.parametrize("name", LAYERS)
def test_training_in_pieces_is_the_same_with_torchs_layer(name):
    """Losses and weights stay together through 25 steps of Adam."""
    models = pair(name)
    ids = torch.randint(0, 9, (3, 101))
    found = []
    for model in models:
        optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
        for loss in truncated_bptt(model, ids, 4):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    assert len(found[0]) == 25
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_without_steps_the_pieces_add_up_to_the_whole():
    model, _ = pair("LSTM")
    ids = torch.randint(0, 9, (2, 41))
    with torch.no_grad():
        logits, _ = model(ids[:, :-1])
        whole = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        pieces = torch.stack(list(truncated_bptt(model, ids, 8)))
    assert pieces.mean().item() == pytest.approx(whole.item(), rel=1e-5)


def test_gradient_ends_where_the_piece_begins():
    """The last piece's gradient is that of a text that starts there, from the state as a plain number."""
    model, _ = pair("GRU")
    ids = torch.randint(0, 9, (2, 13))
    for loss in truncated_bptt(model, ids, 4):
        model.zero_grad()
        loss.backward()
    alone = copy.deepcopy(model)
    alone.zero_grad()
    with torch.no_grad():
        _, state = alone(ids[:, :8])
    logits, _ = alone(ids[:, 8:-1], state)
    F.cross_entropy(logits.flatten(0, 1), ids[:, 9:].flatten()).backward()
    for a, b in zip(model.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)


def test_detach_keeps_the_numbers_and_cuts_the_graph():
    h = torch.randn(2, 3, requires_grad=True) * 2
    for state in (h, (h, h + 1)):
        cut = detach(state)
        parts, before = (cut, state) if isinstance(cut, tuple) else ((cut,), (state,))
        assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(parts, before))


def test_side_by_side():
    assert side_by_side(torch.arange(11), 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.raises(ValueError, match="2 tokens cannot be cut into 3 parts"):
        side_by_side(torch.arange(2), 3)


@pytest.mark.parametrize("name", LAYERS)
def test_greedy_text_is_the_likeliest_at_each_step(name):
    """Read from the start each time, without any state, by torch's layer."""
    ours, theirs = pair(name)
    prompt = torch.tensor([1, 5, 2])
    text = prompt
    for _ in range(20):
        text = torch.cat([text, theirs(text[None])[0][0, -1].argmax(keepdim=True)])
    assert torch.equal(sample(ours, prompt, 20, temperature=0), text[3:])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_as_often_as_the_softmax_says(temperature):
    model, _ = pair("RNN", seed=4)
    with torch.no_grad():
        model.head.weight *= 8  # a fresh network believes almost nothing
    prompt, generator = torch.tensor([3, 3]), torch.Generator().manual_seed(0)
    with torch.no_grad():
        p = torch.softmax(model(prompt[None])[0][0, -1] / temperature, dim=-1)
    drawn = torch.cat([sample(model, prompt, 1, temperature, generator) for _ in range(4000)])
    shares = drawn.bincount(minlength=9) / 4000
    assert (shares - p).abs().max() < 0.03


def test_sampling_leaves_no_trace():
    model, _ = pair("LSTM")
    before = torch.get_rng_state()
    text = sample(model, torch.tensor([0]), 10, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), before)
    assert text.shape == (10,)
    assert not text.requires_grad
    assert sample(model, torch.tensor([0]), 0).shape == (0,)
