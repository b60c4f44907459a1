"""Linear regression with a price on its weights: ridge, lasso, cross-validation. Met in week 3's challenge; the
shortest weights that fit, in its explore notebook.

Shapes: x is (n, d), y is (n,); a model is its weights (d,) and its intercept, a scalar, which is never penalized.
The objectives, with residuals r = y − x w − b:

    ridge   ‖r‖² / 2n + strength / 2 · ‖w‖²      scikit-learn's Ridge(alpha = n · strength)
    lasso   ‖r‖² / 2n + strength · ‖w‖₁          scikit-learn's Lasso(alpha = strength)

Sources: Hoerl & Kennard, "Ridge Regression" (1970); Tibshirani, "Regression Shrinkage and Selection via the Lasso"
(1996); Beck & Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm" (2009); Hastie, Tibshirani & Friedman,
*The Elements of Statistical Learning*, chapters 3 and 7.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Model = tuple[Tensor, Tensor]


def ridge(x: Tensor, y: Tensor, strength: float) -> Model:
    """The weights that minimize ‖y − x w − b‖² / 2n + strength / 2 · ‖w‖², in closed form.

    x: (n, d)   y: (n,)   strength ≥ 0   →   weights (d,), intercept ()

    Where the gradient is zero, (XᵀX / n + strength · I) w = Xᵀy / n, for X and y moved to mean 0; that takes care of
    the intercept, which follows from the means.
    """
    x_mean, y_mean = x.mean(dim=0), y.mean()
    centred, n = x - x_mean, len(x)
    gram = centred.T @ centred / n + strength * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(gram, centred.T @ (y - y_mean) / n)
    return weights, y_mean - x_mean @ weights


def minimum_norm(x: Tensor, y: Tensor, tolerance: float = 1e-10) -> Tensor:
    """Of all weights with the smallest ‖y − x w‖, the shortest. No price, no intercept.

    x: (n, d)   y: (n,) or (n, k)   →   weights (d,) or (d, k)

    With the singular value decomposition x = U diag(σ) Vᵀ they are V diag(1 / σ) Uᵀ y. Along a direction whose σ is 0
    (at most `tolerance` of the largest) the rows say nothing, and the shortest weights do not go there.
    Source: Penrose, "On best approximate solutions of linear matrix equations" (1956). As torch.linalg.pinv(x) @ y.
    """
    u, sigma, vt = torch.linalg.svd(x, full_matrices=False)  # (n, r), (r,), (r, d), r = min(n, d)
    told = sigma > tolerance * sigma[0]
    u, sigma, vt = u[:, told], sigma[told], vt[told]
    return vt.T / sigma @ (u.T @ y)


def ridge_by_gradient(x: Tensor, y: Tensor, strength: float, lr: float, steps: int) -> Model:
    """The same weights by gradient descent from zero: what is left when the closed form is too large to solve.

    x: (n, d)   y: (n,)   →   weights (d,), intercept ()
    lr: below 2 / (largest eigenvalue of the second derivative), or it diverges
    """
    weights, intercept = torch.zeros_like(x[0]), torch.zeros_like(y[0])
    for _ in range(steps):
        error = x @ weights + intercept - y  # (n,)
        weights = weights - lr * (x.T @ error / len(x) + strength * weights)
        intercept = intercept - lr * error.mean()
    return weights, intercept


def soft_threshold(w: Tensor, threshold: float) -> Tensor:
    """Moves each number towards 0 by `threshold`, and those nearer than that to 0 exactly: the proximal step of |w|.

    w: any shape   threshold ≥ 0   →   the same shape; the minimizer of (u − w)² / 2 + threshold · |u|
    """
    return torch.sign(w) * torch.clamp(w.abs() - threshold, min=0)


def lasso(
    x: Tensor, y: Tensor, strength: float, max_steps: int = 20_000, tolerance: float = 1e-7
) -> Model:
    """Minimizes ‖y − x w − b‖² / 2n + strength · ‖w‖₁ by proximal gradient descent (ISTA).

    x: (n, d)   y: (n,)   strength ≥ 0   →   weights (d,), many of them exactly 0, and intercept ()

    Each step: one of gradient descent on the squared error, then a soft threshold. The learning rate 1 / L, with L the
    largest eigenvalue of XᵀX / n, never overshoots. It ends when no weight moves by more than `tolerance`.
    """
    x_mean, y_mean = x.mean(dim=0), y.mean()
    centred, n = x - x_mean, len(x)
    gram, moment = centred.T @ centred / n, centred.T @ (y - y_mean) / n  # once, not in every step
    lr = 1 / torch.linalg.eigvalsh(gram)[-1].item()
    weights = torch.zeros_like(x[0])
    for _ in range(max_steps):
        before = weights
        weights = soft_threshold(weights - lr * (gram @ weights - moment), lr * strength)
        if (weights - before).abs().max() <= tolerance:
            break
    return weights, y_mean - x_mean @ weights


def fista(
    x: Tensor, y: Tensor, strength: float, max_steps: int = 20_000, tolerance: float = 1e-7
) -> Model:
    """As `lasso`, with momentum: the gradient is taken a little ahead, where the last steps were leading (FISTA).

    x: (n, d)   y: (n,)   strength ≥ 0   →   weights (d,), intercept ()
    After k steps the error falls as 1 / k² instead of 1 / k. Momentum that has begun to point uphill is dropped.
    """
    x_mean, y_mean = x.mean(dim=0), y.mean()
    centred, n = x - x_mean, len(x)
    gram, moment = centred.T @ centred / n, centred.T @ (y - y_mean) / n
    lr = 1 / torch.linalg.eigvalsh(gram)[-1].item()
    weights = ahead = torch.zeros_like(x[0])
    pace = 1.0
    for _ in range(max_steps):
        before = weights
        weights = soft_threshold(ahead - lr * (gram @ ahead - moment), lr * strength)
        moved = weights - before
        if moved.abs().max() <= tolerance:
            break
        if (ahead - weights) @ moved > 0:  # O'Donoghue & Candès (2015): restart
            pace = 1.0
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead = weights + (pace - 1) / faster * moved
        pace = faster
    return weights, y_mean - x_mean @ weights


def penalties(x: Tensor, y: Tensor, count: int = 20, span: float = 1e-3) -> list[float]:
    """A path of `count` penalties, evenly spaced in their logarithm, from large to small.

    The first is the smallest at which every weight of the lasso is 0, max |Xᵀy| / n; the last is `span` times that.
    """
    centred = x - x.mean(dim=0)
    largest = (centred.T @ (y - y.mean()) / len(x)).abs().max().item()
    return [largest * span ** (i / (count - 1)) for i in range(count)]


def coefficient_path(
    solve: Callable[[Tensor, Tensor, float], Model],
    x: Tensor,
    y: Tensor,
    strengths: Sequence[float],
) -> Tensor:
    """The weights at each penalty: (len(strengths), d). `solve` is `ridge`, `lasso` or `fista`."""
    return torch.stack([solve(x, y, strength)[0] for strength in strengths])


def cross_validate(
    fit: Callable[[Tensor, Tensor, float], Callable[[Tensor], Tensor]],
    x: Tensor,
    y: Tensor,
    strengths: Sequence[float],
    folds: int,
    generator: torch.Generator,
) -> Tensor:
    """The mean squared error of each penalty on each fold, by a model that was trained on the other folds.

    fit(x_train, y_train, strength) → a function from x (m, d) to predictions (m,)
    x: (n, d)   y: (n,)   →   errors (len(strengths), folds)

    Each example is in one fold, drawn once: all penalties are judged on the same folds.
    """
    parts = torch.randperm(len(x), generator=generator).tensor_split(folds)
    errors = torch.zeros(len(strengths), folds, dtype=y.dtype)
    for k, held_out in enumerate(parts):
        rest = torch.cat([part for j, part in enumerate(parts) if j != k])
        for i, strength in enumerate(strengths):
            predict = fit(x[rest], y[rest], strength)
            errors[i, k] = ((predict(x[held_out]) - y[held_out]) ** 2).mean()
    return errors


def one_standard_error(errors: Tensor, strengths: Sequence[float]) -> float:
    """The largest penalty whose mean error is within one standard error of the lowest mean.

    errors: (len(strengths), folds), as from `cross_validate`   →   one of the strengths

    The standard error is that of the lowest row: its standard deviation over the folds (with folds − 1) / √folds.
    Source: Breiman, Friedman, Olshen & Stone, *Classification and Regression Trees* (1984).
    """
    means = errors.mean(dim=1)
    best = int(means.argmin())
    limit = means[best] + errors[best].std() / errors.shape[1] ** 0.5
    return max(s for s, mean in zip(strengths, means, strict=True) if mean <= limit)
