"""How what is taught is read: `corpus.source_weights` and `corpus.best_fit`."""

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.corpus.rows import best_fit
from shared.llm.corpus.sources import source_weights

NOTEBOOK = "week09_llm/4_explore_data.ipynb"
MIXING = "How often is a source read?"
ROWS = "Rows without waste"


# --- source_weights --------------------------------------------------------------------------------------------------


def _shares(sizes):
    return np.asarray(sizes, dtype=float) / np.sum(sizes)


def weights_by_the_temperature(sizes, temperature):
    heated = _shares(sizes) ** temperature
    return heated / heated.sum()


def weights_without_a_sum(sizes, temperature):
    return _shares(sizes) ** (1 / temperature)


def weights_by_size(sizes, temperature):
    return _shares(sizes)


def weights_that_are_equal(sizes, temperature):
    return np.full(len(sizes), 1 / len(sizes))


def weights_by_softmax(sizes, temperature):
    x = np.exp(_shares(sizes) / temperature)
    return x / x.sum()


def weights_divided(sizes, temperature):
    divided = _shares(sizes) / temperature
    return divided / divided.sum() / temperature


def weights_turned_round(sizes, temperature):
    heated = _shares(sizes) ** (-1 / temperature)
    return heated / heated.sum()


def weights_by_logarithm(sizes, temperature):
    x = np.log(np.asarray(sizes, dtype=float)) / temperature
    return x / x.sum()


def weights_mixed_with_equal_ones(sizes, temperature):
    return _shares(sizes) / temperature + (1 - 1 / temperature) / len(sizes)


def weights_as_multiples_of_size(sizes, temperature):
    return source_weights(sizes, temperature) / _shares(sizes)


def _weights_by_logarithms(sizes, temperature):
    logits = np.log(np.asarray(sizes, dtype=float)) / temperature
    heated = np.exp(logits - logits.max())
    return heated / heated.sum()


def _weights_one_by_one(sizes, temperature):
    largest = max(sizes)
    heated = [(size / largest) ** (1.0 / temperature) for size in sizes]
    return np.array([h / sum(heated) for h in heated])


SOURCE_WEIGHTS = Exercise(
    name="corpus.source_weights",
    week=9,
    notebook=NOTEBOOK,
    reference=source_weights,
    cases=(
        Case("the paper example", lambda: [np.array([900.0, 100.0]), 2.0]),
        Case("temperature 1", lambda: [np.array([900.0, 100.0]), 1.0]),
        Case("three sources", lambda: [np.array([60.0, 30.0, 10.0]), 3.0]),
        Case("hot: nearly alike", lambda: [np.array([1e6, 1e3, 10.0]), 1000.0]),
        Case("cold: the largest only", lambda: [np.array([60.0, 30.0, 10.0]), 0.5]),
        Case("trillions of tokens", lambda: [np.array([4e12, 3e9, 2e8]), 3.3]),
        Case("alike from the start", lambda: [np.array([7.0, 7.0, 7.0, 7.0]), 1.7]),
        Case("one source", lambda: [np.array([5.0]), 2.5]),
    ),
    mistakes=(
        Mistake(
            weights_by_the_temperature,
            "the exponent is the temperature; it is 1 / temperature, so that heat makes the sources more alike.",
            MIXING,
        ),
        Mistake(
            weights_without_a_sum,
            "the weights do not sum to 1: divide by their sum after the exponent.",
            MIXING,
        ),
        Mistake(
            weights_by_size,
            "the temperature has no effect: these are the sizes' own shares.",
            MIXING,
        ),
        Mistake(
            weights_that_are_equal,
            "all sources weigh the same here; that is so only where the temperature is without bound.",
            MIXING,
        ),
        Mistake(
            weights_by_softmax,
            "a softmax of the shares is not asked for: raise the shares to the power 1 / temperature.",
            MIXING,
        ),
        Mistake(
            weights_divided,
            "the shares are divided by the temperature; it belongs into the exponent, as 1 / temperature.",
            MIXING,
        ),
        Mistake(
            weights_turned_round,
            "the exponent is negative: the smallest source would be read most.",
            MIXING,
        ),
        Mistake(
            weights_by_logarithm,
            "these are shares of the logarithms; take the power 1 / temperature of the sizes themselves.",
            MIXING,
        ),
        Mistake(
            weights_mixed_with_equal_ones,
            "this goes in a straight line from the sizes to equal shares; the temperature stands in an exponent.",
            MIXING,
        ),
        Mistake(
            weights_as_multiples_of_size,
            "this is how much more often than by its size each source is read; asked is its share of what is read.",
            MIXING,
        ),
    ),
    hints=(
        "What must happen to 900 and 100 so that they come closer together, and keep their order?",
        "Shares of the whole first, each to the power 1 / temperature, and then divided by their sum.",
        "heated = (sizes / sizes.sum()) ** (1 / temperature); return heated / heated.sum()",
    ),
    alternatives=(_weights_by_logarithms, _weights_one_by_one),
)


# --- best_fit --------------------------------------------------------------------------------------------------------


def _fit(lengths, room, order=lambda i, length: -length, choose=None, fits=None):
    """best_fit with something changed."""
    choose = choose or (lambda fitting, free: min(fitting, key=lambda row: free[row]))
    fits = fits or (lambda left, length: left >= length)
    rows, free = [], []
    for number in sorted(range(len(lengths)), key=lambda i: order(i, lengths[i])):
        fitting = [row for row, left in enumerate(free) if fits(left, lengths[number])]
        if fitting:
            row = choose(fitting, free)
        else:
            rows.append([])
            free.append(room)
            row = len(rows) - 1
        rows[row].append(number)
        free[row] -= lengths[number]
    return rows


def fit_in_their_order(lengths, room):
    return _fit(lengths, room, order=lambda i, length: i)


def fit_the_shortest_first(lengths, room):
    return _fit(lengths, room, order=lambda i, length: length)


def fit_where_it_first_fits(lengths, room):
    return _fit(lengths, room, choose=lambda fitting, free: fitting[0])


def fit_where_most_is_left(lengths, room):
    return _fit(lengths, room, choose=lambda fitting, free: max(fitting, key=lambda r: free[r]))


def fit_into_the_last_row(lengths, room):
    rows, left = [], 0
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not rows or left < lengths[number]:
            rows.append([])
            left = room
        rows[-1].append(number)
        left -= lengths[number]
    return rows


def fit_with_a_place_to_spare(lengths, room):
    return _fit(lengths, room, fits=lambda left, length: left > length)


def fit_one_to_a_row(lengths, room):
    return [[number] for number in sorted(range(len(lengths)), key=lambda i: -lengths[i])]


def fit_but_give_lengths(lengths, room):
    return [[lengths[number] for number in row] for row in best_fit(lengths, room)]


def fit_without_taking_room(lengths, room):
    rows, free = [], []
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = [row for row, left in enumerate(free) if left >= lengths[number]]
        if fitting:
            rows[min(fitting, key=lambda row: free[row])].append(number)
        else:
            rows.append([number])
            free.append(room - lengths[number])
    return rows


def fit_and_forget_the_first(lengths, room):
    rows, free = [], []
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = [row for row, left in enumerate(free) if left >= lengths[number]]
        if fitting:
            row = min(fitting, key=lambda row: free[row])
            rows[row].append(number)
            free[row] -= lengths[number]
        else:
            rows.append([number])
            free.append(room)
    return rows


def _fit_by_searching(lengths, room):
    rows = []
    for number in np.argsort(-np.array(lengths, dtype=int), kind="stable").tolist():
        best, least = None, room + 1
        for row in rows:
            left = room - sum(lengths[i] for i in row) - lengths[number]
            if 0 <= left < least:
                best, least = row, left
        if best is None:
            rows.append([number])
        else:
            best.append(number)
    return rows


def _lengths(*lengths, room):
    return lambda: [list(lengths), room]


BEST_FIT = Exercise(
    name="corpus.best_fit",
    week=9,
    notebook=NOTEBOOK,
    reference=best_fit,
    cases=(
        Case("the paper example", _lengths(3, 8, 5, 2, 6, room=10)),
        Case("a row that is just full", _lengths(6, 4, room=10)),
        Case("one document", _lengths(7, room=10)),
        Case("as long as the row", _lengths(10, 1, 10, room=10)),
        Case("equally long", _lengths(4, 4, 4, 4, 4, room=10)),
        Case("nothing", lambda: [[], 10]),
        Case("best, not first", _lengths(7, 5, 4, 1, room=10)),
        Case("short ones first in the list", _lengths(1, 2, 3, 4, 5, 6, 7, room=8)),
        Case("many", lambda: [torch.randint(1, 50, (60,)).tolist(), 64]),
        Case("many short ones", lambda: [torch.randint(1, 20, (60,)).tolist(), 50]),
    ),
    mistakes=(
        Mistake(
            fit_in_their_order,
            "the documents are taken in the order of the list; the longest must come first, while there is room.",
            ROWS,
        ),
        Mistake(
            fit_the_shortest_first,
            "the shortest come first, and the long ones then fit nowhere: sort the other way round.",
            ROWS,
        ),
        Mistake(
            fit_where_it_first_fits,
            "the first row with enough room is taken; take the one of them with the least room left.",
            ROWS,
        ),
        Mistake(
            fit_where_most_is_left,
            "the emptiest row is taken: that is the worst fit. Take the one with the least room that is enough.",
            ROWS,
        ),
        Mistake(
            fit_into_the_last_row,
            "only the last row is tried; an earlier one may still have room.",
            ROWS,
        ),
        Mistake(
            fit_with_a_place_to_spare,
            "a document that fills a row exactly is not let in: the room must be at least its length, >= and not >.",
            ROWS,
        ),
        Mistake(
            fit_one_to_a_row,
            "every document has a row of its own: that is padding, and most places are wasted.",
            ROWS,
        ),
        Mistake(
            fit_but_give_lengths,
            "the rows hold lengths; asked are the documents' numbers, their places in the list.",
            ROWS,
        ),
        Mistake(
            fit_without_taking_room,
            "a document that joins a row takes no room there, so that rows are overfull: subtract its length.",
            ROWS,
        ),
        Mistake(
            fit_and_forget_the_first,
            "a new row begins with all its room although its first document lies in it: subtract that length too.",
            ROWS,
        ),
    ),
    hints=(
        "Which documents are hardest to place? And which row would you rather keep for a longer one?",
        "Go through the numbers, the longest document first. Of the rows with enough room take the one with the "
        "least; if there is none, begin a new one. Keep a second list of how much room each row still has.",
        "row = min(fitting, key=lambda row: free[row]), where fitting = [row for row, left in enumerate(free) if left "
        ">= lengths[number]]",
    ),
    alternatives=(_fit_by_searching,),
)
