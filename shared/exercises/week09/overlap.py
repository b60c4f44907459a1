"""`decoding.bleu` and `decoding.rouge_l`: how much of a text stands in a reference."""

import math
from collections import Counter

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.text.overlap import bleu, rouge_l

NOTEBOOK = "week09_llm/4_explore_decoding.ipynb"
BLEU_SECTION = "BLEU"
ROUGE = "ROUGE-L"


# --- bleu ------------------------------------------------------------------------------------------------------------


def _grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _bleu(
    outputs,
    references,
    longest=4,
    match=lambda ours, theirs: (ours & theirs).total(),
    size=lambda ours, theirs: ours.total(),
    grams=_grams,
    mean=lambda shares: math.exp(sum(map(math.log, shares)) / len(shares)),
    brevity=lambda c, r: math.exp(min(0, 1 - r / c)),
    lengths=None,
):
    """The reference with single parts that can be replaced."""
    lengths = range(1, longest + 1) if lengths is None else lengths(longest)
    shares = []
    for n in lengths:
        pairs = [(grams(o, n), grams(r, n)) for o, r in zip(outputs, references, strict=True)]
        written = sum(size(*pair) for pair in pairs)
        matched = sum(match(*pair) for pair in pairs)
        if not matched:
            return 0.0
        shares.append(matched / written)
    return mean(shares) * brevity(sum(map(len, outputs)), sum(map(len, references)))


def bleu_without_clipping(*inputs):
    return _bleu(*inputs, match=lambda ours, theirs: sum(ours[g] for g in ours if g in theirs))


def bleu_of_recall(*inputs):
    return _bleu(*inputs, size=lambda ours, theirs: theirs.total() or 1)


def bleu_of_sets(*inputs):
    return _bleu(*inputs, grams=lambda words, n: Counter(set(_grams(words, n))))


def bleu_without_brevity(*inputs):
    return _bleu(*inputs, brevity=lambda c, r: 1.0)


def bleu_that_punishes_long_texts(*inputs):
    return _bleu(*inputs, brevity=lambda c, r: math.exp(min(0, 1 - c / r)))


def bleu_without_a_floor_of_brevity(*inputs):
    return _bleu(*inputs, brevity=lambda c, r: math.exp(1 - r / c))


def bleu_with_a_plain_ratio(*inputs):
    return _bleu(*inputs, brevity=lambda c, r: min(1, c / r))


def bleu_of_the_plain_mean(*inputs):
    return _bleu(*inputs, mean=lambda shares: sum(shares) / len(shares))


def bleu_that_multiplies_only(*inputs):
    return _bleu(*inputs, mean=math.prod)


def bleu_of_single_words(*inputs):
    return _bleu(*inputs, lengths=lambda longest: [1])


def bleu_of_the_longest_only(*inputs):
    return _bleu(*inputs, lengths=lambda longest: [longest])


def bleu_one_gram_short(*inputs):
    return _bleu(*inputs, lengths=lambda longest: range(1, longest) if longest > 1 else [1])


def bleu_averaged_over_sentences(outputs, references, longest=4):
    each = [_bleu([o], [r], longest) for o, r in zip(outputs, references, strict=True)]
    return sum(each) / max(1, len(each))


def bleu_in_per_cent(*inputs):
    return 100 * _bleu(*inputs)


def _bleu_by_lists(outputs, references, longest=4):
    product, c, r = 1.0, 0, 0
    for output, reference in zip(outputs, references):
        c, r = c + len(output), r + len(reference)
    for n in range(1, longest + 1):
        good = total = 0
        for output, reference in zip(outputs, references):
            left = [tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)]
            for i in range(len(output) - n + 1):
                total += 1
                if tuple(output[i : i + n]) in left:
                    left.remove(tuple(output[i : i + n]))
                    good += 1
        product *= good / total if total else 0
    if product == 0:
        return 0.0
    return product ** (1 / longest) * (1 if c >= r else math.exp(1 - r / c))


def _sentences(seed, texts, short=0):
    """Outputs and references that share much, of small words; the outputs without their last `short` words."""
    generator = torch.Generator().manual_seed(seed)
    names = ["the", "a", "cat", "dog", "sat", "ran", "on", "mat", "big", "red"]
    outputs, references = [], []
    for _ in range(texts):
        n = int(torch.randint(7, 13, (1,), generator=generator))
        reference = [
            names[i] for i in torch.randint(0, len(names), (n,), generator=generator).tolist()
        ]
        output = list(reference)
        place = int(torch.randint(0, n, (1,), generator=generator))
        output[place] = names[int(torch.randint(0, len(names), (1,), generator=generator))]
        outputs.append([*output, "the"] if not short else output[: n - short])
        references.append(reference)
    return [outputs, references]


_MAT = ["the", "cat", "sat", "on", "the", "mat"]

BLEU = Exercise(
    name="decoding.bleu",
    week=9,
    notebook=NOTEBOOK,
    reference=bleu,
    cases=(
        Case("the example on paper", lambda: [[["the", "the", "the", "cat", "sat"]], [_MAT], 2]),
        Case("the reference itself", lambda: [[list(_MAT)], [list(_MAT)]]),
        Case("one word again and again", lambda: [[["the"] * 7], [_MAT], 1]),
        Case("a short text", lambda: [[["the", "cat", "sat", "on"]], [_MAT], 2]),
        Case(
            "a long text",
            lambda: [[["the", "cat", "sat", "on", "the", "mat", "on", "the", "mat"]], [_MAT], 2],
        ),
        Case(
            "nothing of four words matches",
            lambda: [[["a", "cat", "sat", "on", "a", "mat"]], [_MAT]],
        ),
        Case("a text shorter than four words", lambda: [[["the", "cat"]], [_MAT]]),
        Case("several texts", lambda: _sentences(1, 5)),
        Case("several short texts", lambda: _sentences(2, 5, short=2)),
        Case("words three at a time", lambda: [*_sentences(3, 4, short=1), 3]),
    ),
    mistakes=(
        Mistake(
            bleu_without_clipping,
            "an n-gram that the output repeats counts each time: it may count at most as often as it stands in the "
            "reference.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_of_recall,
            "the matches were divided by the n-grams of the reference; precision divides by those that were written.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_of_sets,
            "each different n-gram was counted once: count how often it stands in the text, as a Counter does.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_without_brevity,
            "the penalty for brevity is missing: exp(1 − r / c) where the outputs are shorter than the references.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_that_punishes_long_texts,
            "c and r are swapped in the penalty, so that long outputs are punished and short ones are not.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_without_a_floor_of_brevity,
            "the factor grows above 1 for long outputs: it is 1 where they are no shorter than the references.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_with_a_plain_ratio,
            "the penalty is c / r; it must be exp(1 − r / c).",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_of_the_plain_mean,
            "the precisions were added and divided; the geometric mean multiplies them and takes the root.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_that_multiplies_only,
            "the precisions were multiplied, and the root is missing: the product to the power 1 / longest.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_of_single_words,
            "only single words were counted: n runs from 1 to longest.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_of_the_longest_only,
            "only the longest n-grams were counted: n runs from 1 to longest, and the mean is over all of them.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_one_gram_short,
            "n stops one too early: range(1, longest + 1).",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_averaged_over_sentences,
            "each text got a BLEU of its own and these were averaged: add up the counts of all texts first.",
            BLEU_SECTION,
        ),
        Mistake(
            bleu_in_per_cent,
            "that is in per cent: here BLEU goes from 0 to 1.",
            BLEU_SECTION,
        ),
    ),
    hints=(
        "What must be added up over all texts before anything is divided?",
        "For each n two numbers: how many n-grams were written, and how many of them match. Counter(…) & Counter(…) "
        "keeps for each n-gram the smaller of two counts. Then the geometric mean over n, and the penalty.",
        "grams = Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1)); matched += (ours & theirs).total();"
        " return math.exp(sum(math.log(m / w) for …) / longest + min(0, 1 - r / c))",
    ),
    alternatives=(_bleu_by_lists,),
)


# --- rouge_l ---------------------------------------------------------------------------------------------------------


def _longest(output, reference, same=lambda above, left, corner: corner + 1, other=max):
    row = [0] * (len(reference) + 1)
    for x in output:
        above, row = row, [0]
        for j, y in enumerate(reference, start=1):
            if x == y:
                row.append(same(above[j], row[j - 1], above[j - 1]))
            else:
                row.append(other(above[j], row[j - 1]))
    return row[-1]


def _f(common, output, reference):
    return 2 * common / (len(output) + len(reference)) if output and reference else 0.0


def rouge_of_a_run(output, reference):
    runs = [
        n
        for i in range(len(output))
        for j in range(len(reference))
        for n in range(1, min(len(output) - i, len(reference) - j) + 1)
        if output[i : i + n] == reference[j : j + n]
    ]
    return _f(max(runs, default=0), output, reference)


def rouge_without_order(output, reference):
    return _f((Counter(output) & Counter(reference)).total(), output, reference)


def rouge_of_a_set(output, reference):
    return _f(len(set(output) & set(reference)), output, reference)


def rouge_place_by_place(output, reference):
    return _f(sum(x == y for x, y in zip(output, reference)), output, reference)


def rouge_that_uses_a_word_twice(output, reference):
    common = _longest(output, reference, same=lambda above, left, corner: max(above, left) + 1)
    return _f(common, output, reference)


def rouge_that_looks_up_only(output, reference):
    return _f(_longest(output, reference, other=lambda above, left: above), output, reference)


def rouge_that_forgets(output, reference):
    return _f(_longest(output, reference, other=lambda above, left: 0), output, reference)


def rouge_that_takes_the_first(output, reference):
    common, start = 0, 0
    for word in output:
        if word in reference[start:]:
            start += reference[start:].index(word) + 1
            common += 1
    return _f(common, output, reference)


def rouge_of_recall(output, reference):
    return _longest(output, reference) / len(reference) if output and reference else 0.0


def rouge_of_precision(output, reference):
    return _longest(output, reference) / len(output) if output and reference else 0.0


def rouge_of_the_plain_mean(output, reference):
    return (rouge_of_recall(output, reference) + rouge_of_precision(output, reference)) / 2


def rouge_of_the_product(output, reference):
    return rouge_of_recall(output, reference) * rouge_of_precision(output, reference)


def rouge_as_a_length(output, reference):
    return float(_longest(output, reference))


def _rouge_by_recursion(output, reference):
    known = {}

    def common(i, j):
        if i == len(output) or j == len(reference):
            return 0
        if (i, j) not in known:
            known[i, j] = (
                1 + common(i + 1, j + 1)
                if output[i] == reference[j]
                else max(common(i + 1, j), common(i, j + 1))
            )
        return known[i, j]

    length = common(0, 0)
    if length == 0:
        return 0.0
    precision, recall = length / len(output), length / len(reference)
    return 2 * precision * recall / (precision + recall)


def _words(seed, n, m, kinds=5):
    generator = torch.Generator().manual_seed(seed)
    return [
        ["abcdefgh"[i] for i in torch.randint(0, kinds, (size,), generator=generator).tolist()]
        for size in (n, m)
    ]


ROUGE_L = Exercise(
    name="decoding.rouge_l",
    week=9,
    notebook=NOTEBOOK,
    reference=rouge_l,
    cases=(
        Case("the example on paper", lambda: [["a", "cat", "was", "on", "the", "mat"], _MAT]),
        Case("the reference itself", lambda: [list(_MAT), list(_MAT)]),
        Case("words in another order", lambda: [["mat", "the", "on", "sat", "cat", "the"], _MAT]),
        Case("one word too many at the beginning", lambda: [["so", *_MAT], _MAT]),
        Case("a short text", lambda: [["cat", "mat"], _MAT]),
        Case("a word that the reference has once", lambda: [["sat", "sat", "sat"], _MAT]),
        Case("a match that leads astray", lambda: [["mat", "the", "cat", "sat"], _MAT]),
        Case("nothing in common", lambda: [["a", "dog"], _MAT]),
        Case("an empty text", lambda: [[], _MAT]),
        Case("long texts", lambda: _words(1, 14, 11)),
        Case("longer ones", lambda: _words(2, 17, 25, 4)),
    ),
    mistakes=(
        Mistake(
            rouge_of_a_run,
            "that is the longest run of words that stand side by side; in a subsequence other words may lie between.",
            ROUGE,
        ),
        Mistake(
            rouge_without_order,
            "the words were counted without their order; a subsequence keeps it.",
            ROUGE,
        ),
        Mistake(
            rouge_of_a_set,
            "words that both have were counted once each, without order or number: a subsequence keeps both.",
            ROUGE,
        ),
        Mistake(
            rouge_place_by_place,
            "words were compared place by place, so that one word too many at the beginning spoils all the rest.",
            ROUGE,
        ),
        Mistake(
            rouge_that_uses_a_word_twice,
            "where the words are equal, take the entry of both texts without this word (up and left) plus 1; otherwise "
            "one word is used twice.",
            ROUGE,
        ),
        Mistake(
            rouge_that_looks_up_only,
            "where the words differ, take the larger of two neighbours, the one above and the one to the left.",
            ROUGE,
        ),
        Mistake(
            rouge_that_forgets,
            "where the words differ, the entry was set to 0: it keeps the larger of its neighbours above and left.",
            ROUGE,
        ),
        Mistake(
            rouge_that_takes_the_first,
            "each word took the first place where it fits, which can spoil longer matches: try both ways, in a table.",
            ROUGE,
        ),
        Mistake(
            rouge_of_recall,
            "that is L / words of the reference, recall alone; a long enough output would get 1.",
            ROUGE,
        ),
        Mistake(
            rouge_of_precision,
            "that is L / words of the output, precision alone; one right word would be enough for 1.",
            ROUGE,
        ),
        Mistake(
            rouge_of_the_plain_mean,
            "precision and recall were averaged; the harmonic mean is 2 · L / (words of both).",
            ROUGE,
        ),
        Mistake(
            rouge_of_the_product,
            "precision and recall were multiplied; the harmonic mean is 2 · L / (words of both).",
            ROUGE,
        ),
        Mistake(
            rouge_as_a_length,
            "that is L itself: put it in relation, 2 · L / (words of both).",
            ROUGE,
        ),
    ),
    hints=(
        "Take the last word of both. If it is the same, what is left to compare? If not, what are the two things that "
        "you could leave out?",
        "A table with a row for each word of the output and a column for each of the reference, and a row and column "
        "of zeros before them. Equal words: the entry up and left, plus 1. Otherwise the larger of above and left.",
        "row = [0] * (len(reference) + 1); for x in output: above, row = row, [0]; for j, y in enumerate(reference, "
        "1): row.append(above[j - 1] + 1 if x == y else max(above[j], row[j - 1]))",
    ),
    alternatives=(_rouge_by_recursion,),
)
