"""How much of a text stands in a reference, too: BLEU and ROUGE-L. Met in week 9's explore notebook on decoding.

Both compare words and know no meanings. Texts are lists of words (or of anything that can be compared and hashed).
Sources: Papineni et al., "BLEU" (2002); Lin, "ROUGE" (2004).
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence


def bleu(
    outputs: Sequence[Sequence[Hashable]],
    references: Sequence[Sequence[Hashable]],
    longest: int = 4,
) -> float:
    """The precision of n-grams, n = 1 … longest, over all texts together, times a penalty for brevity: from 0 to 1.

    outputs, references: n lists of words each, one reference for each output

    Precision: of all n-grams that were written, the share that stands in the reference of the same text, each at most
    as often as it stands there. Its geometric mean over n is multiplied by exp(1 − r / c) where the outputs have fewer
    words, c, than the references, r. 0 where some n has no match: nothing is smoothed.
    """
    matched, written = [0] * longest, [0] * longest
    for output, reference in zip(outputs, references, strict=True):
        for n in range(1, longest + 1):
            ours, theirs = (
                Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
                for words in (output, reference)
            )
            matched[n - 1] += (ours & theirs).total()  # & takes the smaller of the two counts
            written[n - 1] += ours.total()
    if 0 in matched:
        return 0.0
    logs = [math.log(m / w) for m, w in zip(matched, written)]
    c, r = sum(map(len, outputs)), sum(map(len, references))
    return math.exp(sum(logs) / longest + min(0, 1 - r / c))


def rouge_l(output: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """2 · L / (words of the output + words of the reference), from 0 to 1; 0 where one of them is empty.

    L is the length of the longest common subsequence: words that stand in both in the same order, with others between
    them or not. The score is the harmonic mean of L / words of the output and L / words of the reference.

    L comes from a table: entry (i, j) is that of the first i words of the one and the first j of the other; one row
    at a time is kept.
    """
    row = [0] * (len(reference) + 1)
    for x in output:
        above, row = row, [0]
        for j, y in enumerate(reference, start=1):
            row.append(above[j - 1] + 1 if x == y else max(above[j], row[j - 1]))
    return 2 * row[-1] / (len(output) + len(reference)) if output and reference else 0.0
