"""`components.principal_components`, `.project`, `.reconstruct`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week01.clusters import NOTEBOOK
from shared.nn import components

DIRECTIONS = "The direction of most variance"
SCORES = "Two numbers for an image"
BACK = "And back again"


# --- principal components --------------------------------------------------------------------------------------------


def _directions(centred):
    return torch.linalg.svd(centred, full_matrices=False)[2]


def _largest_positive(rows):
    return rows * torch.stack([row[row.abs().argmax()].sign() for row in rows])[:, None]


def components_without_centring(x, k):
    return x.mean(dim=0), _largest_positive(_directions(x)[:k])


def components_around_a_single_number(x, k):
    return x.mean(), _largest_positive(_directions(x - x.mean())[:k])


def components_centred_along_the_rows(x, k):
    mean = x.mean(dim=1, keepdim=True)
    return mean, _largest_positive(_directions(x - mean)[:k])


def components_without_the_mean(x, k):
    return _largest_positive(_directions(x - x.mean(dim=0))[:k])


def components_in_columns(x, k):
    return x.mean(dim=0), _largest_positive(_directions(x - x.mean(dim=0))[:k]).T


def components_from_the_columns(x, k):
    # V where Vᵀ is meant: the k-th column of what torch.linalg.svd returns, set in rows.
    return x.mean(dim=0), _largest_positive(_directions(x - x.mean(dim=0))[:, :k].T)


def components_that_are_cut_sideways(x, k):
    return x.mean(dim=0), _largest_positive(_directions(x - x.mean(dim=0))[:, :k])


def components_of_least_variance(x, k):
    mean = x.mean(dim=0)
    return mean, _largest_positive(_directions(x - mean).flip(0)[:k])


def components_with_any_sign(x, k):
    return x.mean(dim=0), _directions(x - x.mean(dim=0))[:k]


def components_with_every_entry_positive(x, k):
    return x.mean(dim=0), _directions(x - x.mean(dim=0))[:k].abs()


def components_by_the_first_entry(x, k):
    rows = _directions(x - x.mean(dim=0))[:k]
    return x.mean(dim=0), rows * rows[:, :1].sign()


def components_with_one_sign_for_all(x, k):
    rows = _directions(x - x.mean(dim=0))[:k]
    return x.mean(dim=0), rows * rows.flatten()[rows.abs().argmax()].sign()


def components_scaled(x, k):
    mean = x.mean(dim=0)
    _, sizes, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, _largest_positive(rows[:k]) * sizes[:k, None]


def components_of_standardized_data(x, k):
    mean = x.mean(dim=0)
    return mean, _largest_positive(_directions((x - mean) / x.std(dim=0))[:k])


def components_that_are_all_returned(x, k):
    return x.mean(dim=0), _largest_positive(_directions(x - x.mean(dim=0)))


def components_in_place(x, k):
    mean = x.mean(dim=0)
    x -= mean
    return mean, _largest_positive(_directions(x)[:k])


def _components_by_eigenvectors(x, k):
    mean = x.mean(dim=0)
    centred = x - mean
    vectors = torch.linalg.eigh(centred.T @ centred).eigenvectors.T.flip(0)[:k].clone()
    for row in vectors:
        if row[row.abs().argmax()] < 0:
            row *= -1
    return mean, vectors


def _components_by_gather(x, k):
    mean = torch.mean(x, 0)
    rows = torch.linalg.svd(x - mean).Vh[:k]
    return mean, rows * rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()


def _stretched(n, stretches, middle, dtype=torch.float32):
    """Points around `middle` whose spread differs from direction to direction, in a turned frame."""
    d = len(stretches)
    turned = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64)).Q
    points = torch.randn(n, d, dtype=torch.float64) * torch.tensor(stretches, dtype=torch.float64)
    return (points @ turned.T + torch.tensor(middle, dtype=torch.float64)).to(dtype)


PRINCIPAL_COMPONENTS = Exercise(
    name="components.principal_components",
    week=1,
    notebook=NOTEBOOK,
    reference=components.principal_components,
    cases=(
        Case(
            "values",
            lambda: [torch.tensor([[0.0, 0.0], [4.0, 3.0], [1.0, 2.0], [3.0, -2.0]]), 1],
            atol=1e-5,
        ),
        Case("mean and order", lambda: [_stretched(30, [4, 2, 1], [5, -3, 2]), 2], atol=1e-4),
        # A square Vᵀ: there, columns taken for rows have the right shape.
        Case("all components", lambda: [_stretched(40, [8, 4, 2, 1], [3, 1, -2, 4]), 4], atol=1e-4),
        *(
            Case(
                "signs",
                lambda d=d: [-_stretched(25, [6, 3, 1.5, 0.7, 0.3][:d], [1] * d), 3],
                atol=1e-4,
            )
            for d in (3, 4, 5)
        ),
        Case(
            "float64 kept",
            lambda: [_stretched(12, [3, 1.5, 0.5], [2, 0, -1], torch.float64), 2],
            rtol=1e-8,
            atol=1e-8,
        ),
    ),
    mistakes=(
        Mistake(
            components_without_centring,
            "the mean is not subtracted first, so the first direction points from the origin to the middle of the "
            "data: decompose x - mean.",
            DIRECTIONS,
        ),
        Mistake(
            components_around_a_single_number,
            "x.mean() is one number for the whole table: each column has a mean of its own, x.mean(dim=0).",
            DIRECTIONS,
        ),
        Mistake(
            components_centred_along_the_rows,
            "the mean of each row is subtracted; centring moves the middle of the data to 0, so take the mean of each "
            "column, dim=0.",
            DIRECTIONS,
        ),
        Mistake(
            components_without_the_mean,
            "only the components come back; project and reconstruct need the mean as well: return mean, components.",
            DIRECTIONS,
        ),
        Mistake(
            components_in_columns,
            "the components stand in columns, (d, k): give them one to a row, (k, d), as svd's third result has them.",
            DIRECTIONS,
        ),
        Mistake(
            components_from_the_columns,
            "columns are taken for components; torch.linalg.svd's third result is Vᵀ, whose ROWS they are: take [:k].",
            DIRECTIONS,
        ),
        Mistake(
            components_that_are_cut_sideways,
            "[:, :k] keeps k entries of every direction; the directions are the ROWS of Vᵀ, so keep k rows: [:k].",
            DIRECTIONS,
        ),
        Mistake(
            components_of_least_variance,
            "they come in the wrong order, the direction of least variance first: svd sorts from large to small "
            "already.",
            DIRECTIONS,
        ),
        Mistake(
            components_with_any_sign,
            "a direction and its opposite are equally good, and svd may return either: flip each row whose entry of "
            "largest size is negative, in place (row *= -1).",
            DIRECTIONS,
        ),
        Mistake(
            components_with_every_entry_positive,
            "abs() makes every entry positive, which bends the direction: multiply the whole row by +1 or -1.",
            DIRECTIONS,
        ),
        Mistake(
            components_by_the_first_entry,
            "the sign is chosen by the first entry, which can be nearly 0: choose by the entry of largest size.",
            DIRECTIONS,
        ),
        Mistake(
            components_with_one_sign_for_all,
            "one sign is chosen for all components together: choose it for each row by itself.",
            DIRECTIONS,
        ),
        Mistake(
            components_scaled,
            "the rows are multiplied by the singular values; a direction has length 1, so leave them as svd gives "
            "them.",
            DIRECTIONS,
        ),
        Mistake(
            components_of_standardized_data,
            "each column is divided by its standard deviation: that is PCA of other data; only subtract the mean.",
            DIRECTIONS,
        ),
        Mistake(
            components_that_are_all_returned,
            "all components come back: keep the first k rows, [:k].",
            DIRECTIONS,
        ),
        Mistake(
            components_in_place,
            "x -= mean writes into the caller's data, which is still needed: make a new tensor, x - mean.",
            DIRECTIONS,
        ),
    ),
    hints=(
        "Which point do the directions start from? And in what svd returns, are the directions rows or columns?",
        "Centre the columns, decompose, keep the first k rows of the third result. Then, row by row, look at the "
        "entry of largest absolute value; where it is negative, flip the row.",
        "components = torch.linalg.svd(x - mean, full_matrices=False)[2][:k]; for row in components: if "
        "row[row.abs().argmax()] < 0: row *= -1",
    ),
    alternatives=(_components_by_eigenvectors, _components_by_gather),
)


# --- project ---------------------------------------------------------------------------------------------------------


def project_without_centring(x, mean, components):
    return x @ components.T


def project_with_the_mean_added(x, mean, components):
    return (x + mean) @ components.T


def project_that_centres_too_late(x, mean, components):
    return x @ components.T - mean


def project_around_its_own_mean(x, mean, components):
    return (x - x.mean(dim=0)) @ components.T


def project_without_transpose(x, mean, components):
    return (x - mean) @ components


def project_with_the_factors_swapped(x, mean, components):
    return components @ (x - mean).T


def project_back_again(x, mean, components):
    return (x - mean) @ components.T @ components + mean


def project_to_length_one(x, mean, components):
    scores = (x - mean) @ components.T
    return scores / scores.norm(dim=1, keepdim=True)


def project_onto_the_first_only(x, mean, components):
    return (x - mean) @ components[0]


def project_cut_from_the_graph(x, mean, components):
    return (x.detach() - mean.detach()) @ components.detach().T


def _project_by_einsum(x, mean, components):
    return torch.einsum("nd,kd->nk", x, components) - components @ mean


def _frame(n, d, k, dtype=torch.float32):
    """Examples, a mean that is not 0, and k directions at right angles."""
    turned = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64)).Q
    numbers = [torch.randn(n, d, dtype=torch.float64), torch.randn(d, dtype=torch.float64) + 1]
    return [t.to(dtype) for t in (*numbers, turned[:k])]


def _hand_frame():
    # Not symmetric: a matrix that is its own transpose could not tell the two apart.
    return torch.tensor([1.0, 2.0]), torch.tensor([[0.6, 0.8], [-0.8, 0.6]])


PROJECT = Exercise(
    name="components.project",
    week=1,
    notebook=NOTEBOOK,
    reference=components.project,
    cases=(
        # Two components in the plane: a forgotten transpose then gives wrong numbers instead of an error about shapes.
        Case(
            "values",
            lambda: [torch.tensor([[6.0, 2.0], [1.0, 7.0], [0.0, 3.0]]), *_hand_frame()],
        ),
        Case("shapes", lambda: _frame(5, 4, 2), atol=1e-5),
        Case("one example", lambda: _frame(1, 3, 2), atol=1e-5),
        Case("gradients", lambda: _frame(4, 3, 2), run=call_with_gradients, atol=1e-5),
        Case("float64 kept", lambda: _frame(3, 3, 3, torch.float64), rtol=1e-12, atol=1e-12),
    ),
    mistakes=(
        Mistake(
            project_without_centring,
            "the mean is not subtracted: scores count from the middle of the data, (x - mean).",
            SCORES,
        ),
        Mistake(
            project_with_the_mean_added,
            "the mean is added; on the way in it is subtracted, and only on the way back added.",
            SCORES,
        ),
        Mistake(
            project_that_centres_too_late,
            "the mean is taken off after the product, where there are scores and no pixels any more: centre x first.",
            SCORES,
        ),
        Mistake(
            project_around_its_own_mean,
            "it centres these examples by their own mean: new images must be measured from the mean that was passed "
            "in.",
            SCORES,
        ),
        Mistake(
            project_without_transpose,
            "each ROW of components is a direction, so x - mean must meet the transposed matrix: @ components.T.",
            SCORES,
        ),
        Mistake(
            project_with_the_factors_swapped,
            "components @ (x - mean).T gives a column for each example: with examples in rows it is "
            "(x - mean) @ components.T.",
            SCORES,
        ),
        Mistake(
            project_back_again,
            "that goes all the way back to (n, d): stop at the k scores; the way back is the next exercise.",
            SCORES,
        ),
        Mistake(
            project_to_length_one,
            "the scores are scaled to length 1, which throws away how far from the mean an example lies: leave them.",
            SCORES,
        ),
        Mistake(
            project_onto_the_first_only,
            "only the first component is used: one score for each of the k rows, (n, k).",
            SCORES,
        ),
        Mistake(
            project_cut_from_the_graph,
            ".detach() (like .numpy() and .item()) cuts the inputs out of the graph, so no gradient can flow back: "
            "compute on the inputs themselves.",
            SCORES,
        ),
    ),
    hints=(
        "From which point are scores counted? And which shapes must meet so that (n, d) and (k, d) give (n, k)?",
        "It is the layer from the guided notebook, x Wᵀ, with the components as weights, after the mean is taken off.",
        "return (x - mean) @ components.T",
    ),
    alternatives=(_project_by_einsum,),
)


# --- reconstruct -----------------------------------------------------------------------------------------------------


def reconstruct_without_the_mean(scores, mean, components):
    return scores @ components


def reconstruct_with_the_mean_subtracted(scores, mean, components):
    return scores @ components - mean


def reconstruct_with_transpose(scores, mean, components):
    return scores @ components.T + mean


def reconstruct_the_mean_only(scores, mean, components):
    return mean.expand(len(scores), -1)


def reconstruct_with_the_scores_ignored(scores, mean, components):
    return components.sum(dim=0).expand(len(scores), -1) + mean


def reconstruct_from_the_first_only(scores, mean, components):
    return scores[:, :1] * components[0] + mean


def reconstruct_by_division(scores, mean, components):
    return (1 / scores) @ components + mean


def reconstruct_clamped(scores, mean, components):
    return (scores @ components + mean).clamp(0, 1)


def reconstruct_cut_from_the_graph(scores, mean, components):
    return scores.detach() @ components.detach() + mean.detach()


def _reconstruct_by_addition(scores, mean, components):
    x = mean
    for number, row in enumerate(components):
        x = x + scores[:, number, None] * row
    return x


def _scores_frame(n, d, k, dtype=torch.float32):
    x, mean, rows = _frame(n, d, k, dtype)
    return [x[:, :k].clone(), mean, rows]


RECONSTRUCT = Exercise(
    name="components.reconstruct",
    week=1,
    notebook=NOTEBOOK,
    reference=components.reconstruct,
    cases=(
        Case("values", lambda: [torch.tensor([[3.0, 4.0], [5.0, -10.0]]), *_hand_frame()]),
        Case("shapes", lambda: _scores_frame(5, 4, 2), atol=1e-5),
        Case("one component", lambda: _scores_frame(3, 4, 1), atol=1e-5),
        Case("gradients", lambda: _scores_frame(4, 3, 2), run=call_with_gradients, atol=1e-5),
        Case("float64 kept", lambda: _scores_frame(3, 3, 3, torch.float64), rtol=1e-12, atol=1e-12),
    ),
    mistakes=(
        Mistake(
            reconstruct_without_the_mean,
            "the mean that project took off is not put back: add it.",
            BACK,
        ),
        Mistake(
            reconstruct_with_the_mean_subtracted,
            "the mean is subtracted; that was the way in: on the way back it is added.",
            BACK,
        ),
        Mistake(
            reconstruct_with_transpose,
            "on the way back there is no transpose: (n, k) meets (k, d), which is scores @ components.",
            BACK,
        ),
        Mistake(
            reconstruct_the_mean_only,
            "every example comes back as the mean: add the components, each as often as its score says.",
            BACK,
        ),
        Mistake(
            reconstruct_with_the_scores_ignored,
            "each component is added once, whatever its score: multiply by the scores, scores @ components.",
            BACK,
        ),
        Mistake(
            reconstruct_from_the_first_only,
            "only the first component is used: all k of them add up, which the matrix product does at once.",
            BACK,
        ),
        Mistake(
            reconstruct_by_division,
            "it divides by the scores; the way back multiplies again: the directions have length 1, so nothing is "
            "undone by dividing.",
            BACK,
        ),
        Mistake(
            reconstruct_clamped,
            "clamping to 0 … 1 hides part of the error, and its gradient is 0 there: return the sum as it is.",
            BACK,
        ),
        Mistake(
            reconstruct_cut_from_the_graph,
            ".detach() (like .numpy() and .item()) cuts the inputs out of the graph, so no gradient can flow back: "
            "compute on the inputs themselves.",
            BACK,
        ),
    ),
    hints=(
        "Start at the mean. How far do you walk along each component, and which of the three arguments says so?",
        "A matrix product of the scores (n, k) with the components (k, d) adds up score times direction for every "
        "example; the mean broadcasts onto each row.",
        "return mean + scores @ components",
    ),
    alternatives=(_reconstruct_by_addition,),
)

EXERCISES = (PRINCIPAL_COMPONENTS, PROJECT, RECONSTRUCT)
