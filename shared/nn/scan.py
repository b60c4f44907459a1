"""Recurrences that are linear in their state, and how to compute all their moments at once. Met in week 5 (explore).

h_t = a_t · h_{t−1} + b_t. Nothing that depends on h decides a_t or b_t, so all of them are known beforehand, and a
prefix scan finds every state in ⌈log₂ t⌉ rounds instead of t steps. A minimal GRU and the heart of a selective state
space model are such recurrences.
Shapes: n sequences, t moments, d channels, s states for each channel; batches first, everything a torch tensor.
Sources: Hillis & Steele, "Data Parallel Algorithms" (1986); Blelloch, "Prefix Sums and Their Applications" (1990);
Martin & Cundy (1709.04057); Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2410.01201); Gu & Dao (2312.00752).
"""

import torch
from torch import Tensor, nn


def sequential(a: Tensor, b: Tensor, start: Tensor | None = None) -> Tensor:
    """h_t = a_t · h_{t−1} + b_t, one moment after the other: the definition, in t steps.

    a, b: (n, t, …), of the same shape   start: h before the first moment, (n, …); None: zero
    →  (n, t, …): all states, the first of them after the first moment
    """
    h = torch.zeros_like(b[:, 0]) if start is None else start
    states = []
    for a_t, b_t in zip(a.unbind(dim=1), b.unbind(dim=1)):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def parallel(a: Tensor, b: Tensor, start: Tensor | None = None) -> Tensor:
    """The same states in ⌈log₂ t⌉ rounds, each over all moments at once.

    a, b: (n, t, …), of the same shape   start: (n, …) or None   →   (n, t, …)

    A pair (a, b) stands for the map h → a h + b. Two of them in a row are one such map again:
    first (a₁, b₁), then (a₂, b₂), is (a₂ a₁, a₂ b₁ + b₂). In each round every moment takes in the pair that ends just
    before its own begins, so the stretch that it stands for doubles: 1, 2, 4, 8, … moments.
    Source: Hillis & Steele (1986).
    """
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    reach = 1  # how many moments each pair stands for, itself included
    while reach < b.shape[1]:
        # The first `reach` moments have taken in everything before them; they stay as they are.
        b = torch.cat([b[:, :reach], a[:, reach:] * b[:, :-reach] + b[:, reach:]], dim=1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], dim=1)
        reach *= 2
    return b


class MinGRU(nn.Module):
    """h_t = (1 − z_t) · h_{t−1} + z_t · c_t, with the gate z = σ(x W_zᵀ + b_z) and the candidate c = x W_cᵀ + b_c.

    forward(x, start): (n, t, d_in), (n, d) or None → all states, (n, t, d)

    A GRU whose gate and candidate do not look at the state; there is no reset gate, and no tanh. All gates and
    candidates come from two matrix products, all states from one scan.
    Source: Feng et al. (2410.01201), section 3.1.
    """

    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d_in, d)
        self.candidate = nn.Linear(d_in, d)

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:
        z = torch.sigmoid(self.gate(x))  # (n, t, d)
        return parallel(1 - z, z * self.candidate(x), start)


def selective_state_space(
    x: Tensor, step: Tensor, decay: Tensor, write: Tensor, read: Tensor
) -> Tensor:
    """Each channel of x drives s leaking states; step, write and read may be different at every moment.

    h_t = exp(Δ_t A) · h_{t−1} + Δ_t x_t B_t   (d, s)      y_t = Σ_s C_t · h_t   (d,)

    x: (n, t, d)   step Δ: (n, t, d), positive: how much time passes   decay A: (d, s), negative: how fast each leaks
    write B: (n, t, s): where x goes   read C: (n, t, s): what is seen of it   →   y (n, t, d)

    Where Δ, B and C are the same at all moments it is a linear filter, as in S4; made from x, they let the layer
    choose what to keep. Source: Gu & Dao (2312.00752), algorithm 2, with B discretized as ΔB.
    """
    a = torch.exp(step[..., None] * decay)  # (n, t, d, s), in (0, 1)
    b = (step * x)[..., None] * write[:, :, None, :]  # (n, t, d, s)
    h = parallel(a, b)
    return (h * read[:, :, None, :]).sum(dim=-1)
