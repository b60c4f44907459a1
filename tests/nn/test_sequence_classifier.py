"""The classifier beside the same network made of torch's own modules and a packed sequence."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from shared.nn import padded
from shared.nn.sequence_classifier import SequenceClassifier
from shared.text.padding import pad_batch

SENTENCES = [[3, 1, 4, 1, 5], [2], [6, 6, 2, 7, 1, 8, 2], [5, 3]]


def two_way(d_in, d):
    layers = [nn.LSTM(d_in, d, batch_first=True).double() for _ in range(2)]
    return layers, padded.Bidirectional(*map(padded.Layer, layers))


def packed_logits(network, layers, ids, lengths):
    """torch's bidirectional LSTM over a packed sequence, and each sentence pooled by itself."""
    both = nn.LSTM(4, 6, batch_first=True, bidirectional=True).double()
    weights = {}
    for layer, ending in zip(layers, ("", "_reverse"), strict=True):
        weights |= {name + ending: value for name, value in layer.state_dict().items()}
    both.load_state_dict(weights)
    rows = pack_padded_sequence(network.embedding(ids), lengths, True, enforce_sorted=False)
    features, _ = pad_packed_sequence(both(rows)[0], batch_first=True)
    pooled = [
        torch.cat([row[:length].mean(0), row[:length].amax(0)])
        for row, length in zip(features, lengths.tolist(), strict=True)
    ]
    return network.output(torch.stack(pooled))


def test_logits_are_those_of_a_packed_sequence():
    torch.manual_seed(0)
    layers, reader = two_way(4, 6)
    network = SequenceClassifier(9, 4, reader, 12, 3, dropout=0.5).double().eval()
    ids, lengths = pad_batch(SENTENCES)
    expected = packed_logits(network, layers, ids, lengths)
    torch.testing.assert_close(network(ids, lengths), expected, rtol=1e-10, atol=1e-12)


def test_a_sentence_alone_gets_the_logits_that_it_gets_in_company():
    torch.manual_seed(1)
    _, reader = two_way(4, 6)
    network = SequenceClassifier(9, 4, reader, 12, 3).double()
    together = network(*pad_batch(SENTENCES, pad_id=8))
    for row, sentence in zip(together, SENTENCES, strict=True):
        torch.testing.assert_close(network(*pad_batch([sentence]))[0], row, rtol=1e-10, atol=1e-12)


def test_it_learns_what_a_bag_of_words_cannot():
    """Whether 1 comes before 2, somewhere among other words: the words themselves are the same in both classes."""
    torch.manual_seed(2)
    generator = torch.Generator().manual_seed(2)
    sentences, targets = [], []
    for _ in range(200):
        sentence = torch.randint(
            3, 8, (int(torch.randint(4, 9, (1,), generator=generator)),)
        ).tolist()
        first, second = sorted(torch.randperm(len(sentence), generator=generator)[:2].tolist())
        turned = bool(torch.rand(1, generator=generator) < 0.5)
        sentence[first], sentence[second] = (2, 1) if turned else (1, 2)
        sentences.append(sentence)
        targets.append(int(turned))
    layers = [nn.GRU(8, 8, batch_first=True) for _ in range(2)]
    reader = padded.Bidirectional(*map(padded.Layer, layers))
    network, (ids, lengths) = SequenceClassifier(8, 8, reader, 16, 2), pad_batch(sentences)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(ids, lengths), torch.tensor(targets))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_dropout_is_for_training(p):
    _, reader = two_way(4, 6)
    network, batch = SequenceClassifier(9, 4, reader, 12, 3, p).double(), pad_batch(SENTENCES)
    network.train()
    assert torch.equal(network(*batch), network(*batch)) == (p == 0)
    network.eval()
    assert torch.equal(network(*batch), network(*batch))
