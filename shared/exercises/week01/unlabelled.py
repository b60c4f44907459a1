"""`clusters.…` and `components.…`: k-means and PCA, part by part: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.nn import clusters, components

NOTEBOOK = "week01_mlp/5_explore_without_labels.ipynb"
DISTANCES = "From every point to every centre"
NEAREST = "Each to its nearest"
MIDDLE = "Each to the middle of its own"
DIRECTIONS = "The direction of most variance"
SCORES = "Two numbers for an image"
BACK = "And back again"


# --- squared distances -----------------------------------------------------------------------------------------------


def distances_with_the_root(x, centres):
    return (x[:, None, :] - centres).square().sum(dim=-1).sqrt()


def distances_by_absolute_value(x, centres):
    return (x[:, None, :] - centres).abs().sum(dim=-1)


def distances_averaged(x, centres):
    return (x[:, None, :] - centres).square().mean(dim=-1)


def distances_that_sum_before_they_square(x, centres):
    return (x[:, None, :] - centres).sum(dim=-1).square()


def distances_summed_over_the_centres(x, centres):
    return (x[:, None, :] - centres).square().sum(dim=1)


def distances_that_are_not_summed(x, centres):
    return (x[:, None, :] - centres).square()


def distances_transposed(x, centres):
    return (x[None, :, :] - centres[:, None, :]).square().sum(dim=-1)


def distances_row_against_row(x, centres):
    return (x - centres).square().sum(dim=-1)


def distances_with_a_single_cross_term(x, centres):
    return x.square().sum(1, keepdim=True) - x @ centres.T + centres.square().sum(1)


def distances_cut_from_the_graph(x, centres):
    return (x.detach()[:, None, :] - centres.detach()).square().sum(dim=-1)


def _distances_by_a_matrix_product(x, centres):
    return x.square().sum(1, keepdim=True) - 2 * x @ centres.T + centres.square().sum(1)


def _distances_in_a_loop(x, centres):
    return torch.stack([((x - centre) ** 2).sum(dim=1) for centre in centres], dim=1)


SQUARED_DISTANCES = Exercise(
    name="clusters.squared_distances",
    week=1,
    notebook=NOTEBOOK,
    reference=clusters.squared_distances,
    cases=(
        # As many points as centres first: there, row against row gives wrong numbers instead of an error about shapes.
        Case(
            "values",
            lambda: [
                torch.tensor([[5.0, 0.0], [1.0, 3.0]]),
                torch.tensor([[1.0, 1.0], [2.0, -2.0]]),
            ],
        ),
        Case("shapes", lambda: [torch.randn(5, 3), torch.randn(2, 3)], atol=1e-5),
        Case("a single centre", lambda: [torch.randn(4, 2), torch.randn(1, 2)], atol=1e-5),
        Case(
            "gradients",
            lambda: [torch.randn(4, 3), torch.randn(2, 3)],
            run=call_with_gradients,
            atol=1e-5,
        ),
        Case(
            "float64 kept",
            lambda: [torch.randn(3, 64).double(), torch.randn(4, 64).double()],
            rtol=1e-10,
            atol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            distances_with_the_root,
            "the root is taken: that is the distance itself, and here its square is wanted, so leave out the sqrt.",
            DISTANCES,
        ),
        Mistake(
            distances_by_absolute_value,
            "the differences are made positive by their absolute value: square them instead.",
            DISTANCES,
        ),
        Mistake(
            distances_averaged,
            "the squares are averaged over the d coordinates: sum them (.sum, not .mean).",
            DISTANCES,
        ),
        Mistake(
            distances_that_sum_before_they_square,
            "the differences are summed before they are squared, so that plus and minus cancel: square first.",
            DISTANCES,
        ),
        Mistake(
            distances_summed_over_the_centres,
            "the sum runs over the centres (dim=1): sum over the coordinates, which are the last dimension (dim=-1).",
            DISTANCES,
        ),
        Mistake(
            distances_that_are_not_summed,
            "there is still one square for each coordinate, (n, k, d): sum them over the last dimension.",
            DISTANCES,
        ),
        Mistake(
            distances_transposed,
            "rows and columns are swapped: one row for each point and one column for each centre, (n, k).",
            DISTANCES,
        ),
        Mistake(
            distances_row_against_row,
            "x - centres meets row against row, the first point with the first centre only: write x[:, None, :] so "
            "that every point meets every centre.",
            DISTANCES,
        ),
        Mistake(
            distances_with_a_single_cross_term,
            "the binomial formula has a 2 in the middle: ‖x‖² - 2 x·c + ‖c‖².",
            DISTANCES,
        ),
        Mistake(
            distances_cut_from_the_graph,
            ".detach() (like .numpy() and .item()) cuts the inputs out of the graph, so no gradient can flow back: "
            "compute on x and centres themselves.",
            DISTANCES,
        ),
    ),
    hints=(
        "If x is (n, d) and centres is (k, d), which shape holds the difference of every pair, coordinate by "
        "coordinate?",
        "x[:, None, :] has the shape (n, 1, d). Minus centres, it broadcasts to (n, k, d). Then square, then sum "
        "over the coordinates.",
        "return (x[:, None, :] - centres).square().sum(dim=-1)",
    ),
    alternatives=(_distances_by_a_matrix_product, _distances_in_a_loop),
)


# --- assign ----------------------------------------------------------------------------------------------------------


def assign_to_the_farthest(x, centres):
    return clusters.squared_distances(x, centres).argmax(dim=1)


def assign_along_the_points(x, centres):
    return clusters.squared_distances(x, centres).argmin(dim=0)


def assign_over_everything(x, centres):
    return clusters.squared_distances(x, centres).argmin()


def assign_that_gives_the_distance(x, centres):
    return clusters.squared_distances(x, centres).min(dim=1).values


def assign_that_gives_the_centre(x, centres):
    return centres[clusters.squared_distances(x, centres).argmin(dim=1)]


def assign_as_floats(x, centres):
    return clusters.squared_distances(x, centres).argmin(dim=1).to(x.dtype)


def assign_counting_from_one(x, centres):
    return clusters.squared_distances(x, centres).argmin(dim=1) + 1


def assign_by_product(x, centres):
    return (x @ centres.T).argmax(dim=1)


def assign_as_a_list(x, centres):
    return clusters.squared_distances(x, centres).argmin(dim=1).tolist()


def _assign_by_sorting(x, centres):
    return torch.cdist(x, centres).sort(dim=1).indices[:, 0]


ASSIGN = Exercise(
    name="clusters.assign",
    week=1,
    notebook=NOTEBOOK,
    reference=clusters.assign,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 0.0], [6.0, 1.0]]),
                torch.tensor([[0.0, 0.0], [4.0, 0.5]]),
            ],
        ),
        Case("three centres", lambda: [torch.randn(12, 2), torch.randn(3, 2) * 2]),
        Case("as many points as centres", lambda: [torch.randn(4, 3), torch.randn(4, 3)]),
        Case("a single centre", lambda: [torch.randn(3, 2), torch.randn(1, 2)]),
        Case("float64 inputs", lambda: [torch.randn(6, 5).double(), torch.randn(3, 5).double()]),
    ),
    mistakes=(
        Mistake(
            assign_to_the_farthest,
            "each point goes to the farthest centre: take the place of the smallest distance, argmin.",
            NEAREST,
        ),
        Mistake(
            assign_along_the_points,
            "dim=0 asks each centre for its nearest point; each point asks for its nearest centre: dim=1.",
            NEAREST,
        ),
        Mistake(
            assign_over_everything,
            "without dim, argmin looks for one smallest number in the whole table: give dim=1, one answer to a row.",
            NEAREST,
        ),
        Mistake(
            assign_that_gives_the_distance,
            "it returns the smallest distance (min); wanted is its place, the number of the centre (argmin).",
            NEAREST,
        ),
        Mistake(
            assign_that_gives_the_centre,
            "it returns the coordinates of the nearest centre; wanted is that centre's number, the argmin itself.",
            NEAREST,
        ),
        Mistake(
            assign_as_floats,
            "the answers are floating-point numbers; they count centres, so leave them the whole numbers that argmin "
            "gives.",
            NEAREST,
        ),
        Mistake(
            assign_counting_from_one,
            "the answers start at 1; rows of a tensor are counted from 0, and so are the centres.",
            NEAREST,
        ),
        Mistake(
            assign_by_product,
            "the largest product x·c is not the nearest centre, since a long centre wins it from afar: use "
            "squared_distances and its smallest entry.",
            NEAREST,
        ),
        Mistake(
            assign_as_a_list,
            "the answers come as a Python list, with which `nearest == j` cannot compare each one: leave the tensor.",
            NEAREST,
        ),
    ),
    hints=(
        "squared_distances gives one row for each point. Where in its row does the answer stand, and is the answer the "
        "number there or its place?",
        "argmin gives the place of the smallest entry; its dim says along which direction to look. Rows are points, "
        "columns are centres.",
        "return squared_distances(x, centres).argmin(dim=1)",
    ),
    alternatives=(_assign_by_sorting,),
)


# --- update the centres ----------------------------------------------------------------------------------------------


def update_without_a_guard(x, nearest, centres):
    return torch.stack([x[nearest == j].mean(dim=0) for j in range(len(centres))])


def update_that_sends_the_empty_to_zero(x, nearest, centres):
    moved = torch.zeros_like(centres)
    for j in range(len(centres)):
        if (nearest == j).any():
            moved[j] = x[nearest == j].mean(dim=0)
    return moved


def update_that_drops_the_empty(x, nearest, centres):
    return torch.stack([x[nearest == j].mean(dim=0) for j in nearest.unique()])


def update_by_sum(x, nearest, centres):
    moved = centres.clone()
    for j in nearest.unique():
        moved[j] = x[nearest == j].sum(dim=0)
    return moved


def update_that_divides_by_all(x, nearest, centres):
    moved = centres.clone()
    for j in nearest.unique():
        moved[j] = x[nearest == j].sum(dim=0) / len(x)
    return moved


def update_by_a_single_number(x, nearest, centres):
    moved = centres.clone()
    for j in nearest.unique():
        moved[j] = x[nearest == j].mean()
    return moved


def update_in_place(x, nearest, centres):
    for j in nearest.unique():
        centres[j] = x[nearest == j].mean(dim=0)
    return centres


def update_half_way(x, nearest, centres):
    moved = centres.clone()
    for j in nearest.unique():
        moved[j] = (centres[j] + x[nearest == j].mean(dim=0)) / 2
    return moved


def update_by_the_median(x, nearest, centres):
    moved = centres.clone()
    for j in nearest.unique():
        moved[j] = x[nearest == j].median(dim=0).values
    return moved


def update_that_ignores_who_is_nearest(x, nearest, centres):
    return x.mean(dim=0).expand_as(centres).clone()


def update_of_the_first_only(x, nearest, centres):
    moved = centres.clone()
    for j in range(len(centres)):
        own = x[nearest == j]
        if len(own) > 0:
            moved[j] = own.mean(dim=0)
        return moved


def _update_by_index_add(x, nearest, centres):
    sums = torch.zeros_like(centres).index_add_(0, nearest, x)
    counts = torch.bincount(nearest, minlength=len(centres))[:, None]
    return torch.where(counts > 0, sums / counts.clamp(min=1), centres)


def _update_by_one_hot(x, nearest, centres):
    belongs = (nearest == torch.arange(len(centres))[:, None]).to(x.dtype)  # (k, n)
    counts = belongs.sum(dim=1, keepdim=True)
    return torch.where(counts == 0, centres, belongs @ x / counts)


UPDATE_CENTRES = Exercise(
    name="clusters.update_centres",
    week=1,
    notebook=NOTEBOOK,
    reference=clusters.update_centres,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 0.0], [6.0, 1.0]]),
                torch.tensor([0, 1, 1, 1]),
                torch.tensor([[0.5, 0.0], [1.0, 1.0]]),
            ],
        ),
        Case(
            "an empty cluster",
            lambda: [
                torch.tensor([[1.0, 2.0], [3.0, 6.0]]),
                torch.tensor([2, 2]),
                torch.tensor([[7.0, 8.0], [9.0, 7.0], [5.0, 5.0]]),
            ],
            says="a centre that no point chose must stay where it is.",
        ),
        Case(
            "many points",
            lambda: [torch.randn(40, 3), torch.randint(0, 4, (40,)), torch.randn(4, 3)],
        ),
        Case(
            "float64 kept",
            lambda: [
                torch.randn(9, 2).double(),
                torch.arange(9) % 3,
                torch.randn(3, 2).double(),
            ],
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            update_without_a_guard,
            "the mean of no points is 0 / 0 = nan, and a centre at nan is lost for good: where a cluster is empty, "
            "keep its old centre.",
            MIDDLE,
        ),
        Mistake(
            update_that_sends_the_empty_to_zero,
            "a centre without points falls to the origin: start from a copy of the old centres, so that it stays.",
            MIDDLE,
        ),
        Mistake(
            update_that_drops_the_empty,
            "an empty cluster's centre vanishes, and the others slide up a row: k centres must come back, in their "
            "places.",
            MIDDLE,
        ),
        Mistake(
            update_by_sum,
            "the points are summed; divide by how many they are, that is, take their mean.",
            MIDDLE,
        ),
        Mistake(
            update_that_divides_by_all,
            "the sum of a cluster's points is divided by the number of all points: divide by the number of its own.",
            MIDDLE,
        ),
        Mistake(
            update_by_a_single_number,
            ".mean() without dim melts all coordinates into one number: .mean(dim=0) gives one mean for each.",
            MIDDLE,
        ),
        Mistake(
            update_in_place,
            "it writes into the caller's centres, which are still needed to see whether anything moved: work on "
            "centres.clone().",
            MIDDLE,
        ),
        Mistake(
            update_half_way,
            "each centre goes only half the way to its points' mean: put it at the mean.",
            MIDDLE,
        ),
        Mistake(
            update_by_the_median,
            "that is the median of each coordinate; the squares are smallest around the mean.",
            MIDDLE,
        ),
        Mistake(
            update_that_ignores_who_is_nearest,
            "all centres land on the mean of all points: pick each centre's own with x[nearest == j].",
            MIDDLE,
        ),
        Mistake(
            update_of_the_first_only,
            "only the first centre moves: the return stands inside the loop and ends it after one round.",
            MIDDLE,
        ),
    ),
    hints=(
        "Which rows of x belong to centre j? What is the mean of no rows at all, and what should happen then?",
        "x[nearest == j] picks the rows of cluster j; .mean(dim=0) averages each coordinate. Start from "
        "centres.clone(), and overwrite row j only where there are points.",
        "own = x[nearest == j]; if len(own) > 0: moved[j] = own.mean(dim=0), for each j in range(len(centres)).",
    ),
    alternatives=(_update_by_index_add, _update_by_one_hot),
)


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


EXERCISES = (
    SQUARED_DISTANCES,
    ASSIGN,
    UPDATE_CENTRES,
    PRINCIPAL_COMPONENTS,
    PROJECT,
    RECONSTRUCT,
)
