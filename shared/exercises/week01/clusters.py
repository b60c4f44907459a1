"""`clusters.squared_distances`, `.assign`, `.update_centres`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.nn import clusters

NOTEBOOK = "week01_mlp/5_explore_without_labels.ipynb"
DISTANCES = "From every point to every centre"
NEAREST = "Each to its nearest"
MIDDLE = "Each to the middle of its own"


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


def assign_that_gives_both(x, centres):
    return clusters.squared_distances(x, centres).min(dim=1)


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
            assign_that_gives_both,
            "min(dim=1) gives a pair, the smallest distances and their places; only the places are wanted: argmin.",
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

EXERCISES = (SQUARED_DISTANCES, ASSIGN, UPDATE_CENTRES)
