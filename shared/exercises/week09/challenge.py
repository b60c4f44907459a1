"""The cores of the first stages: how much of a text is prose, MinHash, and the documents of a row."""

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.corpus import filters, minhash
from shared.llm.training import validation

NOTEBOOK = "week09_llm/2_challenge_wikipedia_llm.ipynb"
PROSE = "What may stay"
TWINS = "Twins"
ROWS = "Rows that hold several articles"
ENDS = tuple(".!?:…\"'”’)]")


# --- prose_share -----------------------------------------------------------------------------------------------------


def share_by_the_number_of_lines(text, ends=ENDS):
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return sum(line.endswith(ends) for line in lines) / max(1, len(lines))


def share_of_lines_that_are_not_stripped(text, ends=ENDS):
    lines = text.split("\n")
    prose = sum(len(line.strip()) for line in lines if line.endswith(ends))
    return prose / max(1, sum(len(line.strip()) for line in lines))


def share_of_the_whole_text(text, ends=ENDS):
    lines = [line.strip() for line in text.split("\n")]
    return sum(len(line) for line in lines if line.endswith(ends)) / max(1, len(text))


def share_with_full_stops_only(text, ends=ENDS):
    return filters.prose_share(text, (".",))


def share_of_the_list(text, ends=ENDS):
    return 1 - filters.prose_share(text, ends)


def share_in_percent(text, ends=ENDS):
    return 100 * filters.prose_share(text, ends)


def share_of_an_empty_text_as_one(text, ends=ENDS):
    return filters.prose_share(text, ends) if text.strip() else 1.0


def share_of_words(text, ends=ENDS):
    lines = [line.strip() for line in text.split("\n")]
    prose = sum(len(line.split()) for line in lines if line.endswith(ends))
    return prose / max(1, sum(len(line.split()) for line in lines))


def _prose_in_one_pass(text, ends=ENDS):
    prose = total = 0
    for line in text.splitlines():
        line = line.strip()
        total += len(line)
        if line and line[-1] in ends:
            prose += len(line)
    return prose / total if total else 0.0


PROSE_SHARE = Exercise(
    name="corpus.prose_share",
    week=9,
    notebook=NOTEBOOK,
    reference=filters.prose_share,
    cases=(
        Case("a sentence", lambda: ["It is.", ENDS]),
        Case("a head and a sentence", lambda: ["Bees\nBees dance.", ENDS]),
        Case("a text that is no sentence", lambda: ["Bees", ENDS]),
        Case("spaces at the ends of lines", lambda: ["Bees dance. \n  Wasps", ENDS]),
        Case("empty lines", lambda: ["Bees\n\n\nThey dance.\n", ENDS]),
        Case("every end of a sentence", lambda: ['Who? Me!\n"Why?"\n(So.)\nList:\nend', ENDS]),
        Case("an empty text", lambda: ["", ENDS]),
        Case("lines of spaces", lambda: [" \n  ", ENDS]),
        Case("other ends", lambda: ["Was?\nDas.", ("?",)]),
    ),
    mistakes=(
        Mistake(
            share_by_the_number_of_lines,
            "lines are counted; count their characters, or ten heads of two words outweigh a page of prose.",
            PROSE,
        ),
        Mistake(
            share_of_lines_that_are_not_stripped,
            "a line with a space after its full stop is not seen as prose: strip each line first.",
            PROSE,
        ),
        Mistake(
            share_of_the_whole_text,
            "the division is by the whole text, line breaks and outer spaces included: divide by the characters of the "
            "stripped lines.",
            PROSE,
        ),
        Mistake(
            share_with_full_stops_only,
            "only full stops count as ends of sentences: the argument `ends` has more, line.endswith(ends) takes them "
            "all.",
            PROSE,
        ),
        Mistake(
            share_of_the_list,
            "this is the share that is not prose: count the lines that do end as sentences.",
            PROSE,
        ),
        Mistake(share_in_percent, "a share goes from 0 to 1: do not multiply by 100.", PROSE),
        Mistake(
            share_of_an_empty_text_as_one,
            "an empty text has no prose in it, so its share is 0, not 1: max(1, …) below the fraction does it.",
            PROSE,
        ),
        Mistake(
            share_of_words,
            "words are counted where characters are meant: len(line), not len(line.split()).",
            PROSE,
        ),
    ),
    hints=(
        "Which of the lines would you count, and how much is each of them worth?",
        "Strip every line. Add up the lengths of those that end with one of `ends`, and the lengths of all.",
        "prose = sum(len(line) for line in lines if line.endswith(ends)); over max(1, sum(map(len, lines))).",
    ),
    alternatives=(_prose_in_one_pass,),
)


# --- least_hashes ----------------------------------------------------------------------------------------------------


def _table(values, factors, terms):
    return factors[:, None] * values[None, :] + terms[:, None]


def least_as_largest(values, factors, terms):
    return _table(values, factors, terms).max(axis=1)


def least_of_each_value(values, factors, terms):
    return _table(values, factors, terms).min(axis=0)


def least_values_themselves(values, factors, terms):
    return values[_table(values, factors, terms).argmin(axis=1)]


def least_without_terms(values, factors, terms):
    return _table(values, factors, np.zeros_like(terms)).min(axis=1)


def least_without_factors(values, factors, terms):
    return _table(values, np.ones_like(factors), terms).min(axis=1)


def least_without_modulo(values, factors, terms):
    return _table(*(x.astype(np.uint64) for x in (values, factors, terms))).min(axis=1)


def hash_of_the_least_value(values, factors, terms):
    return factors * values.min() + terms


def least_as_a_place(values, factors, terms):
    return _table(values, factors, terms).argmin(axis=1).astype(np.uint32)


def _least_function_by_function(values, factors, terms):
    return np.array([(a * values + b).min() for a, b in zip(factors, terms)], dtype=np.uint32)


def _least_in_python(values, factors, terms):
    found = [
        min((int(a) * int(x) + int(b)) % 2**32 for x in values) for a, b in zip(factors, terms)
    ]
    return np.array(found, dtype=np.uint32)


def _hashes(values, factors, terms):
    return lambda: [np.array(x, dtype=np.uint32) for x in (values, factors, terms)]


def _many(k, n):
    def make():
        drawn = torch.randint(0, 2**32, (k + 2 * n,)).numpy().astype(np.uint32)
        return [drawn[:k], drawn[k : k + n] | np.uint32(1), drawn[k + n :]]

    return make


LEAST_HASHES = Exercise(
    name="corpus.least_hashes",
    week=9,
    notebook=NOTEBOOK,
    reference=minhash.least_hashes,
    cases=(
        Case("two values, one function", _hashes([2, 5], [3], [1])),
        Case("two values, three functions", _hashes([2, 5], [3, 1, 7], [1, 4, 0])),
        Case(
            "modulo 2^32",
            _hashes([7, 9], [2**31 + 1, 2**32 - 1], [5, 11]),
            says="the numbers grow past 2^32: keep everything uint32, which counts modulo 2^32 by itself.",
        ),
        Case("many", _many(60, 25)),
        Case("as many values as functions", _many(8, 8)),
        Case("one value", _many(1, 5)),
        Case("a long text", _many(9000, 5)),
    ),
    mistakes=(
        Mistake(
            least_as_largest,
            "the largest hash of each function is taken where the least was agreed on: min, not max.",
            TWINS,
        ),
        Mistake(
            least_of_each_value,
            "the least is taken over the functions, for each value: take it over the values (axis=1 of a table with "
            "a row for each function).",
            TWINS,
        ),
        Mistake(
            least_values_themselves,
            "this gives the value whose hash is least; the signature holds the hash itself.",
            TWINS,
        ),
        Mistake(
            least_without_terms,
            "the terms b are not added: a·x + b.",
            TWINS,
        ),
        Mistake(
            least_without_factors,
            "the values are not multiplied by the factors a, so every function sorts them alike: a·x + b.",
            TWINS,
        ),
        Mistake(
            least_without_modulo,
            "the hashes are not taken modulo 2^32, so they are largest where the value is, and all functions agree on "
            "the least: stay with uint32.",
            TWINS,
        ),
        Mistake(
            hash_of_the_least_value,
            "the least value is looked for first and hashed then; hash all values, and then take the least.",
            TWINS,
        ),
        Mistake(
            least_as_a_place,
            "this gives where the least hash stands (argmin) where its number is wanted (min).",
            TWINS,
        ),
    ),
    hints=(
        "One function gives a number to each value. Which shape has a table of all functions and all values?",
        "factors as a column, values as a row: their product has a row for each function; add the terms as a column.",
        "return (factors[:, None] * values[None, :] + terms[:, None]).min(axis=1)",
    ),
    alternatives=(_least_function_by_function, _least_in_python),
)


# --- document_numbers ------------------------------------------------------------------------------------------------


def numbers_with_the_end_in_the_next(inputs, eos_id):
    return (inputs == eos_id).long().cumsum(1)


def numbers_from_one(inputs, eos_id):
    return validation.document_numbers(inputs, eos_id) + 1


def numbers_through_all_rows(inputs, eos_id):
    ends = (inputs == eos_id).long().flatten()
    return (ends.cumsum(0) - ends).view(inputs.shape)


def numbers_down_the_columns(inputs, eos_id):
    ends = (inputs == eos_id).long()
    return ends.cumsum(0) - ends


def numbers_that_end_at_token_zero(inputs, eos_id):
    return validation.document_numbers(inputs, 0)


def numbers_from_the_back(inputs, eos_id):
    ends = (inputs == eos_id).long()
    return ends.flip(1).cumsum(1).flip(1)


def numbers_as_ends(inputs, eos_id):
    return (inputs == eos_id).long()


def _numbers_one_by_one(inputs, eos_id):
    rows = []
    for row in inputs.tolist():
        number, numbers = 0, []
        for token in row:
            numbers.append(number)
            number += token == eos_id
        rows.append(numbers)
    return torch.tensor(rows)


def _numbers_shifted(inputs, eos_id):
    before = torch.zeros_like(inputs)
    before[:, 1:] = (inputs[:, :-1] == eos_id).long()
    return before.cumsum(dim=1)


def _row(*rows, eos=9):
    return lambda: [torch.tensor(rows), eos]


DOCUMENT_NUMBERS = Exercise(
    name="packing.document_numbers",
    week=9,
    notebook=NOTEBOOK,
    reference=validation.document_numbers,
    cases=(
        Case("one document", _row([3, 4, 5])),
        Case("two documents", _row([3, 9, 5, 6])),
        Case("an end at the end", _row([3, 4, 9])),
        Case("an end at the beginning", _row([9, 4, 3])),
        Case("two ends in a row", _row([3, 9, 9, 4])),
        Case("several rows", _row([3, 9, 5, 9, 2], [1, 2, 3, 4, 9], [9, 1, 9, 1, 1])),
        Case("the end is token 0", _row([3, 0, 5, 0], [0, 0, 9, 9], eos=0)),
        Case("many", lambda: [torch.randint(0, 12, (4, 40)), 9]),
    ),
    mistakes=(
        Mistake(
            numbers_with_the_end_in_the_next,
            "the end-of-text token is counted to the document after it; it belongs to the one that it ends: take the "
            "token itself off the sum.",
            ROWS,
        ),
        Mistake(numbers_from_one, "the first document of a row has the number 0, not 1.", ROWS),
        Mistake(
            numbers_through_all_rows,
            "the count goes on from row to row; each row begins with 0: sum along dim 1.",
            ROWS,
        ),
        Mistake(
            numbers_down_the_columns,
            "the sum runs down the columns, over the rows of the batch: sum along dim 1.",
            ROWS,
        ),
        Mistake(
            numbers_that_end_at_token_zero,
            "token 0 is taken for the end whatever eos_id says: compare with eos_id.",
            ROWS,
        ),
        Mistake(
            numbers_from_the_back,
            "the ends after a token are counted where those before it are meant.",
            ROWS,
        ),
        Mistake(
            numbers_as_ends,
            "this marks the ends with 1; each token needs how many ends stand before it, a running sum.",
            ROWS,
        ),
    ),
    hints=(
        "How many end-of-text tokens stand before a token? What does that number say?",
        "Ends as 0 and 1, a running sum along the row; where the token is itself an end, it is one too many.",
        "ends = (inputs == eos_id).long(); return ends.cumsum(1) - ends",
    ),
    alternatives=(_numbers_one_by_one, _numbers_shifted),
)
