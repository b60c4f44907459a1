"""Padded batches against torch's pad_sequence, and the order in which batches of like lengths come."""

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from shared.text.padding import batches_by_length, pad_batch


def some_sequences(count=205, seed=0):
    """Sequences of 1 to 40 ids; the first id of each is its number."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 41, (count,), generator=generator).tolist()
    return [[i, *torch.randint(0, 9, (n - 1,)).tolist()] for i, n in enumerate(lengths)]


@pytest.mark.parametrize("pad_id", [0, 7])
def test_pad_batch_is_torchs(pad_id):
    sequences = some_sequences(9)
    ids, lengths = pad_batch(sequences, pad_id)
    rows = [torch.tensor(s) for s in sequences]
    assert torch.equal(ids, pad_sequence(rows, batch_first=True, padding_value=pad_id))
    assert lengths.tolist() == [len(s) for s in sequences]
    assert ids.dtype == lengths.dtype == torch.int64


def test_an_empty_sequence_is_all_padding():
    ids, lengths = pad_batch([[], [4, 2]], 1)
    assert ids.tolist() == [[1, 1], [4, 2]]
    assert lengths.tolist() == [0, 2]


def test_batches_hold_each_example_once_with_its_own_target():
    sequences = some_sequences()
    targets = torch.arange(205) * 10
    seen = []
    for ids, lengths, y in batches_by_length(
        sequences, targets, 20, torch.Generator().manual_seed(1)
    ):
        assert 0 < len(ids) <= 20
        for row, length, target in zip(ids.tolist(), lengths.tolist(), y.tolist(), strict=True):
            assert row[:length] == sequences[target // 10]
            assert set(row[length:]) <= {0}
            seen.append(target // 10)
    assert sorted(seen) == list(range(205))


def test_batches_are_drawn_from_the_generator_and_change_from_pass_to_pass():
    sequences, targets = some_sequences(), torch.arange(205)
    generator, again = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    first, other, second = (
        [y.tolist() for *_, y in batches_by_length(sequences, targets, 20, g)]
        for g in (generator, again, generator)
    )
    assert first == other
    assert first != second


def test_sorting_within_pools_saves_padding():
    sequences, targets = some_sequences(), torch.arange(205)

    def share_of_padding(pool):
        batches = batches_by_length(sequences, targets, 20, torch.Generator().manual_seed(2), pool)
        sizes = [(ids.numel(), lengths.sum().item()) for ids, lengths, _ in batches]
        return 1 - sum(real for _, real in sizes) / sum(size for size, _ in sizes)

    assert share_of_padding(20) < 0.2 < 0.4 < share_of_padding(1)
