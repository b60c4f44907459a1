"""Week 3's explore notebook: the shortest weights that fit, free data by moving pictures, being less sure."""

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.training import linear_models, regularization

NOTEBOOK = "week03_regularization/4_explore_double_descent.ipynb"
SHORTEST = "The shortest weights that fit"
FREE = "Free data"
LESS_SURE = "Being less sure"


# --- minimum_norm ----------------------------------------------------------------------------------------------------


def _parts(x, tolerance):
    u, sigma, vt = torch.linalg.svd(x, full_matrices=False)
    told = sigma > tolerance * sigma[0]
    return u[:, told], sigma[told], vt[told]


def shortest_by_the_first_columns(x, y, tolerance=1e-10):
    n, d = x.shape
    if n >= d:
        return linear_models.minimum_norm(x, y, tolerance)
    weights = torch.zeros(d, *y.shape[1:], dtype=x.dtype)
    weights[:n] = torch.linalg.solve(x[:, :n], y)
    return weights


def shortest_times_sigma(x, y, tolerance=1e-10):
    u, sigma, vt = _parts(x, tolerance)
    return vt.T * sigma @ (u.T @ y)


def shortest_divided_twice(x, y, tolerance=1e-10):
    u, sigma, vt = _parts(x, tolerance)
    return vt.T / sigma**2 @ (u.T @ y)


def shortest_without_division(x, y, tolerance=1e-10):
    u, _, vt = _parts(x, tolerance)
    return vt.T @ (u.T @ y)


def shortest_that_divides_by_nothing(x, y, tolerance=1e-10):
    u, sigma, vt = torch.linalg.svd(x, full_matrices=False)
    return vt.T / sigma @ (u.T @ y)


def shortest_with_an_absolute_limit(x, y, tolerance=1e-10):
    u, sigma, vt = torch.linalg.svd(x, full_matrices=False)
    told = sigma > tolerance
    return vt[told].T / sigma[told] @ (u[:, told].T @ y)


def shortest_by_the_normal_equations(x, y, tolerance=1e-10):
    return torch.linalg.solve(x.T @ x, x.T @ y)


def shortest_for_wide_tables_only(x, y, tolerance=1e-10):
    return x.T @ torch.linalg.solve(x @ x.T, y)


def shortest_with_v_not_turned(x, y, tolerance=1e-10):
    u, sigma, vt = _parts(x, tolerance)
    return vt / sigma @ (u.T @ y)


def shortest_by_full_matrices(x, y, tolerance=1e-10):
    u, sigma, vt = torch.linalg.svd(x)
    told = sigma > tolerance * sigma[0]
    return vt[told].T / sigma[told] @ (u[:, told].T @ y)


def shortest_of_centred_columns(x, y, tolerance=1e-10):
    return linear_models.minimum_norm(x - x.mean(dim=0), y - y.mean(dim=0), tolerance)


def shortest_that_returns_predictions(x, y, tolerance=1e-10):
    return x @ linear_models.minimum_norm(x, y, tolerance)


def _shortest_by_pinv(x, y, tolerance=1e-10):
    return torch.linalg.pinv(x, rtol=tolerance) @ y


def _shortest_direction_by_direction(x, y, tolerance=1e-10):
    u, sigma, vt = torch.linalg.svd(x, full_matrices=False)
    weights = torch.zeros(x.shape[1], *y.shape[1:], dtype=x.dtype)
    for left, s, right in zip(u.T, sigma, vt):
        if s > tolerance * sigma.max():
            weights = weights + torch.tensordot(right, left @ y / s, dims=0)
    return weights


def _table(rows, *columns, scale=1.0):
    return torch.randn(rows, *columns, dtype=torch.float64) * scale


def _exact(rows):
    return torch.tensor(rows, dtype=torch.float64)


MINIMUM_NORM = Exercise(
    name="linear.minimum_norm",
    week=3,
    notebook=NOTEBOOK,
    reference=linear_models.minimum_norm,
    cases=(
        Case("the shortest", lambda: [_exact([[1.0, 2.0]]), _exact([5.0])], rtol=1e-8),
        Case("more rows than columns", lambda: [_exact([[1.0], [2.0]]), _exact([3.0, 4.0])]),
        Case(
            "columns that say the same",
            lambda: [_exact([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]), _exact([2.0, 4.0, 1.0])],
            says="two columns that say the same are to share the work: along a direction whose σ is (nearly) 0 there "
            "is nothing to divide by.",
        ),
        Case("more columns than rows", lambda: [_table(4, 9), _table(4)], rtol=1e-7),
        Case("more rows than columns", lambda: [_table(12, 3), _table(12)], rtol=1e-7),
        Case("several targets", lambda: [_table(5, 8), _table(5, 3)], rtol=1e-7),
        Case(
            "any unit",
            lambda: [_table(4, 6, scale=1e-12), _table(4, scale=1e-12)],
            rtol=1e-7,
            says="the same table in another unit has the same weights: compare σ with the largest σ.",
        ),
    ),
    mistakes=(
        Mistake(
            shortest_by_the_first_columns,
            "these weights fit, and longer than need be: the first n columns do all the work, and the others are idle.",
            SHORTEST,
        ),
        Mistake(
            shortest_times_sigma,
            "the singular values are multiplied (that is Xᵀy); what x stretches by σ must be divided by it.",
            SHORTEST,
        ),
        Mistake(
            shortest_divided_twice,
            "it divides by σ²; that would be right after multiplying by Xᵀ, but u.T @ y holds no σ yet.",
            SHORTEST,
        ),
        Mistake(
            shortest_without_division,
            "σ is not used at all: each direction of u.T @ y must be divided by its own.",
            SHORTEST,
        ),
        Mistake(
            shortest_that_divides_by_nothing,
            "it divides by σ also where σ is 0 but for rounding, and the weights explode: leave those directions out.",
            SHORTEST,
        ),
        Mistake(
            shortest_with_an_absolute_limit,
            "σ is compared with tolerance itself, so a table in small units loses all its directions: compare with "
            "tolerance * sigma[0].",
            SHORTEST,
        ),
        Mistake(
            shortest_by_the_normal_equations,
            "XᵀX has no inverse when there are more columns than rows, or columns that say the same: use the singular "
            "value decomposition.",
            SHORTEST,
        ),
        Mistake(
            shortest_for_wide_tables_only,
            "Xᵀ(XXᵀ)⁻¹y is right with more columns than rows only: else XXᵀ has no inverse. The singular value "
            "decomposition does both.",
            SHORTEST,
        ),
        Mistake(
            shortest_with_v_not_turned,
            "torch.linalg.svd hands out V already transposed, as vt: the weights need it turned back, vt.T.",
            SHORTEST,
        ),
        Mistake(
            shortest_by_full_matrices,
            "without full_matrices=False u and vt are square, with rows that no σ belongs to: ask for the short form.",
            SHORTEST,
        ),
        Mistake(
            shortest_of_centred_columns,
            "the columns are moved to mean 0, as in the challenge; there is no intercept here, so take x as it comes.",
            SHORTEST,
        ),
        Mistake(
            shortest_that_returns_predictions,
            "these are the predictions x @ w: return the weights.",
            SHORTEST,
        ),
    ),
    hints=(
        "Along a singular direction x only multiplies by σ. What undoes that, and what is there to undo where σ is 0?",
        "u, sigma, vt = torch.linalg.svd(x, full_matrices=False); keep the entries with sigma > tolerance * sigma[0] "
        "(columns of u, rows of vt), and divide u.T @ y by them.",
        "told = sigma > tolerance * sigma[0]; return vt[told].T / sigma[told] @ (u[:, told].T @ y)",
    ),
    alternatives=(_shortest_by_pinv, _shortest_direction_by_direction),
)


# --- random_shift ----------------------------------------------------------------------------------------------------


def _moved_by(pictures, down, across):
    """Each picture moved by that much, with empty edges."""
    far = max(abs(down), abs(across))
    h, w = pictures.shape[1:]
    bordered = F.pad(pictures, (far, far, far, far))
    return bordered[:, far - down : far - down + h, far - across : far - across + w]


def _moves(pictures, most):
    """Every move by up to twice `most`, and what the pictures look like after it: (moves, n, h, w)."""
    span = range(-2 * most, 2 * most + 1)
    moves = [(down, across) for down in span for across in span]
    return moves, torch.stack([_moved_by(pictures, *move) for move in moves])


def _amounts(after, moves, looks):
    """(down, across) of each picture that was moved as a whole, with empty edges."""
    same = (after == looks).flatten(2).all(dim=2)
    return {int(i): moves[int(k)] for k, i in same.nonzero()}


def _shifted(implementation, pictures, most):
    return implementation(pictures, most, torch.Generator().manual_seed(0))


def _many_calls(implementation, pictures, most):
    """Which moves occur, over many calls with a few pictures each."""
    generator = torch.Generator().manual_seed(1)
    moves, looks = _moves(pictures, most)
    seen, whole, differ = set(), True, False
    for _ in range(70):
        after = implementation(pictures, most, generator)
        if after.shape != pictures.shape:
            return {"shape": list(after.shape)}
        amounts = _amounts(after, moves, looks)
        whole = whole and len(amounts) == len(pictures)
        differ = differ or len(set(amounts.values())) > 1
        seen |= set(amounts.values())
    return {
        "shape": list(pictures.shape),
        "each picture is moved as a whole": whole,
        "pictures of one call move differently": differ,
        "moves down": sorted({down for down, _ in seen}),
        "moves across": sorted({across for _, across in seen}),
        "different moves": min(len(seen), 9),
    }


def _what_comes_in(implementation, pictures, most):
    """Pictures of which only the left column is 1: how many ones are left after a move?"""
    after = _shifted(implementation, pictures, most)
    return {"ones left in a picture": sorted(after.flatten(1).sum(dim=1).unique().tolist())}


def _how_often(implementation, count, most):
    before = torch.rand(count, 3, 3) + 0.1
    after = _shifted(implementation, before, most)
    if after.shape != before.shape:
        return {"shape": list(after.shape)}
    amounts = list(_amounts(after, *_moves(before, most)).values())
    shares = [sum(a[0] == move for a in amounts) / count for move in range(-most, most + 1)]
    return {"every move as often as the others": max(shares) - min(shares) < 0.06}


def _where_chance_comes_from(implementation, pictures, most):
    outputs = []
    for global_seed, seed in ((1, 0), (2, 0), (3, 5)):
        torch.manual_seed(global_seed)
        outputs.append(implementation(pictures, most, torch.Generator().manual_seed(seed)))
    return {
        "the same generator, the same moves": torch.equal(outputs[0], outputs[1]),
        "another generator, other moves": not torch.equal(outputs[0], outputs[2]),
    }


def _laid(pictures, most, corners):
    """A window of the old size on each bordered picture, at its corner."""
    h, w = pictures.shape[1:]
    bordered = F.pad(pictures, (most, most, most, most))
    return torch.stack([b[i : i + h, j : j + w] for b, (i, j) in zip(bordered, corners.tolist())])


def _corners(pictures, most, generator):
    return torch.randint(0, 2 * most + 1, (len(pictures), 2), generator=generator)


def shift_all_alike(pictures, most, generator):
    corner = torch.randint(0, 2 * most + 1, (1, 2), generator=generator)
    return _laid(pictures, most, corner.expand(len(pictures), 2))


def shift_along_the_diagonal(pictures, most, generator):
    amount = torch.randint(0, 2 * most + 1, (len(pictures), 1), generator=generator)
    return _laid(pictures, most, amount.expand(-1, 2))


def shift_to_one_side_only(pictures, most, generator):
    return _laid(pictures, most, _corners(pictures, most, generator).clamp(min=most))


def shift_one_too_little(pictures, most, generator):
    most_corner = max(2 * most, 1)
    corners = torch.randint(0, most_corner, (len(pictures), 2), generator=generator)
    return _laid(pictures, most, corners)


def shift_twice_as_far(pictures, most, generator):
    return _laid(pictures, 2 * most, 2 * _corners(pictures, most, generator))


def shift_by_all_or_nothing(pictures, most, generator):
    sides = torch.randint(0, 2, (len(pictures), 2), generator=generator)
    return _laid(pictures, most, 2 * most * sides)


def shift_by_rounding(pictures, most, generator):
    amounts = (torch.rand(len(pictures), 2, generator=generator) * 2 - 1) * most
    return _laid(pictures, most, amounts.round().long() + most)


def shift_across_only(pictures, most, generator):
    corners = _corners(pictures, most, generator)
    return _laid(pictures, most, torch.stack([0 * corners[:, 0] + most, corners[:, 1]], dim=1))


def shift_down_only(pictures, most, generator):
    corners = _corners(pictures, most, generator)
    return _laid(pictures, most, torch.stack([corners[:, 0], 0 * corners[:, 1] + most], dim=1))


def shift_by_rolling(pictures, most, generator):
    amounts = (_corners(pictures, most, generator) - most).tolist()
    return torch.stack([p.roll((i, j), (0, 1)) for p, (i, j) in zip(pictures, amounts)])


def shift_that_repeats_the_edge(pictures, most, generator):
    h, w = pictures.shape[1:]
    bordered = F.pad(pictures.unsqueeze(1), (most, most, most, most), mode="replicate")[:, 0]
    corners = _corners(pictures, most, generator).tolist()
    return torch.stack([b[i : i + h, j : j + w] for b, (i, j) in zip(bordered, corners)])


def shift_that_keeps_the_border(pictures, most, generator):
    bordered = F.pad(pictures, (most, most, most, most))
    amounts = (_corners(pictures, most, generator) - most).tolist()
    return torch.stack([b.roll((i, j), (0, 1)) for b, (i, j) in zip(bordered, amounts)])


def shift_with_height_for_width(pictures, most, generator):
    w, h = pictures.shape[1:]
    bordered = F.pad(pictures, (most, most, most, most))
    corners = _corners(pictures, most, generator).tolist()
    return torch.stack([b[:h, :w] for b, _ in zip(bordered, corners)])


def shift_by_the_global_generator(pictures, most, generator):
    return _laid(pictures, most, torch.randint(0, 2 * most + 1, (len(pictures), 2)))


def shift_that_is_always_the_same(pictures, most, generator):
    return _laid(pictures, most, _corners(pictures, most, torch.Generator().manual_seed(0)))


def shift_in_place(pictures, most, generator):
    pictures.copy_(_laid(pictures, most, _corners(pictures, most, generator)))
    return pictures


def _shift_by_advanced_indexing(pictures, most, generator):
    n, h, w = pictures.shape
    bordered = F.pad(pictures, (most, most, most, most))
    down = torch.randint(-most, most + 1, (n,), generator=generator) + most
    across = torch.randint(-most, most + 1, (n,), generator=generator) + most
    rows, columns = down[:, None] + torch.arange(h), across[:, None] + torch.arange(w)
    return bordered[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _shift_into_an_empty_picture(pictures, most, generator):
    n, h, w = pictures.shape
    moved = torch.zeros_like(pictures)
    for k in range(n):
        i = int(torch.randint(-most, most + 1, (1,), generator=generator))
        j = int(torch.randint(-most, most + 1, (1,), generator=generator))
        piece = pictures[k, max(-i, 0) : h - max(i, 0), max(-j, 0) : w - max(j, 0)]
        moved[k, max(i, 0) : h - max(-i, 0), max(j, 0) : w - max(-j, 0)] = piece
    return moved


def _left_column(count):
    pictures = torch.zeros(count, 3, 3)
    pictures[:, :, 0] = 1
    return pictures


RANDOM_SHIFT = Exercise(
    name="regularization.random_shift",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.random_shift,
    cases=(
        Case("most = 0", lambda: [torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 0], run=_shifted),
        Case("what comes in is empty", lambda: [_left_column(300), 1], run=_what_comes_in),
        Case("each picture for itself", lambda: [torch.rand(5, 5, 4) + 0.1, 1], run=_many_calls),
        Case("two pixels", lambda: [torch.rand(5, 7, 6) + 0.1, 2], run=_many_calls),
        Case(
            "every move as often",
            lambda: [2500, 1],
            run=_how_often,
            says="down by −1, by 0 and by 1 must each come as often as the others.",
        ),
        Case(
            "chance from the generator",
            lambda: [torch.rand(30, 4, 4), 2],
            run=_where_chance_comes_from,
        ),
        Case("float64 kept", lambda: [torch.ones(1, 1, 2, dtype=torch.float64), 0], run=_shifted),
    ),
    mistakes=(
        Mistake(
            shift_all_alike,
            "all pictures of a call are moved by the same amount: draw two numbers for each picture.",
            FREE,
        ),
        Mistake(
            shift_along_the_diagonal,
            "down and across get the same number, so pictures move along one diagonal: draw two for each picture.",
            FREE,
        ),
        Mistake(
            shift_to_one_side_only,
            "pictures are moved to one side only: the amounts run from −most to most.",
            FREE,
        ),
        Mistake(
            shift_one_too_little,
            "randint leaves its upper end out, so one side is never reached: there are 2 · most + 1 places.",
            FREE,
        ),
        Mistake(
            shift_twice_as_far,
            "pictures are moved by up to twice as much as asked: the amounts run from −most to most.",
            FREE,
        ),
        Mistake(
            shift_by_all_or_nothing,
            "only the two ends occur, −most and most: every whole number between them is a move too.",
            FREE,
        ),
        Mistake(
            shift_by_rounding,
            "rounding gives both ends half the share of the others: draw whole numbers with torch.randint.",
            FREE,
        ),
        Mistake(
            shift_across_only,
            "pictures are moved across and never down: draw a number for each of the two directions.",
            FREE,
        ),
        Mistake(
            shift_down_only,
            "pictures are moved down and never across: draw a number for each of the two directions.",
            FREE,
        ),
        Mistake(
            shift_by_rolling,
            "roll brings back on one side what left on the other: what comes in must be empty.",
            FREE,
        ),
        Mistake(
            shift_that_repeats_the_edge,
            "the edge is repeated where the picture has left: what comes in must be empty, 0.",
            FREE,
        ),
        Mistake(
            shift_that_keeps_the_border,
            "the border is still there, so the pictures have grown: cut a window of the old size out of it.",
            FREE,
        ),
        Mistake(
            shift_with_height_for_width,
            "height and width are swapped: a batch of pictures has the shape (n, h, w).",
            FREE,
        ),
        Mistake(
            shift_by_the_global_generator,
            "chance comes from torch's global generator: pass generator=generator to randint, or it cannot be "
            "repeated.",
            FREE,
        ),
        Mistake(
            shift_that_is_always_the_same,
            "it makes a generator of its own, so each call moves alike: draw from the one that was passed in.",
            FREE,
        ),
        Mistake(
            shift_in_place,
            "it writes into the caller's pictures, which would move a little further in every epoch: make new ones.",
            FREE,
        ),
    ),
    hints=(
        "Put an empty border of `most` pixels around the picture. How many places are there for a window of the old "
        "size?",
        "F.pad adds the border; draw a corner (two whole numbers from 0 to 2 · most) for each picture, and cut a "
        "window of height h and width w out of each.",
        "corners = torch.randint(0, 2 * most + 1, (n, 2), generator=generator).tolist(); for each bordered picture b "
        "with its corner (i, j) take b[i : i + h, j : j + w], and torch.stack them.",
    ),
    alternatives=(_shift_by_advanced_indexing, _shift_into_an_empty_picture),
)


# --- smoothed_cross_entropy ------------------------------------------------------------------------------------------


def _one_hot(logits, targets):
    return F.one_hot(targets, logits.shape[-1]).to(logits)


def _against(q, logits):
    return -(q * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def smoothed_not_at_all(logits, targets, eps):
    return _against(_one_hot(logits, targets), logits)


def smoothed_over_the_others(logits, targets, eps):
    right, c = _one_hot(logits, targets), logits.shape[-1]
    return _against((1 - eps) * right + eps / (c - 1) * (1 - right), logits)


def smoothed_without_the_share_of_the_right(logits, targets, eps):
    right, c = _one_hot(logits, targets), logits.shape[-1]
    return _against((1 - eps) * right + eps / c * (1 - right), logits)


def smoothed_with_more_than_there_is(logits, targets, eps):
    return _against(_one_hot(logits, targets) + eps / logits.shape[-1], logits)


def smoothed_with_the_shares_swapped(logits, targets, eps):
    return _against(eps * _one_hot(logits, targets) + (1 - eps) / logits.shape[-1], logits)


def smoothed_by_the_batch_size(logits, targets, eps):
    return _against((1 - eps) * _one_hot(logits, targets) + eps / len(logits), logits)


def smoothed_by_the_whole_eps(logits, targets, eps):
    return _against((1 - eps) * _one_hot(logits, targets) + eps, logits)


def smoothed_right_class_only(logits, targets, eps):
    return _against((1 - eps) * _one_hot(logits, targets), logits)


def smoothed_softmax_twice(logits, targets, eps):
    return regularization.smoothed_cross_entropy(torch.softmax(logits, dim=-1), targets, eps)


def smoothed_over_the_examples(logits, targets, eps):
    q = (1 - eps) * _one_hot(logits, targets) + eps / logits.shape[-1]
    return -(q * torch.log_softmax(logits, dim=0)).sum(dim=-1).mean()


def smoothed_that_overflows(logits, targets, eps):
    q = (1 - eps) * _one_hot(logits, targets) + eps / logits.shape[-1]
    return -(q * torch.softmax(logits, dim=-1).log()).sum(dim=-1).mean()


def smoothed_prediction(logits, targets, eps):
    p = (1 - eps) * torch.softmax(logits, dim=-1) + eps / logits.shape[-1]
    return -p[torch.arange(len(targets)), targets].log().mean()


def smoothed_summed(logits, targets, eps):
    return regularization.smoothed_cross_entropy(logits, targets, eps) * len(targets)


def smoothed_for_each_example(logits, targets, eps):
    q = (1 - eps) * _one_hot(logits, targets) + eps / logits.shape[-1]
    return -(q * torch.log_softmax(logits, dim=-1)).sum(dim=-1)


def smoothed_averaged_over_classes(logits, targets, eps):
    return regularization.smoothed_cross_entropy(logits, targets, eps) / logits.shape[-1]


def smoothed_with_the_sign_flipped(logits, targets, eps):
    return -regularization.smoothed_cross_entropy(logits, targets, eps)


def smoothed_divergence(logits, targets, eps):
    q = (1 - eps) * _one_hot(logits, targets) + eps / logits.shape[-1]
    return _against(q, logits) + torch.xlogy(q, q).sum(dim=-1).mean()


def smoothed_cut_from_the_graph(logits, targets, eps):
    return regularization.smoothed_cross_entropy(logits.detach(), targets, eps)


def _smoothed_as_two_losses(logits, targets, eps):
    log_p = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    right = log_p.gather(1, targets[:, None]).mean()
    return -(1 - eps) * right - eps * log_p.mean()


def _smoothed_by_torch(logits, targets, eps):
    return F.cross_entropy(logits, targets, label_smoothing=eps)


SMOOTHED_CROSS_ENTROPY = Exercise(
    name="regularization.smoothed_cross_entropy",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.smoothed_cross_entropy,
    cases=(
        Case(
            "values",
            lambda: [torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.tensor([0]), 0.2],
            rtol=1e-4,
        ),
        Case(
            "gradients",
            lambda: [torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]]), torch.tensor([2, 1]), 0.3],
            run=call_with_gradients,
        ),
        Case(
            "ten classes",
            lambda: [torch.randn(16, 10) * 3, torch.randint(0, 10, (16,)), 0.1],
            run=call_with_gradients,
        ),
        Case("eps = 0", lambda: [torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2]), 0.0]),
        Case(
            "±1000",
            lambda: [torch.tensor([[1000.0, -1000.0, 0.0]]), torch.tensor([1]), 0.1],
            run=call_with_gradients,
            says="with logits of ±1000 the loss must stay finite: with torch.log_softmax it does.",
        ),
        Case(
            "float64 kept",
            lambda: [torch.randn(4, 5, dtype=torch.float64), torch.tensor([0, 1, 4, 2]), 0.1],
            says="in float64 only seven digits are right: F.one_hot's whole numbers became float32, and .to(logits) "
            "gives them the logits' type.",
            rtol=1e-11,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            smoothed_not_at_all,
            "eps is not used: this is the cross-entropy against targets that are wholly sure.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_over_the_others,
            "eps goes to the wrong classes only (eps / (c − 1) each); here it is spread over all c, and the right one "
            "gets its part.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_without_the_share_of_the_right,
            "the right class gets 1 − eps and not its eps / c on top, so the row sums to less than 1.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_with_more_than_there_is,
            "eps / c is added and nothing is taken away, so the row sums to more than 1: the right class keeps 1 − eps "
            "of its own.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_with_the_shares_swapped,
            "the shares are swapped: 1 − eps stays with the right class, and eps is spread.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_by_the_batch_size,
            "eps is divided by the number of examples; it is spread over the classes: logits.shape[-1].",
            LESS_SURE,
        ),
        Mistake(
            smoothed_by_the_whole_eps,
            "every class gets the whole eps, so the row sums to far more than 1: divide it by the number of classes.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_right_class_only,
            "only the right class's term is there, a little smaller: the eps / c of all classes must pay as well.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_softmax_twice,
            "softmax is taken twice: log_softmax wants the logits, and not probabilities.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_over_the_examples,
            "the softmax runs down the examples (dim=0); a row's probabilities sum to 1 along the classes, dim=-1.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_that_overflows,
            "softmax first and log after it gives log 0 for a class that is far behind: use torch.log_softmax.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_prediction,
            "the network's answer is smoothed and the target is not: mix the one-hot target with eps / c.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_summed,
            "it sums over the examples: take their mean, or the step grows with the batch.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_for_each_example,
            "it returns one number for each example: take the mean, so that a scalar remains.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_averaged_over_classes,
            "it averages over the classes too: sum over them, and take the mean over the examples.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_with_the_sign_flipped,
            "the minus is missing: logarithms of probabilities are negative, and a loss is not.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_divergence,
            "the entropy of q is subtracted, which makes a divergence of it (0 at best): the loss is −Σ q log p alone.",
            LESS_SURE,
        ),
        Mistake(
            smoothed_cut_from_the_graph,
            ".detach() (like .data and .item()) cuts the logits out of the graph, so nothing would be learnt.",
            LESS_SURE,
        ),
    ),
    hints=(
        "What would you have to write for q so that each row sums to 1 whatever eps is?",
        "A one-hot row times 1 − eps, plus eps / c everywhere. Then −Σ q · log softmax over the classes, and the mean "
        "over the examples.",
        "q = (1 - eps) * F.one_hot(targets, c).to(logits) + eps / c; return -(q * torch.log_softmax(logits, "
        "dim=-1)).sum(dim=-1).mean()",
    ),
    alternatives=(_smoothed_as_two_losses, _smoothed_by_torch),
)
