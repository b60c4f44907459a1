"""Merging: one model out of several that began as the same, without training. Met in week 8's explore notebook.

Models that were fine-tuned from one base lie so near each other that what lies between them works, too. All functions
take and give a `state_dict`, name → tensor:  model.load_state_dict(linear([a.state_dict(), b.state_dict()]))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

State = Mapping[str, Tensor]


def linear(states: Sequence[State], weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """Σ weight · tensor for each name; None: the mean. Source: Wortsman et al., model soups (2203.05482).

    Raises ValueError for no states, states that don't fit together, and another number of weights.
    """
    _check(states)
    weights = [1 / len(states)] * len(states) if weights is None else list(weights)
    if len(weights) != len(states):
        raise ValueError(
            f"there are {len(weights)} weights; there must be {len(states)}, as states."
        )
    return {
        name: sum(w * state[name].double() for w, state in zip(weights, states)).to(first.dtype)
        for name, first in states[0].items()
    }


def slerp(a: State, b: State, t: float = 0.5) -> dict[str, Tensor]:
    """Between two models along an arc instead of a straight line; t = 0 is a, t = 1 is b.

    Each tensor is one long vector; Ω is the angle between the two.   sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b
    Vectors of one length keep it on the way, while their straight mean is shorter; where they are (almost) parallel,
    the arc is the straight line. Source: Shoemake 1985, "Animating rotation with quaternion curves".
    """
    _check([a, b])
    return {name: slerp_tensor(a[name], b[name], t) for name in a}


def slerp_tensor(a: Tensor, b: Tensor, t: float) -> Tensor:
    """`slerp` of two tensors of one shape."""
    x, y = a.double(), b.double()
    lengths = x.norm() * y.norm()
    cosine = ((x * y).sum() / lengths).clamp(-1, 1) if lengths > 0 else torch.ones(())
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6:
        return ((1 - t) * x + t * y).to(a.dtype)
    of_a, of_b = torch.sin((1 - t) * angle), torch.sin(t * angle)
    return ((of_a * x + of_b * y) / torch.sin(angle)).to(a.dtype)


def task_vector(base: State, tuned: State) -> dict[str, Tensor]:
    """What fine-tuning changed: tuned − base, for each name."""
    _check([base, tuned])
    return {name: tuned[name] - base[name] for name in base}


def task_arithmetic(
    base: State, vectors: Sequence[State], scales: Sequence[float] | float = 1.0
) -> dict[str, Tensor]:
    """base + Σ scale · vector: a positive scale adds a skill, a negative one takes it away.

    scales: one for each vector, or one for all. Source: Ilharco et al. (2212.04089).
    """
    _check([base, *vectors])
    each = [scales] * len(vectors) if isinstance(scales, (int, float)) else list(scales)
    return linear([base, *vectors], [1.0, *each])


def _check(states: Sequence[State]) -> None:
    if not states:
        raise ValueError("there are no states; merging needs at least one.")
    shapes = [{name: tuple(t.shape) for name, t in state.items()} for state in states]
    for number, shape in enumerate(shapes):
        differing = sorted(set(shapes[0].items()) ^ set(shape.items()))
        if differing:
            raise ValueError(
                f"state {number} is of another model than state 0: they differ at {differing[0][0]}."
            )
