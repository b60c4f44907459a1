"""`shared.text.pairs`: shapes, what stands where, and that every pair is in exactly one batch."""

import torch

from shared.text import pairs
from shared.text.pairs import END, PAD, START, UNKNOWN


def test_special_tokens_have_their_ids():
    vocabulary = pairs.character_vocabulary(["ça va", "va"])
    assert [vocabulary.ids[token] for token in pairs.SPECIALS] == [PAD, START, END, UNKNOWN]
    assert set(vocabulary.tokens[4:]) == set("ça v")
    assert vocabulary.encode("vé")[1] == UNKNOWN


def test_teacher_forcing_by_hand():
    inputs, targets = pairs.teacher_forcing([[7, 8, 9], [5]])
    assert inputs.tolist() == [[START, 7, 8, 9], [START, 5, PAD, PAD]]
    assert targets.tolist() == [[7, 8, 9, END], [5, END, PAD, PAD]]


def test_source_is_turned_round_and_the_target_is_not():
    languages = pairs.character_vocabulary(["abc"]), pairs.character_vocabulary(["xyz"])
    [(source, target)] = pairs.encode_pairs(["abc"], ["xyz"], languages)
    assert languages[0].decode(source) == "cba"
    assert languages[1].decode(target) == "xyz"


def _some(n):
    lengths = torch.randint(1, 12, (n, 2), generator=torch.Generator().manual_seed(0)).tolist()
    return [([4 + i] * a, [4 + i] * b) for i, (a, b) in enumerate(lengths)]


def test_every_pair_is_in_one_batch():
    some = _some(53)
    for generator in (None, torch.Generator().manual_seed(3)):
        batches = list(pairs.pair_batches(some, 8, generator))
        assert len(batches) == pairs.count_batches(some, 8)
        assert max(len(b.source) for b in batches) <= 8
        rows = torch.cat([b.source[:, 0] for b in batches])
        assert sorted(rows.tolist()) == [4 + i for i in range(53)]
        for b in batches:
            assert (b.source != PAD).all()  # equally long
            assert b.inputs.shape == b.targets.shape
            assert torch.equal(b.source[:, 0], b.inputs[:, 1])  # source and target stay together
            assert (b.targets == END).sum() == len(b.targets)


def test_order_is_drawn_anew_and_repeatable():
    some = _some(200)
    generator = torch.Generator().manual_seed(0)
    first, second = ([b.source for b in pairs.pair_batches(some, 8, generator)] for _ in "12")
    again = [b.source for b in pairs.pair_batches(some, 8, torch.Generator().manual_seed(0))]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
