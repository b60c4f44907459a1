"""Scaling laws: what a run costs, what its loss will be, and how a budget is best split. Week 9's explore notebook.

    law = fit(n, d, loss)                          # L(N, D) = E + A / N^α + B / D^β, from runs that are done
    law.loss(500_000, 2_000_000)                   # of a run that is not done yet
    compute_optimal(law, 1e13)                     # (N, D) with the least loss for so many FLOPs

N: parameters   D: tokens (or bytes) trained on   C: FLOPs of the training   loss: nats for each token
Sources: Kaplan et al. (2001.08361); Hoffmann et al. (2203.15556), section 3.3 and appendix D; Besiroglu et al.
(2404.10102), who found where that fit had stopped too early; Barber et al. (1905.02928) for the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np


def training_flops(n_params: int, n_layers: int, d_model: int, context: int, tokens: int) -> float:
    """FLOPs of training on so many tokens: 3 · (2 · n_params + 2 · n_layers · context · d_model) · tokens

    n_params: those that a token is multiplied by (with a tied head: all)   context: tokens of a window

    Forward, each parameter takes a multiplication and an addition. In each block a token compares itself with context/2
    others on average, since half are masked, and mixes as many: 2 · d_model for a score, 2 · d_model for its share of
    the mixture. Backward takes twice as much. Source: Kaplan et al. (2001.08361), section 2.1.
    """
    forward = 2 * n_params + 2 * n_layers * context * d_model
    return 3 * forward * tokens


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A / N^alpha + B / D^beta. E: what is left with endless N and D, the text's own entropy."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, n: np.ndarray | float, d: np.ndarray | float) -> np.ndarray | float:
        """The loss of runs with n parameters on d tokens."""
        return self.E + self.A / np.power(n, self.alpha) + self.B / np.power(d, self.beta)


def fit_loss(
    theta: Sequence[float], n: np.ndarray, d: np.ndarray, loss: np.ndarray, delta: float = 1e-3
) -> float:
    """How badly a law fits runs: the sum over runs of Huber_δ(log L(N, D) − log loss).

    theta: (a, b, e, α, β) with A = exp(a), B = exp(b), E = exp(e), so that none of the three can become negative
    n, d, loss: (runs,)   Huber_δ(r) = r²/2 where |r| ≤ δ, else δ · (|r| − δ/2)
    Source: Hoffmann et al. (2203.15556), equation 3.
    """
    a, b, e, alpha, beta = theta
    predicted = np.exp(e) + np.exp(a) / n**alpha + np.exp(b) / d**beta
    off = np.abs(np.log(predicted) - np.log(loss))
    return float(np.where(off <= delta, off**2 / 2, delta * (off - delta / 2)).sum())


# Where the search begins: a, b, e, α, β, each of the last three at a small and at a large value.
STARTS = tuple(product((4.0,), (4.0,), (-1.0, 0.3), (0.2, 0.6), (0.2, 0.6)))


def fit(
    n: Sequence[float],
    d: Sequence[float],
    loss: Sequence[float],
    objective: Callable[..., float] = fit_loss,
    starts: Sequence[Sequence[float]] = STARTS,
    scale: float = 1e6,
) -> Law:
    """The law that fits runs best, by L-BFGS from each of several starts (the surface has more than one valley).

    n, d, loss: (runs,), of which five can be told nothing: there are five numbers to find
    scale: what is minimized is `scale` times the objective. Errors of a per mille make sums near 1e-5, and a search
    that stops where it gains less than 1e-9 would stop at once.
    Raises ValueError where there are fewer than six runs, or numbers that are not positive.
    """
    from scipy.optimize import minimize

    n, d, loss = (np.asarray(values, dtype=float) for values in (n, d, loss))
    if not len(n) == len(d) == len(loss) or len(n) < 6:
        raise ValueError(
            f"n, d and loss have {len(n)}, {len(d)} and {len(loss)} runs; they must have the same, at least 6."
        )
    if min(n.min(), d.min(), loss.min()) <= 0:
        raise ValueError("n, d and loss must be above 0.")
    best = None
    for start in starts:
        with np.errstate(over="ignore"):
            found = minimize(
                lambda theta: scale * objective(theta, n, d, loss),
                np.asarray(start, dtype=float),
                method="L-BFGS-B",
                bounds=((-10, 40), (-10, 40), (-10, 5), (0.01, 3), (0.01, 3)),
                options={"maxiter": 2_000, "maxfun": 50_000},
            )
        if best is None or found.fun < best.fun:
            best = found
    a, b, e, alpha, beta = (float(number) for number in best.x)
    return Law(float(np.exp(e)), float(np.exp(a)), float(np.exp(b)), alpha, beta)


def as_theta(law: Law) -> tuple[float, float, float, float, float]:
    """(a, b, e, α, β), from which a search for a neighbour of this law may begin."""
    return (*(float(np.log(x)) for x in (law.A, law.B, law.E)), law.alpha, law.beta)


def compute_optimal(law: Law, flops: float) -> tuple[float, float]:
    """(N, D) with the least loss among all with 6 · N · D = flops.

    N = G · (C/6)^(β/(α+β)) and D = (C/6) / N, with G = (α A / (β B))^(1/(α+β)): where a little more N and a little less
    D would neither gain nor lose. Source: Hoffmann et al. (2203.15556), equation 4.
    """
    both = law.alpha + law.beta
    balance = (law.alpha * law.A / (law.beta * law.B)) ** (1 / both)
    n = balance * (flops / 6) ** (law.beta / both)
    return n, flops / 6 / n


def leave_out_interval(
    predictions: np.ndarray, errors: np.ndarray, level: float = 0.9
) -> tuple[float, float]:
    """(low, high) for the loss of a new run, from fits that each left some runs out (the jackknife+).

    predictions: (runs,), for each old run the new run's loss by the law that was fitted without the old one
    errors:      (runs,), how far off that law was on the run it had not seen: log of measured over predicted
    level:       0.9: a tenth of the lower ends lies below `low`, and a tenth of the upper ends above `high`

    Each old run says: the new one may be off by as much as I was, in either direction. In logs that is
    log prediction ± |error|. Both ends are those of a run, never a mixture of two. Source: Barber et al. (1905.02928).
    """
    middle, off = np.log(predictions), np.abs(errors)
    low = np.quantile(middle - off, 1 - level, method="lower")
    high = np.quantile(middle + off, level, method="higher")
    return float(np.exp(low)), float(np.exp(high))
