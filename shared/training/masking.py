"""Rows for masked language modelling: articles cut to length, words chosen whole, batches hidden anew in each pass.

Week 8's challenge. What then happens to a chosen token is `shared.training.pretraining.mlm_mask`'s business, and here
`corrupt`'s. Shapes: n rows of length tokens each.
Sources: Devlin et al., "BERT" (1810.04805), sections 3.1 and A.2; whole words: their repository's note of May 2019;
masks drawn anew: Liu et al., "RoBERTa" (1907.11692), section 4.1.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from shared.text.padding import pad_batch


def text_rows(
    articles: Sequence[Sequence[int]],
    length: int,
    first_id: int,
    last_id: int,
    shortest: int = 8,
) -> list[list[int]]:
    """Articles cut into rows of at most `length` tokens: first_id, a piece of one article, last_id.

    articles: lists of ids   first_id, last_id: [CLS] and [SEP], which count   shortest: a piece with fewer tokens is
    left out; nothing else is, and each token stands in one row   →   lists of ids, in the order of the text

    No row holds two articles: what the one says would be no help for a hidden word of the other.
    """
    rows = []
    for article in articles:
        for start in range(0, len(article), length - 2):
            piece = article[start : start + length - 2]
            if len(piece) >= shortest:
                rows.append([first_id, *piece, last_id])
    return rows


def choose_words(
    tokens: Tensor,
    goes_on: Tensor,
    special_ids: Sequence[int],
    share: float = 0.15,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Chooses whole words to hide: all pieces of a word, or none. (n, length) of ids → (n, length), True where chosen.

    goes_on: (vocab_size,), True for tokens that go on with the word before them ("##ing")
    special_ids: tokens that are never chosen   share: the probability of each word
    """
    word = (~goes_on[tokens]).long().cumsum(dim=1) - 1  # the number of each token's word in its row
    dice = torch.rand(tokens.shape, generator=generator)
    of_its_word = dice.gather(1, word.clamp(min=0))  # one throw for all pieces of a word
    special = torch.isin(tokens, torch.tensor(special_ids, dtype=tokens.dtype))
    return (of_its_word < share) & ~special


def corrupt(
    tokens: Tensor,
    chosen: Tensor,
    mask_id: int,
    vocab_size: int,
    masked: float = 0.8,
    replaced: float = 0.1,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """What becomes of chosen tokens: [MASK], a random token, or nothing. Returns (inputs, targets), both (n, length).

    masked, replaced: the shares of the first two; 1 and 0 always write [MASK]
    targets: the chosen tokens, and −100, which torch's cross-entropy passes over, everywhere else
    """
    dice = torch.rand(tokens.shape, generator=generator)
    others = torch.randint(vocab_size, tokens.shape, generator=generator)
    inputs = torch.where(chosen & (dice < masked), mask_id, tokens)
    inputs = torch.where(chosen & (dice >= masked) & (dice < masked + replaced), others, inputs)
    return inputs, torch.where(chosen, tokens, -100)


def masked_batches(
    rows: Sequence[Sequence[int]],
    batch_size: int,
    hide: Callable[[Tensor], tuple[Tensor, Tensor]],
    pad_id: int,
    generator: torch.Generator,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One pass over all rows in random order, in batches (inputs, lengths, targets), hidden anew in each pass.

    rows: lists of ids   hide(tokens) → (inputs, targets): hides some tokens of a padded batch (n, length), others each
    time it is called   generator: where the order comes from; each pass draws the next
    →   inputs, targets (n, length), lengths (n,): how many tokens of each row are real; the last batch may be smaller
    """
    order = torch.randperm(len(rows), generator=generator)
    for some in order.split(batch_size):
        tokens, lengths = pad_batch([rows[i] for i in some.tolist()], pad_id)
        inputs, targets = hide(tokens)
        yield inputs, lengths, targets
