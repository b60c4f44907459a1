"""A document as a row of numbers: how often each word occurs in it, weighted by how rare the word is. Met in week 4.

Shapes: n documents, v words; `counts` (n, v), how often each word occurs in each document.
Sources: Spärck Jones, "A statistical interpretation of term specificity and its application in retrieval" (1972);
Salton & Buckley, "Term-weighting approaches in automatic text retrieval" (1988). The form is scikit-learn's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor


def count_words(documents: Sequence[Iterable[str]], vocabulary: Mapping[str, int]) -> Tensor:
    """How often each word occurs in each document; words that are not in the vocabulary are passed over.

    documents: n sequences of words   vocabulary: word → column, 0 to v − 1   →   (n, v), float32
    """
    counts = torch.zeros(len(documents), len(vocabulary))
    for row, document in enumerate(documents):
        for word, count in Counter(document).items():
            if word in vocabulary:
                counts[row, vocabulary[word]] = count
    return counts


def tf_idf(counts: Tensor) -> Tensor:
    """counts · idf, each row then scaled to length 1, with idf = ln((1 + n) / (1 + df)) + 1.

    counts: (n, v), floating point   →   (n, v); a row without words stays zero

    df is the number of documents that a word occurs in. The ones act as if one more document held every word: no
    division by zero, and a word that is everywhere has the weight 1 and not 0.
    """
    n = len(counts)
    df = (counts > 0).sum(dim=0)  # (v,)
    idf = torch.log((1 + n) / (1 + df.to(counts.dtype))) + 1
    weighted = counts * idf
    lengths = weighted.norm(dim=1, keepdim=True)  # (n, 1)
    return weighted / lengths.clamp(min=torch.finfo(counts.dtype).tiny)
