"""`shared.training.translate`: the loss against torch's, and a language that is learned in seconds."""

import pytest
import torch
import torch.nn.functional as F

from shared.nn.seq2seq import Decoder, Encoder, EncoderDecoder
from shared.text.pairs import character_vocabulary, encode_pairs
from shared.training.translate import (
    masked_cross_entropy,
    train_translator,
    translate,
    translate_by_beam,
)


@pytest.mark.parametrize("pad", [0, 3])
def test_loss_is_torchs_with_ignore_index(pad):
    torch.manual_seed(0)
    logits = torch.randn(6, 9, 7, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 7, (6, 9))
    ours = masked_cross_entropy(logits, targets, pad)
    theirs = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=pad)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)), rtol=1e-10, atol=1e-14
    )


def _small_language(n=400):
    """Every letter has a twin, and the order stays: "ab" → "xy"."""
    draw = torch.Generator().manual_seed(0)
    sources = [
        "".join("abcd"[i] for i in torch.randint(0, 4, (length,), generator=draw).tolist())
        for length in torch.randint(1, 5, (n,), generator=draw).tolist()
    ]
    return sources, [source.translate(str.maketrans("abcd", "wxyz")) for source in sources]


def test_learns_a_small_language_and_writes_it():
    torch.manual_seed(0)
    sources, targets = _small_language()
    languages = character_vocabulary(sources), character_vocabulary(targets)
    pairs = encode_pairs(sources, targets, languages)
    network = EncoderDecoder(Encoder(len(languages[0]), 8, 32), Decoder(len(languages[1]), 8, 32))
    history = train_translator(network, pairs, pairs[:50], 30, progress=None)
    assert history["val_loss"][-1] < 0.15
    written = translate(network, sources[:60], languages)
    assert sum(a == b for a, b in zip(written, targets)) >= 50
    assert translate_by_beam(network, sources[:60], languages, beam=1) == written
    assert translate(network, sources[:60], languages, batch_size=7) == written
