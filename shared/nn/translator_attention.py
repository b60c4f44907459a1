"""Attention for a translator: what the decoder writes looks at all states of the encoder. Met in week 6's challenge.

A module attention(query, memory, mask) takes its place in `shared.nn.seq2seq.Decoder`; its `weights` say which
character of the target looked at which of the source.
Shapes: n sentences, t characters of the target, s of the source, d state. mask (n, s) is True at real characters.
Sources: additive: Bahdanau, Cho & Bengio (1409.0473), appendix A.1.2; dot product: Luong, Pham & Manning (1508.04025),
their score "general", here scaled by √d.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.attention import scaled_dot_product_attention, softmax


class DotProductAttention(nn.Module):
    """softmax(W q · m / √d): the decoder's states, turned by one matrix, meet the encoder's by a dot product.

    forward(query, memory, mask): (n, t, d), (n, s, d), (n, s) → (n, t, d), a mixture of the memory for each query
    weights(query, memory, mask) → (n, t, s): each query's weights over the source, which sum to 1
    """

    def __init__(
        self, d: int, attention: Callable[..., Tensor] = scaled_dot_product_attention
    ) -> None:
        super().__init__()
        self.query = nn.Linear(d, d, bias=False)  # W
        self.attention = attention

    def weights(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        # Attention mixes values with its weights; mixing the rows of the unit matrix gives the weights themselves.
        unit = torch.eye(memory.shape[1], dtype=memory.dtype, device=memory.device)  # (s, s)
        return self.attention(self.query(query), memory, unit, mask[:, None, :])

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        return self.weights(query, memory, mask) @ memory


class AdditiveAttention(nn.Module):
    """softmax(v · tanh(W q + U m)): a small network with one hidden layer gives each pair its score.

    forward(query, memory, mask): (n, t, d), (n, s, d), (n, s) → (n, t, d), a mixture of the memory for each query
    weights(query, memory, mask) → (n, t, s): each query's weights over the source, which sum to 1

    On the way it holds d numbers for each pair of characters, n · t · s · d in all, where the dot product holds one.
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.query = nn.Linear(d, d, bias=False)  # W
        self.key = nn.Linear(d, d, bias=False)  # U
        self.score = nn.Linear(d, 1, bias=False)  # v

    def weights(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        both = self.query(query)[:, :, None] + self.key(memory)[:, None]  # (n, t, s, d)
        scores = self.score(torch.tanh(both)).squeeze(-1)  # (n, t, s)
        return softmax(scores.masked_fill(~mask[:, None, :], torch.finfo(scores.dtype).min))

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        return self.weights(query, memory, mask) @ memory


def word_alignment(weights: Tensor, target: str, source: str) -> Tensor:
    """From characters to words: how much of its attention each word of the target gives to each word of the source.

    weights: (len(target), len(source)), rows that sum to at most 1   →   (target words, source words)

    Over the characters of a target word the mean is taken, over those of a source word the sum. Words are what stands
    between spaces; what is given to spaces counts for no word. Raises ValueError where the shape does not fit.
    """
    if weights.shape != (len(target), len(source)):
        raise ValueError(
            f"weights have the shape {tuple(weights.shape)}; the texts have {len(target)} and {len(source)} characters."
        )

    def membership(
        text: str,
    ) -> Tensor:  # (words, characters): 1 where a character belongs to a word
        number, places = -1, []
        for before, character in zip(" " + text, text):
            number += before == " " and character != " "
            places.append(number if character != " " else -1)
        table = torch.tensor(places) == torch.arange(number + 1)[:, None]
        return table.to(weights)

    of_target, of_source = membership(target), membership(source)
    summed = weights @ of_source.T  # (characters of the target, source words)
    return of_target @ summed / of_target.sum(dim=1, keepdim=True)


def length_quarters(lengths: Tensor) -> list[Tensor]:
    """The numbers of the examples from the shortest quarter to the longest: four tensors of nearly equal size.

    lengths: (n,)   →   four of (about n / 4,), int64; the first ones are larger where n is no multiple of 4

    Examples of equal length stay in their order.
    """
    return list(torch.tensor_split(lengths.argsort(stable=True), 4))
