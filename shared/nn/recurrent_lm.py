"""A recurrent language model: it reads tokens one by one and says what comes next. Met in week 4, again in week 5.

Shapes: n texts side by side, t tokens of each, V tokens in the vocabulary; ids are whole numbers from 0 to V − 1.
A **state** is whatever the layer carries along: a tensor, or a tuple of them; None is its beginning.
Sources: Mikolov et al., "Recurrent neural network based language model" (2010); Williams & Peng, "An efficient
gradient-based algorithm for on-line training of recurrent network trajectories" (1990).
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from shared.nn.recurrent import State, unroll
from shared.training.classify import cross_entropy

# network(ids (n, t), state) → logits (n, t, V) and the new state
LanguageModel = Callable[[Tensor, State | None], tuple[Tensor, State]]


class Unrolled(nn.Module):
    """A recurrent layer made of a cell, to be called like torch.nn.RNN(batch_first=True). For padded batches there is
    `padded.Unrolled`.

    forward(inputs, state): (n, t, d_in) → (n, t, d), and the last state
    """

    def __init__(self, cell: nn.Module, unroll: Callable = unroll) -> None:
        super().__init__()
        self.cell, self.unroll = cell, unroll

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self.unroll(self.cell, inputs, state)


class RecurrentLM(nn.Module):
    """Each token's row of numbers → a recurrent layer → for each moment, V logits for the token that comes next.

    layer(inputs (n, t, d_in), state) → outputs (n, t, d) and the new state
    forward(ids, state): (n, t) → (n, t, V), and the new state
    """

    def __init__(self, vocabulary_size: int, d_in: int, layer: nn.Module, d: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, d_in)
        self.layer = layer
        self.head = nn.Linear(d, vocabulary_size)

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        outputs, state = self.layer(self.embedding(ids), state)
        return self.head(outputs), state


def side_by_side(ids: Tensor, n: int) -> Tensor:
    """Cuts one long text into n parts of the same length, as rows, to be read at the same time: (t,) → (n, t // n).

    What is left over at the end, fewer than n tokens, is dropped.
    """
    if len(ids) < n:
        raise ValueError(f"{len(ids)} tokens cannot be cut into {n} parts.")
    each = len(ids) // n
    return ids[: n * each].reshape(n, each)


def detach(state: State) -> State:
    """The same numbers, cut off from how they came about: no gradient flows past them."""
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return state.detach()


def truncated_bptt(network: LanguageModel, ids: Tensor, length: int) -> Iterator[Tensor]:
    """Reads long texts piece by piece and yields the mean loss of each piece, in nats per token.

    network(ids (n, ≤ length), state) → logits (n, ≤ length, V), state      ids: (n, t)
    Position i is asked for the token at i + 1, so t tokens hold t − 1 questions; the last piece may be shorter.

    The state goes on from piece to piece and the gradient does not: a loss reaches back to the beginning of its piece.
    Whoever takes a loss calls backward() and steps before asking for the next one.
    """
    state = None
    for start in range(0, ids.shape[1] - 1, length):
        piece = ids[:, start : start + length + 1]  # one more, to be the last answer
        logits, state = network(piece[:, :-1], state)
        yield cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        state = detach(state)


def sample(
    network: LanguageModel,
    prompt: Tensor,
    count: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Goes on with a text: draws the next token, reads it, draws again.

    network(ids (1, t), state) → logits (1, t, V), state
    prompt: (p,) ids, at least one   generator: where chance comes from   →   (count,), the new ids only

    Each is drawn from softmax(logits / temperature): 1 is what the network believes, below 1 the likely become
    likelier, and 0 takes the likeliest. The prompt is read once; after that the state remembers it.
    """
    ids, state, written = prompt[None], None, []
    with torch.no_grad():
        for _ in range(count):
            logits, state = network(ids, state)
            last = logits[0, -1]  # (V,)
            if temperature == 0:
                token = last.argmax(keepdim=True)
            else:
                p = torch.softmax(last / temperature, dim=-1)
                token = torch.multinomial(p, 1, generator=generator)
            written.append(token)
            ids = token[None]  # (1, 1)
    return torch.cat(written) if written else prompt[:0]
