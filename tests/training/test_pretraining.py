"""The two questions of pretraining, beside transformers: the shares of its collator, and the loss that it takes."""

import pytest
import torch
from torch.nn import functional as F

from shared.training.pretraining import causal_targets, mlm_mask

PAD, CLS, SEP, MASK, VOCAB = 0, 1, 2, 3, 60


def texts(n=400, length=200, seed=0):
    """[CLS] … [SEP], half of them padded."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, VOCAB, (n, length), generator=generator)
    tokens[:, 0], tokens[:, -1] = CLS, SEP
    tokens[: n // 2, -length // 4 :] = PAD
    return tokens


def shares(inputs, targets, tokens):
    """Chosen of all that may be; of the chosen [MASK], another, the same."""
    chosen = targets != -100
    now, before = inputs[chosen], tokens[chosen]
    assert torch.equal(targets[chosen], before)
    assert torch.equal(inputs[~chosen], tokens[~chosen])
    masked, same = now == MASK, now == before
    rows = (chosen[tokens > 3], masked, ~masked & ~same, same)
    return torch.stack([row.double().mean() for row in rows])


def test_the_shares_are_those_of_transformers_collator(tmp_path):
    from transformers import BertTokenizerFast, DataCollatorForLanguageModeling

    words = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]", *(f"w{i}" for i in range(VOCAB - 5))]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    tokens = texts()
    collator = DataCollatorForLanguageModeling(
        BertTokenizerFast(str(tmp_path / "vocab.txt")), mlm_probability=0.2, seed=1
    )
    theirs = collator([{"input_ids": row} for row in tokens.clone()])
    ours = mlm_mask(
        tokens, MASK, VOCAB, (PAD, CLS, SEP, MASK, 4), 0.2, torch.Generator().manual_seed(1)
    )
    found = shares(*ours, tokens)
    expected = shares(theirs["input_ids"], theirs["labels"], tokens)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert not bool(((ours[1] != -100) & (tokens < 4)).any())


def test_the_input_stays_and_the_draw_can_be_repeated():
    tokens = texts(4, 30)
    before = tokens.clone()
    one, other = (
        mlm_mask(tokens, MASK, VOCAB, generator=torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(tokens, before)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("pad_id", [None, PAD, 9])
def test_the_loss_is_that_of_transformers(pad_id):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_embd=16, n_layer=1, n_head=2)).eval()
    tokens = texts(6, 20)
    labels = tokens if pad_id is None else tokens.masked_fill(tokens == pad_id, -100)
    with torch.no_grad():
        theirs = model(tokens, labels=labels)
    targets = causal_targets(tokens, pad_id)
    assert targets.shape == tokens.shape
    ours = F.cross_entropy(theirs.logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(ours, theirs.loss)
