"""Week 3's challenge: ridge two ways, the soft threshold, the lasso, cross-validation, one standard error."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.training import linear_models

NOTEBOOK = "week03_regularization/2_challenge_ridge_lasso.ipynb"
CLOSED = "Ridge in closed form"
GRADIENT = "Ridge by gradient"
THRESHOLD = "The step that makes zeros"
LASSO_SECTION = "The lasso"
FOLDS = "Choosing by cross-validation"
ONE_ERROR = "One standard error"


def _task(n, d, noise=0.3, apart=0.0):
    """Points whose columns overlap, with means far from 0, so that a forgotten intercept shows."""
    mixed = torch.randn(d, d, dtype=torch.float64) * 0.3 + torch.eye(d, dtype=torch.float64)
    x = torch.randn(n, d, dtype=torch.float64) @ mixed + 2.0 + apart
    true = torch.tensor([3.0, -2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)[:d]
    return x, x @ true + 5.0 + noise * torch.randn(n, dtype=torch.float64)


def _small():
    x = torch.tensor([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [6.0, 3.0]], dtype=torch.float64)
    return [x, torch.tensor([1.0, 3.0, 2.0, 10.0], dtype=torch.float64)]


# --- ridge -----------------------------------------------------------------------------------------------------------


def _centred(x, y):
    return x - x.mean(0), y - y.mean()


def _solved(gram, moment, x, y):
    weights = torch.linalg.solve(gram, moment)
    return weights, y.mean() - x.mean(0) @ weights


def _eye(x):
    return torch.eye(x.shape[1], dtype=x.dtype)


def ridge_without_penalty(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a / len(x), a.T @ b / len(x), x, y)


def ridge_of_sums(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a + strength * _eye(x), a.T @ b, x, y)


def ridge_with_half_averaged(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a / len(x) + strength * _eye(x), a.T @ b, x, y)


def ridge_with_half_strength(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a / len(x) + strength / 2 * _eye(x), a.T @ b / len(x), x, y)


def ridge_with_strength_everywhere(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a / len(x) + strength, a.T @ b / len(x), x, y)


def ridge_with_strength_subtracted(x, y, strength):
    a, b = _centred(x, y)
    return _solved(a.T @ a / len(x) - strength * _eye(x), a.T @ b / len(x), x, y)


def ridge_with_a_penalized_intercept(x, y, strength):
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    a = torch.cat([x, ones], dim=1)
    weights = torch.linalg.solve(a.T @ a / len(x) + strength * _eye(a), a.T @ y / len(x))
    return weights[:-1], weights[-1]


def ridge_without_centring(x, y, strength):
    return _solved(x.T @ x / len(x) + strength * _eye(x), x.T @ y / len(x), x, y)


def ridge_without_intercept(x, y, strength):
    weights = torch.linalg.solve(x.T @ x / len(x) + strength * _eye(x), x.T @ y / len(x))
    return weights, torch.zeros_like(y[0])


def ridge_with_the_mean_as_intercept(x, y, strength):
    a, b = _centred(x, y)
    weights = torch.linalg.solve(a.T @ a / len(x) + strength * _eye(x), a.T @ b / len(x))
    return weights, y.mean()


def ridge_of_weights_only(x, y, strength):
    return linear_models.ridge(x, y, strength)[0]


def ridge_in_place(x, y, strength):
    x_mean, y_mean = x.mean(0), y.mean()
    x -= x_mean
    y -= y_mean
    weights = torch.linalg.solve(x.T @ x / len(x) + strength * _eye(x), x.T @ y / len(x))
    return weights, y_mean - x_mean @ weights


def _ridge_by_longer_rows(x, y, strength):
    """Least squares with d more rows: √(n · strength) on the diagonal, and 0 as their target."""
    a, b = _centred(x, y)
    rows = torch.cat([a, (len(x) * strength) ** 0.5 * _eye(x)])
    targets = torch.cat([b, torch.zeros(x.shape[1], dtype=y.dtype)])
    weights = torch.linalg.lstsq(rows, targets.unsqueeze(1)).solution[:, 0]
    return weights, y.mean() - x.mean(0) @ weights


RIDGE = Exercise(
    name="linear.ridge",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.ridge,
    cases=(
        Case("values", lambda: [*_small(), 0.5], rtol=1e-8),
        Case("shapes", lambda: [*_task(30, 5), 0.1], rtol=1e-7),
        Case("more columns than rows", lambda: [*_task(6, 8), 0.2], rtol=1e-6),
        Case("far from 0", lambda: [*_task(40, 4, apart=20.0), 1.0], rtol=1e-6),
        Case("no penalty", lambda: [*_task(30, 3), 0.0], rtol=1e-6),
    ),
    mistakes=(
        Mistake(
            ridge_without_penalty,
            "the penalty is missing: add strength to the diagonal, strength * torch.eye(d).",
            CLOSED,
        ),
        Mistake(
            ridge_of_sums,
            "XᵀX and Xᵀy are sums here, against which the penalty is n times too weak: divide both by n.",
            CLOSED,
        ),
        Mistake(
            ridge_with_half_averaged,
            "XᵀX is divided by n and Xᵀy is not: both come from the same mean.",
            CLOSED,
        ),
        Mistake(
            ridge_with_half_strength,
            "the half is still there; it went away when the square was differentiated: add the full strength.",
            CLOSED,
        ),
        Mistake(
            ridge_with_strength_everywhere,
            "gram + strength adds to every entry of the matrix: the penalty belongs on the diagonal only.",
            CLOSED,
        ),
        Mistake(
            ridge_with_strength_subtracted,
            "the strength is subtracted, which rewards large weights: add it.",
            CLOSED,
        ),
        Mistake(
            ridge_with_a_penalized_intercept,
            "a column of ones puts a price on the intercept too: centre x and y, and get it from the means.",
            CLOSED,
        ),
        Mistake(
            ridge_without_centring,
            "x and y are not moved to mean 0 before solving, so the weights must also do the intercept's work.",
            CLOSED,
        ),
        Mistake(
            ridge_without_intercept,
            "there is no intercept: centre x and y first, then it is y.mean() - x.mean(dim=0) @ weights.",
            CLOSED,
        ),
        Mistake(
            ridge_with_the_mean_as_intercept,
            "the mean of y is the intercept only where the mean of x is 0: subtract x.mean(dim=0) @ weights.",
            CLOSED,
        ),
        Mistake(
            ridge_of_weights_only,
            "only the weights come back: return weights, intercept.",
            CLOSED,
        ),
        Mistake(
            ridge_in_place,
            "x -= … writes into the caller's data: make new tensors.",
            CLOSED,
        ),
    ),
    hints=(
        "Where the objective is lowest its gradient is zero. What equation is that, after moving x and y to mean 0?",
        "(XᵀX / n + strength · I) w = Xᵀy / n. torch.linalg.solve(a, b) solves it; the intercept then makes the means "
        "fit.",
        "gram = centred.T @ centred / n + strength * torch.eye(x.shape[1], dtype=x.dtype); weights = "
        "torch.linalg.solve(gram, centred.T @ (y - y_mean) / n); return weights, y_mean - x_mean @ weights",
    ),
    alternatives=(_ridge_by_longer_rows,),
)


# --- ridge by gradient -----------------------------------------------------------------------------------------------


def _descent(gradient_w, gradient_b=lambda x, y, e: e.mean()):
    """A wrong descent from the two wrong gradients."""

    def descend(x, y, strength, lr, steps):
        weights, intercept = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        for _ in range(steps):
            error = x @ weights + intercept - y
            d_w = gradient_w(x, error, strength, weights)
            weights, intercept = weights - lr * d_w, intercept - lr * gradient_b(x, y, error)
        return weights, intercept

    return descend


def descent_without_penalty(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e / len(x))(x, y, strength, lr, steps)


def descent_without_the_mean(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e + s * w)(x, y, strength, lr, steps)


def descent_with_sums(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e + s * w, lambda x, y, e: e.sum())(
        x, y, strength, lr, steps
    )


def descent_with_a_divided_penalty(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: (x.T @ e + s * w) / len(x))(x, y, strength, lr, steps)


def descent_with_double_gradients(x, y, strength, lr, steps):
    return _descent(
        lambda x, e, s, w: 2 * x.T @ e / len(x) + 2 * s * w, lambda x, y, e: 2 * e.mean()
    )(x, y, strength, lr, steps)


def descent_with_a_penalized_intercept(x, y, strength, lr, steps):
    weights, intercept = torch.zeros_like(x[0]), torch.zeros_like(y[0])
    for _ in range(steps):
        error = x @ weights + intercept - y
        weights = weights - lr * (x.T @ error / len(x) + strength * weights)
        intercept = intercept - lr * (error.mean() + strength * intercept)
    return weights, intercept


def descent_without_intercept(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e / len(x) + s * w, lambda x, y, e: 0.0)(
        x, y, strength, lr, steps
    )


def descent_with_the_penalty_subtracted(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e / len(x) - s * w)(x, y, strength, lr, steps)


def descent_by_signs(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: x.T @ e / len(x) + s * w.sign())(x, y, strength, lr, steps)


def descent_uphill(x, y, strength, lr, steps):
    return _descent(lambda x, e, s, w: -(x.T @ e / len(x) + s * w), lambda x, y, e: -e.mean())(
        x, y, strength, lr, steps
    )


def descent_of_one_step(x, y, strength, lr, steps):
    return linear_models.ridge_by_gradient(x, y, strength, lr, 1)


def _descent_by_autograd(x, y, strength, lr, steps):
    weights = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    intercept = torch.zeros((), dtype=x.dtype, requires_grad=True)
    for _ in range(steps):
        loss = ((y - x @ weights - intercept) ** 2).mean() / 2 + strength / 2 * weights @ weights
        gradients = torch.autograd.grad(loss, [weights, intercept])
        with torch.no_grad():
            weights -= lr * gradients[0]
            intercept -= lr * gradients[1]
    return weights.detach(), intercept.detach()


RIDGE_BY_GRADIENT = Exercise(
    name="linear.ridge_by_gradient",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.ridge_by_gradient,
    cases=(
        Case("one step", lambda: [*_small(), 0.5, 0.1, 1], rtol=1e-9),
        Case("three steps", lambda: [*_small(), 0.5, 0.1, 3], rtol=1e-9),
        Case("many steps", lambda: [*_task(20, 4), 0.2, 0.02, 200], rtol=1e-7),
    ),
    mistakes=(
        Mistake(
            descent_without_penalty,
            "the penalty's gradient is missing: add strength * weights to the weights' gradient.",
            GRADIENT,
        ),
        Mistake(
            descent_without_the_mean,
            "Xᵀ error is a sum over the examples: divide it by n, as the objective does.",
            GRADIENT,
        ),
        Mistake(
            descent_with_sums,
            "both gradients of the squared error are sums over the examples: divide by n, or take the mean.",
            GRADIENT,
        ),
        Mistake(
            descent_with_a_divided_penalty,
            "the penalty's gradient is divided by n as well; only the squared error is a mean.",
            GRADIENT,
        ),
        Mistake(
            descent_with_double_gradients,
            "the gradients are twice what they should be: the halves in the objective cancel the 2.",
            GRADIENT,
        ),
        Mistake(
            descent_with_a_penalized_intercept,
            "the intercept is pulled to 0 as well: the penalty is on the weights alone.",
            GRADIENT,
        ),
        Mistake(
            descent_without_intercept,
            "the intercept never moves: its gradient is the mean of the errors.",
            GRADIENT,
        ),
        Mistake(
            descent_with_the_penalty_subtracted,
            "the penalty has the wrong sign, so weights are driven away from 0: add strength * weights.",
            GRADIENT,
        ),
        Mistake(
            descent_by_signs,
            "the sign of the weights is the gradient of an L1 penalty; here it is the weights themselves.",
            GRADIENT,
        ),
        Mistake(
            descent_uphill,
            "the steps go uphill: with error = prediction − y the gradient is subtracted.",
            GRADIENT,
        ),
        Mistake(
            descent_of_one_step,
            "it takes one step, whatever `steps` says: move the return out of the loop.",
            GRADIENT,
        ),
    ),
    hints=(
        "If every prediction is too high by 1, which way must the intercept move? And a weight with a positive input?",
        "error = prediction − y. The weights' gradient is Xᵀ error / n + strength · w, the intercept's the mean error. "
        "Both start at 0.",
        "weights = weights - lr * (x.T @ error / len(x) + strength * weights); intercept = intercept - lr * "
        "error.mean()",
    ),
    alternatives=(_descent_by_autograd,),
)


# --- soft threshold --------------------------------------------------------------------------------------------------


def threshold_that_is_hard(w, threshold):
    return w * (w.abs() > threshold)


def threshold_without_signs(w, threshold):
    return torch.clamp(w.abs() - threshold, min=0)


def threshold_of_the_positive_only(w, threshold):
    return torch.clamp(w - threshold, min=0)


def threshold_that_goes_through_zero(w, threshold):
    return torch.sign(w) * (w.abs() - threshold)


def threshold_that_subtracts_everywhere(w, threshold):
    return w - threshold


def threshold_that_clips(w, threshold):
    return torch.clamp(w, -threshold, threshold)


def threshold_that_shrinks_by_a_factor(w, threshold):
    return w / (1 + threshold)


def threshold_that_keeps_the_small(w, threshold):
    return torch.where(w.abs() > threshold, torch.sign(w) * (w.abs() - threshold), w)


def threshold_that_grows(w, threshold):
    return torch.where(w.abs() > threshold, torch.sign(w) * (w.abs() + threshold), 0 * w)


def threshold_in_place(w, threshold):
    result = linear_models.soft_threshold(w, threshold)
    with torch.no_grad():
        return w.copy_(result)


def threshold_cut_from_the_graph(w, threshold):
    return linear_models.soft_threshold(w.detach(), threshold)


def _threshold_by_clamp(w, threshold):
    return w - w.clamp(-threshold, threshold)


def _threshold_by_two_relus(w, threshold):
    return torch.relu(w - threshold) - torch.relu(-w - threshold)


SOFT_THRESHOLD = Exercise(
    name="linear.soft_threshold",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.soft_threshold,
    cases=(
        Case("values", lambda: [torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0]), 1.0]),
        Case("any shape", lambda: [torch.randn(3, 4), 0.4]),
        Case("threshold 0", lambda: [torch.tensor([-2.0, 0.0, 1.0]), 0.0]),
        Case(
            "gradients",
            lambda: [torch.tensor([-3.0, -0.5, 0.2, 3.0]), 1.0],
            run=call_with_gradients,
        ),
        Case(
            "float64 kept",
            lambda: [torch.linspace(-2, 2, 5, dtype=torch.float64), 0.7],
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            threshold_that_is_hard,
            "the large numbers stay as they are (a hard threshold): they too move towards 0 by the threshold.",
            THRESHOLD,
        ),
        Mistake(
            threshold_without_signs,
            "all numbers come out positive: give each its sign back, torch.sign(w) * ….",
            THRESHOLD,
        ),
        Mistake(
            threshold_of_the_positive_only,
            "negative numbers all become 0: they move towards 0 from their own side.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_goes_through_zero,
            "small numbers come out on the other side of 0: cut |w| - threshold off at 0.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_subtracts_everywhere,
            "the threshold is subtracted from every number, so negative ones move away from 0: subtract it from |w|.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_clips,
            "it clips to ±threshold, which keeps the small and cuts the large: it is what remains, w - clipped.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_shrinks_by_a_factor,
            "dividing by a factor is what an L2 price does, and nothing becomes exactly 0: subtract, and cut off at 0.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_keeps_the_small,
            "numbers nearer to 0 than the threshold stay as they are: they become exactly 0.",
            THRESHOLD,
        ),
        Mistake(
            threshold_that_grows,
            "the large numbers move away from 0: subtract the threshold from |w|.",
            THRESHOLD,
        ),
        Mistake(
            threshold_in_place,
            "it writes into the caller's tensor: return a new one.",
            THRESHOLD,
        ),
        Mistake(
            threshold_cut_from_the_graph,
            ".detach() (like .data and .numpy()) cuts w out of the graph, so no gradient flows back: use w itself.",
            THRESHOLD,
        ),
    ),
    hints=(
        "With a threshold of 1, what becomes of 3, of −3, and of 0.5?",
        "The size |w| shrinks by the threshold but not below 0 (torch.clamp with min=0); the sign stays.",
        "return torch.sign(w) * torch.clamp(w.abs() - threshold, min=0)",
    ),
    alternatives=(_threshold_by_clamp, _threshold_by_two_relus),
)


# --- lasso -----------------------------------------------------------------------------------------------------------


def _fitted(implementation, x, y, strength):
    """The weights, rounded zeros apart from exact ones."""
    weights, intercept = implementation(x, y, strength)
    return {
        "weights": weights,
        "intercept": intercept,
        "which weights are exactly 0": (weights == 0).nonzero().flatten().tolist(),
    }


def _parts(x, y):
    a, b = _centred(x, y)
    gram, moment = a.T @ a / len(x), a.T @ b / len(x)
    return gram, moment, 1 / torch.linalg.eigvalsh(gram)[-1].item()


def _with_intercept(weights, x, y):
    return weights, y.mean() - x.mean(0) @ weights


def lasso_without_threshold(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.lasso(x, y, 0.0, max_steps, tolerance)


def lasso_thresholded_by_the_full_strength(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment, lr = _parts(x, y)
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = linear_models.soft_threshold(w - lr * (gram @ w - moment), strength)
    return _with_intercept(w, x, y)


def lasso_thresholded_first(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment, lr = _parts(x, y)
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = linear_models.soft_threshold(w, lr * strength)
        w = w - lr * (gram @ w - moment)
    return _with_intercept(w, x, y)


def lasso_with_a_hard_threshold(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment, lr = _parts(x, y)
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = threshold_that_is_hard(w - lr * (gram @ w - moment), lr * strength)
    return _with_intercept(w, x, y)


def lasso_by_subgradients(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment, lr = _parts(x, y)
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = w - lr * (gram @ w - moment + strength * w.sign())
    return _with_intercept(w, x, y)


def lasso_with_an_l2_price(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.ridge(x, y, strength)


def lasso_of_sums(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.lasso(x, y, strength / len(x), max_steps, tolerance)


def lasso_of_one_step(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.lasso(x, y, strength, 1, tolerance)


def lasso_uphill(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment, lr = _parts(x, y)
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = linear_models.soft_threshold(w + lr * (gram @ w - moment), lr * strength)
    return _with_intercept(w, x, y)


def lasso_without_centring(x, y, strength, max_steps=4000, tolerance=1e-7):
    gram, moment = x.T @ x / len(x), x.T @ y / len(x)
    lr = 1 / torch.linalg.eigvalsh(gram)[-1].item()
    w = torch.zeros_like(x[0])
    for _ in range(max_steps):
        w = linear_models.soft_threshold(w - lr * (gram @ w - moment), lr * strength)
    return _with_intercept(w, x, y)


def lasso_with_the_mean_as_intercept(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.lasso(x, y, strength, max_steps, tolerance)[0], y.mean()


def lasso_with_half_strength(x, y, strength, max_steps=4000, tolerance=1e-7):
    return linear_models.lasso(x, y, strength / 2, max_steps, tolerance)


def _lasso_by_coordinates(x, y, strength, max_steps=4000, tolerance=1e-7):
    a, b = _centred(x, y)
    w, squares = torch.zeros_like(x[0]), (a**2).mean(0)
    for _ in range(300):
        for j in range(len(w)):
            rest = b - a @ w + a[:, j] * w[j]
            pull = (a[:, j] * rest).mean()
            w[j] = torch.sign(pull) * torch.clamp(pull.abs() - strength, min=0) / squares[j]
    return _with_intercept(w, x, y)


LASSO = Exercise(
    name="linear.lasso",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.lasso,
    cases=(
        Case("values", lambda: [*_small(), 0.5], run=_fitted, atol=1e-4),
        Case("zeros", lambda: [*_task(60, 8), 0.2], run=_fitted, atol=1e-4),
        Case("strong: all zero", lambda: [*_task(30, 4), 1000.0], run=_fitted, atol=1e-4),
        Case("weak: least squares", lambda: [*_task(40, 3), 0.0], run=_fitted, atol=1e-4),
    ),
    mistakes=(
        Mistake(
            lasso_without_threshold,
            "the penalty does nothing: after each step comes the soft threshold, lr * strength.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_thresholded_by_the_full_strength,
            "the threshold is strength; a step of size lr moves by lr * strength.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_thresholded_first,
            "the threshold comes before the gradient step, which then fills the zeros again: step first, threshold "
            "after.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_with_a_hard_threshold,
            "the threshold is hard: it cuts the small weights off but leaves the large as they are; use "
            "soft_threshold.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_by_subgradients,
            "sign(w) in the gradient makes the weights tremble around 0 without reaching it: take the step of the "
            "squared error alone, then soft_threshold.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_with_an_l2_price,
            "that is ridge, which makes weights small and none 0: the lasso's step ends with soft_threshold.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_of_sums,
            "the squared error is summed over the examples, so the penalty is n times too weak: divide by n.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_of_one_step,
            "it takes one step only: repeat until the weights no longer move, and return after the loop.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_uphill,
            "the gradient step goes uphill: subtract lr times the gradient.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_without_centring,
            "x and y are not moved to mean 0 first, so the weights must also do the intercept's work.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_with_the_mean_as_intercept,
            "the mean of y is the intercept only where the mean of x is 0: subtract x.mean(dim=0) @ weights.",
            LASSO_SECTION,
        ),
        Mistake(
            lasso_with_half_strength,
            "the strength is halved; for the absolute value there is no half in the objective.",
            LASSO_SECTION,
        ),
    ),
    hints=(
        "Leave the penalty out for a moment: what is one step of gradient descent? What must follow it to make zeros?",
        "Centre x and y. With gram = XᵀX / n and moment = Xᵀy / n, the gradient is gram @ w - moment; the safe rate is "
        "1 over gram's largest eigenvalue. Each step is followed by soft_threshold with lr * strength.",
        "weights = soft_threshold(weights - lr * (gram @ weights - moment), lr * strength), in a loop that ends when "
        "nothing moves; the intercept is y_mean - x_mean @ weights.",
    ),
    alternatives=(linear_models.fista, _lasso_by_coordinates),
    seconds=20.0,
)


# --- cross_validate --------------------------------------------------------------------------------------------------


def _observed(implementation, n, folds, strengths):
    """Cross-validates a model that predicts strength · (mean of its training answers), and watches what it is given."""
    asked = []  # (strength, rows trained on, rows predicted)

    def fit(x_train, y_train, strength):
        trained = set(x_train.flatten().long().tolist())

        def predict(x):
            asked.append((strength, trained, set(x.flatten().long().tolist())))
            return (strength * y_train.mean()).expand(len(x))

        return predict

    x = torch.arange(n, dtype=torch.float64).unsqueeze(1)
    y = (x.flatten() * 37) % 11
    errors = implementation(fit, x, y, strengths, folds, torch.Generator().manual_seed(4))
    by_strength = [[(t, v) for s, t, v in asked if s == strength] for strength in strengths]
    seen = [sorted(row for _, held in calls for row in held) for calls in by_strength]
    expected = [
        sorted(((s * y[list(t)].mean() - y[list(v)]) ** 2).mean().item() for t, v in calls)
        for s, calls in zip(strengths, by_strength)
    ]
    found = [sorted(row) for row in errors.tolist()] if errors.ndim == 2 else None
    held_out = [sorted(map(sorted, (v for _, v in calls))) for calls in by_strength]
    widest = max((max(v) - min(v) + 1 - len(v) for _, v in by_strength[0]), default=0)
    return {
        "errors' shape": list(errors.shape),
        "rows trained on and held out": sorted([len(t), len(v)] for t, v in by_strength[0]),
        "each row held out once": [rows == list(range(n)) for rows in seen],
        "trained on none that is held out": not any(t & v for _, t, v in asked),
        "the same folds for each strength": all(h == held_out[0] for h in held_out),
        "drawn at random": n < 10 or widest > 0,
        "mean squared errors": found == expected
        or (
            found is not None
            and len(found[0]) == len(expected[0])
            and torch.allclose(torch.tensor(found), torch.tensor(expected))
        ),
        "sum of the errors, as a multiple of the right one": _multiple(found, expected),
        "the order of strengths": errors.ndim == 2
        and torch.allclose(
            errors.double().mean(dim=-1)[: len(expected)],
            torch.tensor([sum(e) / max(len(e), 1) for e in expected]).double()[: len(errors)],
        ),
    }


def _multiple(found, expected):
    """1 for the right errors; roots, absolute values and sums give other numbers."""
    if found is None:
        return None
    return round(sum(map(sum, found)) / max(sum(map(sum, expected)), 1e-9), 6)


def _drawn_by(implementation, n):
    """The same generator gives the same errors, another generator others."""
    x = torch.arange(n, dtype=torch.float64).unsqueeze(1)
    y = (x.flatten() * 37) % 11

    def fit(x_train, y_train, strength):
        return lambda new: y_train.mean().expand(len(new))

    found = []
    for global_seed, seed in ((1, 0), (2, 0), (3, 7)):
        torch.manual_seed(global_seed)
        generator = torch.Generator().manual_seed(seed)
        found.append(implementation(fit, x, y, [1.0], 4, generator))
    return {
        "the same generator, the same errors": torch.equal(found[0], found[1]),
        "another generator, other errors": not torch.equal(found[0], found[2]),
    }


def _validated(parts_of, judge=None, train_on=None, test_on=None):
    """A wrong cross-validation, put together from one wrong part."""
    judge = judge or (lambda errors: (errors**2).mean())
    train_on = train_on or (lambda parts, k: torch.cat([p for j, p in enumerate(parts) if j != k]))
    test_on = test_on or (lambda parts, k: parts[k])

    def validate(fit, x, y, strengths, folds, generator):
        errors = torch.zeros(len(strengths), folds, dtype=y.dtype)
        for i, strength in enumerate(strengths):
            parts = parts_of(x, folds, generator, i)
            for k in range(folds):
                train, test = train_on(parts, k), test_on(parts, k)
                predict = fit(x[train], y[train], strength)
                errors[i, k] = judge(predict(x[test]) - y[test])
        return errors

    return validate


def _folds_once():
    """Folds drawn from the generator for the first strength, and kept for the others."""
    drawn = []

    def parts_of(x, folds, generator, i):
        if i == 0:
            drawn[:] = torch.randperm(len(x), generator=generator).tensor_split(folds)
        return drawn

    return parts_of


def validate_on_the_training_rows(*args):
    rest = lambda parts, k: torch.cat([p for j, p in enumerate(parts) if j != k])  # noqa: E731
    return _validated(_folds_once(), test_on=rest)(*args)


def validate_trained_on_everything(*args):
    return _validated(_folds_once(), train_on=lambda parts, k: torch.cat(list(parts)))(*args)


def validate_with_the_roles_swapped(*args):
    rest = lambda parts, k: torch.cat([p for j, p in enumerate(parts) if j != k])  # noqa: E731
    return _validated(_folds_once(), train_on=lambda parts, k: parts[k], test_on=rest)(*args)


def validate_in_order(*args):
    return _validated(lambda x, folds, g, i: torch.arange(len(x)).tensor_split(folds))(*args)


def validate_with_new_folds_each_time(*args):
    return _validated(
        lambda x, folds, g, i: torch.randperm(len(x), generator=g).tensor_split(folds)
    )(*args)


def validate_without_the_remainder(*args):
    def parts_of(x, folds, generator, i, drawn=[]):  # noqa: B006
        if i == 0:
            order = torch.randperm(len(x), generator=generator)
            size = len(x) // folds
            drawn[:] = [order[k * size : (k + 1) * size] for k in range(folds)]
        return drawn

    return _validated(parts_of)(*args)


def validate_by_the_global_generator(fit, x, y, strengths, folds, generator):
    own = torch.Generator().manual_seed(torch.initial_seed())
    return linear_models.cross_validate(fit, x, y, strengths, folds, own)


def validate_with_summed_errors(*args):
    return _validated(_folds_once(), judge=lambda e: (e**2).sum())(*args)


def validate_with_roots(*args):
    return _validated(_folds_once(), judge=lambda e: (e**2).mean().sqrt())(*args)


def validate_with_absolute_errors(*args):
    return _validated(_folds_once(), judge=lambda e: e.abs().mean())(*args)


def validate_averaged_over_folds(*args):
    return linear_models.cross_validate(*args).mean(dim=1)


def validate_transposed(*args):
    return linear_models.cross_validate(*args).T


def validate_the_last_strength_only(fit, x, y, strengths, folds, generator):
    errors = linear_models.cross_validate(fit, x, y, strengths[-1:], folds, generator)
    return errors.expand(len(strengths), -1).clone()


def _validate_by_masks(fit, x, y, strengths, folds, generator):
    number = (torch.arange(len(x)) % folds)[torch.randperm(len(x), generator=generator)]
    rows = []
    for strength in strengths:
        row = []
        for k in range(folds):
            out = number == k
            residuals = y[out] - fit(x[~out], y[~out], strength)(x[out])
            row.append(residuals.square().mean())
        rows.append(torch.stack(row))
    return torch.stack(rows)


CROSS_VALIDATE = Exercise(
    name="linear.cross_validate",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.cross_validate,
    cases=(
        Case("each row held out once", lambda: [6, 3, [1.0, 0.5]], run=_observed),
        Case("sizes that do not divide", lambda: [23, 5, [1.0, 0.2, 2.0]], run=_observed),
        Case("as many folds as rows", lambda: [6, 6, [1.0, 3.0]], run=_observed),
        Case("chance from the generator", lambda: [30], run=_drawn_by),
    ),
    mistakes=(
        Mistake(
            validate_on_the_training_rows,
            "each model is judged on the rows that it was trained on: judge it on the fold that was left out.",
            FOLDS,
        ),
        Mistake(
            validate_trained_on_everything,
            "the fold that judges is also trained on: leave it out of the training rows.",
            FOLDS,
        ),
        Mistake(
            validate_with_the_roles_swapped,
            "it trains on the one fold and judges on the rest: the other way round.",
            FOLDS,
        ),
        Mistake(
            validate_in_order,
            "the folds are blocks of rows as they came, and data is often sorted: draw an order with torch.randperm "
            "first.",
            FOLDS,
        ),
        Mistake(
            validate_with_new_folds_each_time,
            "each strength gets folds of its own, so luck decides between them: draw the folds once, before the loops.",
            FOLDS,
        ),
        Mistake(
            validate_without_the_remainder,
            "the rows that are left over when n is divided by the folds are never held out: tensor_split makes folds "
            "that differ by one.",
            FOLDS,
        ),
        Mistake(
            validate_by_the_global_generator,
            "the folds do not come from the generator that was passed in: pass generator=generator to randperm.",
            FOLDS,
        ),
        Mistake(
            validate_with_summed_errors,
            "the squared errors of a fold are summed: take their mean, since folds differ in size.",
            FOLDS,
        ),
        Mistake(
            validate_with_roots,
            "that is the root of the mean squared error: leave the root out.",
            FOLDS,
        ),
        Mistake(
            validate_with_absolute_errors,
            "that is the mean absolute error: square the differences.",
            FOLDS,
        ),
        Mistake(
            validate_averaged_over_folds,
            "the mean over the folds is taken already: return all of them, (strengths, folds), since their spread is "
            "needed too.",
            FOLDS,
        ),
        Mistake(
            validate_transposed,
            "rows and columns are swapped: one row for each strength, one column for each fold.",
            FOLDS,
        ),
        Mistake(
            validate_the_last_strength_only,
            "every row holds the errors of the last strength: pass each strength to fit in turn.",
            FOLDS,
        ),
    ),
    hints=(
        "For one fold: which rows train, which judge? And does that choice depend on the strength?",
        "Cut one permutation into folds with tensor_split. For fold k, torch.cat the others, fit for each strength, "
        "and write the mean squared error on fold k to errors[i, k].",
        "rest = torch.cat([part for j, part in enumerate(parts) if j != k]); predict = fit(x[rest], y[rest], "
        "strength); errors[i, k] = ((predict(x[held_out]) - y[held_out]) ** 2).mean()",
    ),
    alternatives=(_validate_by_masks,),
)


# --- one standard error ----------------------------------------------------------------------------------------------


def _chosen(errors, strengths, limit_of, pick=max):
    means = errors.mean(dim=1)
    limit = limit_of(errors, means, int(means.argmin()))
    return pick(s for s, mean in zip(strengths, means) if mean <= limit)


def choice_of_the_lowest(errors, strengths):
    return strengths[int(errors.mean(dim=1).argmin())]


def choice_by_a_standard_deviation(errors, strengths):
    return _chosen(errors, strengths, lambda e, m, best: m[best] + e[best].std())


def choice_by_a_smaller_spread(errors, strengths):
    return _chosen(
        errors,
        strengths,
        lambda e, m, best: m[best] + e[best].std(correction=0) / e.shape[1] ** 0.5,
    )


def choice_divided_by_the_folds(errors, strengths):
    return _chosen(errors, strengths, lambda e, m, best: m[best] + e[best].std() / e.shape[1])


def choice_by_the_number_of_strengths(errors, strengths):
    return _chosen(errors, strengths, lambda e, m, best: m[best] + e[best].std() / len(e) ** 0.5)


def choice_of_the_smallest(errors, strengths):
    return _chosen(
        errors,
        strengths,
        lambda e, m, best: m[best] + e[best].std() / e.shape[1] ** 0.5,
        pick=min,
    )


def choice_of_the_strongest(errors, strengths):
    return max(strengths)


def choice_as_a_position(errors, strengths):
    return list(strengths).index(linear_models.one_standard_error(errors, strengths))


def choice_of_the_first(errors, strengths):
    return _chosen(
        errors,
        strengths,
        lambda e, m, best: m[best] + e[best].std() / e.shape[1] ** 0.5,
        pick=lambda found: next(iter(found)),
    )


def choice_of_the_last(errors, strengths):
    return _chosen(
        errors,
        strengths,
        lambda e, m, best: m[best] + e[best].std() / e.shape[1] ** 0.5,
        pick=lambda found: list(found)[-1],
    )


def _choice_by_numpy(errors, strengths):
    table = errors.numpy()
    best = table.mean(1).argmin()
    limit = table[best].mean() + table[best].std(ddof=1) / len(table[best]) ** 0.5
    return sorted(s for s, row in zip(strengths, table) if row.mean() <= limit)[-1]


_TABLE = [
    [5.0, 7.0, 6.0, 6.0],  # mean 6
    [4.9, 5.3, 4.4, 5.0],  # mean 4.9
    [4.5, 5.3, 4.2, 4.8],  # mean 4.7
    [
        4.0,
        5.0,
        4.0,
        5.0,
    ],  # mean 4.5: the lowest; standard error 0.289, with folds - 0 instead: 0.25
    [4.2, 5.1, 4.3, 4.8],  # mean 4.6
    [4.9, 5.3, 4.4, 4.5],  # mean 4.775: within 0.289, not within 0.25
    [4.7, 5.0, 5.1, 5.2],  # mean 5.0: within one standard deviation, 0.577
    [9.0, 8.0, 9.5, 8.5],
]


def _table(order, strengths):
    return [torch.tensor([_TABLE[i] for i in order], dtype=torch.float64), strengths]


ONE_STANDARD_ERROR = Exercise(
    name="linear.one_standard_error",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.one_standard_error,
    cases=(
        # Penalties from large to small, as a path has them.
        Case(
            "within one standard error", lambda: _table([0, 6, 5, 3, 4], [8.0, 4.0, 2.0, 1.0, 0.5])
        ),
        Case(
            "within one standard error", lambda: _table([0, 6, 2, 3, 4], [8.0, 4.0, 2.0, 1.0, 0.5])
        ),
        Case(
            "from small to large",
            lambda: _table([7, 4, 3, 2, 1, 0], [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]),
        ),
        Case("within one standard error", lambda: _table([0, 2, 4, 3], [8.0, 4.0, 2.0, 1.0])),
        Case("in any order", lambda: _table([4, 3, 5, 7, 0], [0.3, 0.5, 0.4, 2.0, 1.0])),
        Case("the lowest is the strongest", lambda: _table([3, 7, 0], [3.0, 2.0, 1.0])),
        Case(
            "many strengths",
            lambda: _table([6, 5, 2, 3, 4, 4, 4, 4, 4, 4], [10 - i for i in range(10)]),
        ),
    ),
    mistakes=(
        Mistake(
            choice_of_the_lowest,
            "that is the strength with the lowest mean error; the rule goes on to the largest that is about as good.",
            ONE_ERROR,
        ),
        Mistake(
            choice_by_a_standard_deviation,
            "that allows a whole standard deviation: the standard error of a mean is the deviation over √folds.",
            ONE_ERROR,
        ),
        Mistake(
            choice_by_a_smaller_spread,
            "the deviation is divided by the folds themselves; for a sample it is folds − 1, as torch's std does.",
            ONE_ERROR,
        ),
        Mistake(
            choice_divided_by_the_folds,
            "the deviation is divided by the number of folds; the standard error has its square root.",
            ONE_ERROR,
        ),
        Mistake(
            choice_by_the_number_of_strengths,
            "the root is of the number of strengths; the mean is over the folds, errors.shape[1].",
            ONE_ERROR,
        ),
        Mistake(
            choice_of_the_smallest,
            "the smallest penalty within reach is taken; the rule wants the largest, the simplest model.",
            ONE_ERROR,
        ),
        Mistake(
            choice_of_the_strongest,
            "the largest penalty is taken whatever its error: only those within one standard error may be.",
            ONE_ERROR,
        ),
        Mistake(
            choice_as_a_position,
            "it returns the position in the list: return the strength that stands there.",
            ONE_ERROR,
        ),
        Mistake(
            choice_of_the_first,
            "it takes the first that is within reach, and the list may run either way: take the largest.",
            ONE_ERROR,
        ),
        Mistake(
            choice_of_the_last,
            "it takes the last that is within reach, and the list may run either way: take the largest.",
            ONE_ERROR,
        ),
    ),
    hints=(
        "How uncertain is the lowest mean itself, being a mean over a few folds?",
        "Add to the lowest mean its standard error, std over the folds divided by √folds. Of all strengths whose "
        "mean is at most that, take the largest.",
        "limit = means[best] + errors[best].std() / errors.shape[1] ** 0.5; return max(s for s, mean in "
        "zip(strengths, means) if mean <= limit)",
    ),
    alternatives=(_choice_by_numpy,),
)
