"""`responsible.split_effects`, `responsible.pseudo_log_likelihood`: what a model took over from its texts."""

import math
from itertools import combinations

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.responsible_costs import EXPOSURE, TRAINING_CARBON
from shared.llm.judging.bias import pseudo_log_likelihood, split_effects

NOTEBOOK = "week09_llm/4_explore_responsible_models.ipynb"
SPLITS = "Every other grouping"
PAIRS = "Which sentence does it hold likelier"


# --- split_effects ---------------------------------------------------------------------------------------------------


def _real_and_all(implementation, x, y):
    """Chance has no order: the real split must be first, and the others are compared sorted."""
    effects = np.asarray(implementation(x, y), dtype=float)
    return {"the real split": float(effects[0]), "all splits, sorted": np.sort(effects)}


def _splits(x, y, size=None, spread=None, of="means", sign=1, skip=0):
    """split_effects with something changed."""
    numbers = np.array([*x, *y], dtype=float)
    spread = numbers.std(ddof=1) if spread is None else spread
    n, effects = len(x) if size is None else size, []
    for chosen in combinations(range(len(numbers)), n):
        inside = np.isin(np.arange(len(numbers)), chosen)
        a, b = numbers[inside], numbers[~inside]
        effects.append(a.sum() - b.sum() if of == "sums" else a.mean() - b.mean())
    return sign * np.array(effects[skip:]) / spread


def splits_in_raw_units(x, y):
    return _splits(x, y, spread=1.0)


def splits_with_n_below(x, y):
    return _splits(x, y, spread=np.array([*x, *y], dtype=float).std())


def splits_by_the_spread_within(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    within = ((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()
    return _splits(x, y, spread=math.sqrt(within / (len(x) + len(y) - 2)))


def splits_by_the_variance(x, y):
    return _splits(x, y, spread=np.array([*x, *y], dtype=float).var(ddof=1))


def splits_of_sums(x, y):
    return _splits(x, y, of="sums")


def splits_turned_round(x, y):
    return _splits(x, y, sign=-1)


def splits_without_the_real_one(x, y):
    return _splits(x, y, skip=1)


def splits_of_the_other_size(x, y):
    return _splits(x, y, size=len(y))


def splits_as_distances(x, y):
    return np.abs(_splits(x, y))


def only_the_real_split(x, y):
    return _splits(x, y)[:1]


def _by_masks(x, y):
    numbers = np.concatenate([np.asarray(x, float), np.asarray(y, float)])
    chosen = list(combinations(range(len(numbers)), len(x)))
    mask = np.zeros((len(chosen), len(numbers)), dtype=bool)
    mask[np.arange(len(chosen))[:, None], chosen] = True
    first = (mask * numbers).sum(1) / mask.sum(1)
    second = (~mask * numbers).sum(1) / (~mask).sum(1)
    return (first - second) / np.std(numbers, ddof=1)


SPLIT_EFFECTS = Exercise(
    name="responsible.split_effects",
    week=9,
    notebook=NOTEBOOK,
    reference=split_effects,
    cases=(
        Case("two and two", lambda: [[3.0, 5.0], [1.0, 3.0]], run=_real_and_all),
        Case("groups of two sizes", lambda: [[0.5, 2.0, 4.0], [1.0, -1.0]], run=_real_and_all),
        Case("a negative effect", lambda: [[-2.0, 0.0, 1.0], [1.5, 3.0, 2.0]], run=_real_and_all),
        Case("one against three", lambda: [[7.0], [1.0, 2.0, 4.0]], run=_real_and_all),
    ),
    mistakes=(
        Mistake(
            splits_in_raw_units,
            "the differences are not divided by the standard deviation, so that they are in nats and not comparable.",
            SPLITS,
        ),
        Mistake(
            splits_with_n_below,
            "the standard deviation has n below; asked is the one with n − 1, which NumPy calls ddof=1.",
            SPLITS,
        ),
        Mistake(
            splits_by_the_spread_within,
            "the spread is the one within the two groups; asked is the standard deviation of all numbers together.",
            SPLITS,
        ),
        Mistake(
            splits_by_the_variance,
            "the variance stands below the line: divide by its root, the standard deviation.",
            SPLITS,
        ),
        Mistake(
            splits_of_sums,
            "sums were compared; groups of different sizes can only be compared by their means.",
            SPLITS,
        ),
        Mistake(
            splits_turned_round,
            "the sign is turned: it is the mean of the first group less the mean of the second.",
            SPLITS,
        ),
        Mistake(
            splits_without_the_real_one,
            "the real split is missing: it is one of the splits, and must be the first.",
            SPLITS,
        ),
        Mistake(
            splits_of_the_other_size,
            "the first group of each split must be as large as x, and here it is as large as y.",
            SPLITS,
        ),
        Mistake(
            splits_as_distances,
            "the signs are gone: keep them, so that the reader sees which way the groups differ.",
            SPLITS,
        ),
        Mistake(
            only_the_real_split,
            "that is the real split alone; every other way to choose len(x) of the numbers belongs beside it.",
            SPLITS,
        ),
    ),
    hints=(
        "Of n + m numbers, how can you choose n for the first group? Which choice is the real one?",
        "combinations(range(n + m), n) gives every choice of places, and the first of them is 0 … n − 1. The second "
        "group is what is left, and the spread is the same for all.",
        "for chosen in combinations(range(len(numbers)), len(x)): first = numbers[list(chosen)].sum(); "
        "effects.append((first / len(x) - (total - first) / len(y)) / numbers.std(ddof=1))",
    ),
    alternatives=(_by_masks,),
)


# --- pseudo_log_likelihood -------------------------------------------------------------------------------------------


class Toy(torch.nn.Module):
    """A masked language model of seven tokens, of which 6 hides a place: its logits hang on all tokens and places."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.table = torch.randn(7, 8, generator=generator)
        self.places = torch.randn(16, 8, generator=generator)
        self.mix = torch.randn(8, 7, generator=generator)

    def __repr__(self):
        return "a model of 7 tokens"

    def forward(self, tokens):
        seen = self.table[tokens] + self.places[: tokens.shape[-1]]
        return (seen + seen.mean(-2, keepdim=True) ** 2) @ self.mix


def _inputs(tokens, places):
    return lambda: [Toy(), torch.tensor(tokens), torch.tensor(places), 6]


def _hidden(tokens, places, mask_id):
    copies = tokens.repeat(len(places), 1)
    copies[torch.arange(len(places)), places] = mask_id
    return copies


def _each(model, tokens, places, mask_id):
    log_p = model(_hidden(tokens, places, mask_id)).log_softmax(-1)
    return log_p[torch.arange(len(places)), places, tokens[places]]


def likelihood_with_nothing_hidden(model, tokens, places, mask_id):
    log_p = model(tokens[None])[0].log_softmax(-1)
    return log_p[places, tokens[places]].sum()


def likelihood_with_all_hidden_at_once(model, tokens, places, mask_id):
    copy = tokens.clone()
    copy[places] = mask_id
    log_p = model(copy[None])[0].log_softmax(-1)
    return log_p[places, tokens[places]].sum()


def likelihood_for_each_token(model, tokens, places, mask_id):
    return _each(model, tokens, places, mask_id).mean()


def likelihood_of_every_place(model, tokens, places, mask_id):
    return _each(model, tokens, torch.arange(len(tokens)), mask_id).sum()


def likelihood_of_the_other_places(model, tokens, places, mask_id):
    others = [i for i in range(len(tokens)) if i not in places.tolist()]
    return _each(model, tokens, torch.tensor(others), mask_id).sum()


def likelihood_by_logits(model, tokens, places, mask_id):
    logits = model(_hidden(tokens, places, mask_id))
    return logits[torch.arange(len(places)), places, tokens[places]].sum()


def likelihood_as_probabilities(model, tokens, places, mask_id):
    return _each(model, tokens, places, mask_id).exp().sum()


def likelihood_as_one_probability(model, tokens, places, mask_id):
    return _each(model, tokens, places, mask_id).sum().exp()


def likelihood_as_a_loss(model, tokens, places, mask_id):
    return -_each(model, tokens, places, mask_id).sum()


def likelihood_of_the_mask(model, tokens, places, mask_id):
    log_p = model(_hidden(tokens, places, mask_id)).log_softmax(-1)
    return log_p[torch.arange(len(places)), places, mask_id].sum()


def likelihood_that_changes_the_text(model, tokens, places, mask_id):
    total = torch.tensor(0.0)
    text = tokens.clone()
    for place in places:
        right = text[place].clone()
        text[place] = mask_id
        total = total + model(text[None])[0, place].log_softmax(-1)[right]
    return total


def likelihood_softmax_over_places(model, tokens, places, mask_id):
    log_p = model(_hidden(tokens, places, mask_id)).log_softmax(1)
    return log_p[torch.arange(len(places)), places, tokens[places]].sum()


def _one_by_one(model, tokens, places, mask_id):
    total = 0.0
    for place in places.tolist():
        text = tokens.tolist()
        text[place] = mask_id
        logits = model(torch.tensor([text]))[0][place]
        total = total + logits[tokens[place]] - logits.exp().sum().log()
    return total


PSEUDO_LOG_LIKELIHOOD = Exercise(
    name="responsible.pseudo_log_likelihood",
    week=9,
    notebook=NOTEBOOK,
    reference=pseudo_log_likelihood,
    cases=(
        Case("one place", _inputs([1, 4, 2], [1])),
        Case("two places", _inputs([1, 4, 2, 5], [0, 2])),
        Case("neighbours", _inputs([0, 3, 3, 1, 5], [1, 2, 3])),
        Case("all but the ends", _inputs([0, 2, 5, 4, 1, 3], [1, 2, 3, 4])),
    ),
    mistakes=(
        Mistake(
            likelihood_with_nothing_hidden,
            "nothing is hidden: the model sees the token that it is asked for, so put mask_id at its place.",
            PAIRS,
        ),
        Mistake(
            likelihood_with_all_hidden_at_once,
            "all places are hidden at once; each must be asked alone, while all other tokens are seen.",
            PAIRS,
        ),
        Mistake(
            likelihood_that_changes_the_text,
            "a place stays hidden while the next one is asked: begin each time with the whole text.",
            PAIRS,
        ),
        Mistake(
            likelihood_for_each_token,
            "that is the mean; asked is the sum over the places.",
            PAIRS,
        ),
        Mistake(
            likelihood_of_every_place,
            "every place was asked; asked are those in places only.",
            PAIRS,
        ),
        Mistake(
            likelihood_of_the_other_places,
            "the places that are not in places were asked: those are the ones to leave seen and unasked.",
            PAIRS,
        ),
        Mistake(
            likelihood_by_logits,
            "logits were added; they become log-probabilities by log_softmax over the vocabulary.",
            PAIRS,
        ),
        Mistake(
            likelihood_softmax_over_places,
            "the softmax runs over the places; it must run over the vocabulary, the last axis.",
            PAIRS,
        ),
        Mistake(
            likelihood_as_probabilities,
            "probabilities were added; add their logarithms.",
            PAIRS,
        ),
        Mistake(
            likelihood_as_one_probability,
            "that is e to the sum; asked is the sum of the logarithms itself.",
            PAIRS,
        ),
        Mistake(
            likelihood_as_a_loss,
            "the sign is turned: a log-probability is below 0, and more likely is higher.",
            PAIRS,
        ),
        Mistake(
            likelihood_of_the_mask,
            "the probability of the mask was read; asked is that of the token that stood there.",
            PAIRS,
        ),
    ),
    hints=(
        "How many texts does the model have to see, and in what do they differ?",
        "A copy of the text for each place, with mask_id at that place only; one call of the model; from row i read "
        "place i, and there the token that was hidden.",
        "copies = tokens.repeat(len(places), 1); copies[rows, places] = mask_id; "
        "return model(copies).log_softmax(-1)[rows, places, tokens[places]].sum()  # rows = torch.arange(len(places))",
    ),
    alternatives=(_one_by_one,),
)

RESPONSIBLE = (SPLIT_EFFECTS, PSEUDO_LOG_LIKELIHOOD, EXPOSURE, TRAINING_CARBON)
