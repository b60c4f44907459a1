"""Pairs of sentences as tensors: teacher forcing, and batches of like lengths. Met in week 4, with translation.

Every sentence is a list of ids. Four tokens stand for something else than text: <pad> fills a short row of a batch,
<start> is what the decoder reads before the first character, <end> is what it writes after the last, and <unknown>
stands for a character that training never saw.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from shared.text.padding import pad_batch
from shared.text.vocabulary import Vocabulary, build_vocabulary

SPECIALS = ("<pad>", "<start>", "<end>", "<unknown>")
PAD, START, END, UNKNOWN = range(4)

Ids = list[int]


def character_vocabulary(texts: Iterable[str]) -> Vocabulary:
    """All characters of the texts, after the four special tokens, whose ids are PAD, START, END and UNKNOWN."""
    return Vocabulary(build_vocabulary(texts, specials=SPECIALS), unknown="<unknown>")


def pad(sentences: Sequence[Ids]) -> Tensor:
    """One row for each sentence, filled up with PAD to the longest: n lists → (n, longest)."""
    return pad_batch(sentences, PAD)[0]


def teacher_forcing(sentences: Sequence[Ids]) -> tuple[Tensor, Tensor]:
    """What the decoder reads and what it shall answer at every position, when it is told the right sentence.

    sentences: n lists of ids, the longest of t   →   inputs (n, t + 1), targets (n, t + 1), filled up with PAD

    inputs[:, j] is the character before position j, START at the beginning; targets[:, j] is the character at
    position j, END after the last. So targets[:, :-1] stand in inputs[:, 1:].
    Source: Williams & Zipser, "A learning algorithm for continually running fully recurrent neural networks" (1989).
    """
    inputs = pad([[START, *sentence] for sentence in sentences])
    targets = pad([[*sentence, END] for sentence in sentences])
    return inputs, targets


class Batch(NamedTuple):
    """source (n, s), for the encoder; inputs (n, t) for the decoder; targets (n, t) for the loss."""

    source: Tensor
    inputs: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(part.to(device) for part in self))


def encode_pairs(
    sources: Iterable[str], targets: Iterable[str], languages: tuple[Vocabulary, Vocabulary]
) -> list[tuple[Ids, Ids]]:
    """Each pair as ids; the source is turned round, so that its first words are read last.

    The decoder begins with the first words, and the encoder has then just read them: 1409.3215 found that translations
    become better, of long sentences too.
    """
    return [
        (languages[0].encode(source)[::-1], languages[1].encode(target))
        for source, target in zip(sources, targets, strict=True)
    ]


def pair_batches(
    pairs: Sequence[tuple[Ids, Ids]],
    batch_size: int,
    generator: torch.Generator | None = None,
    force: Callable[[Sequence[Ids]], tuple[Tensor, Tensor]] = teacher_forcing,
) -> Iterator[Batch]:
    """One pass over all pairs in batches whose sources are equally long, and whose targets nearly are.

    No source is padded, so the encoder never reads padding. The last batch of each length may be smaller.
    generator: pairs of equal lengths are shuffled, and then the batches; None: from short to long, always the same
    force: makes inputs and targets of the sentences that are to be written
    """
    order = list(range(len(pairs)))
    if generator is not None:
        order = torch.randperm(len(pairs), generator=generator).tolist()
    order.sort(key=lambda i: (len(pairs[i][0]), len(pairs[i][1])))  # keeps the order of equals
    groups = []
    for _, same in groupby(order, key=lambda i: len(pairs[i][0])):
        alike = list(same)
        groups += [alike[k : k + batch_size] for k in range(0, len(alike), batch_size)]
    if generator is not None:
        groups = [groups[k] for k in torch.randperm(len(groups), generator=generator).tolist()]
    for group in groups:
        source = torch.tensor([pairs[i][0] for i in group])
        yield Batch(source, *force([pairs[i][1] for i in group]))


def count_batches(pairs: Sequence[tuple[Ids, Ids]], batch_size: int) -> int:
    """How many batches `pair_batches` makes of them."""
    alike = Counter(len(source) for source, _ in pairs)
    return sum(-(-count // batch_size) for count in alike.values())
