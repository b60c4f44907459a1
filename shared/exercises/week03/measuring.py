"""`regularization.train_val_split` and `regularization.bias_variance`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.training import regularization

NOTEBOOK = "week03_regularization/1_guided_dropout.ipynb"
KEEP_BACK = "Keep some back"
TWO_WAYS = "Two ways of being wrong"


# --- train_val_split -------------------------------------------------------------------------------------------------


def _split(implementation, n, val_share, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return implementation(
        torch.arange(n).float().unsqueeze(1), torch.arange(n), val_share, generator
    )


def _described(implementation, n, val_share):
    """What must hold of a split, whichever examples it drew."""
    parts = _split(implementation, n, val_share)
    form = _form(parts)
    if form != "(x, targets), (x, targets)":
        return {"form": form}
    (x_train, train), (x_val, val) = parts
    x, targets = torch.cat([x_train, x_val]).flatten(), torch.cat([train, val])
    return {
        "form": form,
        "examples for training and validation": [len(x_train), len(x_val)],
        "each example once": sorted(targets.tolist()) == list(range(n)),
        "targets stay with their x": torch.equal(x.long(), targets),
        "drawn at random": n < 12 or val.sort().values.diff().max().item() > 1,
    }


def _form(parts):
    """The nesting of what was returned, in words."""
    if isinstance(parts, torch.Tensor):
        kind = "targets" if parts.ndim == 1 else "x"
        return kind if parts.dtype == torch.int64 or parts.ndim > 1 else "?"
    if not isinstance(parts, (tuple, list)):
        return type(parts).__name__
    inside = [_form(part) for part in parts]
    return ", ".join(f"({i})" if isinstance(p, (tuple, list)) else i for i, p in zip(inside, parts))


def _where_chance_comes_from(implementation, n):
    """Which validation examples come out: the same for the same generator, others for another."""
    chosen = []
    for global_seed, seed in ((1, 0), (2, 0), (3, 5)):
        torch.manual_seed(global_seed)
        chosen.append(sorted(_split(implementation, n, 0.3, seed)[1][1].tolist()))
    return {
        "the same generator, the same split": chosen[0] == chosen[1],
        "another generator, another split": chosen[0] != chosen[2],
    }


def split_in_order(x, targets, val_share, generator):
    n_val = round(len(x) * val_share)
    return (x[n_val:], targets[n_val:]), (x[:n_val], targets[:n_val])


def split_shuffled_apart(x, targets, val_share, generator):
    n_val = round(len(x) * val_share)
    a, b = torch.randperm(len(x), generator=generator), torch.randperm(len(x), generator=generator)
    return (x[a[n_val:]], targets[b[n_val:]]), (x[a[:n_val]], targets[b[:n_val]])


def split_with_the_parts_swapped(x, targets, val_share, generator):
    order = torch.randperm(len(x), generator=generator)
    n_val = round(len(x) * val_share)
    val, train = order[:n_val], order[n_val:]
    return (x[val], targets[val]), (x[train], targets[train])


def split_that_trains_on_everything(x, targets, val_share, generator):
    val = torch.randperm(len(x), generator=generator)[: round(len(x) * val_share)]
    return (x, targets), (x[val], targets[val])


def split_with_replacement(x, targets, val_share, generator):
    n_val = round(len(x) * val_share)
    val = torch.randint(0, len(x), (n_val,), generator=generator)
    train = torch.randint(0, len(x), (len(x) - n_val,), generator=generator)
    return (x[train], targets[train]), (x[val], targets[val])


def split_by_a_coin_for_each(x, targets, val_share, generator):
    val = torch.rand(len(x), generator=generator) < val_share
    return (x[~val], targets[~val]), (x[val], targets[val])


def split_by_the_global_generator(x, targets, val_share, generator):
    order = torch.randperm(len(x))
    n_val = round(len(x) * val_share)
    val, train = order[:n_val], order[n_val:]
    return (x[train], targets[train]), (x[val], targets[val])


def split_that_is_always_the_same(x, targets, val_share, generator):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    n_val = round(len(x) * val_share)
    val, train = order[:n_val], order[n_val:]
    return (x[train], targets[train]), (x[val], targets[val])


def split_in_scikit_learns_order(x, targets, val_share, generator):
    order = torch.randperm(len(x), generator=generator)
    n_val = round(len(x) * val_share)
    val, train = order[:n_val], order[n_val:]
    return x[train], x[val], targets[train], targets[val]


def split_that_rounds_down(x, targets, val_share, generator):
    order = torch.randperm(len(x), generator=generator)
    n_val = int(len(x) * val_share)
    val, train = order[:n_val], order[n_val:]
    return (x[train], targets[train]), (x[val], targets[val])


def _split_by_sorting(x, targets, val_share, generator):
    order = torch.rand(len(x), generator=generator).argsort()
    n_train = len(x) - round(len(x) * val_share)
    return [[x[i], targets[i]] for i in (order[:n_train], order[n_train:])]


TRAIN_VAL_SPLIT = Exercise(
    name="regularization.train_val_split",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.train_val_split,
    cases=(
        Case("sizes", lambda: [8, 0.25], run=_described),
        Case("each example once", lambda: [40, 0.3], run=_described),
        Case(
            "rounded share",
            lambda: [100, 0.29],
            run=_described,
            says="29 of 100 examples are to be kept back: 100 · 0.29 is 28.999…, so round it.",
        ),
        Case("chance from the generator", lambda: [40], run=_where_chance_comes_from),
    ),
    mistakes=(
        Mistake(
            split_in_order,
            "the examples are taken in the order they came in, and data is often sorted: draw an order with "
            "torch.randperm first.",
            KEEP_BACK,
        ),
        Mistake(
            split_shuffled_apart,
            "x and targets are shuffled by two different orders, so the answers no longer fit: draw one order, use it "
            "for both.",
            KEEP_BACK,
        ),
        Mistake(
            split_with_the_parts_swapped,
            "the two parts are swapped: val_share of the examples belong to the second pair, the rest to the first.",
            KEEP_BACK,
        ),
        Mistake(
            split_that_trains_on_everything,
            "the validation examples are also in the training part, where they can be learnt by heart: take them out.",
            KEEP_BACK,
        ),
        Mistake(
            split_with_replacement,
            "examples are drawn with replacement, so some come twice and some in both parts: cut one permutation in "
            "two.",
            KEEP_BACK,
        ),
        Mistake(
            split_by_a_coin_for_each,
            "a coin for each example gives sizes that vary from draw to draw: keep back exactly round(n · val_share).",
            KEEP_BACK,
        ),
        Mistake(
            split_by_the_global_generator,
            "the order comes from torch's global generator: pass generator=generator to randperm, or the split cannot "
            "be repeated.",
            KEEP_BACK,
        ),
        Mistake(
            split_that_is_always_the_same,
            "it makes a generator of its own, so each split is the same: draw from the one that was passed in.",
            KEEP_BACK,
        ),
        Mistake(
            split_in_scikit_learns_order,
            "four tensors come back, in scikit-learn's order: here it is two pairs, (x_train, targets_train), "
            "(x_val, targets_val).",
            KEEP_BACK,
        ),
        Mistake(
            split_that_rounds_down,
            "int() cuts 28.999… to 28, and 100 · 0.29 is just that: use round.",
            KEEP_BACK,
        ),
    ),
    hints=(
        "If the examples came sorted by class, what would the first fifth of them hold?",
        "One random permutation of the row numbers, cut in two: its first round(n · val_share) entries name the "
        "validation rows. Index x and targets with the same numbers.",
        "order = torch.randperm(len(x), generator=generator); val, train = order[:n_val], order[n_val:]",
    ),
    alternatives=(_split_by_sorting,),
)


# --- bias_variance ---------------------------------------------------------------------------------------------------


def _of_known_models(implementation, predictions, truth):
    """Models whose predictions are given in advance: the k-th training set makes the k-th row."""
    drawn = []

    def resample():
        drawn.append(len(drawn))
        number = torch.tensor([float(drawn[-1] % len(predictions))])
        return number, number

    def fit(x_train, y_train):
        return lambda x: predictions[int(x_train[0])] + 0 * x

    output = implementation(fit, resample, torch.zeros_like(truth), truth, len(predictions))
    return {"output": output, "training sets drawn": len(drawn)}


def _of_lines(implementation, repeats):
    """Straight lines through noisy points of a parabola."""
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)

    def resample():
        x_train = torch.rand(6, generator=generator, dtype=torch.float64) * 2 - 1
        return x_train, x_train**2 + 0.1 * torch.randn(6, generator=generator, dtype=torch.float64)

    def fit(x_train, y_train):
        basis = torch.stack([torch.ones_like(x_train), x_train], 1)
        weights = torch.linalg.lstsq(basis, y_train).solution
        return lambda x: weights[0] + weights[1] * x

    return implementation(fit, resample, x, x**2, repeats)


def _predictions(fit, resample, x, repeats):
    return torch.stack([fit(*resample())(x) for _ in range(repeats)])


def bias_variance_with_one_less(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return ((predictions.mean(0) - truth) ** 2).mean(), predictions.var(dim=0).mean()


def bias_variance_with_errors_for_bias(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return ((predictions - truth) ** 2).mean(), predictions.var(dim=0, correction=0).mean()


def bias_variance_with_bias_that_cancels(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    bias = (predictions.mean(0) - truth).mean() ** 2
    return bias, predictions.var(dim=0, correction=0).mean()


def bias_variance_not_squared(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    bias = (predictions.mean(0) - truth).abs().mean()
    return bias, predictions.var(dim=0, correction=0).mean()


def bias_variance_with_standard_deviation(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    spread = predictions.std(dim=0, correction=0).mean()
    return ((predictions.mean(0) - truth) ** 2).mean(), spread


def bias_variance_over_the_points(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    variance = predictions.var(dim=1, correction=0).mean()
    return ((predictions.mean(0) - truth) ** 2).mean(), variance


def bias_variance_of_everything(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return ((predictions.mean(0) - truth) ** 2).mean(), predictions.var(correction=0)


def bias_variance_around_the_truth(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return ((predictions.mean(0) - truth) ** 2).mean(), ((predictions - truth) ** 2).mean()


def bias_variance_from_one_training_set(fit, resample, x, truth, repeats):
    x_train, y_train = resample()
    predictions = torch.stack([fit(x_train, y_train)(x) for _ in range(repeats)])
    return ((predictions.mean(0) - truth) ** 2).mean(), predictions.var(dim=0, correction=0).mean()


def bias_variance_swapped(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return predictions.var(dim=0, correction=0).mean(), ((predictions.mean(0) - truth) ** 2).mean()


def bias_variance_for_each_point(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return (predictions.mean(0) - truth) ** 2, predictions.var(dim=0, correction=0)


def bias_variance_summed(fit, resample, x, truth, repeats):
    predictions = _predictions(fit, resample, x, repeats)
    return ((predictions.mean(0) - truth) ** 2).sum(), predictions.var(dim=0, correction=0).sum()


def _bias_variance_by_moments(fit, resample, x, truth, repeats):
    rows = []
    for _ in range(repeats):
        predict = fit(*resample())
        rows.append(predict(x))
    predictions = torch.stack(rows)
    error = (predictions - truth).pow(2).mean()
    bias = (sum(rows) / repeats - truth).pow(2).mean()
    return bias, error - bias


BIAS_VARIANCE = Exercise(
    name="regularization.bias_variance",
    week=3,
    notebook=NOTEBOOK,
    reference=regularization.bias_variance,
    cases=(
        Case(
            "values",
            lambda: [torch.tensor([[6.0], [8.0], [7.0]]), torch.tensor([5.0])],
            run=_of_known_models,
        ),
        Case(
            "several points",
            lambda: [
                torch.tensor([[1.0, 0.0], [3.0, -2.0], [2.0, 5.0], [0.0, 1.0]]),
                torch.tensor([0.5, 3.0]),
            ],
            run=_of_known_models,
        ),
        Case(
            "more points than models",
            lambda: [torch.randn(3, 7), torch.randn(7)],
            run=_of_known_models,
            rtol=1e-4,
        ),
        Case("real fits", lambda: [20], run=_of_lines, rtol=1e-8, atol=1e-10),
    ),
    mistakes=(
        Mistake(
            bias_variance_with_one_less,
            "torch's var divides by repeats − 1; then bias² and variance no longer add up to the error: divide by "
            "repeats (correction=0).",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_with_errors_for_bias,
            "the squared errors of single models are averaged, which holds the variance too: for the bias average the "
            "predictions first, then square.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_with_bias_that_cancels,
            "too high at one point and too low at another cancel out here: square at each point, then average over the "
            "points.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_not_squared,
            "the bias is not squared: it is (mean prediction − truth)², averaged over the points.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_with_standard_deviation,
            "that is the standard deviation; the variance is its square, and only the square adds up with bias².",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_over_the_points,
            "the variance is taken along the points of one model (dim=1); it is over the models at one point, dim=0.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_of_everything,
            "the variance of all predictions together also counts that different points have different answers: take "
            "it over the models, dim=0.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_around_the_truth,
            "the spread is measured from the truth, so it holds the bias as well: measure it from the mean prediction.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_from_one_training_set,
            "all models see the same training set, so they agree and the variance is 0: call resample() for each.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_swapped,
            "the two come in the wrong order: bias² first, variance second.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_for_each_point,
            "it returns one number for each test point: average over them, so that two scalars remain.",
            TWO_WAYS,
        ),
        Mistake(
            bias_variance_summed,
            "it sums over the test points: take the mean, or twice the points mean twice the bias.",
            TWO_WAYS,
        ),
    ),
    hints=(
        "Every training set gives another model. What do you average over the models, and what over the test points?",
        "Stack the predictions of all models as (repeats, m). Their mean over dim=0 minus the truth is the bias at "
        "each point; their spread around that mean is the variance.",
        "mean = predictions.mean(dim=0); return ((mean - truth) ** 2).mean(), ((predictions - mean) ** 2).mean()",
    ),
    alternatives=(_bias_variance_by_moments,),
)
